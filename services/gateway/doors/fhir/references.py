"""References: which resource one names, in whichever of FHIR's forms it is written.

The forms of R4 (2.3.0, 3.1.0.7 and 3.1.0.9): relative and absolute, with or without a version;
`urn:uuid:` and any other fullUrl of the same request; contained (`#id`); conditional
(`Type?identifier=system|value`); and logical, an identifier alone. What names nothing is refused:
an address never becomes an id.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

from services.gateway.acceptance.facts import is_id
from services.gateway.acceptance.identities import Identifier
from services.gateway.acceptance.problems import IssueCode, Problem
from services.gateway.doors.fhir.elements import Reference
from services.gateway.doors.fhir.types import R4_TYPES

_BASE: Final = r"(?:https?://[^\s?#]+/)?"
# A relative one may hold an id that is marked for a sender, see `acceptance.names`.
_LITERAL: Final = re.compile(
    r"(?:https?://[^\s?#]+/(?!\S*#))?([A-Za-z]+)/([^\s/?]+)(?:/_history/[^\s/?#]+)?"
)
_SEARCH: Final = re.compile(_BASE + r"([A-Za-z]+)\?(\S+)")
_HISTORY: Final = re.compile(r"/_history/[^/]+$")
_BAR: Final = re.compile(r"(?<!\\)\|")
_ESCAPED: Final = re.compile(r"\\([\\,$|])")


class UnresolvedError(ValueError):
    """What is written names no resource, or none that is known; with what to do about it."""

    def __init__(self, code: IssueCode, says: str, mend: str) -> None:
        """Keep what becomes a problem at a place."""
        super().__init__(says)
        self.code: IssueCode = code
        self.says = says
        self.mend = mend

    def problem(self, place: str) -> Problem:
        """Return it as a problem at a place of the request."""
        return Problem(self.code, place, self.says, self.mend)


class Target(NamedTuple):
    """What a reference names. id: empty if it has none of its own. resource: if it came along."""

    type: str
    id: str
    resource: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Bundled:
    """A resource of the request, by the names under which others of the request refer to it.

    own: the id that it states, where the one under which it is known is another.
    """

    type: str
    id: str
    own: str = ""
    url: str = ""
    resource: Mapping[str, Any] | None = None


@dataclass(slots=True)
class References:
    """All that the references of one request may name.

    named: its resources. known: who has which identifier, of those that were looked up. asked:
    identifiers that nobody in the request has, and that are to be looked up.
    """

    named: Sequence[Bundled]
    known: Mapping[Identifier, tuple[str, ...]] = field(default_factory=dict)
    asked: set[Identifier] = field(default_factory=set)
    _by_url: dict[str, Bundled] = field(init=False)
    _by_name: dict[tuple[str, str], Bundled] = field(init=False)

    def __post_init__(self) -> None:
        """Sort the resources by what they are called."""
        self._by_url = {each.url: each for each in self.named if each.url and each.id}
        self._by_name = {(each.type, each.own or each.id): each for each in self.named}

    def target(self, reference: Reference, wanted: str, contained: Any) -> Target:
        """Return what a reference names. wanted: the type that an identifier alone stands for.

        Raises UnresolvedError: it names nothing, nothing known, or more than one.
        """
        text = reference.reference or ""
        found = self._literal(text, contained)
        if found is None and reference.identifier is not None and reference.identifier.value:
            system = reference.identifier.system or ""
            kind = reference.type or wanted
            found = self.identified(Identifier(kind, system, reference.identifier.value))
        if found is None:
            raise UnresolvedError(
                "value",
                f"The reference {text[:80]!r} does not name a {wanted}",
                f"Write it as {wanted}/<id>, or as the fullUrl of an entry of this Bundle.",
            )
        return found

    def identified(self, identifier: Identifier) -> Target:
        """Return what has an identifier: in the request, else at this sender.

        Raises UnresolvedError: nothing has it, or more than one.
        """
        here = {
            each.id: each
            for each in self.named
            if each.type == identifier.type and identifier in identifiers_of(each.resource)
        }
        ids = tuple(here) or self._looked_up(identifier)
        if len(ids) == 1:
            return _target(here[ids[0]]) if here else Target(identifier.type, ids[0])
        says = f"{'More than one' if ids else 'No'} {identifier.type} with the identifier"
        if not ids and identifier.type == "Organization":
            # Organisations are everybody's: the identifier is the name that the registry knows.
            return Target("Organization", "", {"identifier": [{"value": identifier.value}]})
        raise UnresolvedError(
            "conflict" if ids else "not-found",
            f"{says} {str(identifier)[:120]!r} is known of this sender",
            f"Refer to it as {identifier.type}/<id>, or send it with that identifier first.",
        )

    def _looked_up(self, identifier: Identifier) -> tuple[str, ...]:
        if identifier not in self.known:
            self.asked.add(identifier)
        return self.known.get(identifier, ())

    def _literal(self, text: str, contained: Any) -> Target | None:
        if text.startswith("#"):
            return self._contained(text[1:], contained)
        bundled = self._by_url.get(text) or self._by_url.get(_HISTORY.sub("", text))
        if bundled is not None:
            return _target(bundled)
        if literal := _LITERAL.fullmatch(text):
            kind, found = literal[1], literal[2]
            if kind in R4_TYPES and is_id(found):
                return self._called(kind, found)
        elif (search := _SEARCH.fullmatch(text)) and search[1] in R4_TYPES:
            sought = searched(search[1], search[2])
            if isinstance(sought, str):
                return self._called(search[1], sought)
            return self.identified(sought)
        return None

    def _called(self, kind: str, name: str) -> Target:
        named = self._by_name.get((kind, name))
        return Target(kind, name) if named is None else _target(named)

    def _contained(self, name: str, contained: Any) -> Target:
        """Return a contained resource: it has no id of its own, only what it says of itself."""
        inside = contained if isinstance(contained, list) else []
        for each in inside:
            if isinstance(each, dict) and name and each.get("id") == name:
                kind = each.get("resourceType")
                if not isinstance(kind, str):
                    break
                identifiers = identifiers_of(each)
                if kind not in {"Organization", "Medication"} and identifiers:
                    return self.identified(identifiers[0])
                return Target(kind, "", each)
        mend = "Put the resource into `contained` under this id, or refer to another."
        says = f"No contained resource has the id {name[:64]!r}"
        raise UnresolvedError("not-found", says, mend)


def searched(kind: str, query: str) -> Identifier | str:
    """Return the identifier, or the id, by which a search looks for one resource.

    Raises UnresolvedError: it looks for something else, or in another way.
    """
    pairs = parse_qsl(query, keep_blank_values=True)
    if len(pairs) == 1 and pairs[0][0] == "_id" and is_id(pairs[0][1]):
        return pairs[0][1]
    if len(pairs) == 1 and pairs[0][0] == "identifier" and not re.search(r"(?<!\\),", pairs[0][1]):
        parts = [_ESCAPED.sub(r"\1", part) for part in _BAR.split(pairs[0][1])]
        if len(parts) == 1 and kind == "Organization":
            parts.insert(0, "")
        if len(parts) == 2 and parts[1]:
            return Identifier(kind, *parts)
    raise UnresolvedError(
        "not-supported",
        f"The search {kind}?{query[:80]} cannot be followed",
        f"Look for one resource, with {kind}?identifier=<system>|<value> and nothing else.",
    )


def identifiers_of(resource: Mapping[str, Any] | None) -> tuple[Identifier, ...]:
    """Return the identifiers of a resource as it came; what is none is passed by."""
    found = resource.get("identifier") if resource else None
    return tuple(_identifiers(str(resource["resourceType"]), found)) if resource and found else ()


def _identifiers(kind: str, found: Any) -> Iterator[Identifier]:
    for each in found if isinstance(found, list) else [found]:
        if isinstance(each, dict) and each.get("use") != "old":
            value, system = each.get("value"), each.get("system") or ""
            if isinstance(value, str) and value and isinstance(system, str):
                yield Identifier(kind, system, value)


def _target(named: Bundled) -> Target:
    return Target(named.type, named.id, named.resource)
