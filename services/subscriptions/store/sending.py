"""Webhooks to be sent: which is due, who sends it, and what became of it."""

from collections.abc import Mapping
from typing import Any, Final, assert_never

from sqlalchemy import ColumnElement, Engine, Select, Update, func, select, update

from services.runtime.database import reading
from services.subscriptions.deliver import (
    Claimed,
    Delivered,
    Exhausted,
    Gone,
    Outcome,
    RetryLater,
)
from services.subscriptions.keyring import Keyring
from services.subscriptions.tables import NEXT, deliveries, milestones, subscriptions

LEASE_MS: Final = 30_000
"""Longer than an attempt can take; after a crash, a delivery waits for it to run out."""


class Outbox:
    """The webhooks to be sent; every method is one transaction."""

    def __init__(self, engine: Engine, keyring: Keyring) -> None:
        """Work on an engine whose database is migrated."""
        self._engine = engine
        self._keyring = keyring
        self._reading = reading(engine)

    def due(self, at_ms: int) -> list[str]:
        """Return the subscriptions whose next webhook may be sent now."""
        query = (
            select(subscriptions.c.id)
            .join(deliveries, NEXT)
            .where(_sendable(at_ms), deliveries.c.next_attempt_at_ms <= at_ms)
            .order_by(deliveries.c.next_attempt_at_ms)
        )
        with self._reading.connect() as connection:
            return list(connection.scalars(query))

    def claim(self, subscription_id: str, at_ms: int) -> Claimed | None:
        """Take the next webhook of a subscription, for `LEASE_MS`; None if there is none to take.

        Raises:
            OtherKeyError: its secret cannot be opened; nothing is taken.
        """
        lease = (
            update(subscriptions)
            .where(subscriptions.c.id == subscription_id, _sendable(at_ms))
            .values(lease_until_ms=at_ms + LEASE_MS)
        )
        query = _next_delivery(subscription_id).where(deliveries.c.next_attempt_at_ms <= at_ms)
        with self._engine.begin() as connection:
            if connection.execute(lease).rowcount != 1:
                return None
            row = connection.execute(query).mappings().one_or_none()
            if row is None:
                free = update(subscriptions).where(subscriptions.c.id == subscription_id)
                connection.execute(free.values(lease_until_ms=0))
                return None
            found = dict(row)
            secret = self._keyring.open(found.pop("sealed_secret"))
            return Claimed(secret=secret, **found)

    def release(self, claimed: Claimed) -> None:
        """Give a claim back without an outcome: the same webhook will be sent again."""
        with self._engine.begin() as connection:
            connection.execute(_held(claimed, {}))

    def settle(self, claimed: Claimed, outcome: Outcome) -> bool:
        """Store what became of a claim, and end it.

        Returns False, with nothing stored, when the claim was lost: its lease ran out and another
        process took it, or the subscription is gone.
        """
        subscription, delivery = _effects(claimed, outcome)
        this = (deliveries.c.subscription == claimed.subscription_id) & (
            deliveries.c.number == claimed.number
        )
        with self._engine.begin() as connection:
            if connection.execute(_held(claimed, subscription)).rowcount != 1:
                return False
            connection.execute(update(deliveries).where(this).values(delivery))
            return True

    def oldest_undelivered_ms(self) -> int | None:
        """Return when the oldest webhook still to be taken was numbered; None if there is none.

        It counts paused subscriptions too: somebody should look.
        """
        query = (
            select(func.min(deliveries.c.created_at_ms))
            .select_from(subscriptions)
            .join(deliveries, NEXT)
            .where(subscriptions.c.url.is_not(None), subscriptions.c.state != "disabled")
        )
        with self._reading.connect() as connection:
            oldest: int | None = connection.scalar(query)
            return oldest


def _sendable(at_ms: int) -> ColumnElement[bool]:
    return (
        subscriptions.c.url.is_not(None)
        & (subscriptions.c.state == "active")
        & (subscriptions.c.lease_until_ms <= at_ms)
    )


def _next_delivery(subscription_id: str) -> Select[Any]:
    """Select what `Claimed` has, its secret sealed."""
    return (
        select(
            subscriptions.c.id.label("subscription_id"),
            subscriptions.c.insurer,
            subscriptions.c.url,
            subscriptions.c.sealed_secret,
            deliveries.c.number,
            milestones.c.event_id,
            milestones.c.document,
            deliveries.c.attempts,
            subscriptions.c.lease_until_ms,
        )
        .join(deliveries, NEXT)
        .join(milestones, milestones.c.number == deliveries.c.milestone)
        .where(subscriptions.c.id == subscription_id)
    )


def _held(claimed: Claimed, values: Mapping[str, Any]) -> Update:
    """Update a subscription only while the claim on it holds, and end the claim."""
    return (
        update(subscriptions)
        .where(
            subscriptions.c.id == claimed.subscription_id,
            subscriptions.c.lease_until_ms == claimed.lease_until_ms,
        )
        .values({"lease_until_ms": 0, **values})
    )


def _effects(claimed: Claimed, outcome: Outcome) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what an outcome changes of the subscription, and of the delivery."""
    attempts = claimed.attempts + 1
    match outcome:
        case Delivered():
            return (
                {"delivered_through": claimed.number},
                {"state": "delivered", "attempts": attempts, "last_reason": None},
            )
        case RetryLater(next_attempt_at_ms, reason):
            return {}, {
                "attempts": attempts,
                "next_attempt_at_ms": next_attempt_at_ms,
                "last_reason": reason,
            }
        case Exhausted(reason):
            state = "paused"
        case Gone(reason):
            state = "disabled"
        case _:
            assert_never(outcome)
    return (
        {"state": state, "reason": reason},
        {"state": "failed", "attempts": attempts, "last_reason": reason},
    )
