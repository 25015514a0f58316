"""A run without a broker, and its log as one that can be changed record by record."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from services.contract.clinical import ObservationRecorded
from services.contract.codec import Record
from services.contract.topics import DEAD_LETTERS, EVENT_TOPICS
from services.contract.visit import Code
from services.replay.compare import verify
from services.replay.log import Manifest
from services.runtime.fold import Row
from services.runtime.inprocess import InProcess
from tests.counting_stage import STAGE

DAY_ONE = datetime(2026, 3, 1, 8, tzinfo=UTC)
PARTITIONS = 2


@dataclass
class EditableLog:
    """Records by topic and partition; offsets and manifest follow from the lists."""

    records: dict[tuple[str, int], list[Record]]
    missing_offsets: set[tuple[str, int, int]] = field(default_factory=set)

    @property
    def manifest(self):
        ends = {
            topic: tuple(len(self.records[topic, each]) for each in range(PARTITIONS))
            for topic in (*EVENT_TOPICS, DEAD_LETTERS)
        }
        return Manifest(ends, "2026-03-02T00:00:00+00:00")

    def rows(self, topic, partition, begin=0):
        for offset, record in enumerate(self.records.get((topic, partition), ())):
            if offset >= begin and (topic, partition, offset) not in self.missing_offsets:
                yield Row(offset, record, 1_772_000_000_000 + offset)

    def of_type(self, event_type):
        """Return the places (topic, partition, index) of all events of a type."""
        wanted = ("ce_type", event_type.encode())
        return [
            (topic, partition, index)
            for (topic, partition), records in sorted(self.records.items())
            for index, record in enumerate(records)
            if topic != DEAD_LETTERS and wanted in record.headers
        ]

    def at(self, place):
        topic, partition, index = place
        return self.records[topic, partition][index]


def record_of(run):
    """Return the log of a run in memory."""
    topics = (*EVENT_TOPICS, DEAD_LETTERS)
    return EditableLog(
        {
            (topic, partition): [row.record for row in run.log.rows(topic, partition)]
            for topic in topics
            for partition in range(PARTITIONS)
        }
    )


def observation(value):
    return ObservationRecorded(
        observation_id=f"o-{value}",
        codes=(Code(system="http://loinc.org", code="8480-6", display=None),),
        value=float(value),
        unit="mm[Hg]",
        text=None,
        components=(),
        visit_id=None,
    )


def counted_run(stage=STAGE):
    """Four households, three readings each, one refused, and a tick that wakes them all."""
    run = InProcess([stage], partitions=PARTITIONS)
    for number in range(4):
        for value in (120, 130, -1, 140):
            run.publish(
                observation(value), at=DAY_ONE + timedelta(hours=value + 1), member=f"m-{number}"
            )
    run.run()
    run.tick(DAY_ONE + timedelta(days=30))
    run.run()
    return record_of(run)


def with_header(record, name, value):
    """Return a record with one header changed."""
    headers = tuple((each, value if each == name else old) for each, old in record.headers)
    return record._replace(headers=headers)


def verified(log, stage=STAGE, show=10):
    return verify(log, [stage], show=show, progress=lambda _count: None)
