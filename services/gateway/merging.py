"""Moving a merged member's facts to who took the member's place.

A merge goes onto the log of the member's household; the stages let the member go, and treatment says
when nothing is in force any more. Only then are the member's facts, which stand on that log, accepted
again under the other member and in its household: bills are decided anew there, by what is used up of
its covers. Whatever ends this process, the merge is not through, and is begun again: the facts are
accepted in the transaction that notes it.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from services.contract.clinical import SessionAttended, SessionMissed
from services.contract.codec import Record, UndecodableError, decode, header_map, producer_in
from services.contract.event import Event, EventData
from services.contract.ids import stable_id
from services.contract.member import MemberMerged, MemberRegistered, MemberReleased
from services.contract.topics import HEALTH_EVENTS
from services.contract.visit import VisitDischarged
from services.gateway.acceptance.facts import Fact
from services.gateway.acceptance.merge_store import Unmoved
from services.gateway.acceptance.scope import rehomed
from services.gateway.acceptance.store import Store
from services.runtime.log_tail import whole_partition
from services.runtime.log_writer import partition_of
from services.runtime.settings import Settings

_POLL_S: Final = 0.5
_ROUND_S_MAX: Final = 60
"""After which the log is read anew, with merges that have come meanwhile."""
_STAY: Final = (MemberRegistered, MemberMerged, SessionAttended, SessionMissed)
"""Sessions stay where they were paid: a payment for one is not taken back."""


def to_move(
    said: Iterable[Event[EventData]],
    released: Event[MemberReleased],
    into: str,
    homes: tuple[str, str],
) -> list[Fact]:
    """Return a merged member's facts as those of `into`; said: in the order of the log.

    homes: the namespaces of both members. The facts of a visit that treatment did not let go stay.
    """
    events = {event.id: event for event in said}.values()
    kept = {
        event.data.visit_id
        for event in events
        if isinstance(event.data, VisitDischarged)
        and event.data.visit_id not in released.data.visits
    }
    return [
        _moved(event, released.causation_id, into, homes)
        for event in events
        if not isinstance(event.data, _STAY) and getattr(event.data, "visit_id", None) not in kept
    ]


def _moved(event: Event[EventData], cause: str | None, into: str, homes: tuple[str, str]) -> Fact:
    data = rehomed(event.data, *homes)
    episode = getattr(data, "visit_id", None) or event.correlation_id
    sent = Fact(event.id, event.source, event.subject, event.time, event.data, "")
    return Fact(
        id=stable_id("gateway", "merged", into, event.id),
        source=event.source,
        member=into,
        time=event.time,
        data=data,
        place="",
        correlation_id=episode,
        traceparent=event.traceparent,
        cause=cause,
        as_sent=sent,
    )


@dataclass(frozen=True, slots=True)
class Merging:
    """Sees merges through while Kafka can be reached. accepted: set when facts wait to be sent."""

    store: Store
    settings: Settings
    now: Callable[[], datetime]
    accepted: asyncio.Event

    async def run(self) -> None:
        """See merges through until cancelled."""
        while True:
            merges = await asyncio.to_thread(self.store.unmoved)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ROUND_S_MAX):
                    await asyncio.gather(*map(self._see_through, merges))
            await asyncio.sleep(_POLL_S)

    async def _see_through(self, merge: Unmoved) -> None:
        said: list[Event[Any]] = []
        partition = partition_of(merge.member.household.encode(), self.settings.partitions)
        async with contextlib.aclosing(
            whole_partition(self.settings, HEALTH_EVENTS, partition)
        ) as records:
            async for record in records:
                event = _of(record, merge)
                if event is None:
                    continue
                if isinstance(event.data, MemberReleased):
                    await asyncio.to_thread(self._move, merge, said, event)
                    self.accepted.set()
                    return
                said.append(event)

    def _move(
        self, merge: Unmoved, said: list[Event[Any]], released: Event[MemberReleased]
    ) -> None:
        into = merge.member.same_as
        assert into is not None  # it is merged
        home = self.store.home_of(into)
        facts = to_move(said, released, into, (merge.member.namespace, home))
        self.store.move(merge.member_id, facts, self.now())


def _of(record: Record, merge: Unmoved) -> Event[Any] | None:
    """Return a fact of the member, or the word that it was let go after the merge; or None."""
    if record.key != merge.member.household.encode():
        return None
    headers = header_map(record.headers)
    if headers.get("ce_subject") != merge.member_id.encode():
        return None
    producer = producer_in(headers)
    if producer != "gateway" and headers.get("ce_causationid") != merge.event_id.encode():
        return None
    try:
        event = decode(record, headers)
    except UndecodableError:
        return None
    is_word = isinstance(event.data, MemberReleased)
    return event if is_word or producer == "gateway" else None
