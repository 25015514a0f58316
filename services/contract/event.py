"""An event: CloudEvents 1.0.2 attributes around typed data."""

from datetime import datetime
from typing import ClassVar, Generic, NamedTuple, TypeVar

from services.contract.frozen import Frozen


class EventData(Frozen):
    """What an event says. Each concrete type names itself in `TYPE`."""

    TYPE: ClassVar[str]


D_co = TypeVar("D_co", bound=EventData, covariant=True)


class Event(NamedTuple, Generic[D_co]):
    """One entry of the log.

    id: unique for ever; the same id with another body is a conflict.
    source: URI reference of the context in which it happened, such as a hospital.
    subject: id of the member it is about; empty for clock ticks.
    household: the unit of order, the Kafka key (`partitionkey`).
    time: when it happened. recorded_time: when the gateway accepted the fact, or the fact that
        caused it; wall clock, never read by rules.
    sequence: number among its producer's events for this household on this topic, from 1,
        gapless; 0 for clock ticks, which belong to no household.
    causation_id: id of the event that led to this one. correlation_id: the care episode.
    """

    id: str
    source: str
    subject: str
    household: str
    time: datetime
    recorded_time: datetime
    sequence: int
    data: D_co
    causation_id: str | None = None
    correlation_id: str | None = None
    traceparent: str | None = None

    @property
    def type(self) -> str:
        """The versioned type name, such as `careloop.visit.discharged.v1`."""
        return self.data.TYPE
