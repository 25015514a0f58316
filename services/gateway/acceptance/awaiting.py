"""Facts that were accepted and can have no effect yet, since what they need has not come.

Pure, over what stands: whoever sends is told of it in the answer, and `GET /waiting` lists it. A
stage decides by its own state; what ends here is what was accepted, in the order of acceptance.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from services.contract.codec import instant_text
from services.contract.ids import stable_id
from services.contract.waiting import OPEN_AT_MOST, WAITS_AT_MOST
from services.gateway.acceptance.facts import Fact
from services.gateway.acceptance.links import Links, bills_of, cancellation_of, links
from services.gateway.acceptance.problems import Problem


class Awaiting(NamedTuple):
    """A fact that waits. Names of things are those of `links`; ids are made of member and name.

    about: the fact itself. awaits: what it waits for. within_id: the visit that it belongs to.
    withdraws: it takes away what it waits for. since: when it was accepted, RFC 3339 in UTC.
    """

    event_id: str
    source: str
    member_id: str
    type: str
    about: str
    about_id: str
    awaits: str
    awaits_id: str
    within_id: str | None
    withdraws: bool
    since: str

    def shown(self, *, known: bool) -> dict[str, str | int]:
        """Return it as plain JSON: what, of whom, since when, for what, and how long at most.

        known: the visit that it belongs to stands.
        """
        bound = OPEN_AT_MOST if known and not self.withdraws else WAITS_AT_MOST
        return {
            "event": self.event_id,
            "member": self.member_id,
            "source": self.source,
            "type": self.type,
            "what": self.about,
            "waits_for": self.awaits,
            "since": self.since,
            "at_most_days": bound.days,
        }


VisitKey = tuple[str, str]
"""A member's id and the id of one of the member's visits."""


class VisitStands(NamedTuple):
    """What was accepted of a visit and not taken back.

    billed: it has a charge. last: of one that is discharged, the fact that changed its bill last.
    """

    known: bool
    discharged: bool
    cancelled: bool
    billed: bool
    last: str | None

    @property
    def why_undecided(self) -> str | None:
        """Why there is nothing to decide, as the end of a sentence; None if there is."""
        if self.cancelled:
            return "it was cancelled"
        if not self.known:
            return "nobody has told of it"
        if not self.discharged:
            return "it is not discharged"
        return None if self.billed else "no charge of it is in force"


@dataclass(slots=True)
class Standing:
    """What stands and what waits, as far as some facts have to do with it.

    things: of what stands, the id, and the last time at which it happened. waiting: by event id.
    billed: of new charges, the visit. last: by the discharge of a visit, the fact that changed its
    bill last.
    """

    things: dict[str, str] = field(default_factory=dict)
    waiting: dict[str, Awaiting] = field(default_factory=dict)
    billed: dict[str, str] = field(default_factory=dict)
    last: dict[str, str] = field(default_factory=dict)

    def copy(self) -> "Standing":
        """Return the same, apart from this one."""
        return Standing(dict(self.things), dict(self.waiting), last=dict(self.last))

    def has(self, member: str, thing: str) -> bool:
        """Whether a thing of a member stands."""
        return thing_id(member, thing) in self.things

    def accept(self, fact: Fact, since: str) -> bool:
        """Take an accepted fact into account; returns whether it changes what is billed."""
        link = links(fact.data)
        if not self._accept(fact, link, since):
            return False
        if link.bills is not None and self.has(fact.member, link.bills):
            self.last[thing_id(fact.member, link.bills)] = fact.id
        return link.bills is not None

    def _accept(self, fact: Fact, link: Links, since: str) -> bool:
        """Take a fact into account; returns whether it has an effect, or will have."""
        when = instant_text(fact.time)
        if link.within is not None and self.has(fact.member, cancellation_of(link.within)):
            if link.gives or not link.takes:
                self._meets_cancellation(fact.member, link.within, when)
            return False  # what is dated later than the cancellation, treatment refuses
        if link.takes and not link.gives:
            return self._withdraw(fact, link, when, since)
        # A stay that goes on ends later, and is billed as before.
        ended = link.reopens is not None and self.has(fact.member, link.gives[0])
        came = [self._give(fact.member, thing, when) for thing in link.gives]
        if link.reopens is not None and not self.has(fact.member, link.gives[0]):
            self._wait(fact, link, link.reopens, link.gives[0], since)
        if link.needs is not None and all(came):
            self._bill(fact, link, when, since)
        if link.takes:
            self._replace(fact, link, since)
        earlier = link.reopens is not None and self._last(fact.member, link.gives[0]) != when
        return all(came) and not earlier and not ended

    def _last(self, member: str, thing: str) -> str | None:
        """Return when a thing happened last; None if it does not stand."""
        return self.things.get(thing_id(member, thing))

    def _bill(self, fact: Fact, link: Links, when: str, since: str) -> None:
        """Let a fact have its effect, or wait for what it needs."""
        if link.within is not None:
            self.billed[thing_id(fact.member, link.gives[0])] = thing_id(fact.member, link.within)
        if link.needs is None or self.has(fact.member, link.needs):
            return
        if link.mentions is not None and not self.has(fact.member, link.mentions):
            self.things[thing_id(fact.member, bills_of(link.mentions))] = when
        self._wait(fact, link, link.about, link.needs, since)

    def _replace(self, fact: Fact, link: Links, since: str) -> None:
        """Take away what a fact takes the place of, or wait for that."""
        prior = thing_id(fact.member, link.takes[0])
        if self.things.pop(prior, None) is None:
            self._wait(fact, link, link.about, link.takes[0], since)
        else:
            self._end(lambda each: each.about_id == prior)

    def _was_cancelled(self, member: str, thing: str, when: str) -> bool:
        """Whether a thing that happened `when` was cancelled since."""
        return self.things.get(thing_id(member, cancellation_of(thing)), "") >= when

    def _meets_cancellation(self, member: str, thing: str, when: str) -> bool:
        """Whether a thing was cancelled since; if so, its cancellation waits no longer."""
        if not self._was_cancelled(member, thing, when):
            return False
        cancellation = thing_id(member, cancellation_of(thing))
        self._end(lambda each: each.about_id == cancellation)
        return True

    def _give(self, member: str, thing: str, when: str) -> bool:
        """Let a thing stand, and return True; False if it was taken away before it came."""
        name, cancellation = thing_id(member, thing), thing_id(member, cancellation_of(thing))
        if self._meets_cancellation(member, thing, when):
            return False
        if self._end(lambda each: _withdraws(each, name) and each.about_id != cancellation):
            return False
        self.things[name] = max(when, self.things.get(name, when))
        self._end(lambda each: each.awaits_id == name and not each.withdraws)
        return True

    def _withdraw(self, fact: Fact, link: Links, when: str, since: str) -> bool:
        """Take things away, and what waits as their part, and return True; or wait for them."""
        first = link.takes[0]
        names = {thing_id(fact.member, thing) for thing in link.takes}
        if link.about == cancellation_of(first):
            if self._was_cancelled(fact.member, first, when):
                return False
            about = thing_id(fact.member, link.about)
            self._end(lambda each: each.about_id == about or each.within_id in names)
            self.things[about] = when
        stands = [self.things[name] for name in names if name in self.things]
        if not stands or (link.reopens is not None and max(stands) > when):
            self._wait(fact, link, link.about, first, since)
            return False
        for name in names:
            self.things.pop(name, None)
        self._end(lambda each: each.about_id in names)
        if link.reopens is not None:
            self._wait(fact, link, link.reopens, first, since)
        return True

    def _end(self, over: Callable[[Awaiting], bool]) -> bool:
        """Let those wait no longer of which `over` says so; returns whether there were any."""
        ended = [each.event_id for each in self.waiting.values() if over(each)]
        for event_id in ended:
            del self.waiting[event_id]
        return bool(ended)

    def _wait(self, fact: Fact, link: Links, about: str, awaits: str, since: str) -> None:
        within = None if link.within is None else thing_id(fact.member, link.within)
        about_id = thing_id(fact.member, about)
        if about == link.reopens or not (link.gives or link.takes):  # the last such word counts
            self._end(lambda each: each.about_id == about_id)
        named = dict(zip(_texts(link), _texts(links(fact.sent.data)), strict=True))
        self.waiting[fact.id] = Awaiting(
            event_id=fact.id,
            source=fact.source,
            member_id=fact.member,
            type=fact.data.TYPE,
            about=named.get(about, about),
            about_id=about_id,
            awaits=named.get(awaits, awaits),
            awaits_id=thing_id(fact.member, awaits),
            within_id=within,
            withdraws=awaits in link.takes and about == link.about,
            since=since,
        )


def _texts(link: Links) -> list[str]:
    """Return all that a link names, in one order."""
    return [link.about, *link.gives, link.needs or "", *link.takes, link.reopens or ""]


@lru_cache(maxsize=16_384)
def thing_id(member: str, thing: str) -> str:
    """Return the id of a member's thing."""
    return stable_id(member, thing)


def named_by(facts: Iterable[Fact]) -> set[str]:
    """Return the ids of all things that some facts have to do with."""
    found = set()
    for fact in facts:
        link = links(fact.data)
        things = {link.needs, link.mentions, link.within, *link.gives, *link.takes} - {None}
        things |= {bills_of(link.mentions)} if link.mentions else set()
        things |= {
            cancellation_of(thing) for thing in (link.within, link.needs, *link.gives) if thing
        }
        found |= {thing_id(fact.member, thing) for thing in things if thing}
    return found


def reached_by(facts: Iterable[Fact]) -> set[str]:
    """Return the ids of the visits in which some facts withdraw something."""
    found = ((fact.member, links(fact.data)) for fact in facts)
    return {thing_id(member, link.within) for member, link in found if link.takes and link.within}


def _withdraws(each: Awaiting, thing: str) -> bool:
    return each.withdraws and each.awaits_id == thing


def waiting_note(fact: Fact, standing: Standing) -> Problem | None:
    """Return what its sender should know of an accepted fact: that it waits, or hangs in the air.

    A bill that waits for the discharge of a known visit is as it should be; any other is doubtful.
    """
    waits = standing.waiting.get(fact.id)
    link = links(fact.data)
    unknown = link.mentions is not None and not standing.has(fact.member, link.mentions)
    if waits is None and not unknown:
        return None
    sent = links(fact.sent.data)
    if waits is None:
        says = f"Nobody has told of {sent.mentions}, which {sent.about} names"
        return _doubt(fact, says, "Send it, too, or check the id.")
    says = f"{waits.about} waits for {waits.awaits}"
    says = f"{says[0].upper()}{says[1:]}"
    opened = link.reopens is not None and not waits.withdraws
    usual = link.mentions is not None and not unknown and not waits.withdraws
    if opened or usual:
        return Problem("informational", fact.place, says, severity="information")
    missing = sent.mentions if unknown else waits.awaits
    mend = (
        f"If that does not come within {WAITS_AT_MOST.days} days of the log's clock, it is given up;"
        " GET /waiting lists what waits."
    )
    return _doubt(fact, f"{says}, and nobody has told of {missing}", mend)


def _doubt(fact: Fact, says: str, mend: str) -> Problem:
    return Problem("not-found", fact.place, says, mend, severity="warning")
