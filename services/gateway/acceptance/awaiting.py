"""Facts that were accepted and can have no effect yet, since what they need has not come.

Pure, over what stands: whoever sends is told of it in the answer, and `GET /waiting` lists it. A
stage decides by its own state; what ends here is what was accepted, in the order of acceptance.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from services.contract.ids import stable_id
from services.contract.waiting import WAITS_AT_MOST
from services.gateway.acceptance.facts import Fact
from services.gateway.acceptance.links import Links, links
from services.gateway.acceptance.problems import Problem


class Awaiting(NamedTuple):
    """A fact that waits. Names of things are those of `links`; ids are made of member and name.

    about: the fact itself. awaits: what it waits for. withdraws: it takes that away when it comes.
    since: when it was accepted, RFC 3339 in UTC.
    """

    event_id: str
    source: str
    member_id: str
    type: str
    about: str
    about_id: str
    awaits: str
    awaits_id: str
    withdraws: bool
    since: str

    def shown(self) -> dict[str, str | int]:
        """Return it as plain JSON: what, of whom, since when, for what, and how long at most."""
        return {
            "event": self.event_id,
            "member": self.member_id,
            "source": self.source,
            "type": self.type,
            "what": self.about,
            "waits_for": self.awaits,
            "since": self.since,
            "at_most_days": WAITS_AT_MOST.days,
        }


@dataclass(slots=True)
class Standing:
    """What stands and what waits, as far as some facts have to do with it.

    things: ids of what stands. waiting: by event id.
    """

    things: set[str] = field(default_factory=set)
    waiting: dict[str, Awaiting] = field(default_factory=dict)

    def copy(self) -> "Standing":
        """Return the same, apart from this one."""
        return Standing(set(self.things), dict(self.waiting))

    def has(self, member: str, thing: str) -> bool:
        """Whether a thing of a member stands."""
        return thing_id(member, thing) in self.things

    def accept(self, fact: Fact, since: str) -> None:
        """Take an accepted fact into account."""
        link = links(fact.data)
        if link.takes and self.has(fact.member, link.takes[0]):
            self._take(fact, link, since)
            return
        withdrawn = [self._give(thing_id(fact.member, thing)) for thing in link.gives]
        needed = link.needs
        if needed is not None and not any(withdrawn) and not self.has(fact.member, needed):
            self._wait(fact, link.about, needed, bool(link.takes), since)

    def _give(self, thing: str) -> bool:
        """Let a thing stand, and return False; True if a fact waits to take it away."""
        waiting = [each for each in self.waiting.values() if each.awaits_id == thing]
        withdrawals = [each for each in waiting if each.withdraws]
        for each in withdrawals or waiting:
            del self.waiting[each.event_id]
        if not withdrawals:
            self.things.add(thing)
        return bool(withdrawals)

    def _take(self, fact: Fact, link: Links, since: str) -> None:
        """Take things away, and with them what waits to be their part or for them."""
        taken = {thing_id(fact.member, thing) for thing in link.takes}
        self.things -= taken
        for each in list(self.waiting.values()):
            if each.about_id in taken or each.awaits_id in taken:
                del self.waiting[each.event_id]
        if link.reopens is not None:
            self._wait(fact, link.reopens, link.takes[0], False, since)  # noqa: FBT003

    def _wait(self, fact: Fact, about: str, awaits: str, withdraws: bool, since: str) -> None:  # noqa: FBT001
        self.waiting[fact.id] = Awaiting(
            event_id=fact.id,
            source=fact.source,
            member_id=fact.member,
            type=fact.data.TYPE,
            about=about,
            about_id=thing_id(fact.member, about),
            awaits=awaits,
            awaits_id=thing_id(fact.member, awaits),
            withdraws=withdraws,
            since=since,
        )


def thing_id(member: str, thing: str) -> str:
    """Return the id of a member's thing."""
    return stable_id(member, thing)


def named_by(facts: Iterable[Fact]) -> set[str]:
    """Return the ids of all things that some facts have to do with."""
    return {
        thing_id(fact.member, thing)
        for fact in facts
        for link in (links(fact.data),)
        for thing in (*link.gives, *link.takes, link.needs, link.mentions)
        if thing is not None
    }


def waiting_note(fact: Fact, standing: Standing) -> Problem | None:
    """Return what its sender should know of an accepted fact: that it waits, or hangs in the air.

    A bill that waits for the discharge of a known visit is as it should be; any other is doubtful.
    """
    link = links(fact.data)
    waits = standing.waiting.get(fact.id)
    unknown = link.mentions is not None and not standing.has(fact.member, link.mentions)
    if waits is None:
        says = f"Nobody has told of {link.mentions}, which {link.about} names"
        return _doubt(fact, says, "Send it, too, or check the id.") if unknown else None
    says = f"{waits.about} waits for {waits.awaits}"
    if (link.mentions is not None and not unknown) or (
        link.reopens is not None and not _idle(waits)
    ):
        return Problem("informational", fact.place, _capital(says), severity="information")
    missing = link.mentions if unknown else waits.awaits
    mend = (
        f"If that does not come within {WAITS_AT_MOST.days} days of the log's clock, it is given up;"
        " GET /waiting lists what waits."
    )
    return _doubt(fact, f"{_capital(says)}, and nobody has told of {missing}", mend)


def _idle(waits: Awaiting) -> bool:
    """Whether a withdrawal has had no effect."""
    return waits.withdraws


def _doubt(fact: Fact, says: str, mend: str) -> Problem:
    return Problem("not-found", fact.place, says, mend, severity="warning")


def _capital(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"
