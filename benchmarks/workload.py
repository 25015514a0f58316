"""The events that the benchmarks feed: of one seed, in the log's own form, with every header."""

import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from services.contract.clinical import ObservationRecorded
from services.contract.codec import Record, encode
from services.contract.event import Event, EventData
from services.contract.ids import stable_id
from services.contract.member import CoverActivated, CoverTerms
from services.contract.visit import (
    BillLine,
    ChargePosted,
    Code,
    Provider,
    VisitDischarged,
    VisitRegistered,
)
from services.runtime.fold import PartitionFold, Row
from services.runtime.log_writer import partition_of
from services.runtime.stage import Stage
from services.runtime.state_store import MemoryStore

T0 = datetime(2026, 1, 1, tzinfo=UTC)
SEED = 11
_SYSTOLIC = Code(system="http://loinc.org", code="8480-6", display="Systolic blood pressure")
_HOSPITAL = Provider(id="hospital-owned-1", network="owned")


class Facts:
    """Facts of many households, each with its gapless sequence; one member in each."""

    def __init__(self) -> None:
        self._sequences: dict[int, int] = {}

    def fact(self, number: int, data: EventData, at: datetime) -> Record:
        """Return the next fact of a household, as it stands on the log."""
        sequence = self._sequences.get(number, 0) + 1
        self._sequences[number] = sequence
        household = f"household-{number:07d}"
        event = Event(
            id=stable_id("bench", household, str(sequence)),
            source="https://hospital-owned-1.example",
            subject=f"member-{number:07d}",
            household=household,
            time=at,
            recorded_time=at,
            sequence=sequence,
            data=data,
            correlation_id=getattr(data, "visit_id", None),
            traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        )
        return encode(event)

    def observed(self, number: int, at: datetime, systolic: int) -> Record:
        """Return a blood pressure: a body of some 230 bytes."""
        sequence = self._sequences.get(number, 0) + 1
        data = ObservationRecorded(
            observation_id=f"member-{number:07d}-o{sequence}",
            codes=(_SYSTOLIC,),
            value=float(systolic),
            unit="mm[Hg]",
            text=None,
            components=(),
            visit_id=f"member-{number:07d}-v{sequence}",
        )
        return self.fact(number, data, at)

    def cover(self, number: int, product: str, insurer: str) -> Record:
        """Return a cover of a household's member, for the whole year."""
        terms = CoverTerms(
            cover_id=f"member-{number:07d}-{product}",
            product=product,
            insurer=insurer,
            valid_from=date(2026, 1, 1),
            valid_to=date(2026, 12, 31),
        )
        return self.fact(number, CoverActivated(cover=terms), T0)

    def visit(self, number: int, turn: int, at: datetime, amount: int) -> tuple[Record, ...]:
        """Return an outpatient visit: registered, charged, discharged."""
        visit_id = f"member-{number:07d}-v{turn}"
        lines = (
            BillLine(code=None, text="Consultation", amount=amount - 800),
            BillLine(code=None, text="Blood pressure monitoring", amount=800),
        )
        return (
            self.fact(number, _registered(visit_id), at),
            self.fact(number, _charged(visit_id, lines), at + timedelta(minutes=20)),
            self.fact(number, _discharged(visit_id), at + timedelta(minutes=30)),
        )


def _registered(visit_id: str) -> VisitRegistered:
    return VisitRegistered(visit_id=visit_id, visit_class="ambulatory", provider=_HOSPITAL)


def _charged(visit_id: str, lines: tuple[BillLine, ...]) -> ChargePosted:
    return ChargePosted(
        charge_id=f"{visit_id}-c1",
        visit_id=visit_id,
        category="institutional",
        currency="CNY",
        amount=sum(line.amount for line in lines),
        lines=lines,
    )


def _discharged(visit_id: str) -> VisitDischarged:
    return VisitDischarged(visit_id=visit_id, visit_class="ambulatory", provider=_HOSPITAL)


def observations(count: int, households: int) -> Iterator[Record]:
    """Yield blood pressures of households drawn by chance."""
    chance = random.Random(SEED)
    facts = Facts()
    for turn in range(count):
        number = chance.randrange(households)
        yield facts.observed(number, T0 + timedelta(seconds=turn), chance.randrange(100, 180))


def covers(facts: Facts, households: int) -> Iterator[Record]:
    """Yield one cover for each household."""
    for number in range(households):
        yield facts.cover(number, "basic-medical", "city-fund")


def visits(facts: Facts, count: int, households: int) -> Iterator[Record]:
    """Yield `count` facts of outpatient visits, of households drawn by chance."""
    chance = random.Random(SEED)
    for turn in range(count // 3):
        number = chance.randrange(households)
        at = T0 + timedelta(minutes=turn)
        yield from facts.visit(number, turn, at, 100 * chance.randrange(20, 900))


def treatment_log(count: int, households: int) -> Iterator[Record]:
    """Yield one cover for each household, then visits, `count` facts in all."""
    facts = Facts()
    yield from covers(facts, households)
    yield from visits(facts, count - households, households)


def by_partition(records: Iterable[Record], partitions: int) -> dict[int, list[Row]]:
    """Return records as the rows of a topic."""
    rows: dict[int, list[Row]] = {number: [] for number in range(partitions)}
    for record in records:
        mine = rows[partition_of(record.key, partitions)]
        mine.append(Row(len(mine), record))
    return rows


def outputs_of(stage: Stage[Any], rows: dict[int, list[Row]]) -> list[tuple[str, Record]]:
    """Return what a stage says to a log, by its own fold; in order within each household."""
    said: list[tuple[str, Record]] = []
    for partition, mine in rows.items():
        said += PartitionFold(stage, partition, MemoryStore()).apply(mine).outputs
    return said


def mean_body(records: Sequence[Record]) -> float:
    """Return the mean size of the bodies in bytes."""
    return sum(len(record.value) for record in records) / len(records)
