"""What the FHIR door does with requests that nobody should send."""

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from services.contract.codec import decode
from services.runtime.settings import Settings
from tests.gateways import CLAIM, COVERAGE, ENCOUNTER, FHIR, PATIENT, PRESSURE, bundle, gateway

HOSTILE_REQUESTS: dict[str, tuple[bytes, dict[str, str], int]] = {
    "empty": (b"", FHIR, 400),
    "not JSON": (b"<Bundle/>", FHIR, 400),
    "NaN": (b'{"resourceType": "Claim", "total": {"value": NaN}}', FHIR, 400),
    "10 MB": (b'"' + b"x" * 10_000_000 + b'"', FHIR, 413),
    "XML by name": (b"<Bundle/>", {"content-type": "application/fhir+xml"}, 415),
    "compressed": (b"\x1f\x8b", FHIR | {"content-encoding": "gzip"}, 415),
    "no type": (b"{}", {}, 415),
    "a list": (b"[]", FHIR, 422),
    "a number": (b"1", FHIR, 422),
    "no resource type": (b"{}", FHIR, 422),
    "unknown resource": (b'{"resourceType": "Nonsense"}', FHIR, 422),
    "a searchset": (b'{"resourceType": "Bundle", "type": "searchset"}', FHIR, 422),
    "a Bundle without type": (b'{"resourceType": "Bundle"}', FHIR, 422),
    "entries of the wrong shape": (
        b'{"resourceType": "Bundle", "type": "transaction", "entry": [1, {"resource": []}]}',
        FHIR,
        422,
    ),
    "an empty entry": (
        b'{"resourceType": "Bundle", "type": "transaction", "entry": [{}]}', FHIR, 422,
    ),
    "a bad sender": (b'{"resourceType": "Group"}', FHIR | {"careloop-source": "a b"}, 400),
}  # fmt: skip


@pytest.mark.parametrize(
    ("body", "headers", "status"), HOSTILE_REQUESTS.values(), ids=HOSTILE_REQUESTS
)
async def test_a_request_that_cannot_be_read_is_refused_and_counted(
    settings: Settings, body: bytes, headers: dict[str, str], status: int
) -> None:
    async with gateway(settings) as (client, door):
        answer = await client.post("/fhir", content=body, headers=headers)
        refused = door.store.counters()["refused"]

    assert answer.status_code == status
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert all(issue["severity"] == "error" for issue in answer.json()["issue"])
    assert refused == 1


_LEAF = st.sampled_from(
    [None, True, -1, 0, 10**17, 1.5, "", "x", "Patient/m1", "\uffff", "urn:uuid:", "#a", [], {}]
) | st.sampled_from(
    ["2026-13-01", "0000-01-01", "9999-12-31T23:59:59-14:00", "2026-02-30", "A" * 600]
)


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A good request in which some values were replaced by others of any kind."""
    resources = [PATIENT, COVERAGE, ENCOUNTER, PRESSURE, CLAIM]
    body: Any = copy.deepcopy(
        bundle(*resources, kind=draw(st.sampled_from(["transaction", "batch"])))
    )
    for _ in range(draw(st.integers(1, 4))):
        node = body
        while True:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(node[key], dict | list) and draw(st.integers(0, 5)):
                node = node[key]
                continue
            node[key] = draw(_LEAF)
            break
    return body


@hypothesis_settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(bodies=st.lists(mutated(), min_size=1, max_size=5))
async def test_no_mutation_of_a_good_request_breaks_the_gateway(
    settings: Settings, bodies: list[Any]
) -> None:
    async with gateway(settings) as (client, door):
        for body in bodies:
            answer = await client.post("/fhir", content=json.dumps(body), headers=FHIR)
            assert answer.status_code in {200, 400, 422}, answer.text
        numbers: dict[str, list[int]] = {}
        for event in (decode(row.record) for row in door.store.unsent(10_000)):
            numbers.setdefault(event.household, []).append(event.sequence)

    assert all(found == list(range(1, len(found) + 1)) for found in numbers.values())
