"""Subscriptions as their owners see them: made, looked at, read, resumed, removed."""

from dataclasses import dataclass
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Engine, Row, delete, func, insert, literal, select, update

from services.runtime.database import reading
from services.subscriptions.keyring import Keyring, digest
from services.subscriptions.matching import shown_to
from services.subscriptions.store.numbering import lock_numbers
from services.subscriptions.tables import (
    NEXT,
    deliveries,
    milestone_insurers,
    milestones,
    subscriptions,
)


@dataclass(frozen=True, slots=True)
class NewSubscription:
    """What an insurer asks for; `kinds` None is every milestone, `url` None is no webhook.

    token: opens the door. secret: signs the webhooks, None where there is no url.
    """

    subscription_id: str
    insurer: str
    url: str | None
    kinds: frozenset[str] | None
    token: str
    secret: str | None
    from_beginning: bool


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription as its owner sees it.

    state: active, paused or disabled; `reason` says why. last_number: of its newest event.
    The rest is about webhooks: the number of the last one taken, and of the next one the failed
    attempts, what the last of them met, and when it is due (None: there is none to send).
    """

    id: str
    insurer: str
    url: str | None
    milestones: list[str] | None
    state: str
    reason: str | None
    last_number: int
    delivered_through: int
    attempts: int
    failure: str | None
    next_attempt_at_ms: int | None


_SEEN: Final = select(
    subscriptions,
    deliveries.c.attempts,
    deliveries.c.last_reason,
    deliveries.c.next_attempt_at_ms,
).outerjoin(deliveries, NEXT)


class Subscriptions:
    """The subscriptions behind the door; every method is one transaction."""

    def __init__(self, engine: Engine, keyring: Keyring) -> None:
        """Work on an engine whose database is migrated."""
        self._engine = engine
        self._keyring = keyring
        self._reading = reading(engine)

    def subscribe(self, wanted: NewSubscription, at_ms: int) -> None:
        """Add a subscription; from the beginning, with a delivery for all that was kept."""
        with self._engine.begin() as connection:
            lock_numbers(connection)
            kinds = None if wanted.kinds is None else orjson.dumps(sorted(wanted.kinds)).decode()
            row = {
                "id": wanted.subscription_id,
                "insurer": wanted.insurer,
                "url": wanted.url,
                "kinds": kinds,
                "token_sha256": digest(wanted.token),
                "sealed_secret": self._keyring.seal(wanted.secret) if wanted.secret else None,
                "state": "active",
                "created_at_ms": at_ms,
                "last_number": 0,
                "delivered_through": 0,
                "lease_until_ms": 0,
            }
            connection.execute(insert(subscriptions).values(row))
            if wanted.from_beginning:
                _catch_up(connection, wanted, at_ms)

    def unsubscribe(self, subscription_id: str) -> None:
        """Remove a subscription and its deliveries; the milestones stay for others."""
        with self._engine.begin() as connection:
            # Whoever numbers must not add a delivery to what is being removed. The deliveries go
            # with it (on delete cascade), locked after it, as settling does.
            lock_numbers(connection)
            connection.execute(delete(subscriptions).where(subscriptions.c.id == subscription_id))

    def token_digest(self, subscription_id: str) -> str | None:
        """Return the digest of a subscription's token; None if there is no such subscription."""
        query = select(subscriptions.c.token_sha256).where(subscriptions.c.id == subscription_id)
        with self._reading.connect() as connection:
            found: str | None = connection.scalar(query)
            return found

    def seal_anew(self) -> None:
        """Seal under the first key what another key has sealed, so that the other can go.

        Raises:
            OtherKeyError: a secret was sealed under a key that is not given.
        """
        sealed = select(subscriptions.c.id, subscriptions.c.sealed_secret).where(
            subscriptions.c.sealed_secret.is_not(None)
        )
        with self._engine.begin() as connection:
            for subscription_id, secret in connection.execute(sealed).all():
                anew = self._keyring.sealed_anew(secret)
                if anew is not None:
                    connection.execute(
                        update(subscriptions)
                        .where(subscriptions.c.id == subscription_id)
                        .values(sealed_secret=anew)
                    )

    def subscription(self, subscription_id: str) -> Subscription | None:
        """Return a subscription with the state of its next webhook."""
        query = _SEEN.where(subscriptions.c.id == subscription_id)
        with self._reading.connect() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _as_seen(row)

    def listed(self, insurer: str | None, after: str, limit: int) -> list[Subscription]:
        """Return subscriptions in the order of their ids, from the first beyond `after` on.

        insurer: whose; None is everybody's.
        """
        query = _SEEN.where(subscriptions.c.id > after).order_by(subscriptions.c.id).limit(limit)
        if insurer is not None:
            query = query.where(subscriptions.c.insurer == insurer)
        with self._reading.connect() as connection:
            return [_as_seen(row) for row in connection.execute(query)]

    def events(self, subscription_id: str, after: int, limit: int) -> list[dict[str, Any]] | None:
        """Return the events numbered after `after`, in order; None if it is not subscribed."""
        owner = select(subscriptions.c.insurer).where(subscriptions.c.id == subscription_id)
        page = (
            select(deliveries.c.number, milestones.c.document)
            .join(milestones, milestones.c.number == deliveries.c.milestone)
            .where(deliveries.c.subscription == subscription_id, deliveries.c.number > after)
            .order_by(deliveries.c.number)
            .limit(limit)
        )
        with self._reading.connect() as connection:
            insurer = connection.scalar(owner)
            if insurer is None:
                return None
            rows = connection.execute(page).all()
        return [shown_to(insurer, subscription_id, row.number, row.document) for row in rows]

    def resume(self, subscription_id: str, at_ms: int) -> None:
        """Make a subscription active, if it is not: its next webhook is due at once.

        It counts as never tried, so that the first pauses are short again.
        """
        this = subscriptions.c.id == subscription_id
        head = select(subscriptions.c.delivered_through + 1).where(this)
        with self._engine.begin() as connection:
            connection.execute(
                update(subscriptions).where(this).values(state="active", reason=None)
            )
            connection.execute(
                update(deliveries)
                .where(
                    deliveries.c.subscription == subscription_id,
                    deliveries.c.number == head.scalar_subquery(),
                )
                .values(state="kept", attempts=0, next_attempt_at_ms=at_ms)
            )


def _catch_up(connection: Connection, wanted: NewSubscription, at_ms: int) -> None:
    kept = (
        select(
            literal(wanted.subscription_id),
            func.row_number().over(order_by=milestones.c.number),
            milestones.c.number,
            literal("kept"),
            literal(0),
            literal(at_ms),
            literal(at_ms),
        )
        .join(milestone_insurers, milestone_insurers.c.milestone == milestones.c.number)
        .where(milestone_insurers.c.insurer == wanted.insurer)
    )
    if wanted.kinds is not None:
        kept = kept.where(milestones.c.kind.in_(wanted.kinds))
    columns = ["subscription", "number", "milestone", "state", "attempts"]
    columns += ["next_attempt_at_ms", "created_at_ms"]
    connection.execute(insert(deliveries).from_select(columns, kept))
    count = select(func.count()).where(deliveries.c.subscription == wanted.subscription_id)
    connection.execute(
        update(subscriptions)
        .where(subscriptions.c.id == wanted.subscription_id)
        .values(last_number=count.scalar_subquery())
    )


def _as_seen(row: Row[Any]) -> Subscription:
    return Subscription(
        id=row.id,
        insurer=row.insurer,
        url=row.url,
        milestones=None if row.kinds is None else orjson.loads(row.kinds),
        state=row.state,
        reason=row.reason,
        last_number=row.last_number,
        delivered_through=row.delivered_through,
        attempts=row.attempts or 0,
        failure=row.last_reason,
        next_attempt_at_ms=row.next_attempt_at_ms if row.url and row.state == "active" else None,
    )
