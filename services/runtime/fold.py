"""The fold of one partition: records in, outputs and new states out; no I/O, no clock, no chance.

The Faust worker, the runner without a broker, replay and simulation all call this, and so all
give the same answers.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Final, Generic, NamedTuple, TypeVar

import orjson

from services.contract.catalog import catalog, source_of
from services.contract.clock import ClockTicked
from services.contract.codec import (
    Record,
    UndecodableError,
    decode,
    encode,
    header_map,
    producer_in,
    sequence_of,
)
from services.contract.event import Event, EventData
from services.contract.ids import derived_id
from services.contract.registry import EVENT_TYPES, newest
from services.contract.step import Draft, RuleRefusedError, State, Step
from services.contract.topics import DEAD_LETTERS
from services.runtime.dead_letters import Place, dead_letter
from services.runtime.household import (
    HEADER,
    NEVER,
    Household,
    Parked,
    decode_household,
    instant_us,
    version_of,
)
from services.runtime.stage import Stage
from services.runtime.state_store import StateStore

S = TypeVar("S", bound=State)

POSITION_KEY: Final = b"\x00position"
"""Key of the record that says up to where the partition has been read. No household has it."""

PARKED_MAX: Final = 256
PARKED_BYTES_MAX: Final = 256 << 10
"""Parked records are part of the household's state, which must fit into one changelog record."""

CACHED_HOUSEHOLDS_MAX: Final = 2_000
TICK: Final = ClockTicked.TYPE.encode()


class Row(NamedTuple):
    """A record where it stands in its partition."""

    offset: int
    record: Record
    timestamp_ms: int = 0


@dataclass(frozen=True, slots=True)
class Position:
    """How far a partition has been read: the next offset, and what the log's clock says."""

    next_offset: int = 0
    clock: datetime | None = None

    def encode(self) -> bytes:
        """Return the bytes to store; the version is the offset."""
        clock = self.clock.isoformat() if self.clock else None
        body = orjson.dumps({"next": self.next_offset, "clock": clock})
        return HEADER.pack(self.next_offset, NEVER) + body

    @staticmethod
    def decode(stored: bytes) -> "Position":
        """Return the position that `encode` stored."""
        body = orjson.loads(stored[HEADER.size :])
        clock = datetime.fromisoformat(body["clock"]) if body["clock"] else None
        return Position(version_of(stored), clock)


class GapInLogError(RuntimeError):
    """A batch begins beyond the next offset: records would be skipped. The process must stop."""


@dataclass(slots=True)
class Folded:
    """What a batch leads to.

    outputs: records by topic, in order; they belong on the same partition number as the input.
    parked: how many were set aside until a missing one comes.
    """

    outputs: list[tuple[str, Record]] = field(default_factory=list)
    events: int = 0
    duplicates: int = 0
    refused: list[str] = field(default_factory=list)
    parked: int = 0


class PartitionFold(Generic[S]):
    """Folds one partition of a stage's input topic."""

    def __init__(self, stage: Stage[S], partition: int, store: StateStore) -> None:
        """Begin where `store` left off."""
        self._stage = stage
        self._partition = partition
        self._store = store
        self._wanted = frozenset(
            data.TYPE.encode() for data in EVENT_TYPES if newest(data) in stage.consumes
        )
        self._sole_producers = {
            entry.type.encode(): entry.producers[0]
            for entry in catalog().values()
            if len(entry.producers) == 1
        }
        self._households: OrderedDict[bytes, Household[S]] = OrderedDict()
        self._dirty: dict[bytes, Household[S]] = {}
        self._storing: dict[bytes, Household[S]] = {}
        stored = store.get(POSITION_KEY)
        position = Position() if stored is None else Position.decode(stored)
        self._next_offset = self._stored_until = position.next_offset
        self._clock = position.clock
        self._folded = Folded()

    @property
    def position(self) -> Position:
        """How far the partition has been read."""
        return Position(self._next_offset, self._clock)

    def apply(self, rows: Sequence[Row]) -> Folded:
        """Fold records in order; those that were read before are dropped as redelivered.

        Outputs are to be stored before `take_changes`, of this batch and of those before it.

        Raises:
            GapInLogError: the rows begin beyond the next offset, or skip one.
        """
        self._folded = Folded()
        for row in rows:
            expected = self._next_offset
            if row.offset < expected:
                self._folded.duplicates += 1
                continue
            if row.offset > expected:
                where = f"{self._stage.input_topic}/{self._partition}"
                raise GapInLogError(f"{where}: offset {row.offset} where {expected} is next")
            self._one(row)
            self._next_offset = row.offset + 1
        return self._folded

    def take_changes(self) -> dict[bytes, bytes]:
        """Return every household touched since the last call, and the position, as to be stored.

        They belong in the store before the next call: a fold whose changes could not be stored
        is not to be used again. Until then it goes on from what it holds in memory. Empty if
        nothing was read.
        """
        if self._stored_until == self._next_offset:
            return {}
        self._forget_oldest()
        changes = {key: household.encode() for key, household in self._dirty.items()}
        changes[POSITION_KEY] = self.position.encode()
        self._stored_until = self._next_offset
        self._storing, self._dirty = self._dirty, {}
        return changes

    def _forget_oldest(self) -> None:
        """Let go of households that the store has."""
        spare = max(0, len(self._households) - CACHED_HOUSEHOLDS_MAX)
        for key in list(islice(self._households, spare)):
            if key not in self._dirty:
                del self._households[key]

    def _one(self, row: Row) -> None:
        headers = header_map(row.record.headers)
        kind = headers.get("ce_type")
        if kind == TICK:
            self._tick(row)
            return
        producer = self._sole_producers.get(kind or b"") or producer_in(headers)
        sequence = sequence_of(headers)
        key = row.record.key
        if producer is None or sequence is None or not key or headers.get("ce_partitionkey") != key:
            self._refuse(row, _why_unreadable(row.record, headers))
            return
        household = self._household(key)
        last = household.received.get(producer, 0)
        if sequence <= last:
            self._folded.duplicates += 1
        elif sequence == last + 1:
            self._in_turn(row, household, producer, headers)
            if household.parked:
                self._unpark(household)
        else:
            self._park(row, household, producer, sequence, last)

    def _in_turn(
        self, row: Row, household: Household[S], producer: str, headers: dict[str, bytes]
    ) -> None:
        household.received[producer] = household.received.get(producer, 0) + 1
        self._touch(row.record.key, household)
        if headers["ce_type"] not in self._wanted:
            return
        try:
            event = decode(row.record, headers)
            self._decide(household, event)
        except (UndecodableError, RuleRefusedError) as error:
            self._refuse(row, str(error))
        self._folded.events += 1

    def _decide(self, household: Household[S], event: Event[EventData]) -> None:
        key = self._stage.key(event)
        state = household.state(key)
        before = self._stage.begin() if state is None else state
        step = self._stage.decide(before, event, self._clock or event.time)
        self._emit(household, key, before, step, event)

    def _emit(
        self,
        household: Household[S],
        key: str,
        before: S,
        step: Step[S],
        cause: Event[EventData],
    ) -> None:
        if step.state is not before:
            household.put(key, step.state)
        for ordinal, draft in enumerate(step.outputs):
            topic, record = self._stamp(household, draft, cause, ordinal)
            self._folded.outputs.append((topic, record))

    def _stamp(
        self, household: Household[S], draft: Draft, cause: Event[EventData], ordinal: int
    ) -> tuple[str, Record]:
        entry = catalog()[draft.data.TYPE]
        assert self._stage.name in entry.producers, f"{entry.type} belongs to {entry.producers}"
        topic = entry.topics[0]
        sequence = household.sent.get(topic, 0) + 1
        household.sent[topic] = sequence
        subject = cause.subject if draft.subject is None else draft.subject
        event = Event(
            id=derived_id(self._stage.name, cause.id, subject, entry.type, ordinal),
            source=source_of(self._stage.name),
            subject=subject,
            household=cause.household,
            time=draft.time,
            recorded_time=cause.recorded_time,
            sequence=sequence,
            data=draft.data,
            causation_id=cause.id,
            correlation_id=draft.correlation_id or cause.correlation_id,
            traceparent=cause.traceparent,
        )
        return topic, encode(event)

    def _tick(self, row: Row) -> None:
        try:
            tick = decode(row.record)
        except UndecodableError as error:
            self._refuse(row, str(error))
            return
        if self._clock is not None and tick.time <= self._clock:
            self._folded.duplicates += 1
            return
        self._clock = tick.time
        until_us = instant_us(tick.time)
        for key in self._due(until_us):
            household = self._household(key)
            for subject in household.due(until_us):
                self._wake(household, key, subject, tick)

    def _due(self, until_us: int) -> list[bytes]:
        changed = self._storing | self._dirty
        found = {key for key in self._store.due(until_us) if key not in changed}
        for key, household in changed.items():
            if NEVER < household.wake_us() <= until_us:
                found.add(key)
        return sorted(found)

    def _wake(
        self, household: Household[S], key: bytes, subject: str, tick: Event[EventData]
    ) -> None:
        before = household.state(subject)
        assert before is not None, "only what is stored can be due"
        step = self._stage.wake(before, tick.time)
        wake_at = step.state.wake_at
        assert wake_at is None or wake_at > tick.time, "a wake-up must move on"
        cause = Event(
            id=tick.id,
            source=tick.source,
            subject=subject,
            household=key.decode(),
            time=tick.time,
            recorded_time=tick.recorded_time,
            sequence=0,
            data=tick.data,
        )
        self._touch(key, household)
        self._emit(household, subject, before, step, cause)

    def _park(
        self, row: Row, household: Household[S], producer: str, sequence: int, last: int
    ) -> None:
        if any((one.producer, one.sequence) == (producer, sequence) for one in household.parked):
            self._folded.duplicates += 1
            return
        parked_bytes = sum(len(one.record.value) for one in household.parked)
        if (
            len(household.parked) >= PARKED_MAX
            or parked_bytes + len(row.record.value) > PARKED_BYTES_MAX
        ):
            self._refuse(row, f"sequence {sequence} of {producer}, {last + 1} is missing")
            return
        household.parked.append(Parked(producer, sequence, row.offset, row.record))
        self._folded.parked += 1
        self._touch(row.record.key, household)

    def _unpark(self, household: Household[S]) -> None:
        moved = True
        while moved and household.parked:
            moved = False
            for parked in sorted(household.parked, key=lambda one: one.sequence):
                last = household.received.get(parked.producer, 0)
                if parked.sequence > last + 1:
                    continue
                household.parked.remove(parked)
                moved = True
                if parked.sequence == last + 1:
                    row = Row(parked.offset, parked.record)
                    headers = header_map(parked.record.headers)
                    self._in_turn(row, household, parked.producer, headers)

    def _refuse(self, row: Row, reason: str) -> None:
        place = Place(self._stage.input_topic, self._partition, row.offset)
        letter = dead_letter(row.record, place, self._stage.name, reason)
        self._folded.outputs.append((DEAD_LETTERS, letter))
        self._folded.refused.append(reason)

    def _household(self, key: bytes) -> Household[S]:
        household = self._households.get(key)
        if household is None:
            stored = self._store.get(key)
            household = (
                Household(self._stage.state)
                if stored is None
                else decode_household(stored, self._stage.state)
            )
            self._households[key] = household
        else:
            self._households.move_to_end(key)
        return household

    def _touch(self, key: bytes, household: Household[S]) -> None:
        household.version += 1
        self._dirty[key] = household


def _why_unreadable(record: Record, headers: Mapping[str, bytes]) -> str:
    kind = headers.get("ce_type", b"").decode(errors="replace")
    problems = []
    if kind not in catalog():
        problems.append(f"the event type {kind!r} is not in the catalog")
    elif producer_in(headers) is None:
        source = headers.get("ce_source", b"").decode(errors="replace")
        producers = " or ".join(map(source_of, catalog()[kind].producers))
        problems.append(f"the source {source!r} must be {producers} for {kind}")
    if sequence_of(headers) is None:
        problems.append("ce_sequence must be a whole number from 1 on")
    if not record.key or headers.get("ce_partitionkey") != record.key:
        problems.append("the key must be the household, and equal to ce_partitionkey")
    return "; ".join(problems)
