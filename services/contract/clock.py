"""Time is an event."""

from typing import ClassVar

from pydantic import Field

from services.contract.event import EventData


class ClockTicked(EventData):
    """The clock of one partition has moved to the event's `time`. It never moves back."""

    TYPE: ClassVar[str] = "careloop.clock.ticked.v1"

    partition: int = Field(ge=0)
