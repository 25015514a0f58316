"""The fold of one partition: order, repeats, gaps, time, refusals."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contract.care import RiskStratified
from services.contract.codec import Record, decode, encode
from services.contract.event import Event
from services.contract.ids import stable_id
from services.contract.topics import DEAD_LETTERS, HEALTH_EVENTS
from services.runtime.fold import Folded, GapInLogError, PartitionFold, Row
from services.runtime.household import decode_household
from services.runtime.state_store import MemoryStore
from services.runtime.ticks import tick
from tests.counting_stage import STAGE, Counted, counts
from tests.workers import fact

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def observed(household: str, sequence: int, value: float = 1.0) -> Record:
    """The `sequence`-th fact of a household of one member."""
    return fact(household, sequence, value)


def ticked(days: float) -> Record:
    """A tick of partition 0, so many days after the start."""
    at = T0 + timedelta(days=days)
    return encode(tick(HEALTH_EVENTS, 0, at, at))


class Partition:
    """A log of one partition with a fold behind it."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.fold = PartitionFold(STAGE, 0, self.store)
        self.outputs: list[tuple[str, Record]] = []
        self.next_offset = 0

    def feed(self, *records: Record) -> Folded:
        rows = [Row(self.next_offset + i, record) for i, record in enumerate(records)]
        self.next_offset += len(rows)
        return self.apply(rows)

    def apply(self, rows: Sequence[Row]) -> Folded:
        outcome = self.fold.apply(rows)
        self.outputs += outcome.outputs
        self.store.put(self.fold.take_changes())
        return outcome

    def said(self) -> list[Event[RiskStratified]]:
        return [decode(record) for topic, record in self.outputs if topic == HEALTH_EVENTS]

    def refusals(self) -> list[str]:
        return [
            dict(record.headers)["deadletter-reason"].decode()
            for topic, record in self.outputs
            if topic == DEAD_LETTERS
        ]

    def state(self, household: str) -> Counted | None:
        stored = self.store.get(household.encode())
        assert stored is not None
        return decode_household(stored, Counted).state(f"member-of-{household}")


def test_outputs_are_numbered_without_gaps_and_name_their_cause() -> None:
    partition = Partition()

    partition.feed(observed("a", 1), observed("a", 2), observed("b", 1), observed("a", 3))

    assert [(e.household, e.sequence) for e in partition.said()] == [
        ("a", 1),
        ("a", 2),
        ("b", 1),
        ("a", 3),
    ]
    assert partition.said()[0].causation_id == stable_id("test", "a", "1")


def test_a_repeated_sequence_is_dropped() -> None:
    partition = Partition()

    outcome = partition.feed(observed("a", 1), observed("a", 1), observed("a", 2))

    assert outcome.duplicates == 1
    assert [counts(event.data)[0] for event in partition.said()] == [1, 2]


def test_a_redelivered_offset_is_dropped() -> None:
    partition = Partition()
    partition.feed(observed("a", 1), observed("a", 2))

    outcome = partition.apply([Row(0, observed("a", 1)), Row(1, observed("a", 2))])

    assert (outcome.duplicates, outcome.outputs) == (2, [])


@pytest.mark.parametrize("offset", [3, 9])
def test_a_batch_beyond_the_next_offset_stops_the_process(offset: int) -> None:
    partition = Partition()
    partition.feed(observed("a", 1), observed("a", 2))

    with pytest.raises(GapInLogError, match="2 is next"):
        partition.apply([Row(offset, observed("a", 3))])


def test_an_event_that_came_too_early_waits_for_the_missing_one() -> None:
    partition = Partition()

    early = partition.feed(observed("a", 1), observed("a", 3), observed("a", 4))
    late = partition.feed(observed("a", 2))

    assert (early.parked, late.parked) == (2, 0)
    assert [counts(event.data)[0] for event in partition.said()] == [1, 2, 3, 4]
    causes = [event.causation_id for event in partition.said()]
    assert causes == [stable_id("test", "a", str(number)) for number in (1, 2, 3, 4)]


def test_large_events_that_come_too_early_are_refused_rather_than_stored_without_end() -> None:
    partition = Partition()
    large = [observed("a", sequence) for sequence in range(2, 12)]
    large = [Record(one.key, one.value + b" " * 60_000, one.headers) for one in large]

    outcome = partition.feed(*large)

    assert outcome.parked == 4
    assert partition.refusals() == [
        f"sequence {sequence} of gateway, 1 is missing" for sequence in range(6, 12)
    ]
    assert len(partition.store.get(b"a") or b"") < 400_000


def test_parked_events_survive_a_restart() -> None:
    partition = Partition()
    partition.feed(observed("a", 2))

    partition.fold = PartitionFold(STAGE, 0, partition.store)
    partition.feed(observed("a", 1))

    assert [counts(event.data)[0] for event in partition.said()] == [1, 2]


def test_a_refused_event_goes_to_the_dead_letters_and_the_next_one_is_applied() -> None:
    partition = Partition()

    partition.feed(observed("a", 1, value=-5.0), observed("a", 2))

    assert partition.refusals() == ["a value of -5.0 is below 0"]
    assert [counts(event.data)[0] for event in partition.said()] == [1]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda r: Record(r.key, b"{", r.headers), "JSON"),
        (lambda r: Record(b"other", r.value, r.headers), "ce_partitionkey"),
        (lambda r: Record(r.key, r.value, ()), "not in the catalog"),
        (
            lambda r: Record(
                r.key, r.value, tuple((n, b"x" if n == "ce_sequence" else v) for n, v in r.headers)
            ),
            "whole number",
        ),
        (
            lambda r: Record(
                r.key,
                r.value,
                tuple((n, b"9" * 5000 if n == "ce_sequence" else v) for n, v in r.headers),
            ),
            "whole number",
        ),
    ],
)
def test_poison_is_refused_with_its_bytes_and_the_partition_goes_on(spoil, reason: str) -> None:
    partition = Partition()
    poison = spoil(observed("a", 1))

    partition.feed(poison, observed("b", 1))

    assert reason in partition.refusals()[0]
    letter = next(record for topic, record in partition.outputs if topic == DEAD_LETTERS)
    assert (letter.key, letter.value) == (poison.key, poison.value)
    assert [event.household for event in partition.said()] == ["b"]


def test_a_tick_wakes_what_is_due_and_only_once() -> None:
    partition = Partition()
    partition.feed(observed("a", 1))

    partition.feed(ticked(0.5))
    partition.feed(ticked(2), ticked(3))

    assert [counts(event.data)[1] for event in partition.said()] == [0, 1]
    assert partition.said()[-1].time == T0 + timedelta(days=2)


def test_a_tick_that_does_not_move_the_clock_is_dropped() -> None:
    partition = Partition()
    partition.feed(ticked(5))

    outcome = partition.feed(ticked(5), ticked(4))

    assert outcome.duplicates == 2
    assert partition.fold.position.clock == T0 + timedelta(days=5)


def test_a_wake_up_set_and_due_within_one_batch_is_called() -> None:
    partition = Partition()

    partition.feed(observed("a", 1), ticked(2))

    assert [counts(event.data)[1] for event in partition.said()] == [0, 1]


steps = st.lists(
    st.one_of(
        st.tuples(st.just("fact"), st.sampled_from("abc"), st.integers(-1, 3)),
        st.tuples(st.just("tick"), st.integers(0, 9), st.just(0)),
        st.tuples(st.just("repeat"), st.sampled_from("abc"), st.just(0)),
    ),
    max_size=40,
)


def script(moves: list[tuple[str, str | int, int]]) -> list[Record]:
    """Turn drawn moves into records: gapless facts, repeats of the last one, ticks."""
    last: dict[str, int] = {}
    records = []
    for kind, where, value in moves:
        if kind == "tick":
            records.append(ticked(float(where)))
        elif kind == "fact":
            last[str(where)] = last.get(str(where), 0) + 1
            records.append(observed(str(where), last[str(where)], float(value)))
        elif str(where) in last:
            records.append(observed(str(where), last[str(where)]))
    return records


@given(moves=steps, cuts=st.lists(st.integers(0, 40), max_size=5))
def test_how_the_log_is_cut_into_batches_changes_nothing(moves, cuts: list[int]) -> None:
    records = script(moves)
    whole, cut = Partition(), Partition()

    whole.feed(*records)
    for begin, end in pairwise([0, *sorted(cuts), len(records)]):
        cut.feed(*records[begin:end])
        cut.fold = PartitionFold(STAGE, 0, cut.store)  # a restart between any two batches

    assert whole.outputs == cut.outputs
    assert list(whole.store.items()) == list(cut.store.items())


@given(moves=steps, crash_at=st.integers(0, 40))
def test_a_crash_before_the_states_are_stored_repeats_the_same_outputs(
    moves, crash_at: int
) -> None:
    records = script(moves)
    rows = [Row(offset, record) for offset, record in enumerate(records)]
    partition = Partition()
    partition.apply(rows[:crash_at])

    lost = partition.fold.apply(rows[crash_at:])
    lost_changes = partition.fold.take_changes()  # which are never stored
    partition.fold = PartitionFold(STAGE, 0, partition.store)
    again = partition.fold.apply(rows[crash_at:])

    assert lost.outputs == again.outputs
    assert lost_changes == partition.fold.take_changes()
