"""What a guideline's rehabilitation part may say, and how it is told that it may not."""

from datetime import date

import pytest
from pydantic import ValidationError

from services.pathways.index import pathways
from services.pathways.rehabilitation import Rehabilitation
from tests.unit.pathways.invented import REHABILITATION, WHY, edition


def read(**changes):
    return Rehabilitation.model_validate(edition(**changes)["rehabilitation"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"needs": {"diagnoses": ["hiccups"]}}, "hiccups: not in terminology/diagnoses.toml"),
        ({"needs": {"diagnoses": []}}, "at least 1 item"),
        ({"needs": {"visit_classes": ["spa"]}}, "'ambulatory', 'inpatient', 'emergency'"),
        ({"needs": {"within_days": 0}}, "greater than 0"),
        ({"instrument": {"measure": "mood"}}, "mood: not in terminology/measures.toml"),
        ({"instrument": {"low": 20}}, "low 20 must be below high 20"),
        ({"instrument": {"step": 0}}, "greater than 0"),
        ({"instrument": {"step": 0.7}}, "3 is no multiple of the step 0.7"),
        ({"instrument": {"better": "other"}}, "'higher' or 'lower'"),
        ({"instrument": {"least_change": 17.5}}, "least_change 17.5 is more than the whole scale"),
        ({"goal": {"otherwise": {"score": 2, "why": WHY}}}, "goal: 2 is not on the scale 3 to 20"),
        (
            {"goal": {"otherwise": {"score": 7.0, "why": WHY}}},
            "goal: 7 is not better than 7 before",
        ),
        (
            {"goal": {"marks": [{"score": 6.0, "why": WHY}]}},
            "goal: 6.1 is not better than 6 before",
        ),
        ({"goal": {"marks": [{"score": 7.0}]}}, "why\n  Field required"),
        ({"dose": []}, "at least 1 item"),
        ({"dose": REHABILITATION["dose"][:1]}, "dose: the last band ends at 6.9, not at 20"),
        ({"dose": REHABILITATION["dose"][::-1]}, "dose: the band to 6.9 follows the band to 20"),
        ({"plateau": {"reassessments": 0}}, "greater than 0"),
        ({"deadlines": {"told_late": {"days": 0, "why": WHY}}}, "greater than 0"),
        ({"deadlines": {"told_late": {"days": 9}}}, "why\n  Field required"),
        ({"deadlines": {"lunch": {"days": 9, "why": WHY}}}, "Extra inputs are not permitted"),
    ],
)
def test_a_guideline_that_contradicts_itself_is_refused_by_the_place(changes, message):
    with pytest.raises(ValidationError) as refused:
        read(**changes)

    assert message in str(refused.value)


def test_the_invented_guideline_itself_is_well_formed():
    assert read().instrument.told.form == "3 to 20 in steps of 0.1"


def test_every_line_of_every_guideline_says_why():
    for pathway in pathways().values():
        for guideline in pathway.guideline.editions:
            part = guideline.rehabilitation
            if part is not None:
                assert all(len(line.why) > 5 for line in (*part.dose, *part.goal.marks))


# Mahoney 1965: ten activities in steps of 5; Hsieh 2007: 1.85 of 20 points.
def test_the_barthel_index_of_strokes_is_the_form_of_a_hundred_points():
    instrument = pathways()["stroke"].on(date(2026, 1, 1)).rehabilitation.instrument

    assert (instrument.low, instrument.high, instrument.step) == (0, 100, 5)
    assert instrument.least_change == 10
    assert instrument.told.form == "0 to 100 in steps of 5"


@pytest.mark.parametrize(
    ("score", "is_on_the_scale"),
    [
        (3, True),
        (7.1, True),
        (20, True),
        (2.9, False),
        (20.1, False),
        (7.15, False),
        (1e300, False),
    ],
)
def test_a_score_lies_on_the_steps_of_its_scale(score, is_on_the_scale):
    assert read().instrument.has(score) is is_on_the_scale


# 7.3 - 7.0 is 0.2999999999999998 in binary fractions.
@pytest.mark.parametrize(
    ("better", "before", "after", "gain"),
    [("lower", 7.3, 7.0, 0.3), ("lower", 7.0, 7.3, -0.3), ("higher", 7.0, 7.3, 0.3)],
)
def test_a_gain_is_counted_in_the_direction_that_is_better_and_in_decimals(
    better, before, after, gain
):
    # Which way a goal lies follows the direction too, so the marks of the other one are left out.
    ends = {"lower": 3, "higher": 20}
    goal = {"marks": [], "otherwise": {"score": ends[better], "why": WHY}}

    instrument = read(instrument={"better": better}, goal=goal).instrument

    assert instrument.gain(before, after) == gain
    assert instrument.best == ends[better]
