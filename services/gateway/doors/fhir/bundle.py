"""A request in FHIR R4, Bundle or single resource, as facts and problems, entry by entry."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.contract.member import CoverActivated, CoverTerms, MemberMerged, MemberRegistered
from services.gateway.acceptance.facts import Fact, Group
from services.gateway.acceptance.identities import Identifier
from services.gateway.acceptance.order import ordered
from services.gateway.acceptance.problems import Problem, errors, refused
from services.gateway.doors.fhir.entry import ReadEntry, entry_of, shape_problems
from services.gateway.doors.fhir.modifiers import refusals
from services.gateway.doors.fhir.reader import Reader
from services.gateway.doors.fhir.references import References
from services.gateway.doors.fhir.requests import (
    IDENTIFIED,
    BundleEntry,
    EntryRequest,
    identified,
)
from services.gateway.doors.fhir.resources import MessageHeader
from services.gateway.doors.network import NetworkDirectory
from services.member.calendar import local_day

DEFAULT_SOURCE: Final = "urn:careloop:fhir"
"""Source of facts whose sender names itself neither in a header nor in a message."""

_URI: Final = re.compile(r"[!-~]{1,200}")

Kind = Literal["transaction", "message", "batch", "single"]


@dataclass(frozen=True, slots=True)
class Context:
    """What a translation needs besides the request: directory, clock, and the sender's name.

    if_none_exist: the condition on which a single resource is made. known: which resources of this
    sender have which identifiers, as far as that was looked up.
    """

    network: NetworkDirectory
    now: datetime
    sender: str | None = None
    if_none_exist: str | None = None
    known: Mapping[Identifier, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Translation:
    """A request, understood. members: those whom it registers, or tries to.

    source: its sender. asked: identifiers that have to be looked up to understand it right.
    """

    kind: Kind
    entries: tuple[ReadEntry, ...]
    members: frozenset[str]
    source: str
    asked: frozenset[Identifier] = frozenset()

    @property
    def all_or_nothing(self) -> bool:
        """Whether one bad entry refuses all: transactions and messages, not batches."""
        return self.kind != "batch"


class _Bundle(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    type: str
    entry: list[BundleEntry] = Field(default_factory=list)


def translate(body: Any, context: Context) -> Translation:
    """Return the facts of a Bundle (transaction, batch or message) or of a single resource.

    Raises RequestRefusedError: 422, if it is neither.
    """
    if not isinstance(body, dict) or not isinstance(body.get("resourceType"), str):
        mend = "Send an object with resourceType, such as a Bundle."
        raise refused(422, Problem("structure", "", "The body is not a FHIR resource", mend))
    if body["resourceType"] != "Bundle":
        entry = BundleEntry(resource=body, request=_create(body, context.if_none_exist))
        return _translated("single", [(body["resourceType"][:100], entry)], context)
    _check_modifiers(body)
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
    if not bundle.entry:
        says = f"A Bundle of type {bundle.type} without entries asks for nothing"
        mend = "Put what happened into Bundle.entry; a library may have dropped it."
        raise refused(422, Problem("required", "Bundle.entry", says, mend))
    if context.if_none_exist is not None:
        mend = "Use Bundle.entry.request.ifNoneExist."
        says = "The header If-None-Exist goes with a single resource"
        raise refused(422, Problem("invalid", "", says, mend))
    places = [
        (f"Bundle.entry[{number}].resource", each) for number, each in enumerate(bundle.entry)
    ]
    kind: Kind = bundle.type  # type: ignore[assignment]  # one of the three, see above
    return _translated(kind, places, context)


def _check_modifiers(bundle: dict[str, Any]) -> None:
    """Refuse a Bundle that is not to be read as FHIR alone reads it, but for its resources."""
    entries = bundle.get("entry")
    bare = {name: each for name, each in bundle.items() if name != "entry"}
    bare["entry"] = [
        {name: each for name, each in entry.items() if name != "resource"}
        for entry in (entries if isinstance(entries, list) else ())
        if isinstance(entry, dict)
    ]
    problems = [
        Problem("not-supported", f"Bundle.{path}", says, mend)
        for path, says, mend in refusals(bare)
    ]
    if problems:
        found = refused(422, problems[0])
        found.problems = tuple(problems)
        raise found


def groups_of(translation: Translation) -> list[Group]:
    """Return one group for all entries, or for a batch one for each entry, in their order."""
    if not translation.all_or_nothing:
        return [
            Group(ordered(each.facts), each.problems, identities=each.identities)
            for each in translation.entries
        ]
    facts = ordered(fact for entry in translation.entries for fact in entry.facts)
    problems = tuple(problem for entry in translation.entries for problem in entry.problems)
    identities = tuple(each for entry in translation.entries for each in entry.identities)
    return [Group(facts, problems, translation.members, identities)]


def _create(resource: dict[str, Any], if_none_exist: str | None) -> EntryRequest | None:
    if if_none_exist is None:
        return None
    return EntryRequest(method="POST", url=resource["resourceType"], ifNoneExist=if_none_exist)


def _translated(kind: Kind, places: list[tuple[str, BundleEntry]], context: Context) -> Translation:
    source = _source([entry.resource for _, entry in places if entry.resource], context)
    resources = list(identified(places, context.known, source))
    references = References(resources, context.known)
    zone = context.network.sender_zones.get(source)
    entries = [
        entry_of(
            each, Reader(source, context.network, references, context.now, each.place, zone=zone)
        )
        for each in resources
    ]
    asked = references.asked | {
        each.condition
        for each in resources
        if each.condition is not None
        and each.type in IDENTIFIED
        and each.condition not in context.known
    }
    members = {
        each.id
        for each in entries
        if each.type == "Patient" and (each.facts or errors(each.problems))
    }
    dated = tuple(_date_registrations(entries))
    return Translation(kind, dated, frozenset(members), source, frozenset(asked))


def _source(resources: Iterable[dict[str, Any]], context: Context) -> str:
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


def _date_registrations(entries: list[ReadEntry]) -> Iterable[ReadEntry]:
    """Date what says no time of its own no later than the member's first fact in the request."""
    first: dict[str, datetime] = {}
    for entry in entries:
        for fact in entry.facts:
            if not (_is_undated(fact) or isinstance(fact.data, MemberMerged)):
                first[fact.member] = min(fact.time, first.get(fact.member, fact.time))
    for entry in entries:
        if any(_is_undated(fact) and fact.member in first for fact in entry.facts):
            facts = [_dated(fact, first.get(fact.member, fact.time)) for fact in entry.facts]
            yield replace(entry, facts=tuple(facts))
        else:
            yield entry


def _is_undated(fact: Fact) -> bool:
    return fact.undated or isinstance(fact.data, MemberRegistered)


def _dated(fact: Fact, first: datetime) -> Fact:
    if not _is_undated(fact) or fact.time <= first:
        return fact
    if isinstance(fact.data, CoverActivated):
        terms = CoverTerms(**dict(fact.data.cover) | {"valid_from": local_day(first)})
        return replace(fact, time=first, data=CoverActivated(cover=terms))
    return replace(fact, time=first)
