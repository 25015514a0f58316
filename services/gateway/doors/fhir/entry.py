"""One resource of a request as facts, by the reader of its type, with all its problems."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeVar

from pydantic import ValidationError

from services.gateway.acceptance.facts import Fact, is_id
from services.gateway.acceptance.identities import Identity
from services.gateway.acceptance.problems import Problem
from services.gateway.doors.fhir.clinical import (
    condition_facts,
    observation_facts,
    prescription_facts,
    procedure_facts,
)
from services.gateway.doors.fhir.modifiers import read_modifiers
from services.gateway.doors.fhir.people import coverage_facts, patient_facts
from services.gateway.doors.fhir.reader import Reader
from services.gateway.doors.fhir.references import identifiers_of
from services.gateway.doors.fhir.requests import IDENTIFIED, Identified
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
from services.gateway.doors.fhir.statuses import PLANS
from services.gateway.doors.fhir.types import R4_TYPES
from services.gateway.doors.fhir.visits import claim_facts, encounter_facts

R = TypeVar("R", bound=Resource)
Translate = Callable[[dict[str, Any], Reader], list[Fact]]


@dataclass(frozen=True, slots=True)
class ReadEntry:
    """One resource of the request, understood: its facts, or what is wrong with it.

    identities: the identifiers that it is given.
    """

    place: str
    type: str
    id: str
    facts: tuple[Fact, ...] = ()
    problems: tuple[Problem, ...] = ()
    identities: tuple[Identity, ...] = ()


def entry_of(entry: Identified, reader: Reader) -> ReadEntry:
    """Return what an entry says; `reader` is told its type and id, and collects the problems."""
    reader.type, reader.id = entry.type, entry.id
    resource = dict(entry.resource or {})
    reader.contained = resource.get("contained")
    facts: list[Fact] = []
    translate_one = _READ.get(reader.type)
    if entry.problem is not None:
        reader.problems.append(entry.problem)
    elif not reader.type:
        mend = "Put a resource with resourceType into every entry."
        reader.problem("required", "", "There is no resource here", mend)
    elif reader.type not in R4_TYPES:
        says = f"{reader.type[:60]!r} is not a resource type of FHIR R4"
        reader.problem("not-supported", "", says, "Check the spelling and the FHIR version.")
    elif reader.type in PLANS:
        reader.remark(f"Passed over: {reader.type} says what may be done, and no plan is a fact")
    elif translate_one is None:
        reader.remark(f"Passed over: resources of type {reader.type} are not read")
    elif not is_id(reader.id):
        mend = "Give it 1 to 64 letters, digits, '-' or '.': sending it again is then harmless."
        reader.problem("required", "id", "The resource has no usable id", mend)
    else:
        read_modifiers(resource, reader)
        try:
            facts = translate_one(resource, reader)
        except ValidationError as error:
            reader.problems += shape_problems(reader.place, error)
    if entry.exists and facts:
        facts = [replace(fact, exists=True) for fact in facts]
        reader.remark(f"{entry.type}/{entry.id} has this identifier: it is left as it is")
    identities = tuple(_identities(entry, reader.source))
    problems = tuple(reader.problems)
    return ReadEntry(reader.place, entry.type, entry.id, tuple(facts), problems, identities)


def _identities(entry: Identified, source: str) -> Iterable[Identity]:
    if entry.type not in IDENTIFIED or entry.exists or not is_id(entry.id):
        return
    found = dict.fromkeys(identifiers_of(entry.resource))
    if entry.condition is not None:
        found[entry.condition] = None
    for identifier in found:
        only_one = identifier == entry.condition and entry.new
        yield Identity(identifier, entry.id, source, entry.place, only_one)


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

READ_TYPES: Final = tuple(_READ)
"""The resource types that say something here."""
