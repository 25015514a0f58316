"""What must be true once the faults have healed and everything is processed.

The oracle folds the log itself, beside the workers, and never forgets: whatever a fault of an
earlier run has spoilt is found as well. It reads what the services have left behind, never what
they say about it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from services.contract.catalog import catalog, producer_of
from services.contract.codec import Record, UndecodableError, decode, header_map, producer_in
from services.contract.topics import ALL_STAGES, DEAD_LETTERS, EVENT_TOPICS, changelog
from services.runtime.fold import POSITION_KEY, TICK, PartitionFold, Position, Row
from services.runtime.household import Household, decode_household, version_of
from services.runtime.settings import Settings
from services.runtime.stage import Stage
from services.runtime.state_store import MemoryStore
from tests.faults.log_mirror import LogMirror


@dataclass(slots=True)
class Findings:
    """What is wrong (nothing, it is hoped), and what is worth counting."""

    wrong: list[str] = field(default_factory=list)
    duplicates: int = 0

    def check(self, holds: bool, what: str) -> None:  # noqa: FBT001  # the word of an assertion
        if not holds:
            self.wrong.append(what)


@dataclass(slots=True)
class _Changelog:
    """The last record of each key, and the newest."""

    last: dict[bytes, bytes] = field(default_factory=dict)
    newest: dict[bytes, bytes] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        self.last[record.key] = record.value
        known = self.newest.get(record.key)
        if known is None or version_of(record.value) >= version_of(known):
            self.newest[record.key] = record.value


class Oracle:
    """Judges the log, the changelogs and the dead letters; see `books` for the databases."""

    def __init__(self, settings: Settings, stages: Iterable[Stage[Any]]) -> None:
        self._settings = settings
        self._stages = {stage.name: stage for stage in stages}
        names = (*EVENT_TOPICS, DEAD_LETTERS, *map(changelog, self._stages))
        self._mirror = LogMirror(settings, names)
        self._stores: dict[tuple[str, int], MemoryStore] = defaultdict(MemoryStore)
        self._folds: dict[tuple[str, int], PartitionFold[Any]] = {}
        self._changelogs: dict[tuple[str, int], _Changelog] = defaultdict(_Changelog)
        self._expected: dict[tuple[str, str], Record] = {}
        self._said: dict[tuple[str, str], Record] = {}
        self._letters: dict[str, Record] = {}
        self._expected_letters: set[str] = set()
        self.sequences: dict[tuple[str, str, str], dict[int, str]] = defaultdict(dict)
        """By topic, producer and household: the event id of each sequence number."""
        self.events: dict[str, Any] = {}
        """Every event on the log but ticks, by id."""
        self.borne: dict[str, Counter[str]] = {}
        """By household: who bears what, by its facts alone; worked out once each, in `books`."""
        self._dropped = 0

    # -- reading ------------------------------------------------------------------------------

    def look(self) -> Findings:
        """Read what is new and judge all there is."""
        findings = Findings()
        news = self._mirror.news()
        for (topic, partition), rows in news.items():
            if topic in EVENT_TOPICS:
                self._note(topic, partition, rows, findings)
            elif topic == DEAD_LETTERS:
                for row in rows:
                    letter = header_map(row.record.headers)["deadletter-id"].decode()
                    findings.duplicates += letter in self._letters
                    self._letters[letter] = row.record
        for name, stage in self._stages.items():
            for partition in range(self._settings.partitions):
                self._replay(stage, partition, news[stage.input_topic, partition])
                for row in news[changelog(name), partition]:
                    self._changelogs[name, partition].add(row.record)
        self._judge_outputs(findings)
        self._judge_sequences(findings)
        self._judge_letters(findings)
        self._judge_states(findings)
        return findings

    def _note(self, topic: str, partition: int, rows: list[Row], findings: Findings) -> None:
        for row in rows:
            headers = header_map(row.record.headers)
            kind = headers.get("ce_type", b"")
            if kind == TICK:
                continue
            try:
                event = decode(row.record)
            except UndecodableError:
                self._expect_letters_of_projections(topic, partition, row, kind)
                continue
            same = self._said.setdefault((topic, event.id), row.record)
            findings.check(same == row.record, f"{event.id} on {topic} has two bodies")
            repeated = event.id in self.events
            findings.duplicates += repeated
            self.events[event.id] = event
            numbers = self.sequences[topic, producer_of(event.type, event.source), event.household]
            known = numbers.setdefault(event.sequence, event.id)
            findings.check(known == event.id, f"{event.household} has two of {event.sequence}")

    def _expect_letters_of_projections(
        self, topic: str, partition: int, row: Row, kind: bytes
    ) -> None:
        self._expected_letters.add(f"timeline {topic}/{partition}@{row.offset}")
        entry = catalog().get(kind.decode(errors="replace"))
        for reader in ("ledger", "subscriptions"):
            if entry is not None and reader in entry.consumers:
                self._expected_letters.add(f"{reader} {topic}/{partition}@{row.offset}")

    def _replay(self, stage: Stage[Any], partition: int, rows: list[Row]) -> None:
        at = (stage.name, partition)
        if at not in self._folds:
            self._folds[at] = PartitionFold(stage, partition, self._stores[at])
        outcome = self._folds[at].apply(rows)
        self._stores[at].put(self._folds[at].take_changes())
        for topic, record in outcome.outputs:
            headers = header_map(record.headers)
            if topic == DEAD_LETTERS:
                self._expected_letters.add(_letter(headers))
            else:
                self._expected[topic, headers["ce_id"].decode()] = record

    # -- judging ------------------------------------------------------------------------------

    def _judge_outputs(self, findings: Findings) -> None:
        """Every consequence stands on the log, byte for byte, and nothing else does."""
        derived = {
            at: record
            for at, record in self._said.items()
            if producer_in(header_map(record.headers)) in self._stages
        }
        missing = self._expected.keys() - derived.keys()
        extra = derived.keys() - self._expected.keys()
        other = [at for at in derived.keys() & self._expected if derived[at] != self._expected[at]]
        findings.check(not missing, f"never said: {len(missing)}, such as {_some(missing)}")
        findings.check(not extra, f"said without a cause: {len(extra)}, such as {_some(extra)}")
        findings.check(not other, f"said otherwise: {len(other)}, such as {_some(other)}")

    def _judge_sequences(self, findings: Findings) -> None:
        for (topic, producer, household), numbers in self.sequences.items():
            gapless = numbers.keys() == set(range(1, len(numbers) + 1))
            findings.check(gapless, f"a gap: {producer} for {household} on {topic}")

    def _judge_letters(self, findings: Findings) -> None:
        """Everything refused stands there once, with its reason, and nothing else does."""
        found = {_letter(header_map(letter.headers)) for letter in self._letters.values()}
        findings.check(
            found == self._expected_letters,
            f"dead letters: missing {_some(self._expected_letters - found)},"
            f" unexpected {_some(found - self._expected_letters)}",
        )
        for letter in self._letters.values():
            reason = header_map(letter.headers).get("deadletter-reason")
            findings.check(bool(reason), "a dead letter has no reason")

    def _judge_states(self, findings: Findings) -> None:
        for (name, partition), store in self._stores.items():
            where = f"{name}/{partition}"
            kept = self._changelogs[name, partition]
            replayed = {key: value for key, value in store.items() if key != POSITION_KEY}
            position = kept.newest.get(POSITION_KEY)
            newest = {key: value for key, value in kept.newest.items() if key != POSITION_KEY}
            findings.check(
                newest == replayed,
                f"{where}: states differ from replay: {_some(_differing(newest, replayed))}",
            )
            findings.check(
                kept.last == kept.newest,
                f"{where}: last records are stale: {_some(_differing(kept.last, kept.newest))}",
            )
            reached = Position.decode(position).next_offset if position else 0
            wanted = self._folds[name, partition].position.next_offset
            findings.check(reached == wanted, f"{where}: read up to {reached} of {wanted}")
            self._judge_received(name, newest, findings)

    def _judge_received(self, name: str, states: Mapping[bytes, bytes], findings: Findings) -> None:
        """Every input is counted as applied, and nothing is parked."""
        stage = self._stages[name]
        for key, stored in states.items():
            household: Household[Any] = decode_household(stored, stage.state)
            findings.check(not household.parked, f"{name}: {key!r} has parked events")
            for producer, last in household.received.items():
                numbers = self.sequences.get((stage.input_topic, producer, key.decode()), {})
                findings.check(
                    max(numbers, default=last) == last,
                    f"{name}: {key!r} has applied {last} of {max(numbers, default=0)}",
                )

    def states(self, stage: str, partition: int) -> dict[bytes, bytes]:
        """Return the states that replay leads to."""
        return dict(self._stores[stage, partition].items())

    def changelog_end(self, stage: str, partition: int) -> int:
        places = self._mirror.next_offsets.items()
        return next(
            end for at, end in places if at.topic == changelog(stage) and at.partition == partition
        )


def _letter(headers: Mapping[str, bytes]) -> str:
    text = {name: headers[f"deadletter-{name}"].decode() for name in _PLACE}
    return f"{text['refused-by']} {text['topic']}/{text['partition']}@{text['offset']}"


_PLACE = ("refused-by", "topic", "partition", "offset")


def _differing(one: Mapping[bytes, bytes], other: Mapping[bytes, bytes]) -> list[str]:
    keys = [key for key in one.keys() | other.keys() if one.get(key) != other.get(key)]
    return [f"{key!r} {str(one.get(key))[:300]} <> {str(other.get(key))[:300]}" for key in keys[:2]]


def _some(found: Iterable[Any]) -> str:
    return "; ".join(map(str, list(found)[:3]))


def stages() -> list[Stage[Any]]:
    """Return the five stages."""
    from importlib import import_module

    return [import_module(f"services.{name}.app").STAGE for name in ALL_STAGES]
