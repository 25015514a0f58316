"""What is doubtful in a fact by itself: it is accepted with a warning that names the doubt.

What cannot have happened yet is refused. What is doubtful only beside other facts is said by
`services.gateway.acceptance.awaiting`.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from services.contract.event import EventData
from services.contract.member import CoverActivated, CoverEnded, MemberRegistered
from services.gateway.acceptance.facts import Fact, Group
from services.gateway.acceptance.problems import Problem

AHEAD_MAX: Final = timedelta(days=1)
"""How far ahead of the clock something may be dated that has happened: clocks and zones err."""

_MAY_LIE_AHEAD: Final[tuple[type[EventData], ...]] = (MemberRegistered, CoverActivated, CoverEnded)


@dataclass(slots=True)
class LogTime:
    """What the log's clock reads, as far as this process has heard; it may run ahead of ours."""

    heard: datetime | None = None

    def hear(self, tick: datetime) -> None:
        """Take note of a tick."""
        self.heard = max(tick, self.heard or tick)


@dataclass(frozen=True, slots=True)
class Doubts:
    """What is known of the world that senders speak of.

    providers, insurers, products: the ids that the operator has listed.
    """

    providers: Collection[str]
    insurers: Collection[str]
    products: Collection[str]
    log_time: LogTime = field(default_factory=LogTime)

    def marked(self, groups: Sequence[Group], now: datetime) -> list[Group]:
        """Return the groups with what is doubtful in each fact; each thing is said once a group."""
        return [self._marked(group, now) for group in groups]

    def _marked(self, group: Group, now: datetime) -> Group:
        said: set[tuple[str, str]] = set()
        facts = []
        for fact in group.facts:
            found = []
            for doubt in self._of(fact, now):
                if (doubt.place, doubt.says) not in said:
                    said.add((doubt.place, doubt.says))
                    found.append(doubt)
            facts.append(replace(fact, doubts=tuple(found)) if found else fact)
        return replace(group, facts=tuple(facts)) if said else group

    def _of(self, fact: Fact, now: datetime) -> Iterator[Problem]:
        provider = getattr(fact.data, "provider", None)
        if provider is not None and provider.id not in self.providers:
            says = f"{provider.id} is not in the registry of providers: it counts as out of network"
            yield _doubt(fact, says, "Check the id, or have it listed.")
        if isinstance(fact.data, CoverActivated):
            yield from self._of_cover(fact, fact.data)
        elif not isinstance(fact.data, _MAY_LIE_AHEAD):
            yield from self._of_time(fact, now)

    def _of_cover(self, fact: Fact, data: CoverActivated) -> Iterator[Problem]:
        if data.cover.insurer not in self.insurers:
            says = f"{data.cover.insurer} is not in the registry of insurers"
            yield _doubt(fact, says, "Check the id, or have it listed.")
        if data.cover.product not in self.products:
            says = f"{data.cover.product} is not in the catalogue of products: it pays nothing"
            yield _doubt(fact, says, "Check the name; docs/gateway.md says where it is read.")

    def _of_time(self, fact: Fact, now: datetime) -> Iterator[Problem]:
        heard = self.log_time.heard
        clock = max(now, heard or now)
        if fact.time <= clock + AHEAD_MAX:
            return
        says = (
            f"It is dated {fact.time.isoformat()}, more than {AHEAD_MAX.days} day after now"
            f" ({clock.isoformat(timespec='seconds')})"
        )
        mend = "What has happened lies in the past: check the year."
        if heard is None:  # the log's clock may be ahead of ours: nobody can say yet
            yield _doubt(fact, says, mend)
        else:
            yield Problem("value", fact.place, says, mend)


def _doubt(fact: Fact, says: str, mend: str) -> Problem:
    return Problem("not-found", fact.place, says, mend, severity="warning")
