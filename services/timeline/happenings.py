"""The few events that are worth a line on the screen."""

from datetime import datetime
from typing import Final, NamedTuple

from services.contract.catalog import UNKNOWN, producer_of
from services.contract.event import Event, EventData
from services.timeline.words import words

_SIGNS: Final = {
    "screening": "筛",
    "management": "管",
    "treatment": "治",
    "rehabilitation": "康",
    "settlement": "付",
    "gateway": "治",
    UNKNOWN: "?",
}
"""Stage -> its sign. Of what hospitals say, only an admission is worth a line."""


class Happening(NamedTuple):
    """One line: when it was (city time), the stage's sign, who, and what."""

    time: datetime
    sign: str
    member: str
    words: str


def happening(event: Event[EventData]) -> Happening | None:
    """Return the line for an event, or None for one of the many that have none."""
    line = words(event.data).line
    if line is None:
        return None
    return Happening(
        event.time, _SIGNS[producer_of(event.type, event.source) or UNKNOWN], event.subject, line
    )
