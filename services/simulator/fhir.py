"""FHIR R4 resources and Bundles as the city's hospitals write them, as plain dictionaries."""

from collections.abc import Sequence
from typing import Any, Final, Literal

from services.simulator.population import Cover, Person

Resource = dict[str, Any]

LOINC: Final = "http://loinc.org"
ICD10: Final = "http://hl7.org/fhir/sid/icd-10"
ICD9_PROCEDURES: Final = "http://hl7.org/fhir/sid/icd-9-cm"
ATC: Final = "http://www.whocc.no/atc"
_TERMS: Final = "http://terminology.hl7.org/CodeSystem"
_UCUM: Final = "http://unitsofmeasure.org"

VisitClass = Literal["AMB", "IMP", "EMER"]
Category = Literal["institutional", "pharmacy", "professional"]


def concept(system: str, code: str, text: str) -> dict[str, Any]:
    """Return a CodeableConcept with one coding."""
    return {"coding": [{"system": system, "code": code, "display": text}], "text": text}


def patient(person: Person, at: str) -> Resource:
    """Return a Patient as of `at`, without a name: Careloop asks for none."""
    return {
        "resourceType": "Patient",
        "id": person.id,
        "meta": {"lastUpdated": at},
        "gender": person.sex,
        "birthDate": person.birth_date.isoformat(),
    }


def coverage(cover: Cover, person: Person, subscriber: Person) -> Resource:
    """Return a Coverage; its subscriber makes the household."""
    period = {"start": cover.valid_from.isoformat()}
    if cover.valid_to is not None:
        period["end"] = cover.valid_to.isoformat()
    return {
        "resourceType": "Coverage",
        "id": cover.id,
        "status": "active",
        "subscriber": {"reference": f"Patient/{subscriber.id}"},
        "beneficiary": {"reference": f"Patient/{person.id}"},
        "payor": [{"reference": f"Organization/{cover.insurer}"}],
        "period": period,
        "class": [
            {
                "type": {"coding": [{"system": f"{_TERMS}/coverage-class", "code": "plan"}]},
                "value": cover.product,
            }
        ],
    }


def encounter(
    visit_id: str,
    person: Person,
    visit_class: VisitClass,
    hospital: str,
    start: str,
    end: str | None,
) -> Resource:
    """Return an Encounter: finished if it has an end, in progress if not."""
    period = {"start": start} if end is None else {"start": start, "end": end}
    return {
        "resourceType": "Encounter",
        "id": visit_id,
        "status": "in-progress" if end is None else "finished",
        "class": {"system": f"{_TERMS}/v3-ActCode", "code": visit_class},
        "subject": {"reference": f"Patient/{person.id}"},
        "period": period,
        "serviceProvider": {"reference": f"Organization/{hospital}"},
    }


def condition(
    condition_id: str, person: Person, visit_id: str, code: tuple[str, str], at: str
) -> Resource:
    """Return a confirmed, active Condition. `code`: ICD-10 code and text."""
    return {
        "resourceType": "Condition",
        "id": condition_id,
        "clinicalStatus": {
            "coding": [{"system": f"{_TERMS}/condition-clinical", "code": "active"}]
        },
        "verificationStatus": {
            "coding": [{"system": f"{_TERMS}/condition-ver-status", "code": "confirmed"}]
        },
        "code": concept(ICD10, *code),
        "subject": {"reference": f"Patient/{person.id}"},
        "encounter": {"reference": f"Encounter/{visit_id}"},
        "onsetDateTime": at,
        "recordedDate": at,
    }


def procedure(
    procedure_id: str, person: Person, visit_id: str, code: tuple[str, str], at: str
) -> Resource:
    """Return a completed Procedure. `code`: ICD-9-CM volume 3 code and text."""
    return {
        "resourceType": "Procedure",
        "id": procedure_id,
        "status": "completed",
        "code": concept(ICD9_PROCEDURES, *code),
        "subject": {"reference": f"Patient/{person.id}"},
        "encounter": {"reference": f"Encounter/{visit_id}"},
        "performedDateTime": at,
    }


def medication_request(
    request_id: str, person: Person, visit_id: str, code: tuple[str, str], at: str
) -> Resource:
    """Return an active MedicationRequest. `code`: ATC code and text."""
    return {
        "resourceType": "MedicationRequest",
        "id": request_id,
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": concept(ATC, *code),
        "subject": {"reference": f"Patient/{person.id}"},
        "encounter": {"reference": f"Encounter/{visit_id}"},
        "authoredOn": at,
    }


def observation(
    observation_id: str, person: Person, visit_id: str, code: tuple[str, str], at: str
) -> Resource:
    """Return a final Observation without a value yet. `code`: LOINC code and text."""
    return {
        "resourceType": "Observation",
        "id": observation_id,
        "status": "final",
        "code": concept(LOINC, *code),
        "subject": {"reference": f"Patient/{person.id}"},
        "encounter": {"reference": f"Encounter/{visit_id}"},
        "effectiveDateTime": at,
    }


def quantity(value: float, unit: str) -> dict[str, Any]:
    """Return a Quantity in a UCUM unit."""
    return {"value": value, "unit": unit, "system": _UCUM, "code": unit}


def claim(  # noqa: PLR0913, PLR0917  a claim is this wide
    claim_id: str,
    person: Person,
    visit_id: str,
    hospital: str,
    category: Category,
    lines: Sequence[tuple[str, int]],
    at: str,
) -> Resource:
    """Return a Claim for a visit. `lines`: text and amount in fen; their sum is the total."""
    items = [
        {
            "sequence": number,
            "productOrService": {"text": text},
            "net": yuan(amount),
            "encounter": [{"reference": f"Encounter/{visit_id}"}],
        }
        for number, (text, amount) in enumerate(lines, start=1)
    ]
    return {
        "resourceType": "Claim",
        "id": claim_id,
        "status": "active",
        "type": {"coding": [{"system": f"{_TERMS}/claim-type", "code": category}]},
        "use": "claim",
        "patient": {"reference": f"Patient/{person.id}"},
        "billablePeriod": {"start": at, "end": at},
        "created": at,
        "provider": {"reference": f"Organization/{hospital}"},
        "priority": {"coding": [{"system": f"{_TERMS}/processpriority", "code": "normal"}]},
        "insurance": [
            {"sequence": 1, "focal": True, "coverage": {"reference": f"Coverage/{person.id}-c1"}}
        ],
        "item": items,
        "total": yuan(sum(amount for _, amount in lines)),
    }


def yuan(fen: int) -> dict[str, Any]:
    """Return a Money. The shortest decimal of a float of two places is those two places."""
    return {"value": fen / 100, "currency": "CNY"}


def source(hospital: str) -> str:
    """Return the URI by which a hospital signs everything it sends."""
    return f"https://{hospital}.example"


def transaction(resources: Sequence[Resource]) -> Resource:
    """Return a transaction Bundle that puts each resource under the id its sender gave it."""
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": f"https://his.example/{resource['resourceType']}/{resource['id']}",
                "resource": resource,
                "request": {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"},
            }
            for resource in resources
        ],
    }


def message(resources: Sequence[Resource], event: str, hospital: str, at: str) -> Resource:
    """Return a message Bundle, such as an admission notice. `event`: a notification code."""
    first = resources[0]
    header = {
        "resourceType": "MessageHeader",
        "id": f"{first['id']}-{event}",
        "eventCoding": {
            "system": "http://hl7.org/fhir/us/davinci-alerts/CodeSystem/notification-event",
            "code": event,
        },
        "source": {"name": hospital, "endpoint": source(hospital)},
        "focus": [{"reference": f"{first['resourceType']}/{first['id']}"}],
    }
    entries = [header, *resources]
    return {
        "resourceType": "Bundle",
        "type": "message",
        "timestamp": at,
        "entry": [
            {
                "fullUrl": f"https://his.example/{resource['resourceType']}/{resource['id']}",
                "resource": resource,
            }
            for resource in entries
        ],
    }
