"""What treatment tells others: referrals to rehabilitation, readmissions, milestones."""

from datetime import date

import pytest

from services.contract.care import (
    Instrument,
    QualityFlagged,
    ReferralWithdrawn,
    ReferredBackToTreatment,
    ReferredToRehabilitation,
    ReferredToTreatment,
    RehabilitationPlanned,
)
from services.contract.clinical import ConditionRecorded, ProcedurePerformed
from services.contract.milestones import TreatmentMilestone
from services.contract.step import RuleRefusedError
from services.contract.visit import Code, VisitAdmitted, VisitCancelled, VisitDischarged
from services.treatment.app import STAGE
from tests.unit.treatment.journey import IN_NETWORK, Journey, charge, cover, day, milestones

BARTHEL = Instrument(id="barthel", name="the Barthel index", form="0 to 100 in steps of 5")
STROKE = Code(system="http://snomed.info/sct", code="230690007", display="Stroke")


def admitted(visit_id="visit-1"):
    return VisitAdmitted(visit_id=visit_id, provider=IN_NETWORK)


def discharged(visit_id="visit-1", visit_class="inpatient"):
    return VisitDischarged(visit_id=visit_id, visit_class=visit_class, provider=IN_NETWORK)


def diagnosed(code=STROKE, visit_id="visit-1", status="active"):
    return ConditionRecorded(
        condition_id="condition-1", codes=(code,), status=status, visit_id=visit_id
    )


def icd(code):
    return Code(system="http://hl7.org/fhir/sid/icd-10", code=code)


@pytest.fixture
def journey():
    return Journey(STAGE)


def test_a_stroke_leads_to_rehabilitation_when_the_patient_goes_home(journey):
    journey.publish(admitted(), day(0))
    journey.publish(diagnosed(), day(0))

    said = journey.publish(discharged(), day(12))

    [referral] = [data for data in said if isinstance(data, ReferredToRehabilitation)]
    assert referral.visit_id == "visit-1"
    assert referral.discharged_on == date(2026, 1, 13)
    assert referral.codes == (STROKE,)


def test_a_stroke_diagnosed_after_the_discharge_still_leads_there_once(journey):
    journey.publish(admitted(), day(0))
    journey.publish(discharged(), day(12))

    journey.publish(diagnosed(), day(13))
    journey.publish(diagnosed(icd("I63.9")), day(14))

    assert len(journey.heard(ReferredToRehabilitation)) == 1


def test_a_cancelled_discharge_withdraws_the_referral_and_the_next_one_refers_again(journey):
    journey.publish(diagnosed(), day(0))
    journey.publish(discharged(), day(12))
    undone = VisitCancelled(visit_id="visit-1", cancels="discharge", reason="wrong bed")

    said = journey.publish(undone, day(12))
    journey.publish(discharged(), day(15))

    assert [data.visit_id for data in said if isinstance(data, ReferralWithdrawn)] == ["visit-1"]
    assert len(journey.heard(ReferredToRehabilitation)) == 2


def test_a_stroke_of_ten_years_ago_published_today_refers_nobody():
    journey = Journey(STAGE, clock=day(3650))

    journey.publish(diagnosed(), day(0))
    journey.publish(discharged(), day(12))

    assert journey.heard(ReferredToRehabilitation) == []


# WHO ICD-10, chapter IX, blocks I60-I69; G45 is in chapter VI.
@pytest.mark.parametrize(
    ("code", "refers"),
    [
        (icd("I60.9"), True),
        (icd("I61"), True),
        (icd("I62.0"), True),
        (icd("I63.900x002"), True),
        (icd("I64"), True),
        (icd("I65.2"), False),
        (icd("I69.3"), False),
        (icd("G45.9"), False),
        (Code(system="urn:oid:2.16.156.10011.2.3.3.11.3", code="I63.900"), True),
        (Code(system="urn:oid:2.16.840.1.113883.6.96", code="230690007"), True),
        (Code(system="http://snomed.info/sct", code="432504007"), True),
        (Code(system="http://snomed.info/sct", code="266257000"), False),
        (Code(system="http://example.org/local", code="I63"), False),
    ],
)
def test_only_codes_of_an_acute_stroke_refer(journey, code, refers):
    journey.publish(diagnosed(code), day(0))

    journey.publish(discharged(), day(12))

    assert bool(journey.heard(ReferredToRehabilitation)) is refers


@pytest.mark.parametrize(
    ("condition", "visit_class"),
    [(diagnosed(), "ambulatory"), (diagnosed(status="resolved"), "inpatient")],
)
def test_an_old_stroke_noted_again_refers_nobody(journey, condition, visit_class):
    journey.publish(condition, day(0))

    journey.publish(discharged(visit_class=visit_class), day(1))

    assert journey.heard(ReferredToRehabilitation) == []


def test_another_diagnosis_leaves_the_very_same_state(journey):
    before = journey.state

    journey.publish(diagnosed(icd("J06.9")), day(0))
    journey.publish(diagnosed(visit_id=None), day(0))

    assert journey.state is before


@pytest.mark.parametrize(("gap", "flagged"), [(0, False), (0.01, True), (30, True), (30.01, False)])
def test_a_stay_within_thirty_days_after_another_is_a_readmission(journey, gap, flagged):
    journey.publish(admitted("first"), day(0))
    journey.publish(discharged("first"), day(5))

    said = journey.publish(admitted("second"), day(5 + gap))

    assert ("readmitted" in milestones(said)) is flagged
    assert [data.visit_id for data in said if isinstance(data, QualityFlagged)] == (
        ["second"] if flagged else []
    )


def test_the_flag_of_a_readmission_says_what_other_stages_had_said_in_between(journey):
    journey.publish(
        ReferredToTreatment(pathway="stroke", reason="long before", urgency="routine"), day(0)
    )
    journey.publish(discharged("first"), day(5))
    planned = RehabilitationPlanned(
        pathway="stroke",
        instrument=BARTHEL,
        baseline=40,
        goal=60,
        sessions_per_week=5,
        rule="stroke@cn-2023/dose.severe",
    )
    journey.publish(planned, day(7))
    setback = ReferredBackToTreatment(
        pathway="stroke",
        instrument=BARTHEL,
        reason="fell by 10",
        score_before=50,
        score_after=40,
    )
    journey.publish(setback, day(20))

    journey.publish(admitted("second"), day(21))

    [flagged] = journey.heard(QualityFlagged)
    assert flagged.detail == (
        "admitted within 30 days after the discharge of visit first; in between, "
        "2026-01-08: rehabilitation planned from 40 to 60 on barthel; "
        "2026-01-21: rehabilitation referred back: fell by 10"
    )


def test_only_the_last_words_of_other_stages_are_kept(journey):
    for number in range(10):
        journey.publish(
            ReferredToTreatment(pathway="stroke", reason="x" * 500, urgency="urgent"), day(number)
        )

    assert [remark.day for remark in journey.state.remarks] == [
        day(number).date() for number in range(6, 10)
    ]


def test_a_readmission_is_seen_when_the_first_discharge_is_learnt_last_and_only_once(journey):
    journey.publish(admitted("first"), day(0))
    journey.publish(admitted("second"), day(20))

    journey.publish(discharged("first"), day(5))
    journey.publish(discharged("second"), day(25))

    assert [data.visit_id for data in journey.heard(QualityFlagged)] == ["second"]


def test_a_stay_after_a_discharge_that_was_cancelled_is_no_readmission(journey):
    journey.publish(discharged("first"), day(5))
    undone = VisitCancelled(visit_id="first", cancels="discharge", reason="wrong bed")
    journey.publish(undone, day(5))

    journey.publish(admitted("second"), day(10))

    assert journey.heard(QualityFlagged) == []


def test_a_clinic_visit_after_a_stay_is_no_readmission(journey):
    journey.publish(discharged("first"), day(5))

    journey.publish(discharged("second", "ambulatory"), day(6))

    assert journey.heard(QualityFlagged) == []


def test_milestones_name_the_insurers_of_their_day_and_nobody_else(journey):
    journey.publish(cover("old", date(2024, 1, 1), date(2025, 12, 31), "insurer-old"), day(-700))
    journey.publish(cover("now", date(2026, 1, 1), None, "insurer-now"), day(-1))
    procedure = ProcedurePerformed(procedure_id="p-1", codes=(STROKE,), visit_id="visit-1")

    journey.publish(admitted(), day(-1))
    journey.publish(procedure, day(1))
    journey.publish(discharged(), day(2))

    assert [(told.milestone, told.insurers) for told in journey.heard(TreatmentMilestone)] == [
        ("admitted", ("insurer-old",)),
        ("procedure_done", ("insurer-now",)),
        ("discharged", ("insurer-now",)),
    ]


def test_a_milestone_without_an_insurer_is_told_to_nobody_and_still_counted(journey):
    journey.publish(admitted(), day(0))

    assert [told.insurers for told in journey.heard(TreatmentMilestone)] == [()]


def test_a_procedure_of_a_cancelled_visit_is_refused(journey):
    cancelled = VisitCancelled(visit_id="visit-1", cancels="visit", reason="wrong patient")
    journey.publish(cancelled, day(0))

    with pytest.raises(RuleRefusedError, match="which was cancelled"):
        journey.publish(
            ProcedurePerformed(procedure_id="p-1", codes=(STROKE,), visit_id="visit-1"), day(1)
        )


def visit_over(journey, number, when):
    journey.publish(charge(f"charge-{number}", 100, visit_id=f"visit-{number}"), when)
    journey.publish(discharged(f"visit-{number}", "ambulatory"), when)


def test_ten_years_published_in_one_go_can_still_be_corrected(journey):
    for number in range(100):
        visit_over(journey, number, day(-3650 + number))
    journey.tick(day(0))

    said = journey.publish(charge("late", 1, visit_id="visit-99"), day(0))

    assert [data.billed for data in said if hasattr(data, "billed")] == [101]


def test_a_visit_beyond_the_window_is_refused_by_name_and_the_state_stays_bounded(journey):
    for number in range(300):
        visit_over(journey, number, day(number))

    assert len(journey.state.visits) == 128
    with pytest.raises(RuleRefusedError, match="visit visit-0 closed too long ago"):
        journey.publish(discharged("visit-0", "ambulatory"), day(301))


def test_of_visits_older_than_two_years_only_the_last_ones_can_be_corrected(journey):
    for number in range(20):
        visit_over(journey, number, day(number))
    visit_over(journey, 20, day(800))

    assert [visit.visit_id for visit in journey.state.visits] == [
        f"visit-{number}" for number in range(5, 21)
    ]


def test_open_visits_are_never_forgotten_and_too_many_are_refused(journey):
    for number in range(128):
        journey.publish(charge("c", 1, visit_id=f"open-{number}"), day(0))

    with pytest.raises(RuleRefusedError, match="129th open one"):
        journey.publish(charge("c", 1, visit_id="one-more"), day(0))
    journey.publish(discharged("open-0"), day(1))
    said = journey.publish(charge("c", 1, visit_id="one-more"), day(1))
    assert said == []
