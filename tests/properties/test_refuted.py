"""A diagnosis that never was: what followed from it is withdrawn, in whichever order it is told."""

from datetime import date
from itertools import permutations

import pytest

from services.contract.care import (
    ReferralWithdrawn,
    ReferredToManagement,
    ReferredToRehabilitation,
)
from services.contract.clinical import ConditionWithdrawn
from services.contract.visit import VisitAdmitted, VisitDischarged
from services.management.app import STAGE as MANAGEMENT
from services.rehabilitation.app import STAGE as REHABILITATION
from services.screening.app import STAGE as SCREENING
from services.treatment.app import STAGE as TREATMENT
from tests.unit.screening.facts import ICD_10, condition, registered
from tests.unit.treatment.journey import IN_NETWORK, Journey, day

HYPERTENSION, DIABETES, STROKE = "I10", "E11.9", "I63.9"
PATHWAYS = {HYPERTENSION: "hypertension", DIABETES: "type_2_diabetes"}
AGED_50 = registered(date(1975, 6, 1))


def found(code: str, condition_id: str, visit_id: str | None = None, status: str = "active"):
    made = condition(code, status, ICD_10, condition_id)
    return type(made)(**dict(made) | {"visit_id": visit_id})


def refuted(condition_id: str):
    return ConditionWithdrawn(
        condition_id=condition_id, visit_id=None, reason="The diagnosis was declared refuted."
    )


def stay():
    return (
        (VisitAdmitted(visit_id="v1", provider=IN_NETWORK), day(0)),
        (found(STROKE, "k1", "v1"), day(0.1)),
        (VisitDischarged(visit_id="v1", visit_class="inpatient", provider=IN_NETWORK), day(2)),
        (refuted("k1"), day(3)),
    )


def standing(journey: Journey) -> int:
    """How many referrals to rehabilitation stand."""
    return len(journey.heard(ReferredToRehabilitation)) - len(journey.heard(ReferralWithdrawn))


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_a_refuted_stroke_refers_nobody_in_whichever_order_it_is_told(order):
    journey = Journey(TREATMENT)
    facts = stay()

    for number in order:
        journey.publish(*facts[number])

    assert standing(journey) == 0


@pytest.mark.parametrize("order", list(permutations(range(5))))
def test_one_of_two_diagnoses_that_is_refuted_leaves_the_other(order):
    journey = Journey(TREATMENT)
    facts = (*stay(), (found("I61.9", "k2", "v1"), day(0.2)))

    for number in order:
        journey.publish(*facts[number])

    assert standing(journey) == 1
    (need,) = journey.state.visits[-1].needs
    assert [code.code for code in need.codes] == ["I61.9"]


def test_a_course_without_its_illness_is_over():
    treatment, rehabilitation = Journey(TREATMENT), Journey(REHABILITATION)
    for fact in stay():
        for said in treatment.publish(*fact):
            if isinstance(said, ReferredToRehabilitation | ReferralWithdrawn):
                rehabilitation.publish(said, fact[1])

    assert rehabilitation.state.courses == ()


@pytest.mark.parametrize("code", PATHWAYS)
@pytest.mark.parametrize("is_first", [False, True])
def test_who_never_had_it_is_in_no_programme(code, is_first):
    journey = Journey(MANAGEMENT)
    journey.publish(AGED_50, day(0))
    facts = [(found(code, "k1"), day(1)), (refuted("k1"), day(2))]

    for fact in reversed(facts) if is_first else facts:
        journey.publish(*fact)

    assert journey.state.enrolments == ()
    assert not journey.state.record.has(PATHWAYS[code])


@pytest.mark.parametrize("code", PATHWAYS)
def test_who_has_it_by_another_diagnosis_stays_in_the_programme(code):
    journey = Journey(MANAGEMENT)
    journey.publish(AGED_50, day(0))
    for number in (1, 2):
        journey.publish(found(code, f"k{number}"), day(number))

    journey.publish(refuted("k1"), day(3))

    assert [one.pathway for one in journey.state.enrolments] == [PATHWAYS[code]]
    journey.publish(refuted("k2"), day(4))
    assert journey.state.enrolments == ()


@pytest.mark.parametrize("code", PATHWAYS)
def test_a_diagnosis_that_is_made_after_all_refers_anew(code):
    journey = Journey(SCREENING)
    journey.publish(AGED_50, day(0))
    journey.publish(found(code, "k1"), day(1))
    journey.publish(refuted("k1"), day(2))
    row = journey.state.row(PATHWAYS[code])
    assert row.referred_on is None

    journey.publish(found(code, "k2"), day(3))

    referred = [one.pathway for one in journey.heard(ReferredToManagement)]
    assert referred == [PATHWAYS[code]] * 2


@pytest.mark.parametrize("stage", [SCREENING, MANAGEMENT, TREATMENT], ids=lambda stage: stage.name)
def test_what_is_refuted_twice_changes_nothing_more(stage):
    journey = Journey(stage)
    journey.publish(refuted("k1"), day(1))
    before = journey.state

    assert journey.publish(refuted("k1"), day(2)) == []
    assert journey.state is before
