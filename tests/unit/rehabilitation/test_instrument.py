"""What the guideline's tables say about a score of the Barthel index."""

from datetime import date

import pytest

from services.contract.clinical import ObservationRecorded
from services.contract.step import RuleRefusedError
from services.contract.visit import Code
from services.pathways.index import pathways
from services.rehabilitation.instrument import dose_for, goal_for, read_score
from services.terminology.lookup import measure_of

STROKE = pathways()["stroke"].on(date(2026, 1, 1)).rehabilitation
LOINC_TOTAL = Code(system="http://loinc.org", code="96761-2")


def scored(value, code=LOINC_TOTAL):
    return ObservationRecorded(
        observation_id="observation-1",
        codes=(code,),
        value=value,
        unit="{score}",
        text=None,
        components=(),
        visit_id=None,
    )


# Chinese practice: to 40 severe, to 60 moderate, to 99 mild, 100 none.
# Dose: NICE NG236 for the severe band (at least 5 days a week), Careloop's own below it.
@pytest.mark.parametrize(
    ("score", "band", "sessions"),
    [
        (0, "severe", 5),
        (40, "severe", 5),
        (45, "moderate", 3),
        (60, "moderate", 3),
        (65, "mild", 2),
        (95, "mild", 2),
        (100, "none", 1),
    ],
)
def test_a_score_falls_into_its_band_and_dose(score, band, sessions):
    dose = dose_for(STROKE, score)

    assert (dose.band, dose.sessions_per_week) == (band, sessions)


# Marks: 60 Granger 1979; 75 and 95 Uyttenboogaart 2005; each at least one MCID away.
@pytest.mark.parametrize(
    ("baseline", "goal"),
    [
        (0, 60),
        (50, 60),
        (55, 75),
        (65, 75),
        (70, 95),
        (85, 95),
        (90, 100),
        (95, 100),
        (100, 100),
    ],
)
def test_the_goal_is_the_next_mark_a_patient_would_notice(baseline, goal):
    assert goal_for(STROKE, baseline) == goal


def test_the_smallest_noticeable_change_is_the_published_one_on_the_steps_of_the_index():
    published_of_20 = 1.85

    assert STROKE.instrument.least_change - 5 < published_of_20 * 5
    assert published_of_20 * 5 <= STROKE.instrument.least_change


@pytest.mark.parametrize("value", [None, -5, 105, 42, 52.5, 1e300])
def test_a_total_that_ten_activities_cannot_sum_to_is_refused_by_name(value):
    with pytest.raises(RuleRefusedError, match=r"Barthel total of .*multiple of 5 from 0 to 100"):
        read_score(scored(value), STROKE.instrument)


@pytest.mark.parametrize(
    ("code", "is_total"),
    [
        (LOINC_TOTAL, True),
        (Code(system="http://snomed.info/sct", code="273302005"), True),
        (Code(system="http://snomed.info/sct", code="443364002"), False),
        (Code(system="http://loinc.org", code="8480-6"), False),
        (Code(system="http://example.org", code="96761-2"), False),
    ],
)
def test_only_the_total_of_the_index_is_read(code, is_total):
    assert (measure_of((code,)) == STROKE.instrument.measure) is is_total
