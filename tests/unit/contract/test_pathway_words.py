"""What several stages read the same way: diagnosis codes, covers in force, ages, last days."""

from datetime import UTC, date, datetime

import pytest
from services.contract.covers import (
    COVERS_MAX,
    cover_activated,
    cover_ended,
    insurers_in_force,
)
from services.contract.days import days_after, start_of_day_after
from services.contract.diagnoses import diagnoses

from services.contract.member import CoverTerms, age_on
from services.contract.step import RuleRefusedError
from services.contract.visit import Code

ICD_10 = "http://hl7.org/fhir/sid/icd-10"
SNOMED = "http://snomed.info/sct"


@pytest.mark.parametrize(
    ("system", "code", "meaning"),
    [
        (ICD_10, "I10", ("hypertension",)),
        (ICD_10, "I15.9", ("hypertension",)),
        (ICD_10, "I16", ()),
        ("http://hl7.org/fhir/sid/icd-10-cm", "e11.9", ("diabetes",)),
        (ICD_10, "E11.2", ("diabetes_with_complications",)),
        (ICD_10, "E11.200x001", ("diabetes_with_complications",)),
        (ICD_10, "I60", ("stroke",)),
        (ICD_10, "I63.900", ("stroke",)),
        (ICD_10, "N18.3", ("chronic_kidney_disease",)),
        (ICD_10, "N18.5", ("advanced_kidney_disease",)),
        (ICD_10, "N18.1", ()),
        (ICD_10, "", ()),
        (SNOMED, "59621000", ("hypertension",)),
        (SNOMED, "230690007", ("stroke",)),
        (SNOMED, "I10", ()),
        ("http://loinc.org", "I10", ()),
    ],
)
def test_a_code_means_what_its_own_system_says(system, code, meaning):
    given = Code.model_construct(system=system, code=code, display=None)

    assert diagnoses([given]) == meaning


def terms(cover_id, start, end=None, insurer="insurer-1"):
    return CoverTerms(
        cover_id=cover_id, product="p", insurer=insurer, valid_from=start, valid_to=end
    )


def test_insurers_are_in_force_from_the_first_day_to_the_last_once_each():
    covers = cover_activated((), terms("a", date(2026, 1, 1), date(2026, 6, 30), "one"))
    covers = cover_activated(covers, terms("b", date(2026, 6, 30), None, "two"))
    covers = cover_activated(covers, terms("c", date(2026, 6, 30), None, "two"))

    assert insurers_in_force(covers, date(2025, 12, 31)) == ()
    assert insurers_in_force(covers, date(2026, 1, 1)) == ("one",)
    assert insurers_in_force(covers, date(2026, 6, 30)) == ("one", "two")
    assert insurers_in_force(covers, date(2026, 7, 1)) == ("two",)


def test_a_cover_can_only_end_earlier_than_it_would_have():
    covers = cover_activated((), terms("a", date(2026, 1, 1), date(2026, 6, 30)))

    shorter = cover_ended(covers, "a", date(2026, 3, 31))

    assert shorter[0].valid_to == date(2026, 3, 31)
    assert cover_ended(shorter, "a", date(2026, 12, 31)) is shorter


def test_the_end_of_an_unknown_cover_is_refused():
    with pytest.raises(RuleRefusedError, match="cover a ends and is not known"):
        cover_ended((), "a", date(2026, 1, 1))


def test_of_too_many_covers_the_ones_that_ended_first_are_forgotten():
    covers = cover_activated((), terms("open", date(2000, 1, 1)))
    for year in range(2001, 2020):
        covers = cover_activated(covers, terms(f"y{year}", date(year, 1, 1), date(year, 12, 31)))

    assert len(covers) == COVERS_MAX
    assert {cover.cover_id for cover in covers} >= {"open", "y2019"}


@pytest.mark.parametrize(
    ("day", "age"), [(date(2026, 2, 28), 17), (date(2026, 3, 1), 18), (date(2007, 1, 1), -2)]
)
def test_who_was_born_on_a_leap_day_has_a_birthday_on_the_first_of_march(day, age):
    assert age_on(date(2008, 2, 29), day) == age


def test_a_deadline_beyond_the_calendar_stays_on_it():
    last = days_after(date(9999, 1, 1), 1000)

    assert last == date(9999, 12, 30)
    assert start_of_day_after(date.max) == datetime(9999, 12, 31, tzinfo=UTC)
