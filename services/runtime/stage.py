"""A stage as the runtime sees it: a name, a topic, and pure functions."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from services.contract.event import Event, EventData
from services.contract.step import State, Step
from services.contract.topics import STAGE_INPUTS

S = TypeVar("S", bound=State)


def by_member(event: Event[EventData]) -> str:
    """Key of the state in stages that remember one member at a time."""
    return event.subject


def by_household(event: Event[EventData]) -> str:
    """Key of the state in settlement, whose accumulators a household shares."""
    return event.household


@dataclass(frozen=True, slots=True)
class Stage(Generic[S]):
    """One stream processor.

    consumes: the data types that `decide` understands; others never reach it.
    begin: the state before the first event. decide: (state, event, at) -> step, where `at` is
    the log's clock: the latest tick on the partition, or the event's own time before any tick.
    wake: (state, at) -> step, called when a tick passes the state's `wake_at`.
    key: which state an event belongs to, within its household.
    gather_ms: how long events may wait on the broker for more to be read with them. Nobody waits
    for most of what stages say, and a fetch costs more than an event.
    """

    name: str
    consumes: tuple[type[EventData], ...]
    state: type[S]
    begin: Callable[[], S]
    decide: Callable[[S, Event[Any], datetime], Step[S]]
    wake: Callable[[S, datetime], Step[S]]
    key: Callable[[Event[EventData]], str] = by_member
    gather_ms: int = 0

    @property
    def input_topic(self) -> str:
        """The one topic that the stage folds."""
        return STAGE_INPUTS[self.name]
