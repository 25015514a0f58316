"""Each event once: what a crash made a worker say again is passed over."""

from services.contract.catalog import UNKNOWN, catalog, producer_of
from services.contract.event import Event, EventData


class Distinct:
    """Knows the last number of each household, producer and topic."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str, str], int] = {}

    def is_new(self, event: Event[EventData]) -> bool:
        """Tell whether an event of a household is seen for the first time, and remember it."""
        producer = producer_of(event.type, event.source) or UNKNOWN
        key = (event.household, producer, catalog()[event.type].topics[0])
        if event.sequence <= self._last.get(key, 0):
            return False
        self._last[key] = event.sequence
        return True
