"""Plans, however many and at whichever door, change no decision, no milestone and no day."""

import asyncio
import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.contract.care import WithdrawalNoted
from services.contract.catalog import catalog
from services.contract.codec import decode
from services.contract.event import Event
from services.gateway.doors.fhir.bundle import DEFAULT_SOURCE
from services.runtime.settings import Settings
from tests.gateways import CLAIM, COVERAGE, ENCOUNTER, FHIR, PATIENT, bundle, cloud_event
from tests.golden.recorded.files import Request
from tests.golden.recorded.life import live

NOW = datetime(2026, 3, 6, tzinfo=UTC)
BATCH = {"content-type": "application/cloudevents-batch+json"}
TRUE = bundle(PATIENT, COVERAGE, ENCOUNTER, CLAIM)
NEXT = ENCOUNTER | {
    "id": "v2",
    "class": {"code": "AMB"},
    "period": {"start": "2026-03-06T08:00:00+08:00", "end": "2026-03-06T09:00:00+08:00"},
}

statuses = st.sampled_from(["planned", "cancelled"])
starts = st.sampled_from([None, "2025", "2026-03", "2019-01-01", "2026-05-01T09:00:00+08:00"])
visits = st.tuples(st.sampled_from(["v3", "v4"]), starts, statuses).map(
    lambda plan: (
        ENCOUNTER
        | {"id": plan[0], "status": plan[2], "period": {"start": plan[1]} if plan[1] else {}}
    )
)
claims = st.tuples(
    st.sampled_from(["c1", "c3"]),
    st.sampled_from(["preauthorization", "predetermination", "claim"]),
).map(
    lambda plan: (
        CLAIM
        | {"id": plan[0], "use": plan[1], "status": "draft" if plan[1] == "claim" else "active"}
    )
)
bills = st.sampled_from(["v3", "v4"]).map(
    lambda visit: (
        CLAIM
        | {
            "id": f"c-{visit}",
            "item": [
                {
                    "productOrService": {"text": "Stay"},
                    "encounter": [{"reference": f"Encounter/{visit}"}],
                }
            ],
        }
    )
)
covers = st.just(COVERAGE | {"status": "draft", "period": {"start": "2019-01-01"}})
medicines = st.sampled_from(["proposal", "plan", "option"]).map(
    lambda intent: {
        "resourceType": "MedicationRequest", "id": "r1", "status": "active", "intent": intent,
        "subject": {"reference": "Patient/m1"}, "authoredOn": "2026-03-02",
        "medicationCodeableConcept": {"text": "amlodipine"},
    }
)  # fmt: skip
told = st.tuples(st.sampled_from(["v3", "v4"]), starts, st.integers(1, 999)).map(
    lambda plan: cloud_event(
        "careloop.visit.planned.v1",
        {
            "visit_id": plan[0], "visit_class": "inpatient",
            "provider": {"id": "hospital-owned-1"}, "starts": plan[1],
        },
        id=f"plan-{plan[2]}-{plan[1]}-{plan[0]}",
        source=DEFAULT_SOURCE,
    )
)  # fmt: skip
plans = st.lists(st.one_of(visits, claims, bills, covers, medicines, told), max_size=8)


def sent(at: datetime, body: dict[str, Any]) -> Request:
    path, headers = ("/fhir", FHIR) if "resourceType" in body else ("/events", BATCH)
    content = body if "resourceType" in body else [body]
    return Request(at, path, headers, json.dumps(content).encode(), 200)


def lived(requests: list[Request]) -> list[Event[Any]]:
    """Return what the stages said, and see that every request was taken."""
    with tempfile.TemporaryDirectory() as folder:
        life = asyncio.run(live(requests, Settings(data_dir=Path(folder))))
    assert {answer.status for answer in life.answers} <= {200, 201}
    found = [decode(record) for topic, record in life.records() if topic != "dead-letters"]
    return [
        event
        for event in found
        # Who calls off a visit that nobody announced is told that it waits.
        if not (catalog()[event.type].is_fact or isinstance(event.data, WithdrawalNoted))
    ]


@settings(print_blob=True, deadline=None, max_examples=40)
@given(before=plans, after=plans)
def test_a_life_with_plans_is_decided_as_the_life_without(
    before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> None:
    facts = [sent(NOW, TRUE), sent(NOW + timedelta(days=2), NEXT)]
    among = [
        *[sent(NOW, bundle(PATIENT))],
        *[sent(NOW, plan) for plan in before],
        facts[0],
        *[sent(NOW + timedelta(days=1), plan) for plan in after],
        facts[1],
    ]

    with_plans, without = lived(among), lived([sent(NOW, bundle(PATIENT)), *facts])

    assert [(event.data, event.time) for event in with_plans] == [
        (event.data, event.time) for event in without
    ]
    assert any(event.type == "careloop.direct-pay.decided.v1" for event in without)
