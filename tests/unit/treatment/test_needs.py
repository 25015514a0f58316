"""Which discharges leave a need is what guidelines say, of any number of conditions."""

from datetime import date

import pytest

from services.contract.care import ReferralWithdrawn, ReferredToRehabilitation
from services.contract.clinical import ConditionRecorded
from services.contract.visit import Code, VisitCancelled, VisitDischarged
from services.pathways.index import pathways
from services.treatment.app import STAGE
from tests.unit.pathways.invented import ID, edition, forget_days, instead_of_folders, pathway
from tests.unit.treatment.journey import IN_NETWORK, Journey, day

HEART_FAILURE = Code(system="http://snomed.info/sct", code="84114007")
STROKE = Code(system="http://snomed.info/sct", code="230690007")


@pytest.fixture
def know(monkeypatch):
    yield lambda *found: instead_of_folders(monkeypatch, *found)
    forget_days()


def diagnosed(*codes):
    return ConditionRecorded(condition_id="c", codes=codes, status="active", visit_id="visit-1")


def discharged(visit_class="inpatient"):
    return VisitDischarged(visit_id="visit-1", visit_class=visit_class, provider=IN_NETWORK)


def referrals(journey):
    return [(told.pathway, told.codes) for told in journey.heard(ReferredToRehabilitation)]


def test_another_pathway_refers_by_its_own_diagnoses_and_in_its_own_words(know):
    know(pathway())
    journey = Journey(STAGE)

    journey.publish(diagnosed(STROKE, HEART_FAILURE), day(0))
    journey.publish(discharged(), day(1))

    [told] = journey.heard(ReferredToRehabilitation)
    assert (told.pathway, told.codes) == (ID, (HEART_FAILURE,))
    assert told.reason == "discharged with a failing heart"


def test_one_stay_may_leave_a_need_in_two_pathways_and_its_cancelling_withdraws_both(know):
    know(pathway(), pathways()["stroke"])
    journey = Journey(STAGE)

    journey.publish(diagnosed(STROKE), day(0))
    journey.publish(diagnosed(HEART_FAILURE), day(0))
    journey.publish(discharged(), day(1))
    journey.publish(VisitCancelled(visit_id="visit-1", cancels="visit", reason="x"), day(2))

    assert referrals(journey) == [("stroke", (STROKE,)), (ID, (HEART_FAILURE,))]
    withdrawn = [told.pathway for told in journey.heard(ReferralWithdrawn)]
    assert withdrawn == ["stroke", ID]
    assert journey.state.visits[0].needs == ()


def test_a_need_learnt_later_in_one_pathway_leaves_the_referral_of_the_other_alone(know):
    know(pathway(), pathways()["stroke"])
    journey = Journey(STAGE)

    journey.publish(diagnosed(STROKE), day(0))
    journey.publish(discharged(), day(1))
    journey.publish(diagnosed(HEART_FAILURE), day(2))

    assert referrals(journey) == [("stroke", (STROKE,)), (ID, (HEART_FAILURE,))]
    assert journey.heard(ReferralWithdrawn) == []


@pytest.mark.parametrize(
    ("visit_class", "published_after_days", "refers"),
    [("inpatient", 30, True), ("inpatient", 31, False), ("emergency", 0, False)],
)
def test_class_of_the_visit_and_time_gone_by_are_the_guidelines(
    know, visit_class, published_after_days, refers
):
    know(pathway())
    journey = Journey(STAGE, clock=day(1 + published_after_days))

    journey.publish(diagnosed(HEART_FAILURE), day(0))
    journey.publish(discharged(visit_class), day(1))

    assert bool(journey.heard(ReferredToRehabilitation)) is refers


@pytest.mark.parametrize(("number", "reason"), [(-1, "of old"), (1, "of late")])
def test_the_edition_is_that_of_the_discharges_own_day(know, number, reason):
    know(
        pathway(
            edition(needs={"reason": "of old"}),
            edition(date(2026, 1, 1), "xx-2", needs={"reason": "of late"}),
        )
    )
    journey = Journey(STAGE, clock=day(20))

    journey.publish(diagnosed(HEART_FAILURE), day(number))
    journey.publish(discharged(), day(number))

    assert [told.reason for told in journey.heard(ReferredToRehabilitation)] == [reason]
