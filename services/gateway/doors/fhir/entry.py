"""One resource of a request as facts, by the reader of its type, with all its problems."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.gateway.acceptance.facts import Fact, is_id
from services.gateway.acceptance.problems import Problem
from services.gateway.doors.fhir.clinical import (
    condition_facts,
    observation_facts,
    prescription_facts,
    procedure_facts,
)
from services.gateway.doors.fhir.people import coverage_facts, patient_facts
from services.gateway.doors.fhir.reader import Reader
from services.gateway.doors.fhir.resources import (
    Claim,
    Condition,
    Coverage,
    Encounter,
    MedicationRequest,
    Observation,
    Patient,
    Procedure,
    Resource,
)
from services.gateway.doors.fhir.types import R4_TYPES
from services.gateway.doors.fhir.visits import claim_facts, encounter_facts

R = TypeVar("R", bound=Resource)
Translate = Callable[[dict[str, Any], Reader], list[Fact]]

_UUID: Final = re.compile(r"urn:uuid:([0-9a-zA-Z-]{1,64})")


class _Request(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    method: str


class BundleEntry(BaseModel):
    """An entry of a Bundle as it came."""

    model_config = ConfigDict(strict=True, extra="ignore")

    full_url: str = Field(default="", alias="fullUrl")
    resource: dict[str, Any] | None = None
    request: _Request | None = None


@dataclass(frozen=True, slots=True)
class ReadEntry:
    """One resource of the request, understood: its facts, or what is wrong with it."""

    place: str
    type: str
    id: str
    facts: tuple[Fact, ...] = ()
    problems: tuple[Problem, ...] = ()


def entry_of(entry: BundleEntry, reader: Reader) -> ReadEntry:
    """Return what an entry says; `reader` is told its type and id, and collects the problems."""
    reader.type = resource_type(entry)
    reader.id = resource_id(entry)
    facts: list[Fact] = []
    translate_one = _READ.get(reader.type)
    if entry.request is not None and entry.request.method not in {"POST", "PUT"}:
        says = f"The method {entry.request.method[:20]!r} is not supported"
        reader.problem("not-supported", "", says, "Send what happened, with POST or PUT.")
    elif not reader.type:
        mend = "Put a resource with resourceType into every entry."
        reader.problem("required", "", "There is no resource here", mend)
    elif reader.type not in R4_TYPES:
        says = f"{reader.type[:60]!r} is not a resource type of FHIR R4"
        reader.problem("not-supported", "", says, "Check the spelling and the FHIR version.")
    elif translate_one is None:
        reader.remark(f"Passed over: resources of type {reader.type} are not read")
    elif not is_id(reader.id):
        mend = "Give it 1 to 64 letters, digits, '-' or '.': sending it again is then harmless."
        reader.problem("required", "id", "The resource has no usable id", mend)
    else:
        try:
            facts = translate_one(entry.resource or {}, reader)
        except ValidationError as error:
            reader.problems += shape_problems(reader.place, error)
    return ReadEntry(reader.place, reader.type, reader.id, tuple(facts), tuple(reader.problems))


def resource_type(entry: BundleEntry) -> str:
    """Return the type that an entry's resource says it is of; empty if it says none."""
    name = (entry.resource or {}).get("resourceType")
    return name if isinstance(name, str) else ""


def resource_id(entry: BundleEntry) -> str:
    """Return the id of an entry's resource, or that of its `fullUrl`; empty if it has neither."""
    found = (entry.resource or {}).get("id")
    if isinstance(found, str):
        return found
    match = _UUID.fullmatch(entry.full_url)
    return match[1] if match and found is None else ""


def shape_problems(place: str, error: ValidationError) -> Iterable[Problem]:
    """Yield a problem for each thing that a model found, at its FHIRPath."""
    for each in error.errors(include_url=False, include_input=False, include_context=False):
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in each["loc"])
        code: Literal["required", "structure"] = (
            "required" if each["type"] == "missing" else "structure"
        )
        says = f"{path.lstrip('.') or place}: {each['msg']}"
        yield Problem(code, f"{place}{path}", says, "See FHIR R4 for this element.")


def _reading(model: type[R], facts: Callable[[R, Reader], list[Fact]]) -> Translate:
    def read(resource: dict[str, Any], reader: Reader) -> list[Fact]:
        return facts(model.model_validate(resource), reader)

    return read


_READ: Final[Mapping[str, Translate]] = {
    "Patient": _reading(Patient, patient_facts),
    "Coverage": _reading(Coverage, coverage_facts),
    "Encounter": _reading(Encounter, encounter_facts),
    "Claim": _reading(Claim, claim_facts),
    "Condition": _reading(Condition, condition_facts),
    "Procedure": _reading(Procedure, procedure_facts),
    "Observation": _reading(Observation, observation_facts),
    "MedicationRequest": _reading(MedicationRequest, prescription_facts),
}
