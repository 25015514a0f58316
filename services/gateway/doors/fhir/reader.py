"""What every translation needs: ids, references, times and codes, with problems collected."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, tzinfo
from typing import Any, Final, NamedTuple

from services.contract.event import EventData
from services.contract.ids import stable_id
from services.contract.visit import Code
from services.gateway.acceptance.facts import Fact, is_id
from services.gateway.acceptance.problems import IssueCode, Problem, Severity
from services.gateway.doors.fhir.elements import (
    ANYWHERE,
    CodeableConcept,
    Meta,
    NotATimeError,
    Period,
    Reference,
    Told,
    surely_before,
    told,
)
from services.gateway.doors.fhir.references import (
    References,
    Target,
    UnresolvedError,
    identifiers_of,
)
from services.gateway.doors.network import NetworkDirectory
from services.member.calendar import SCHEME_ZONE

TEXT_CODES: Final = "urn:careloop:text"
"""System of a code that a sender gave as words alone."""
UNNAMED_CODES: Final = "urn:careloop:unnamed"
"""System of a code whose system the sender left out."""

_NOT_IN_ID: Final = re.compile(r"[^a-z0-9._:/#-]+")


def slug(text: str) -> str:
    """Return an id for a name: the name itself if it can be one, else a fixed derivative."""
    if is_id(text):
        return text
    made = _NOT_IN_ID.sub("-", text.lower()).strip("-._:/#")
    return made if is_id(made) else stable_id("gateway", "name", text)


class Span(NamedTuple):
    """When something began, and when it ended."""

    start: datetime
    end: datetime


@dataclass(slots=True)
class Reader:
    """Reads one resource: its place in the request, and what was found wrong with it.

    references: what the request's references may name. contained: of the resource, as it came.
    zone: where the sender is, if the registry says. undated: the resource says no time of its own.
    """

    source: str
    network: NetworkDirectory
    references: References
    now: datetime
    place: str
    type: str = ""
    id: str = ""
    contained: Any = None
    problems: list[Problem] = field(default_factory=list)
    zone: tzinfo | None = None
    undated: bool = False

    def problem(self, code: IssueCode, at: str, says: str, mend: str) -> None:
        """Note what stands in the way, at an element of the resource."""
        self.problems.append(Problem(code, self._at(at), says, mend))

    def remark(self, says: str, at: str = "", severity: Severity = "information") -> None:
        """Note what the sender should know although the resource is read, or passed over."""
        self.problems.append(Problem("informational", self._at(at), says, severity=severity))

    def _at(self, at: str) -> str:
        return f"{self.place}.{at}" if at else self.place

    def fact(
        self,
        kind: tuple[str, ...],
        member: str,
        time: datetime,
        data: EventData,
        **more: str | bool | None,
    ) -> Fact:
        """Return a fact of this resource; `kind` tells it from the resource's other facts."""
        event_id = self.fact_id(*kind)
        place = self.place
        more.setdefault("undated", self.undated)
        return Fact(event_id, self.source, member, time, data, place, **more)  # type: ignore[arg-type]

    def fact_id(self, *kind: str) -> str:
        """Return the id that a fact of this resource always has."""
        return stable_id("gateway", self.source, self.type, self.id, *kind)

    def required_reference(self, reference: Reference | None, wanted: str, at: str) -> str | None:
        """Return the id that a reference names; a missing one is a problem."""
        if reference is None or not (reference.reference or reference.identifier):
            mend = (
                f"Refer to the {wanted} by its id, as {wanted}/<id> or the urn:uuid of its entry."
            )
            self.problem("required", at, f"{self.type}.{at} is missing", mend)
            return None
        return self.reference(reference, wanted, at)

    def reference(self, reference: Reference | None, wanted: str, at: str) -> str | None:
        """Return the id that a reference names; None, with a problem, if it names nothing known.

        A reference that is left out is None without a problem.
        """
        target = self.target(reference, at, wanted)
        if target is not None and target.id:
            return target.id
        if target is not None and reference is not None:
            mend = "Send it as an entry of the Bundle, or give it an identifier that is known."
            says = f"The contained {wanted} has no identity of its own"
            self.problem("not-supported", _where(reference, at), says, mend)
        return None

    def target(self, reference: Reference | None, at: str, *wanted: str) -> Target | None:
        """Return what a reference names, of one of the wanted types.

        None, with a problem, if it names nothing known or something else; None without a problem if
        it is left out, or has only a name for people.
        """
        if reference is None or not (reference.reference or reference.identifier):
            return None
        try:
            target = self.references.target(reference, wanted[0], self.contained)
        except UnresolvedError as error:
            self.problems.append(error.problem(self._at(_where(reference, at))))
            return None
        if target.type in wanted:
            return target
        named = " or ".join(wanted)
        written = reference.reference or f"identifier of a {target.type}"
        says = f"The reference {written[:80]!r} does not name a {named}"
        mend = f"Write it as {wanted[0]}/<id>, or as the fullUrl of an entry of this Bundle."
        self.problem("value", _where(reference, at), says, mend)
        return None

    def organisation(self, target: Target, reference: Reference, at: str) -> str | None:
        """Return the name of an organisation: its id, else its identifier, else its name.

        An id that stands only in the address of an entry is made for one request, and names nobody.
        """
        resource = target.resource
        if target.id and (resource is None or resource.get("id")):
            return target.id
        identifiers = identifiers_of({**(resource or {}), "resourceType": target.type})
        name = identifiers[0].value if identifiers else (resource or {}).get("name")
        if isinstance(name, str) and name:
            return slug(name)
        mend = "Give it an id, an identifier or a name."
        says = "The organisation says nothing by which it could be known"
        self.problem("required", _where(reference, at), says, mend)
        return None

    def moment(self, *candidates: tuple[str, str | None]) -> datetime | None:
        """Return the earliest instant of the first of the given times that is there.

        None, with a problem, if none is.
        """
        found = self._first(candidates)
        return None if found is None else found.earliest(self._reading_zone(found.first))

    def moment_or_told(self, meta: Meta, *candidates: tuple[str, str | None]) -> datetime | None:
        """Return as `moment`; if none is there, when the request says that anything was.

        Of something that says nothing of its time it is known that it was so when it was told.
        """
        if any(text for _, text in candidates):
            return self.moment(*candidates)
        names = " or ".join(at for at, _ in candidates)
        says = f"There is no {names}: read as of the first time that the request tells of"
        self.remark(says, candidates[0][0], "warning")
        self.undated = True
        return self.told_at(meta)

    def end_moment(self, *candidates: tuple[str, str | None]) -> datetime | None:
        """Return the latest instant of the first of the given times that is there.

        None, with a problem, if none is.
        """
        found = self._first(candidates)
        return None if found is None else found.latest(self._reading_zone(found.last))

    def span(self, at: str, period: Period) -> Span | None:
        """Return when a period began, and when it ended; None, with a problem, if that cannot be.

        A bare date lies where the sender is, by its registry; else in the offset that the other
        end was told with. Ends of unlike precision are refused only if they cannot be true.
        """
        start = self._first([(f"{at}.start", period.start)])
        end = self._first([(f"{at}.end", period.end)])
        if start is None or end is None:
            return None
        offsets = [one.at.tzinfo for one in (start, end) if one.at and one.at.tzinfo is not UTC]
        zones = [zone for zone in (self.zone, *offsets) if zone is not None]
        if surely_before(end, start, zones or ANYWHERE):
            says = f"It ends on {period.end}, before it begins on {period.start}"
            self.problem("value", at, says, "Put the start first.")
            return None
        began = start.earliest(self._reading_zone(start.first, *offsets))
        return Span(began, max(began, end.latest(self._reading_zone(end.last, *offsets))))

    def _reading_zone(self, day: date, *others: tzinfo | None) -> tzinfo:
        """Return the zone in which a bare date is read: the first of those known that has an offset.

        An instant without an offset says nothing of where, and is read in the scheme's zone; so is
        the date, that both are of one day.
        """
        for zone in (self.zone, *others):
            if zone is not None and datetime.combine(day, time.min, tzinfo=zone).utcoffset():
                return zone
        return SCHEME_ZONE

    def _first(self, candidates: Iterable[tuple[str, str | None]]) -> Told | None:
        names = []
        for at, text in candidates:
            if text:
                return self._told(at, text, "Write it as YYYY-MM-DDThh:mm:ss+zz:zz.")
            names.append(at)
        says = f"{self.type} has no {' or '.join(names)}"
        self.problem("required", names[0], says, "Say when it was.")
        return None

    def told_at(self, meta: Meta) -> datetime | None:
        """Return when this version of the resource was told: its own word, else now."""
        updated = meta.last_updated
        return self.moment(("meta.lastUpdated", updated)) if updated else self.now

    def as_told(self, at: str, text: str | None) -> str | None:
        """Return a time as precisely as it was told: an instant, or a day as far as it is known."""
        found = self._told(at, text, "Write it as YYYY-MM-DD.") if text else None
        if found is None:
            return None
        return text if found.at is None else found.at.isoformat()

    def as_known(self, at: str, text: str | None) -> str | None:
        """Return a day, or the month or year that it lies in where no more is told, as written."""
        mend = "Write it as YYYY-MM-DD, or YYYY-MM or YYYY if no more is known."
        found = self._told(at, text, mend) if text else None
        return text[: len("2000-01-01")] if found and text else None

    def _told(self, at: str, text: str, mend: str) -> Told | None:
        try:
            return told(text)
        except NotATimeError as error:
            self.problem("value", at, str(error), mend)
            return None

    def first_day(self, at: str, text: str | None) -> date | None:
        """Return the first day that a time may be, as written; None, with a problem, without one."""
        found = self._day(at, text)
        return None if found is None else found.first

    def last_day(self, at: str, text: str | None) -> date | None:
        """Return the last day that a time may be, as written; None, with a problem, without one."""
        found = self._day(at, text)
        return None if found is None else found.last

    def _day(self, at: str, text: str | None) -> Told | None:
        if text:
            return self._told(at, text, "Write it as YYYY-MM-DD.")
        mend = "Give the date, as YYYY-MM-DD."
        self.problem("required", at, f"{self.type} has no {at}", mend)
        return None

    def codes(self, concept: CodeableConcept | None, at: str) -> tuple[Code, ...]:
        """Return every code of a concept with its system; words alone become a code of their own."""
        codes = tuple(codes_of(concept)) if concept is not None else ()
        if not codes:
            mend = "Give at least one coding with system and code, or a text."
            self.problem("required", at, f"{self.type}.{at} has neither code nor text", mend)
        return codes

    @property
    def failed(self) -> bool:
        """Whether something stands in the way."""
        return any(problem.severity == "error" for problem in self.problems)


def codes_of(concept: CodeableConcept) -> Iterable[Code]:
    """Yield the codes of a concept as the contract writes them."""
    for coding in concept.coding:
        if coding.code:
            system = coding.system or UNNAMED_CODES
            yield Code(system=system, code=coding.code, display=shown(coding.display))
    if concept.first_code is None and concept.words:
        words = concept.words
        yield Code(system=TEXT_CODES, code=words[:100], display=shown(words))


def shown(text: str | None) -> str | None:
    """Return a text for people, cut to what the contract carries; None for an empty one."""
    return text[:500] if text else None


def _where(reference: Reference, at: str) -> str:
    return f"{at}.{'reference' if reference.reference else 'identifier'}"
