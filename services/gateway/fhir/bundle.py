"""A request in FHIR R4, Bundle or single resource, as facts and problems, entry by entry."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.contract.member import MemberRegistered
from services.gateway.facts import Fact, Group
from services.gateway.fhir.clinical import (
    condition_facts,
    observation_facts,
    prescription_facts,
    procedure_facts,
)
from services.gateway.fhir.order import ordered
from services.gateway.fhir.people import coverage_facts, patient_facts
from services.gateway.fhir.reader import Reader
from services.gateway.fhir.resources import (
    Claim,
    Condition,
    Coverage,
    Encounter,
    MedicationRequest,
    MessageHeader,
    Observation,
    Patient,
    Procedure,
    Resource,
)
from services.gateway.fhir.types import R4_TYPES
from services.gateway.fhir.visits import claim_facts, encounter_facts
from services.gateway.ids import is_id
from services.gateway.network import NetworkDirectory
from services.gateway.problems import Problem, refused

DEFAULT_SOURCE: Final = "urn:careloop:fhir"
"""Source of facts whose sender names itself neither in a header nor in a message."""

Kind = Literal["transaction", "message", "batch", "single"]
R = TypeVar("R", bound=Resource)
Translate = Callable[[dict[str, Any], Reader], list[Fact]]

_UUID: Final = re.compile(r"urn:uuid:([0-9a-zA-Z-]{1,64})")
_URI: Final = re.compile(r"[!-~]{1,200}")


@dataclass(frozen=True, slots=True)
class Context:
    """What a translation needs besides the request: directory, clock, and the sender's name."""

    network: NetworkDirectory
    now: datetime
    sender: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource of the request, understood: its facts, or what is wrong with it."""

    place: str
    type: str
    id: str
    facts: tuple[Fact, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Translation:
    """A request, understood. members: those whom it registers, or tries to."""

    kind: Kind
    entries: tuple[Entry, ...]
    members: frozenset[str]

    @property
    def all_or_nothing(self) -> bool:
        """Whether one bad entry refuses all: transactions and messages, not batches."""
        return self.kind != "batch"


class _Request(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    method: str


class _BundleEntry(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    full_url: str = Field(default="", alias="fullUrl")
    resource: dict[str, Any] | None = None
    request: _Request | None = None


class _Bundle(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    type: str
    entry: list[_BundleEntry] = Field(default_factory=list)


def translate(body: Any, context: Context) -> Translation:
    """Return the facts of a Bundle (transaction, batch or message) or of a single resource.

    Raises RequestRefusedError: 422, if it is neither.
    """
    if not isinstance(body, dict) or not isinstance(body.get("resourceType"), str):
        mend = "Send an object with resourceType, such as a Bundle."
        raise refused(422, Problem("structure", "", "The body is not a FHIR resource", mend))
    if body["resourceType"] != "Bundle":
        entry = _BundleEntry(resource=body)
        return _translate_entries("single", [(body["resourceType"][:100], entry)], context)
    try:
        bundle = _Bundle.model_validate(body)
    except ValidationError as error:
        found = refused(422, Problem("structure", "Bundle", "The Bundle cannot be read"))
        found.problems = tuple(shape_problems("Bundle", error))
        raise found from error
    if bundle.type not in {"transaction", "batch", "message"}:
        says = f"A Bundle of type {bundle.type[:40]!r} is not a request"
        mend = "Use transaction, batch or message."
        raise refused(422, Problem("not-supported", "Bundle.type", says, mend))
    places = [
        (f"Bundle.entry[{number}].resource", each) for number, each in enumerate(bundle.entry)
    ]
    kind: Kind = bundle.type  # type: ignore[assignment]  # one of the three, see above
    return _translate_entries(kind, places, context)


def shape_problems(place: str, error: ValidationError) -> Iterable[Problem]:
    """Yield a problem for each thing that a model found, at its FHIRPath."""
    for each in error.errors(include_url=False, include_input=False, include_context=False):
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in each["loc"])
        code: Literal["required", "structure"] = (
            "required" if each["type"] == "missing" else "structure"
        )
        says = f"{path.lstrip('.') or place}: {each['msg']}"
        yield Problem(code, f"{place}{path}", says, "See FHIR R4 for this element.")


def groups_of(translation: Translation) -> list[Group]:
    """Return one group for all entries, or for a batch one for each entry, in their order."""
    if not translation.all_or_nothing:
        return [Group(ordered(each.facts), each.problems) for each in translation.entries]
    facts = ordered(fact for entry in translation.entries for fact in entry.facts)
    problems = tuple(problem for entry in translation.entries for problem in entry.problems)
    return [Group(facts, problems, translation.members)]


def _translate_entries(
    kind: Kind, places: list[tuple[str, _BundleEntry]], context: Context
) -> Translation:
    links: dict[str, tuple[str, str]] = {}
    for _, entry in places:
        name = _resource_type(entry)
        found = _resource_id(entry)
        if name and found and entry.full_url:
            links[entry.full_url] = (name, found)
    source = _source([entry.resource for _, entry in places if entry.resource], context)
    entries = [
        _translate_entry(entry, Reader(source, context.network, links, context.now, place))
        for place, entry in places
    ]
    members = {each.id for each in entries if each.type == "Patient"}
    return Translation(kind, tuple(_date_registrations(entries)), frozenset(members))


def _translate_entry(entry: _BundleEntry, reader: Reader) -> Entry:
    reader.type = _resource_type(entry)
    reader.id = _resource_id(entry)
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
    return Entry(reader.place, reader.type, reader.id, tuple(facts), tuple(reader.problems))


def _resource_type(entry: _BundleEntry) -> str:
    name = (entry.resource or {}).get("resourceType")
    return name if isinstance(name, str) else ""


def _resource_id(entry: _BundleEntry) -> str:
    found = (entry.resource or {}).get("id")
    if isinstance(found, str):
        return found
    match = _UUID.fullmatch(entry.full_url)
    return match[1] if match and found is None else ""


def _source(resources: list[dict[str, Any]], context: Context) -> str:
    """Name the sender: a header, else the endpoint of a message, else a fixed default.

    Not Encounter.serviceProvider: a bill that is sent alone would then have another sender.
    """
    if context.sender is not None:
        if not _URI.fullmatch(context.sender):
            mend = "Use 1 to 200 printable ASCII characters, no spaces, such as urn:hospital:1."
            says = "The header Careloop-Source is not a URI reference"
            raise refused(400, Problem("value", "", says, mend))
        return context.sender
    for resource in resources:
        if resource.get("resourceType") == "MessageHeader":
            try:
                endpoint = MessageHeader.model_validate(resource).source.endpoint
            except ValidationError:
                continue
            if endpoint and _URI.fullmatch(endpoint):
                return endpoint
    return DEFAULT_SOURCE


def _date_registrations(entries: list[Entry]) -> Iterable[Entry]:
    """Date each registration no later than the member's first fact in the request."""
    first: dict[str, datetime] = {}
    for entry in entries:
        for fact in entry.facts:
            if not isinstance(fact.data, MemberRegistered):
                first[fact.member] = min(fact.time, first.get(fact.member, fact.time))
    for entry in entries:
        if entry.type == "Patient":
            facts = [
                replace(fact, time=min(fact.time, first.get(fact.member, fact.time)))
                for fact in entry.facts
            ]
            yield replace(entry, facts=tuple(facts))
        else:
            yield entry


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
