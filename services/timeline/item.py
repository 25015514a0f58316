"""An event as a timeline shows it."""

from typing import Any, NamedTuple

import orjson

from services.contract.catalog import UNKNOWN, producer_of
from services.contract.codec import instant_text
from services.contract.event import Event, EventData
from services.contract.payment import PaymentDecided, PaymentRequested, PaymentReversed
from services.timeline.words import words


class Item(NamedTuple):
    """One event about a member. Times: RFC 3339 in UTC, all of one length, so that text sorts.

    stored_ms: when Kafka stored it, epoch ms. stage: who said it. correlation_id: the care episode,
    of a bill and a decision the one that they are about. decision: a payment decision's data, as JSON.
    """

    event_id: str
    member_id: str
    stored_ms: int
    type: str
    stage: str
    time: str
    recorded_time: str
    causation_id: str | None
    correlation_id: str | None
    summary: str
    decision: str | None
    source: str

    def shown(self) -> dict[str, Any]:
        """Return it as plain JSON; a decision with its parts and its trace."""
        shown = {
            "id": self.event_id,
            "type": self.type,
            "stage": self.stage,
            "source": self.source,
            "time": self.time,
            "recorded_time": self.recorded_time,
            "cause": self.causation_id,
            "episode": self.correlation_id,
            "summary": self.summary,
        }
        return shown | ({"decision": orjson.loads(self.decision)} if self.decision else {})


def item_of(event: Event[EventData], stored_ms: int) -> Item:
    """Return how an event is shown."""
    data = event.data
    episode, decision = event.correlation_id, None
    if isinstance(data, PaymentDecided):
        episode, decision = data.episode, data.model_dump_json()
    elif isinstance(data, PaymentRequested | PaymentReversed):
        episode = data.episode
    return Item(
        event_id=event.id,
        member_id=event.subject,
        stored_ms=stored_ms,
        type=data.TYPE,
        stage=producer_of(data.TYPE, event.source) or UNKNOWN,
        time=instant_text(event.time),
        recorded_time=instant_text(event.recorded_time),
        causation_id=event.causation_id,
        correlation_id=episode,
        summary=words(data).sentence,
        decision=decision,
        source=event.source,
    )
