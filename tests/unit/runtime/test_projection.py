"""When a projection opens a transaction."""

from datetime import UTC, datetime

import pytest

from services.contract.topics import HEALTH_EVENTS
from services.runtime.projection import IDLE_RECORDS_MAX, Batch, Logged, is_worth_storing
from services.runtime.ticks import tick

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EVENT = Logged(0, 0, tick(HEALTH_EVENTS, 0, NOW, NOW), b"")


@pytest.mark.parametrize(
    ("records", "events", "expected"),
    [
        (1, (EVENT,), True),
        (1, (), False),
        (IDLE_RECORDS_MAX - 1, (), False),
        (IDLE_RECORDS_MAX, (), True),
    ],
)
def test_records_without_effect_cost_no_transaction_until_many_have_gathered(
    records: int, events: tuple[Logged, ...], *, expected: bool
) -> None:
    batch = Batch(HEALTH_EVENTS, 0, 100, 100 + records, events)

    assert is_worth_storing(batch) is expected
