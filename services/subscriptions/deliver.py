"""One delivery: claimed, prepared, sent, and what its answer means. Pure.

Each state is a type of its own, so that only a prepared delivery can be sent and only an answered
one can be settled. Signatures follow Standard Webhooks 1.0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final, assert_never

import orjson
from standardwebhooks import Webhook

from services.contract.ids import stable_id
from services.subscriptions.matching import shown_to
from services.subscriptions.schedule import delay_s, pause_s

BODY_BYTES_MAX: Final = 20_000


@dataclass(frozen=True, slots=True)
class Claimed:
    """The next delivery of a subscription, held by one process until `lease_until_ms`.

    attempts: those that failed before.
    """

    subscription_id: str
    insurer: str
    url: str
    secret: str
    number: int
    event_id: str
    document: str
    attempts: int
    lease_until_ms: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is sent, byte for byte."""

    claimed: Claimed
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answered:
    """The receiver's answer; nothing else of it is looked at."""

    status: int
    retry_after: str | None


@dataclass(frozen=True, slots=True)
class NotAnswered:
    """No answer came, for this reason; whether the receiver took it is unknown."""

    reason: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver took it."""


@dataclass(frozen=True, slots=True)
class RetryLater:
    """To be sent again, not before `next_attempt_at_ms`."""

    next_attempt_at_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class Exhausted:
    """The last attempt failed: the subscription pauses until it is resumed."""

    reason: str


@dataclass(frozen=True, slots=True)
class Gone:
    """The receiver wants nothing more (410): the subscription is disabled."""

    reason: str


Outcome = Delivered | RetryLater | Exhausted | Gone


def webhook_id(subscription_id: str, event_id: str) -> str:
    """Return the id that a delivery keeps over all its attempts."""
    return f"msg_{stable_id('subscriptions', subscription_id, event_id)}"


def prepare(claimed: Claimed, at_ms: int) -> Prepared:
    """Return the signed request for a delivery, sent at `at_ms`."""
    event = shown_to(claimed.insurer, claimed.subscription_id, claimed.number, claimed.document)
    body = orjson.dumps(event)
    message_id = webhook_id(claimed.subscription_id, claimed.event_id)
    signature = Webhook(claimed.secret).sign(message_id, instant(at_ms), body.decode())
    headers = {
        "content-type": "application/cloudevents+json",
        "user-agent": "careloop-subscriptions/1",
        "webhook-id": message_id,
        "webhook-timestamp": str(at_ms // 1000),
        "webhook-signature": signature,
    }
    return Prepared(claimed, headers, body)


def settle(
    prepared: Prepared, answer: Answered | NotAnswered, at_ms: int, chance: float
) -> Outcome:
    """Decide what follows from an answer: only 2xx is taken, 410 ends it, all else is retried.

    chance: in [0, 1), for the jitter of the next attempt.
    """
    match answer:
        case Answered(status) if HTTPStatus(200) <= status < HTTPStatus(300):
            return Delivered()
        case Answered(HTTPStatus.GONE):
            return Gone("the receiver answered 410 Gone")
        case Answered(status, retry_after):
            pause = pause_s(status, retry_after, instant(at_ms))
            reason = f"the receiver answered {status}"
        case NotAnswered(reason):
            pause = 0.0
        case _:
            assert_never(answer)
    attempts = prepared.claimed.attempts + 1
    delay = delay_s(attempts, chance, at_least_s=pause)
    if delay is None:
        return Exhausted(f"{reason}, at the last of {attempts} attempts")
    return RetryLater(at_ms + int(delay * 1000), reason)


def instant(at_ms: int) -> datetime:
    """Return the moment of a number of milliseconds since 1970, in UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC)
