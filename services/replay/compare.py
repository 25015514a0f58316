"""Does a log follow from its facts? Regenerate every derived event, and compare byte for byte.

Each partition is read twice: first to note what the log holds of each producer, then to fold it
through the stages as their workers did. Held meanwhile, for one partition: 24 bytes for each
record, the states of its households, and one batch.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, takewhile
from typing import Any, Final

from services.contract.catalog import UNKNOWN
from services.contract.codec import Record, header_map, producer_in, sequence_of
from services.contract.topics import DEAD_LETTERS
from services.replay.difference import Difference, Kind
from services.replay.log import RecordedLog
from services.replay.recorded import Noted, Recorded, digest
from services.replay.report import ProducerReport, Report, UnderWay
from services.runtime.fold import PartitionFold, Row
from services.runtime.stage import Stage
from services.runtime.state_store import MemoryStore

BATCH_ROWS: Final = 500
LOG: Final = "log"
"""Stands for the producer where the log itself is broken."""


ReportProgress = Callable[[int], None]
"""Told how many records more have been read."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose record it is, and which: numbers count from 1 within a series; 0 is unnumbered."""

    producer: str
    series: bytes
    number: int

    def about(self) -> str:
        """Say which in words."""
        return f"{self.series.decode(errors='backslashreplace')}, number {self.number}"


def identity(topic: str, record: Record) -> Identity:
    """Return what a record says of itself; one of no known type belongs to `UNKNOWN`."""
    headers = header_map(record.headers)
    if topic == DEAD_LETTERS:
        producer = headers.get("deadletter-refused-by", b"").decode(errors="replace") or UNKNOWN
        return Identity(producer, headers.get("deadletter-id", b""), 1)
    return Identity(producer_in(headers) or UNKNOWN, record.key, sequence_of(headers) or 0)


def reads(log: RecordedLog, stages: Sequence[Stage[Any]]) -> int:
    """Return how many records `verify` will read, for its progress."""
    inputs = {stage.input_topic for stage in stages}
    return log.manifest.records + sum(
        sum(log.manifest.end_offsets.get(each, ())) for each in inputs
    )


def verify(
    log: RecordedLog, stages: Sequence[Stage[Any]], *, show: int, progress: ReportProgress
) -> Report:
    """Compare a log with what `stages` make of it; up to `show` differences are kept in full.

    What none of `stages` produces counts as a fact: it is checked for gaps and conflicts only.
    """
    report = Report({stage.name: ProducerReport() for stage in stages})
    for partition in range(log.manifest.partitions):
        _Partition(log, partition, stages, report, show, progress).verify()
    return report


@dataclass(slots=True)
class _Absent:
    """Regenerated outputs that the log does not hold, since the last one that it does hold."""

    outputs: int = 0
    inputs: int = 0
    cause: bytes = b""
    first: list[tuple[Identity, Record]] = field(default_factory=list)


@dataclass(slots=True)
class _Partition:
    """The comparison of one partition of every topic."""

    log: RecordedLog
    partition: int
    stages: Sequence[Stage[Any]]
    report: Report
    show: int
    progress: ReportProgress
    recorded: dict[tuple[str, str], Recorded] = field(default_factory=lambda: defaultdict(Recorded))
    counts: dict[tuple[str, str], dict[bytes, int]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    absent: dict[tuple[str, str], _Absent] = field(default_factory=lambda: defaultdict(_Absent))
    reached: dict[tuple[str, str], int] = field(default_factory=dict)
    answered: set[tuple[bytes, bytes]] = field(default_factory=set)
    sound_until: dict[str, int] = field(default_factory=dict)

    def verify(self) -> None:
        """Note what is recorded, regenerate, then look at what is left on either side."""
        begun = len(self.report.shown)
        topics = self.log.manifest.end_offsets
        # Dead letters first: they answer for records of no known type.
        for topic in sorted(topics, key=lambda each: (each != DEAD_LETTERS, each)):
            self._note(topic)
        for topic in dict.fromkeys(stage.input_topic for stage in self.stages):
            self._fold(topic)
        self._conclude()
        shown = self.report.shown
        shown[begun:] = [self._with_record(each) for each in shown[begun:]]

    def _note(self, topic: str) -> None:
        expected = 0
        for row in self.log.rows(topic, self.partition):
            if row.offset != expected:
                self._broken(topic, expected, f"{row.offset} stands where {expected} must")
            expected = row.offset + 1
            self._note_row(topic, row)
            self.progress(1)
        end = self.log.manifest.end(topic, self.partition)
        if expected != end:
            self._broken(topic, expected, f"the log ends before {expected}, its manifest at {end}")

    def _note_row(self, topic: str, row: Row) -> None:
        headers = header_map(row.record.headers)
        who = identity(topic, row.record)
        if topic == DEAD_LETTERS:
            place = (headers.get("deadletter-topic", b""), headers.get("deadletter-offset", b""))
            self.answered.add(place)
        if who.producer == UNKNOWN:
            self._unknown(topic, row, who, headers.get("ce_type", b""))
            return
        counts = self.report.producer(who.producer)
        derived = who.producer in self.report.stages
        if who.number == 0:
            counts.recorded += 1
            if derived:
                self._differs(Kind.EXTRA, topic, who, offset=row.offset)
            return
        recorded = self.recorded[who.producer, topic]
        noted = recorded.note(who.series, who.number, row.record, row.offset)
        if noted is Noted.NEW:
            counts.recorded += 1
        elif noted is Noted.REPEATED:
            counts.repeated += 1
        else:
            first = recorded.get(who.series, who.number)
            assert first is not None
            self._differs(
                Kind.CONFLICT,
                topic,
                who,
                f"{who.about()}, again at offset {row.offset}",
                offset=first.offset,
                regenerated=row.record,
            )

    def _unknown(self, topic: str, row: Row, who: Identity, kind: bytes) -> None:
        if (topic.encode(), str(row.offset).encode()) in self.answered:
            self.report.refused += 1
            return
        name = "refused by nobody" if topic == DEAD_LETTERS else f"type {kind!r}"
        self._differs(Kind.UNKNOWN_TYPE, topic, replace(who, producer=LOG), name, offset=row.offset)

    def _broken(self, topic: str, offset: int, what: str) -> None:
        self.sound_until.setdefault(topic, offset)
        about = f"{what}; stages that read this topic are compared up to there"
        self._differs(Kind.HOLE, topic, Identity(LOG, b"", 0), about)

    def _fold(self, topic: str) -> None:
        """Fold one input topic through its stages, up to the first hole in it."""
        folds = []
        for stage in self.stages:
            if stage.input_topic == topic:
                store = MemoryStore()
                folds.append((stage, store, PartitionFold(stage, self.partition, store)))
        end = self.sound_until.get(topic, self.log.manifest.end(topic, self.partition))
        rows = takewhile(lambda row: row.offset < end, self.log.rows(topic, self.partition))
        while batch := list(islice(rows, BATCH_ROWS)):
            for stage, store, fold in folds:
                try:
                    outcome = fold.apply(batch)
                except Exception as error:
                    where = f"{topic}/{self.partition} offsets {batch[0].offset}–{batch[-1].offset}"
                    error.add_note(f"while {stage.name} folded {where}")
                    raise
                for output_topic, record in outcome.outputs:
                    self._compare(stage.name, output_topic, record)
                store.put(fold.take_changes())
                self.report.stages[stage.name].inputs += len(batch)
            self.progress(len(batch))

    def _compare(self, stage: str, topic: str, record: Record) -> None:
        who = replace(identity(topic, record), producer=stage)
        self.report.stages[stage].regenerated += 1
        self.counts[stage, topic][who.series] = who.number
        found = self.recorded[stage, topic].get(who.series, who.number)
        if found is None:
            self._is_absent(topic, who, record)
            return
        self._missing(stage, topic, self.absent.pop((stage, topic), _Absent()))
        if found.digest != digest(record):
            self._differs(Kind.DIFFERENT, topic, who, offset=found.offset, regenerated=record)
        elif found.offset < self.reached.get((stage, topic), -1):
            self._differs(Kind.OUT_OF_ORDER, topic, who, offset=found.offset)
        self.reached[stage, topic] = max(found.offset, self.reached.get((stage, topic), -1))

    def _is_absent(self, topic: str, who: Identity, record: Record) -> None:
        name = "deadletter-id" if topic == DEAD_LETTERS else "ce_causationid"
        cause = header_map(record.headers).get(name, b"")
        absent = self.absent[who.producer, topic]
        absent.outputs += 1
        if cause != absent.cause:
            absent.inputs += 1
            absent.cause = cause
        if len(absent.first) < self.show:
            absent.first.append((who, record))

    def _missing(self, stage: str, topic: str, absent: _Absent, kind: Kind = Kind.MISSING) -> None:
        for who, record in absent.first:
            self._differs(kind, topic, who, regenerated=record)
        uncounted = absent.outputs - len(absent.first)
        self.report.stages[stage].differences[kind] += uncounted

    def _conclude(self) -> None:
        cut = {stage.name for stage in self.stages if stage.input_topic in self.sound_until}
        for (stage, topic), absent in self.absent.items():
            if stage in cut or topic in self.sound_until:
                self._missing(stage, topic, absent)
                continue
            self._missing(stage, topic, absent, Kind.NOT_YET)
            total = self.report.under_way.setdefault((stage, topic), UnderWay())
            total.outputs += absent.outputs
            total.inputs += absent.inputs
        for (producer, topic), recorded in self.recorded.items():
            if producer not in self.report.stages:
                self._gaps(producer, topic, recorded)
            elif producer not in cut:
                for series, number, entry in recorded.beyond(self.counts[producer, topic]):
                    who = Identity(producer, series, number)
                    self._differs(Kind.EXTRA, topic, who, offset=entry.offset)

    def _gaps(self, producer: str, topic: str, recorded: Recorded) -> None:
        for series, number, beyond in recorded.gaps():
            who = Identity(producer, series, number)
            about = f"{who.about()} is missing, and there are later ones"
            self._differs(Kind.GAP, topic, who, about, offset=beyond.offset)

    def _differs(
        self,
        kind: Kind,
        topic: str,
        who: Identity,
        about: str = "",
        *,
        offset: int | None = None,
        regenerated: Record | None = None,
    ) -> None:
        """Count a difference, and keep it if it is the first of its series to be shown."""
        self.report.producer(who.producer).differences[kind] += 1
        if len(self.report.shown) >= self.show:
            return
        found = Difference(
            kind=kind,
            producer=who.producer,
            topic=topic,
            partition=self.partition,
            series=who.series,
            about=about or who.about(),
            offset=offset,
            regenerated=regenerated,
        )
        if found.place not in {each.place for each in self.report.shown}:
            self.report.shown.append(found)

    def _with_record(self, found: Difference) -> Difference:
        """Read the recorded side again; only digests were kept."""
        if found.offset is None:
            return found
        rows = self.log.rows(found.topic, self.partition, found.offset)
        row = next(rows, None)
        return found if row is None else replace(found, recorded=row.record)
