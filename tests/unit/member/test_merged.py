"""A member whose record was replaced: every stage lets go, and listens no more."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.contract.care import ReferredToManagement, ReferredToRehabilitation
from services.contract.clinical import ConditionRecorded
from services.contract.event import Event, EventData
from services.contract.member import MemberMerged, MemberRegistered
from services.contract.visit import Code, Provider, VisitDischarged, VisitRegistered
from services.management.app import STAGE as MANAGEMENT
from services.rehabilitation.app import STAGE as REHABILITATION
from services.runtime.stage import Stage
from services.screening.app import STAGE as SCREENING
from services.treatment.app import STAGE as TREATMENT

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)
HOSPITAL = Provider(id="hospital-owned-1", network="owned")
STROKE = (Code(system="http://snomed.info/sct", code="230690007"),)
SAID: tuple[EventData, ...] = (
    MemberRegistered(birth_date="1950-01-01", sex="female"),
    VisitRegistered(visit_id="v", visit_class="inpatient", provider=HOSPITAL),
    ConditionRecorded(condition_id="c", codes=STROKE, status="active", visit_id="v"),
    VisitDischarged(visit_id="v", visit_class="inpatient", provider=HOSPITAL),
    ReferredToRehabilitation(
        pathway="stroke", visit_id="v", discharged_on=AT.date(), codes=STROKE, reason="stroke"
    ),
    ReferredToManagement(pathway="hypertension", stratum="high", reason="high", rule="r"),
)


def told(stage: Stage[Any], state: Any, data: EventData) -> Any:
    event = Event("e", "/hospital", "m", "m", AT, AT, 1, data)
    return stage.decide(state, event, AT) if type(data) in stage.consumes else None


@pytest.mark.parametrize("stage", [SCREENING, MANAGEMENT, TREATMENT, REHABILITATION])
def test_nothing_is_decided_of_a_member_who_was_merged(stage: Stage[Any]) -> None:
    state = stage.begin()
    for data in SAID:
        step = told(stage, state, data)
        state = state if step is None else step.state
    gone = told(stage, state, MemberMerged(into="other")).state

    later = [told(stage, gone, data) for data in SAID]

    assert state != stage.begin()
    assert (gone.merged_into, gone.wake_at) == ("other", None)
    assert {(step.state, step.outputs) for step in later if step is not None} == {(gone, ())}


def test_a_referral_of_a_merged_member_is_withdrawn() -> None:
    state = TREATMENT.begin()
    for data in SAID[1:4]:
        state = told(TREATMENT, state, data).state

    said = told(TREATMENT, state, MemberMerged(into="other")).outputs

    assert [draft.data.TYPE for draft in said] == [
        "careloop.referral.withdrawn.v1", "careloop.member.released.v1",
    ]  # fmt: skip
    assert said[-1].data.visits == ("v",)
