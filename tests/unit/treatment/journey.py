"""One member's way through one stage: publish facts, let time pass, read what was said."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

from pydantic import TypeAdapter

from services.contract.event import Event, EventData
from services.contract.member import CoverActivated, CoverTerms
from services.contract.step import Draft, Step
from services.contract.visit import BillLine, ChargePosted, Provider
from services.runtime.stage import Stage

NEW_YEAR = datetime(2026, 1, 1, 8, tzinfo=UTC)
IN_NETWORK = Provider(id="hospital-1", network="owned")
OUT_OF_NETWORK = Provider(id="hospital-9", network="out")

D = TypeVar("D", bound=EventData)


def day(number: float) -> datetime:
    """The instant `number` days after New Year 2026, 08:00 UTC."""
    return NEW_YEAR + timedelta(days=number)


class Journey:
    """Feeds a stage as the runtime does: `at` is the last tick, or the event's time before any."""

    def __init__(self, stage: Stage, clock: datetime | None = None):
        self.stage = stage
        self.stored = TypeAdapter(stage.state)
        self.state = stage.begin()
        self.clock = clock
        self.said: list[Draft] = []
        self.count = 0

    def publish(self, data: EventData, when: datetime) -> list[EventData]:
        """Decide one event; return what was said about it."""
        self.count += 1
        event = Event(
            id=f"event-{self.count}",
            source="/hospital",
            subject="member-1",
            household="household-1",
            time=when,
            recorded_time=when,
            sequence=self.count,
            data=data,
        )
        return self._apply(self.stage.decide(self.state, event, self.clock or when))

    def tick(self, at: datetime) -> list[EventData]:
        """Move the log's clock; wake the stage if it asked for it, and see that it moves on."""
        self.clock = at
        if self.state.wake_at is None or self.state.wake_at > at:
            return []
        step = self.stage.wake(self.state, at)
        assert step.state.wake_at is None or step.state.wake_at > at
        return self._apply(step)

    def _apply(self, step: Step) -> list[EventData]:
        stored = self.stored.dump_json(step.state, exclude_defaults=True)
        assert self.stored.validate_json(stored) == step.state
        self.state = step.state
        self.said += step.outputs
        return [draft.data for draft in step.outputs]

    def heard(self, kind: type[D]) -> list[D]:
        """All that was said so far of one type."""
        return [draft.data for draft in self.said if isinstance(draft.data, kind)]


def milestones(said: Sequence[EventData]) -> list[str]:
    """The names of the milestones among what was said."""
    return [data.milestone for data in said if hasattr(data, "milestone")]


def cover(cover_id: str, start: date, end: date | None = None, insurer: str = "insurer-1"):
    """A cover that becomes known."""
    return CoverActivated(
        cover=CoverTerms(
            cover_id=cover_id,
            product="million-yuan-medical",
            insurer=insurer,
            valid_from=start,
            valid_to=end,
        )
    )


def charge(charge_id: str, *amounts: int, visit_id: str = "visit-1", currency: str = "CNY"):
    """A charge with one line per amount, in minor units."""
    return ChargePosted(
        charge_id=charge_id,
        visit_id=visit_id,
        category="institutional",
        currency=currency,
        amount=sum(amounts),
        lines=tuple(BillLine(code=None, text="ward", amount=amount) for amount in amounts),
    )
