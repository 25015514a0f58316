"""Elements that turn a statement round are understood, noted, or the resource is refused."""

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import pytest

from services.gateway.acceptance.problems import RequestRefusedError
from services.gateway.doors.fhir.bundle import Context, Translation, translate
from services.gateway.doors.fhir.modifiers import columns
from services.gateway.doors.fhir.references import identifiers_of
from services.gateway.doors.network import load_network
from tests.gateways import CLAIM, COVERAGE, ENCOUNTER, PATIENT, PRESSURE, bundle

CONDITION: Final = {
    "resourceType": "Condition",
    "id": "k1",
    "subject": {"reference": "Patient/m1"},
    "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "I63.9"}]},
    "onsetDateTime": "2026-03-01T09:00:00+08:00",
}
PROCEDURE: Final = {
    "resourceType": "Procedure",
    "id": "p1",
    "status": "completed",
    "subject": {"reference": "Patient/m1"},
    "code": {"text": "Thrombectomy"},
    "performedDateTime": "2026-03-01T10:00:00+08:00",
}
ORDER: Final = {
    "resourceType": "MedicationRequest",
    "id": "r1",
    "status": "active",
    "intent": "order",
    "subject": {"reference": "Patient/m1"},
    "medicationCodeableConcept": {"text": "warfarin"},
    "authoredOn": "2026-03-01",
}
HBA1C: Final = {
    "resourceType": "Observation",
    "id": "h1",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "4548-4"}]},
    "subject": {"reference": "Patient/m1"},
    "effectiveDateTime": "2026-03-01T10:00:00+08:00",
    "valueQuantity": {"value": 6.5, "unit": "%", "code": "%"},
}
READ: Final = (PATIENT, COVERAGE, ENCOUNTER, CLAIM, CONDITION, PROCEDURE, PRESSURE, HBA1C, ORDER)
VERIFIED: Final = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
DONOR: Final = [{"url": "https://example.org/measured-on-donor", "valueBoolean": True}]


def read(resource: dict[str, Any]) -> Translation:
    exact = json.loads(json.dumps(resource), parse_float=Decimal)
    return translate(exact, Context(load_network(), datetime(2026, 3, 9, tzinfo=UTC)))


def said(resource: dict[str, Any], **fields: Any) -> tuple[list[str], list[str]]:
    """Return the kinds of facts in a resource, and where and how severely something is said."""
    (entry,) = read(resource | fields).entries
    kinds = [fact.data.TYPE.removeprefix("careloop.").rpartition(".")[0] for fact in entry.facts]
    notes = [f"{each.severity} {each.place.partition('.')[2]}" for each in entry.problems]
    return kinds, notes


def concept(code: str, system: str | None = None) -> dict[str, Any]:
    coding = {"code": code} if system is None else {"code": code, "system": system}
    return {"coding": [coding]}


def comparator(sign: str) -> dict[str, Any]:
    return {"valueQuantity": HBA1C["valueQuantity"] | {"comparator": sign}}


SAID: Final[dict[str, list[tuple[dict[str, Any], dict[str, Any], list[str], list[str]]]]] = {
    "Patient.active": [
        (PATIENT, {"active": True}, ["member.registered"], []),
        (PATIENT, {"active": False}, [], ["warning active"]),
        (PATIENT, {"active": "no"}, [], ["error active"]),
    ],
    "Patient.deceased[x]": [
        (PATIENT, {"deceasedBoolean": False}, ["member.registered"], []),
        (PATIENT, {"deceasedBoolean": True}, ["member.registered"], ["warning deceasedBoolean"]),
        (PATIENT, {"deceasedDateTime": "2026"}, ["member.registered"], ["warning deceasedDateTime"]),
    ],
    "Coverage.status": [
        (COVERAGE, {"status": "draft"}, [], ["information "]),
        (COVERAGE, {"status": "entered-in-error"}, ["cover.ended"], []),
        (COVERAGE, {"status": "Active"}, [], ["error status"]),
    ],
    "Encounter.status": [
        (ENCOUNTER, {"status": "unknown"}, [], ["error status"]),
        (ENCOUNTER, {"status": "cancelled"}, ["visit.cancelled"], []),
    ],
    "Claim.status": [
        (CLAIM, {"status": "entered-in-error"}, ["charge.voided"], []),
        (CLAIM, {"status": "paid"}, [], ["error status"]),
    ],
    "Claim.use": [
        (CLAIM, {"use": "bill"}, [], ["error use"]),
        (CLAIM, {"use": "preauthorization"}, [], ["information "]),
        (CLAIM, {"use": "predetermination"}, [], ["information "]),
    ],
    "Condition.clinicalStatus": [
        (CONDITION, {}, ["condition.recorded"], []),
        (CONDITION, {"clinicalStatus": concept("relapse")}, ["condition.recorded"], []),
        (CONDITION, {"clinicalStatus": concept("resolved")}, ["condition.recorded"] * 2, []),
        (CONDITION, {"abatementDateTime": "2026-03"}, ["condition.recorded"] * 2, []),
        (CONDITION, {"clinicalStatus": concept("healed")}, [], ["error clinicalStatus"]),
        (CONDITION, {"clinicalStatus": {"text": "active"}}, [], ["error clinicalStatus"]),
    ],
    "Condition.verificationStatus": [
        (CONDITION, {"verificationStatus": concept(code)}, [], ["warning verificationStatus"])
        for code in ("unconfirmed", "provisional", "differential")
    ] + [
        (CONDITION, {"verificationStatus": concept(code)}, ["condition.withdrawn"], [])
        for code in ("refuted", "entered-in-error")
    ] + [
        (CONDITION, {"verificationStatus": concept("confirmed", VERIFIED)},
         ["condition.recorded"], []),
        (CONDITION, {"verificationStatus": {"coding": [
            {"system": "urn:local", "code": "refuted"}, {"system": VERIFIED, "code": "confirmed"},
        ]}}, ["condition.recorded"], []),
        (CONDITION, {"verificationStatus": {"coding": [
            {"code": "confirmed"}, {"code": "refuted"},
        ]}}, [], ["error verificationStatus"]),
        (CONDITION, {"verificationStatus": concept("sure")}, [], ["error verificationStatus"]),
        (CONDITION, {"verificationStatus": concept("410605003", "http://snomed.info/sct")},
         [], ["error verificationStatus"]),
    ],
    "Procedure.status": [
        (PROCEDURE, {"status": status}, [], ["information "])
        for status in ("preparation", "in-progress", "not-done", "on-hold", "stopped", "unknown")
    ] + [(PROCEDURE, {"status": "done"}, [], ["error status"])],
    "Observation.status": [
        (HBA1C, {"status": "preliminary"}, [], ["information "]),
        (HBA1C, {"status": "amended"}, ["observation.recorded"], []),
        (HBA1C, {"status": "ok"}, [], ["error status"]),
    ],
    "Observation.dataAbsentReason": [
        (HBA1C, {"dataAbsentReason": concept("error")}, [], ["error dataAbsentReason"]),
        (HBA1C, {"dataAbsentReason": concept("error"), "valueQuantity": None},
         [], ["information "]),
        (PRESSURE, {"component": [
            PRESSURE["component"][0] | {"dataAbsentReason": concept("error")},
        ]}, [], ["error component[0].dataAbsentReason"]),
    ],
    "Quantity.comparator": [
        (HBA1C, comparator(sign), ["observation.recorded"], ["warning valueQuantity.comparator"])
        for sign in ("<", "<=", ">=", ">")
    ] + [(HBA1C, comparator("~"), [], ["error valueQuantity.comparator"])],
    "MedicationRequest.status": [
        (ORDER, {"status": "stopped"}, ["medication.prescribed"], []),
        (ORDER, {"status": "given"}, [], ["error status"]),
    ],
    "MedicationRequest.intent": [
        (ORDER, {"intent": intent}, [], ["information "])
        for intent in ("proposal", "plan", "option")
    ] + [(ORDER, {"intent": "wish"}, [], ["error intent"])],
    "MedicationRequest.doNotPerform": [
        (ORDER, {"doNotPerform": False}, ["medication.prescribed"], []),
        (ORDER, {"doNotPerform": True}, [], ["warning doNotPerform"]),
    ],
    "implicitRules": [
        (each, {"implicitRules": "https://example.org/rules"}, None, ["error implicitRules"])
        for each in READ
    ],
    "modifierExtension": [
        (each, {"modifierExtension": DONOR}, None, ["error modifierExtension"]) for each in READ
    ],
    "Identifier.use": [
        (COVERAGE, {"payor": [{"identifier": {"value": "city-fund", "use": "old"}}]},
         None, ["error payor[0].identifier.use"]),
        (COVERAGE, {"payor": [{"identifier": {"value": "city-fund", "use": "secondary"}}]},
         ["cover.activated"], []),
    ],
}  # fmt: skip
"""By modifier element: a resource, what is changed in it, the facts and what is said of it."""

CASES: Final = [
    (path, number, *case) for path, cases in SAID.items() for number, case in enumerate(cases)
]


@pytest.mark.parametrize(
    ("resource", "fields", "facts", "notes"),
    [case[2:] for case in CASES],
    ids=[f"{path}-{number}" for path, number, *_ in CASES],
)
def test_each_does_what_its_column_says(
    resource: dict[str, Any], fields: dict[str, Any], facts: list[str] | None, notes: list[str]
) -> None:
    changed = {name: each for name, each in (resource | fields).items() if each is not None}
    kinds, said_of_it = said(changed)

    assert said_of_it == notes
    if facts is not None:
        assert kinds == facts


def test_every_element_of_a_column_has_its_cases() -> None:
    wanted = {path for name in ("understood", "noted", "refused") for path in columns()[name]}

    assert wanted - SAID.keys() <= {"Patient.link"}


def test_a_limit_is_kept_in_words_and_no_number() -> None:
    (entry,) = read(HBA1C | comparator("<")).entries

    (fact,) = entry.facts
    assert (fact.data.value, fact.data.text) == (None, "< 6.5 %")


def _places(value: Any, path: str = "") -> Iterator[str]:
    """Yield the path of every object in a resource."""
    if isinstance(value, dict):
        yield path
        for name, each in value.items():
            yield from _places(each, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _places(each, f"{path}[{number}]")


def _planted(resource: dict[str, Any], path: str) -> dict[str, Any]:
    made = copy.deepcopy(resource)
    place: Any = made
    for part in path.replace("[", ".[").split(".") if path else ():
        place = place[int(part[1:-1])] if part.startswith("[") else place[part]
    place["modifierExtension"] = DONOR
    return made


DEPTHS: Final = [(each, path) for each in READ for path in _places(each)]


@pytest.mark.parametrize(
    ("resource", "path"), DEPTHS, ids=[f"{each['resourceType']}-{path}" for each, path in DEPTHS]
)
def test_an_unknown_modifier_is_refused_at_any_depth(resource: dict[str, Any], path: str) -> None:
    _, notes = said(_planted(resource, path))

    assert f"error {f'{path}.modifierExtension'.lstrip('.')}" in notes


@pytest.mark.parametrize("path", ["implicitRules", "entry[0].modifierExtension"])
def test_a_bundle_under_rules_of_its_own_is_refused(path: str) -> None:
    whole = bundle(PATIENT)
    if path == "implicitRules":
        whole["implicitRules"] = "https://example.org/rules"
    else:
        whole["entry"][0]["modifierExtension"] = DONOR

    with pytest.raises(RequestRefusedError) as refused:
        read(whole)
    assert [each.place for each in refused.value.problems] == [f"Bundle.{path}"]


def test_who_is_out_of_use_is_no_excuse_for_what_is_said_of_a_stranger() -> None:
    assert read(bundle(PATIENT | {"active": False}, ENCOUNTER)).members == frozenset()
    assert read(bundle(PATIENT, ENCOUNTER)).members == {"m1"}


GAPS: Final = {
    "a cover without its beginning": (COVERAGE, {"period": None}, "cover.activated", "2026-03-01"),
    "a cover with its end alone": (
        COVERAGE, {"period": {"end": "2026-12-31"}}, "cover.activated", "2026-03-01",
    ),
    "a diagnosis without a time": (CONDITION, {"onsetDateTime": None}, "condition.recorded", None),
    "a procedure without a time": (
        PROCEDURE, {"performedDateTime": None}, "procedure.performed", None,
    ),
    "a measurement without a time": (
        HBA1C, {"effectiveDateTime": None}, "observation.recorded", None,
    ),
    "a prescription without a time": (ORDER, {"authoredOn": None}, "medication.prescribed", None),
}  # fmt: skip


@pytest.mark.parametrize("gap", GAPS)
def test_a_gap_beside_the_matter_is_a_warning_and_a_stated_reading(gap: str) -> None:
    resource, fields, kind, first_day = GAPS[gap]
    gapped = {name: each for name, each in (resource | fields).items() if each is not None}
    entries = read(bundle(PATIENT, gapped, ENCOUNTER)).entries

    (fact,) = entries[1].facts
    (note,) = entries[1].problems
    assert note.severity == "warning"
    assert fact.data.TYPE.removeprefix("careloop.").rpartition(".")[0] == kind
    assert fact.time == datetime.fromisoformat("2026-03-01T08:00:00+08:00")
    if first_day is not None:
        assert str(fact.data.cover.valid_from) == first_day
    assert entries[2].facts


@pytest.mark.parametrize(
    ("resource", "fields"),
    [(COVERAGE, {"class": [], "type": None}), (CONDITION, {"code": None}), (PROCEDURE, {"code": None})],
)  # fmt: skip
def test_what_does_not_say_what_it_is_is_passed_over_and_the_rest_is_taken(
    resource: dict[str, Any], fields: dict[str, Any]
) -> None:
    gapped = {name: each for name, each in (resource | fields).items() if each is not None}
    entries = read(bundle(PATIENT, gapped, ENCOUNTER)).entries

    assert not entries[1].facts
    assert [each.severity for each in entries[1].problems] == ["warning"]
    assert entries[2].facts


def test_an_identifier_that_is_out_of_use_names_nobody() -> None:
    given = [{"system": "urn:id", "value": "1", "use": "old"}, {"system": "urn:id", "value": "2"}]

    assert [each.value for each in identifiers_of(PATIENT | {"identifier": given})] == ["2"]
