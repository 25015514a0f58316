"""Ticks: how the log says what time it is."""

from datetime import datetime

from services.contract.clock import ClockTicked
from services.contract.event import Event
from services.contract.ids import stable_id


def tick(topic: str, partition: int, at: datetime, recorded: datetime) -> Event[ClockTicked]:
    """Return the tick of one partition of a topic; the same instant gives the same id."""
    return Event(
        id=stable_id("clock", topic, str(partition), at.isoformat()),
        source="/careloop/clock",
        subject="",
        household=f"clock-{partition}",
        time=at,
        recorded_time=recorded,
        sequence=0,
        data=ClockTicked(partition=partition),
    )
