"""Names of the Kafka topics. All have the same partition count and are keyed by household."""

from typing import Final

HEALTH_EVENTS: Final = "health-events"
PAYMENT_EVENTS: Final = "payment-events"
CARE_MILESTONES: Final = "care-milestones"
DEAD_LETTERS: Final = "dead-letters"

EVENT_TOPICS: Final = (HEALTH_EVENTS, PAYMENT_EVENTS, CARE_MILESTONES)
"""Topics that carry events; what was refused stands on `DEAD_LETTERS`."""

STAGE_INPUTS: Final = {
    "screening": HEALTH_EVENTS,
    "management": HEALTH_EVENTS,
    "treatment": HEALTH_EVENTS,
    "rehabilitation": HEALTH_EVENTS,
    "settlement": PAYMENT_EVENTS,
}
"""Each processor folds exactly one topic."""

ALL_STAGES: Final = tuple(STAGE_INPUTS)


def changelog(stage: str) -> str:
    """Name of the compacted topic that holds the states of one processor."""
    return f"careloop-{stage}-changelog"
