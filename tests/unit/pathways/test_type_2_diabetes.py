"""Type 2 diabetes through screening and management, which know nothing of it but its tables."""

from datetime import UTC, date, datetime, timedelta

import pytest

from services.contract.care import (
    PlanSet,
    ReferredToManagement,
    ReferredToTreatment,
    RiskStratified,
    ScreeningScheduled,
)
from services.contract.clinical import ConditionRecorded, ObservationRecorded
from services.contract.member import MemberRegistered
from services.contract.topics import HEALTH_EVENTS
from services.contract.visit import Code
from services.management.app import STAGE as MANAGEMENT
from services.runtime.inprocess import InProcess
from services.screening.app import STAGE as SCREENING

LOINC, CARELOOP, SNOMED = "http://loinc.org", "urn:careloop:codes", "http://snomed.info/sct"
START = datetime(2026, 1, 5, 2, tzinfo=UTC)
PATHWAY = "type_2_diabetes"


def measured(loinc, value, unit):
    return _observed(Code(system=LOINC, code=loinc), value, unit, ())


def answered(question, answer):
    codes = (Code(system=CARELOOP, code=answer),)
    return _observed(Code(system=CARELOOP, code=question), None, None, codes)


def _observed(code, value, unit, answer):
    return ObservationRecorded(
        observation_id="o", codes=(code,), value=value, unit=unit, text=None, components=(),
        answer=answer, visit_id=None,
    )  # fmt: skip


def fasting(value, unit="mmol/L"):
    return measured("1558-6", value, unit)


class City:
    """One member, day by day."""

    def __init__(self, born=date(1980, 5, 1), sex="male"):
        self.run = InProcess([SCREENING, MANAGEMENT])
        self.publish(MemberRegistered(birth_date=str(born), sex=sex), 0)

    def publish(self, data, day):
        at = START + timedelta(days=day)
        self.run.tick(at)
        self.run.publish(data, at=at)
        self.run.run()

    def said(self, kind):
        events = [event.data for event in self.run.events(HEALTH_EVENTS)]
        return [each for each in events if isinstance(each, kind) and each.pathway == PATHWAY]


def findrisc_answers(activity, vegetables, drug, glucose, family):
    names = ("activity", "vegetables", "pressure-drug", "high-glucose", "family")
    said = (activity, vegetables, drug, glucose, family)
    return [answered(f"findrisc-{name}", answer) for name, answer in zip(names, said, strict=True)]


@pytest.mark.parametrize(
    ("member", "body_mass", "waist", "answers", "points", "band"),
    [
        ((date(1990, 6, 1), "male"), 24.2, 90, ("no", "no", "no", "no", "none"), 3, "low"),
        ((date(1967, 6, 1), "female"), 31, 89, ("no", "no", "yes", "no", "first-degree"), 20, "high"),
        ((date(1980, 6, 1), "male"), 25, 94, ("yes", "yes", "no", "no", "none"), 6, "low"),
        ((date(1980, 6, 1), "male"), 25, 94, ("yes", "no", "no", "no", "none"), 7, "slightly_elevated"),
        ((date(1950, 6, 1), "female"), 31, 89, ("no", "no", "yes", "yes", "first-degree"), 26, "very_high"),
    ],
)  # fmt: skip
def test_findrisc_gives_the_points_of_the_form(member, body_mass, waist, answers, points, band):
    city = City(*member)

    city.publish(measured("39156-5", body_mass, "kg/m2"), 1)
    city.publish(measured("8280-0", waist, "cm"), 1)
    for answer in findrisc_answers(*answers):
        city.publish(answer, 1)

    [verdict] = city.said(RiskStratified)
    assert (verdict.parts[0].points, verdict.stratum) == (points, band)
    assert verdict.rule == "type_2_diabetes@cn-2025/findrisc"


def test_no_score_is_given_while_an_input_is_missing():
    city = City()

    city.publish(measured("39156-5", 31, "kg/m2"), 1)
    for answer in findrisc_answers("no", "no", "yes", "yes", "first-degree"):
        city.publish(answer, 1)

    assert city.said(RiskStratified) == []


@pytest.mark.parametrize(("value", "unit"), [(7.0, "mmol/L"), (126, "mg/dL")])
def test_two_fasting_values_on_two_days_confirm_in_the_unit_they_were_reported_in(value, unit):
    city = City()

    city.publish(fasting(value, unit), 10)
    assert city.said(ReferredToManagement) == []
    city.publish(fasting(value, unit), 20)

    [referral] = city.said(ReferredToManagement)
    assert (referral.stratum, referral.rule) == (
        "medium",
        "type_2_diabetes@cn-2025/confirm.two_days",
    )
    [plan] = city.said(PlanSet)
    goals = {(goal.measure, goal.bound, goal.value, goal.unit) for goal in plan.goals}
    assert goals == {
        ("hba1c", "below", 7.0, "%"),
        ("fasting_glucose", "at_most", 7.2, "mmol/L"),
    }


def test_a_value_just_below_the_limit_confirms_nothing():
    city = City()

    for day in (10, 20, 30):
        city.publish(fasting(6.9), day)

    assert city.said(ReferredToManagement) == []


def test_a_diagnosis_leads_to_one_plan_with_the_stratum_of_the_complication():
    city = City()

    for code in ("E11.2", "E11.9"):
        city.publish(
            ConditionRecorded(
                condition_id=code,
                codes=(Code(system="http://hl7.org/fhir/sid/icd-10", code=code),),
                status="active",
                visit_id=None,
            ),
            1,
        )

    assert [plan.stratum for plan in city.said(PlanSet)] == ["very_high"]


def test_low_glucose_is_referred_at_once():
    city = City()

    city.publish(measured("2345-7", 60, "mg/dL"), 3)

    [referral] = city.said(ReferredToTreatment)
    assert referral.urgency == "urgent"
    assert referral.reason == "60 mg/dL on 2026-01-08: 3.9 mmol/L or less"


def test_the_first_invitation_comes_at_forty():
    younger, older = City(born=date(1990, 1, 1)), City(born=date(1980, 1, 1))

    assert younger.said(ScreeningScheduled) == []
    assert [each.reason for each in older.said(ScreeningScheduled)] == ["first"]
