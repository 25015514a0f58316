"""How a refused record may be driven again, and why it counts once; letters are made by real folds."""

import orjson
import pytest

from services.contract import catalog as contract_catalog
from services.contract.catalog import catalog
from services.contract.clinical import ObservationRecorded
from services.contract.codec import Record, encode, header_map
from services.contract.topics import DEAD_LETTERS, HEALTH_EVENTS, PAYMENT_EVENTS
from services.replay import dead_letters
from services.replay.dead_letters import (
    FALLBACK_SOURCE,
    Again,
    Anew,
    Held,
    Refused,
    by_record,
    choose,
    distinct,
    from_line,
    read_letter,
    to_line,
    way,
)
from services.replay.log import LogError
from services.runtime import fold
from services.runtime.dead_letters import Place, dead_letter
from services.runtime.fold import PARKED_MAX, PartitionFold, Row
from services.runtime.household import decode_household
from services.runtime.state_store import MemoryStore
from services.runtime.ticks import tick
from tests.counting_stage import STAGE, Counted
from tests.workers import T0, fact

OBSERVED = ObservationRecorded.TYPE
READERS = ("screening", "management", "rehabilitation")
PLACE = Place(HEALTH_EVENTS, 3, 1204)


def with_headers(record: Record, **changed: bytes | None) -> Record:
    """The record with some headers replaced, or left out where None is given."""
    kept = dict(record.headers) | changed
    headers = tuple((name, value) for name, value in kept.items() if value is not None)
    return Record(record.key, record.value, headers)


def refused(
    record: Record, reason: str, by: tuple[str, ...] = READERS, place: Place = PLACE
) -> Refused:
    letters = [read_letter(0, Row(0, dead_letter(record, place, name, reason))) for name in by]
    return by_record(letter for letter in letters if letter is not None)[0]


class Stage:
    """The counting stage on one partition."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.fold = PartitionFold(STAGE, 0, self.store)

    def feed(self, *records: Record) -> list[Refused]:
        """Fold records; returns what was refused of them."""
        start = self.fold.position.next_offset
        outcome = self.fold.apply([Row(start + n, record) for n, record in enumerate(records)])
        self.store.put(self.fold.take_changes())
        letters = [
            read_letter(0, Row(n, record))
            for n, (topic, record) in enumerate(outcome.outputs)
            if topic == DEAD_LETTERS
        ]
        return by_record(letter for letter in letters if letter is not None)

    def count(self) -> int:
        stored = self.store.get(b"home")
        assert stored is not None
        state = decode_household(stored, Counted).state("member-of-home")
        return state.count if state else 0


def test_who_came_too_far_before_its_turn_goes_again_as_it_stands_and_counts_once() -> None:
    stage = Stage()
    (too_early,) = stage.feed(*[fact("home", n) for n in range(2, PARKED_MAX + 3)])
    stage.feed(fact("home", 1))

    found = way(too_early)

    assert isinstance(found, Again)
    assert found.record == fact("home", PARKED_MAX + 2)
    assert stage.count() == PARKED_MAX + 1
    for _ in range(3):
        assert stage.feed(found.record) == []
    assert stage.count() == PARKED_MAX + 2


def test_a_type_that_was_unknown_waits_until_the_catalog_has_it_and_then_goes_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without = {kind: entry for kind, entry in catalog().items() if kind != OBSERVED}
    with monkeypatch.context() as before:
        for reader in (fold, contract_catalog):
            before.setattr(reader, "catalog", lambda: without)
        before.setattr(dead_letters, "catalog", lambda: without)
        (unknown,) = Stage().feed(fact("home", 1))
        mended = with_headers(fact("home", 1), ce_type=b"careloop.visit.registered.v1")

        assert isinstance(way(unknown), Held)
        assert isinstance(way(unknown, mended), Held), "it would come twice, and its number never"
    stage, found = Stage(), way(unknown)
    assert isinstance(found, Again)
    stage.feed(found.record, found.record)
    assert stage.count() == 1


def test_a_record_whose_copy_was_refused_again_is_written_once() -> None:
    early = fact("home", 9)
    reason = "sequence 9 of gateway, 3 is missing"
    first = refused(early, reason)
    copy = refused(early, reason, place=Place(PLACE.topic, PLACE.partition, PLACE.offset + 40))
    elsewhere = refused(early, reason, place=Place(PLACE.topic, PLACE.partition + 1, 0))

    ways = [way(each) for each in (first, copy, elsewhere)]

    assert distinct(each for each in ways if isinstance(each, Again)) == [ways[0], ways[2]]


def test_who_cannot_be_mended_under_an_awaited_number_is_told_so() -> None:
    early = refused(fact("home", 9), "sequence 9 of gateway, 3 is missing")

    assert isinstance(way(early), Again)
    assert isinstance(way(early, fact("home", 9, value=1.5)), Held)


def test_what_every_reader_refused_in_its_turn_is_a_new_fact() -> None:
    (here,) = Stage().feed(fact("home", 1, value=-5.0))
    everywhere = refused(fact("home", 1, value=-5.0), here.letters[0].reason)

    found = way(everywhere, fact("home", 1, value=5.0))

    assert isinstance(found, Anew)
    event = orjson.loads(found.body())
    assert event["data"]["value"] == 5.0
    assert (event["type"], event["subject"]) == (OBSERVED, "member-of-home")


def test_what_another_stage_has_taken_is_held_back_unless_it_did_nothing_there() -> None:
    (here,) = Stage().feed(fact("home", 1, value=-5.0))

    held = way(here)

    assert isinstance(held, Held)
    assert "management and rehabilitation took it" in held.reason
    assert isinstance(way(here, None, frozenset({"management"})), Held)
    assert isinstance(way(here, None, frozenset({"management", "rehabilitation"})), Anew)


def test_the_new_id_follows_from_the_place_alone_whatever_is_mended() -> None:
    record = with_headers(fact("home", 1), ce_sequence=None)
    other = with_headers(fact("home", 1, value=7.0), ce_source=b"/else", ce_id=b"else")

    events = [
        found.event
        for by in READERS
        for mended in (None, other)
        if isinstance(found := way(refused(record, "no number", (by,)), mended), Anew)
    ]

    assert len(events) == 6
    assert {(event["source"], event["id"]) for event in events} == {
        ("/test", "dead-letter:health-events:3:1204")
    }


def test_a_sender_that_cannot_be_named_is_replaced_by_a_fixed_one() -> None:
    record = with_headers(fact("home", 1), ce_sequence=None, ce_source=b"two words")

    found = way(refused(record, "no number"))

    assert isinstance(found, Anew)
    assert found.event["source"] == FALLBACK_SOURCE


@pytest.mark.parametrize(
    ("record", "place"),
    [
        (with_headers(fact("home", 1), ce_type=b"careloop.payment.requested.v1"), PLACE),
        (
            with_headers(fact("home", 1), ce_type=b"careloop.payment.requested.v1"),
            Place(PAYMENT_EVENTS, 0, 1),
        ),
        (encode(tick(HEALTH_EVENTS, 0, T0, T0)), PLACE),
        (with_headers(Record(b"home", b"\xff", fact("home", 1).headers), ce_sequence=None), PLACE),
        (Record(b"", b"not an event", ()), PLACE),
        (fact("home", 1), Place("elsewhere", 0, 1)),
    ],
    ids=["derived", "derived money", "tick", "not JSON", "no event", "no topic of ours"],
)
def test_what_no_gateway_would_take_is_held_back(record: Record, place: Place) -> None:
    assert isinstance(way(refused(record, "why", place=place)), Held)


def test_what_is_cut_goes_only_mended() -> None:
    large = with_headers(fact("home", 1), ce_sequence=None, ce_note=b"x" * (300 << 10))
    cut = refused(large, "no number")

    assert isinstance(way(cut), Held)
    assert isinstance(way(cut, fact("home", 1)), Anew)


@pytest.mark.parametrize("value", [b"\xff\x00", b'{"amount": "much"', b'{"a":1}', b""])
def test_a_letter_written_to_a_file_is_the_same_when_it_is_read(value: bytes) -> None:
    record = Record(b"home\xff", value, (("ce_type", b"\xfe"), ("deadletter-id", b"a trap")))
    (letter,) = refused(record, "why", ("screening",)).letters

    found = from_line(to_line(letter))

    assert found == (letter.id, record)
    assert letter.id == header_map(letter.row.record.headers)["deadletter-id"].decode()


def test_a_line_without_its_letter_is_refused() -> None:
    (letter,) = refused(fact("home", 1), "why", ("screening",)).letters
    line = orjson.loads(to_line(letter))
    line["headers"] = [each for each in line["headers"] if each[0] != "deadletter-id"]

    with pytest.raises(LogError, match="must stay"):
        from_line(orjson.dumps(line))


def test_records_are_chosen_by_reason_topic_and_who_refused_them() -> None:
    first = refused(fact("home", 1), "too high", ("screening",))
    second = refused(fact("home", 2), "too low", ("treatment",), Place(PAYMENT_EVENTS, 0, 0))

    assert choose([first, second]) == [first, second]
    assert choose([first, second], reason="high") == [first]
    assert choose([first, second], topic=PAYMENT_EVENTS) == [second]
    assert choose([first, second], reason="high", refused_by="treatment") == []
