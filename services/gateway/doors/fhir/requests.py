"""What `Bundle.entry.request` asks for, and so which resource an entry is about.

A conditional create (`ifNoneExist`) and a conditional update (`PUT Type?identifier=…`) find the one
resource that the sender gave the identifier to. What cannot be done as asked is refused.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from services.contract.ids import stable_id
from services.gateway.acceptance.facts import is_id
from services.gateway.acceptance.identities import Identifier
from services.gateway.acceptance.problems import Problem
from services.gateway.doors.fhir.references import Bundled, UnresolvedError, searched

IDENTIFIED: Final = frozenset([
    "Claim", "Condition", "Coverage", "Encounter", "MedicationRequest", "Observation",
    "Organization", "Patient", "Procedure",
])  # fmt: skip
"""Types of which it is kept who has which identifier: those that are read, and organisations."""

_URN: Final = re.compile(r"urn:(?:uuid|oid):([0-9a-zA-Z.-]{1,64})")
_URL: Final = re.compile(r"(?:https?://[^\s?#]+/|/)?([A-Za-z]+)(?:/([^\s/?#]+)|\?(\S+))?")
_TWICE: Final = UnresolvedError(
    "conflict",
    "Another entry of this request depends on the same condition",
    "Send the resource once in a request.",
)
_CONDITIONS: Final = ("if_match", "if_none_match", "if_modified_since")


class EntryRequest(BaseModel):
    """How an entry of a transaction or batch is to be processed."""

    model_config = ConfigDict(strict=True, extra="ignore")

    method: str
    url: str | None = None
    if_none_exist: str | None = Field(default=None, alias="ifNoneExist")
    if_match: str | None = Field(default=None, alias="ifMatch")
    if_none_match: str | None = Field(default=None, alias="ifNoneMatch")
    if_modified_since: str | None = Field(default=None, alias="ifModifiedSince")


class BundleEntry(BaseModel):
    """An entry of a Bundle as it came."""

    model_config = ConfigDict(strict=True, extra="ignore")

    full_url: str = Field(default="", alias="fullUrl")
    resource: dict[str, Any] | None = None
    request: EntryRequest | None = None


@dataclass(frozen=True, slots=True)
class Identified(Bundled):
    """An entry's resource, under the id that it has by its request.

    place: FHIRPath of the resource. condition: by which identifier it was looked for. new: nobody had
    it. exists: a conditional create found it, so that it is left as it is. problem: why it cannot be
    done.
    """

    place: str = ""
    condition: Identifier | None = None
    new: bool = False
    exists: bool = False
    problem: Problem | None = None


def identified(
    entries: Iterable[tuple[str, BundleEntry]],
    known: Mapping[Identifier, tuple[str, ...]],
    source: str,
) -> Iterator[Identified]:
    """Yield the resource of each entry, by its place; known: who has which identifier."""
    sought: set[Identifier] = set()
    for place, entry in entries:
        kind, own = _type(entry), _own_id(entry)
        bare = Identified(kind, own, own, entry.full_url, entry.resource, place)
        try:
            condition, named = _asked(entry, kind)
            if condition is None:
                yield replace(bare, id=_agreeing(named, entry) if named else own)
            elif condition in sought and kind in IDENTIFIED:
                yield replace(bare, problem=_TWICE.problem(_request(place)))
            else:
                sought.add(condition)
                yield _found(bare, entry, condition, known.get(condition, ()), source)
        except UnresolvedError as error:
            yield replace(bare, problem=error.problem(_request(place)))


def _request(place: str) -> str:
    return place.replace("].resource", "].request")


def _found(
    bare: Identified,
    entry: BundleEntry,
    condition: Identifier,
    ids: tuple[str, ...],
    source: str,
) -> Identified:
    """Return the resource that a condition finds, or the new one that it makes."""
    if len(ids) > 1:
        says = f"More than one {bare.type} has the identifier {str(condition)[:120]!r}"
        mend = f"Send it with PUT {bare.type}/<id>, to say which one."
        raise UnresolvedError("conflict", says, mend)
    if not ids:
        new = bare.id or stable_id("gateway", source, "condition", *condition)
        return replace(bare, id=new, condition=condition, new=True)
    if entry.request is not None and entry.request.method == "POST":
        return replace(bare, id=ids[0], condition=condition, exists=True)
    return replace(bare, id=_agreeing(ids[0], entry), condition=condition)


def _agreeing(found: str, entry: BundleEntry) -> str:
    """Return the id that an update is about, which the resource states, too, or leaves out."""
    stated = (entry.resource or {}).get("id")
    if stated not in (None, found):
        says = f"The resource has the id {str(stated)[:64]!r}, its request is about {found!r}"
        raise UnresolvedError("invalid", says, "Leave the id out, or make the two agree.")
    return found


def _type(entry: BundleEntry) -> str:
    name = (entry.resource or {}).get("resourceType")
    return name if isinstance(name, str) else ""


def _own_id(entry: BundleEntry) -> str:
    """Return the id of an entry's resource, or that of its `fullUrl`; empty if it has neither."""
    found = (entry.resource or {}).get("id")
    if isinstance(found, str):
        return found
    match = _URN.fullmatch(entry.full_url)
    return match[1] if match and found is None else ""


def _asked(entry: BundleEntry, kind: str) -> tuple[Identifier | None, str | None]:
    """Return the condition of a request and the id that it names; neither for a plain create.

    Raises UnresolvedError: method and url do not fit each other or the resource, or are no ones
    that can be followed.
    """
    request = entry.request
    if request is None:
        return None, None
    _check(request)
    if not kind:
        return None, None
    named, query = _url(request, kind)
    if request.if_none_exist is not None:
        if request.method != "POST":
            mend = "Use it with POST, or put the search into the url of the PUT."
            raise UnresolvedError("invalid", "ifNoneExist belongs to a create", mend)
        query = request.if_none_exist.partition("?")[2] or request.if_none_exist
    if query is None:
        return None, named
    sought = searched(kind, query)
    if isinstance(sought, Identifier):
        return sought, None
    if request.method == "PUT":
        return None, sought
    mend = "Use ifNoneExist with identifier=<system>|<value>, or PUT with the id."
    raise UnresolvedError("not-supported", "A create cannot depend on an id", mend)


def _check(request: EntryRequest) -> None:
    if request.method not in {"POST", "PUT"}:
        says = f"The method {request.method[:20]!r} is not supported"
        mend = (
            "Send what happened, with POST or PUT; what is not so any more has a status of its own,"
            " such as cancelled or entered-in-error."
        )
        raise UnresolvedError("not-supported", says, mend)
    for name in _CONDITIONS:
        if getattr(request, name) is not None:
            says = f"The condition {to_camel(name)} is not supported: versions are not counted"
            raise UnresolvedError("not-supported", says, "Leave it out, or use ifNoneExist.")


def _url(request: EntryRequest, kind: str) -> tuple[str | None, str | None]:
    """Return the id and the search of a request's url, of which it has at most one."""
    method, url = request.method, request.url or ""
    match = _URL.fullmatch(url)
    named, query = (match[2], match[3]) if match else (None, None)
    fits = (named is None and query is None) if method == "POST" else (named or query) is not None
    if match is None or match[1] != kind or not fits or (named and not is_id(named)):
        right = kind if method == "POST" else f"{kind}/<id>, or {kind}?identifier=<system>|<value>"
        says = f"{method} {url[:80]!r} does not fit a resource of type {kind[:60]}"
        raise UnresolvedError("invalid", says, f"The url of this {method} is {right}.")
    return named, query
