"""A gateway in this process, and the requests that tests send to it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx

from services.gateway.app import open_gateway
from services.gateway.routes import Gateway, create_app
from services.runtime.settings import Settings

FHIR = {"content-type": "application/fhir+json"}
PATIENT = {"resourceType": "Patient", "id": "m1", "gender": "female", "birthDate": "1960-02-29"}
ENCOUNTER = {
    "resourceType": "Encounter",
    "id": "v1",
    "status": "finished",
    "class": {"code": "IMP"},
    "subject": {"reference": "Patient/m1"},
    "period": {"start": "2026-03-01T08:00:00+08:00", "end": "2026-03-05T10:00:00+08:00"},
    "serviceProvider": {"reference": "Organization/hospital-owned-1"},
}
CLAIM = {
    "resourceType": "Claim",
    "id": "c1",
    "status": "active",
    "use": "claim",
    "type": {"coding": [{"code": "institutional"}]},
    "patient": {"reference": "Patient/m1"},
    "created": "2026-03-05T10:00:00+08:00",
    "item": [
        {
            "productOrService": {"text": "Stay"},
            "encounter": [{"reference": "Encounter/v1"}],
        },
        {
            "productOrService": {"text": "Scan"},
            "net": {"value": 800.5, "currency": "CNY"},
        },
    ],
    "total": {"value": 12000, "currency": "CNY"},
}

COVERAGE = {
    "resourceType": "Coverage",
    "id": "k1",
    "status": "active",
    "beneficiary": {"reference": "Patient/m1"},
    "payor": [{"display": "示例健康保险"}],
    "class": [{"type": {"coding": [{"code": "plan"}]}, "value": "million-yuan-medical"}],
    "period": {"start": "2026-01-01", "end": "2026-12-31"},
}
PRESSURE = {
    "resourceType": "Observation",
    "id": "o1",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}]},
    "subject": {"reference": "Patient/m1"},
    "effectiveDateTime": "2026-03-02T09:00:00+08:00",
    "component": [
        {
            "code": {"coding": [{"code": "8480-6"}]},
            "valueQuantity": {"value": 151, "code": "mm[Hg]"},
        },
        {"code": {"text": "diastolic"}, "valueQuantity": {"value": 94.5, "unit": "mmHg"}},
    ],
}


def utc_now() -> datetime:
    """Return the present instant."""
    return datetime.now(UTC)


@asynccontextmanager
async def gateway(
    settings: Settings, now: Callable[[], datetime] = utc_now
) -> AsyncIterator[tuple[httpx.AsyncClient, Gateway]]:
    """Yield a client of a gateway whose relay does not run: what is accepted stays in the outbox."""
    async with open_gateway(settings, now) as (door, _):
        transport = httpx.ASGITransport(create_app(door), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            yield client, door


def bundle(*resources: dict[str, Any], kind: str = "transaction") -> dict[str, Any]:
    """Return a Bundle of resources."""
    entries = [{"resource": each} for each in resources]
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


def cloud_event(kind: str, data: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    """Return a CloudEvent about member m1 in structured form."""
    given = {
        "specversion": "1.0",
        "id": "e1",
        "source": "urn:hospital:1",
        "type": kind,
        "subject": "m1",
        "time": "2026-03-01T08:00:00Z",
        "data": data,
    }
    return given | attributes


def registered(**attributes: Any) -> dict[str, Any]:
    """Return the registration of member m1 as a CloudEvent."""
    data = {"birth_date": "1960-02-29", "sex": "female"}
    return cloud_event("careloop.member.registered.v1", data, id="r1", **attributes)
