"""What the hospitals of these tests send: members with covers, visits, charges."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx
from cloudevents.core.bindings.http import to_structured_event
from cloudevents.core.v1.event import CloudEvent

SOURCE = "urn:hospital:owned-1"
HOSPITAL = {"id": "hospital-owned-1", "network": "owned"}


def patient(member: str) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": member,
        "gender": "female",
        "birthDate": "1960-02-29",
    }


def coverage(member: str, product: str, insurer: str) -> dict[str, Any]:
    return {
        "resourceType": "Coverage",
        "id": f"{product}-of-{member}",
        "status": "active",
        "beneficiary": {"reference": f"Patient/{member}"},
        "payor": [{"display": insurer}],
        "class": [{"type": {"coding": [{"code": "plan"}]}, "value": product}],
        "period": {"start": "2025-01-01", "end": "2026-12-31"},
    }


def encounter(member: str, visit: str, hospital: str = "hospital-owned-1") -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "id": visit,
        "status": "finished",
        "class": {"code": "IMP"},
        "subject": {"reference": f"Patient/{member}"},
        "period": {"start": "2026-03-01T08:00:00+08:00", "end": "2026-03-05T10:00:00+08:00"},
        "serviceProvider": {"reference": f"Organization/{hospital}"},
    }


def claim(member: str, visit: str, total: float, name: str = "") -> dict[str, Any]:
    return {
        "resourceType": "Claim",
        "id": name or f"bill-of-{visit}",
        "status": "active",
        "use": "claim",
        "type": {"coding": [{"code": "institutional"}]},
        "patient": {"reference": f"Patient/{member}"},
        "created": "2026-03-05T09:00:00+08:00",
        "item": [
            {
                "productOrService": {"text": "Stay"},
                "encounter": [{"reference": f"Encounter/{visit}"}],
            }
        ],
        "total": {"value": total, "currency": "CNY"},
    }


def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"resource": each} for each in resources],
    }


def send_event(
    gateway: str,
    kind: str,
    member: str,
    name: str,
    data: dict[str, Any],
    *,
    wait_s: int = 0,
    hour: int = 8,
) -> httpx.Response:
    """Send a CloudEvent that the official SDK has written."""
    event = CloudEvent(
        {
            "id": name,
            "source": SOURCE,
            "type": kind,
            "subject": member,
            "time": datetime(2026, 3, 6, hour, tzinfo=UTC),
            "specversion": "1.0",
            "datacontenttype": "application/json",
        },
        data,
    )
    message = to_structured_event(event)
    prefer = {"prefer": f"wait={wait_s}"} if wait_s else {}
    return httpx.post(
        f"{gateway}/events", content=message.body, headers=message.headers | prefer, timeout=60
    )


def parameters(answer: httpx.Response) -> dict[str, Any]:
    """Return the one decision of an answer in FHIR, by name; amounts are minor units."""
    exact = json.loads(answer.content, parse_float=str)
    [found] = [
        entry["resource"]
        for entry in exact["entry"]
        if entry.get("resource", {}).get("resourceType") == "Parameters"
    ]
    shown: dict[str, Any] = {}
    for each in found["parameter"]:
        if "valueMoney" in each:
            shown[each["name"]] = int(str(each["valueMoney"]["value"]).replace(".", ""))
        elif each["name"] != "trace":
            shown[each["name"]] = each.get("valueCode") or each.get("valueString")
    return shown
