"""The insurers' door: subscribe, look, read, resume, unsubscribe."""

import asyncio
import hmac
import secrets
from base64 import b64encode
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from ipaddress import ip_address
from typing import Annotated, Any, Final

from fastapi import Depends, FastAPI, Header, HTTPException, Query, Request, Response
from sqlalchemy.exc import SQLAlchemyError

from services.access.middleware import AccessMiddleware
from services.access.policy import EVERYBODY, Policy
from services.contract.codec import instant_text
from services.runtime.described import documented
from services.runtime.metrics_route import metrics_route
from services.runtime.settings import Settings
from services.subscriptions.bell import Bell
from services.subscriptions.deliver import instant
from services.subscriptions.keyring import TICKET_S, Keyring, is_token
from services.subscriptions.store.subscribing import (
    NewSubscription,
    Subscription,
    Subscriptions,
)
from services.subscriptions.stream import PAGE_MAX, Streams
from services.subscriptions.wanted import Wanted, check_url, kinds_wanted

NO_SUCH: Final = "there is no subscription of this id and token"


@dataclass(frozen=True, slots=True)
class Door:
    """What the routes work with. keyring: seals the tickets."""

    subscriptions: Subscriptions
    keyring: Keyring
    settings: Settings
    now_ms: Callable[[], int]
    bell: Bell
    streams: Streams = field(init=False)

    def __post_init__(self) -> None:
        """Make the streams, which listen to the bell."""
        object.__setattr__(self, "streams", Streams(self.subscriptions, self.bell))


def build(door: Door, policy: Policy = EVERYBODY) -> FastAPI:
    """Return the HTTP application: whatever is asked of it, `policy` is asked first."""
    app = documented("Careloop: the insurers' door")
    app.add_middleware(AccessMiddleware, policy=policy)
    app.state.door = door
    app.post("/subscriptions", status_code=201)(subscribe)
    app.get("/subscriptions")(listed)
    app.get("/subscriptions/{subscription_id}")(show)
    app.delete("/subscriptions/{subscription_id}", status_code=204)(unsubscribe)
    app.post("/subscriptions/{subscription_id}/resume")(resume)
    app.post("/subscriptions/{subscription_id}/tickets", status_code=201)(ticket)
    app.get("/subscriptions/{subscription_id}/events", response_model=None)(events)
    app.get("/healthz")(alive)
    app.get("/readyz")(ready)
    app.router.routes.append(metrics_route())
    return app


def _door(request: Request) -> Door:
    door: Door = request.app.state.door
    return door


TheDoor = Annotated[Door, Depends(_door)]
Authorization = Annotated[str | None, Header()]


def _owned(subscription_id: str, door: TheDoor, authorization: Authorization = None) -> str:
    """Return the subscription's id if the bearer holds its token.

    A wrong token and an unknown subscription get the same answer, so that ids cannot be tried.
    """
    token = _bearer(authorization)
    if not is_token(token, door.subscriptions.token_digest(subscription_id)):
        raise HTTPException(404, NO_SUCH)
    return subscription_id


Owned = Annotated[str, Depends(_owned)]


def _readable(
    subscription_id: str,
    door: TheDoor,
    authorization: Authorization = None,
    ticket: Annotated[str | None, Query(max_length=1_000)] = None,
) -> str:
    """Return the subscription's id if the bearer holds its token, or a ticket for it."""
    if ticket is None:
        return _owned(subscription_id, door, authorization)
    if not door.keyring.is_ticket(ticket, subscription_id, door.now_ms() // 1000):
        raise HTTPException(401, "this ticket is not, or no longer, good; ask for another")
    return subscription_id


Readable = Annotated[str, Depends(_readable)]


def subscribe(wanted: Wanted, door: TheDoor, authorization: Authorization = None) -> dict[str, Any]:
    """Subscribe an insurer to its milestones.

    The token, and the signing secret where there is a url, are in this answer and in no other.
    """
    _check_operator(door.settings, authorization)
    if wanted.url is not None:
        check_url(wanted.url, allow_loopback=door.settings.allow_loopback_webhooks)
    new = NewSubscription(
        subscription_id=f"sub_{secrets.token_hex(12)}",
        insurer=wanted.insurer,
        url=wanted.url,
        kinds=kinds_wanted(wanted.milestones),
        token=f"token_{secrets.token_urlsafe(32)}",
        secret=wanted.url and f"whsec_{b64encode(secrets.token_bytes(32)).decode()}",
        from_beginning=wanted.since == "beginning",
    )
    door.subscriptions.subscribe(new, door.now_ms())
    door.bell.ring()
    told = {"token": new.token, "secret": new.secret} if new.secret else {"token": new.token}
    return {**_shown(door, new.subscription_id), **told}


def listed(
    door: TheDoor,
    authorization: Authorization = None,
    insurer: str | None = None,
    after: str = "",
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100,
) -> dict[str, Any]:
    """Return the subscriptions, of one insurer or of all, to whoever may subscribe.

    They come in the order of their ids; `next` is what to ask for as `after`, null at the end.
    """
    _check_operator(door.settings, authorization)
    found = door.subscriptions.listed(insurer, after, limit)
    return {
        "subscriptions": [_as_json(each) for each in found],
        "next": found[-1].id if len(found) == limit else None,
    }


def show(subscription_id: Owned, door: TheDoor) -> dict[str, Any]:
    """Return a subscription, how far it is delivered, and what is in the way."""
    return _shown(door, subscription_id)


def unsubscribe(subscription_id: Owned, door: TheDoor) -> None:
    """End a subscription: nothing is sent any more, its streams end."""
    door.subscriptions.unsubscribe(subscription_id)
    door.bell.ring()


def resume(subscription_id: Owned, door: TheDoor) -> dict[str, Any]:
    """Send the next webhook now, whatever it waited for; a stopped subscription is active again."""
    door.subscriptions.resume(subscription_id, door.now_ms())
    door.bell.ring()
    return _shown(door, subscription_id)


def ticket(subscription_id: Owned, door: TheDoor) -> dict[str, Any]:
    """Return a ticket: for a minute it opens the stream in place of the token, as `?ticket=…`.

    It is for a browser's `EventSource`, which can send no header.
    """
    now_s = door.now_ms() // 1000
    return {
        "ticket": door.keyring.ticket(subscription_id, now_s),
        "expires_at": instant_text(instant((now_s + TICKET_S) * 1000)),
    }


async def events(
    subscription_id: Readable,
    door: TheDoor,
    accept: Annotated[str, Header()] = "*/*",
    last_event_id: Annotated[int | None, Header(ge=0)] = None,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100,
) -> Response | dict[str, Any]:
    """Return events in order, after number `after` or Last-Event-ID: a stream, or a JSON page.

    The header wins: a client that reconnects repeats the query of its first request.
    """
    start = after if last_event_id is None else last_event_id
    if "application/json" in accept and "text/event-stream" not in accept:
        page = await asyncio.to_thread(door.subscriptions.events, subscription_id, start, limit)
        found = page or []
        return {"events": found, "after": found[-1]["number"] if found else start}
    stream = door.streams.response(subscription_id, start)
    # Whoever has a ticket may read, wherever the page comes from; no cookie has a part in it.
    stream.headers["access-control-allow-origin"] = "*"
    return stream


def alive() -> dict[str, str]:
    """Answer as long as the process runs."""
    return {"status": "alive"}


def ready(door: TheDoor) -> dict[str, str]:
    """Answer 200 when the database answers, else 503."""
    try:
        door.subscriptions.token_digest("")
    except SQLAlchemyError as error:
        raise HTTPException(503, "the database does not answer") from error
    return {"status": "ready"}


def _shown(door: Door, subscription_id: str) -> dict[str, Any]:
    found = door.subscriptions.subscription(subscription_id)
    if found is None:
        raise HTTPException(404, NO_SUCH)
    return _as_json(found)


def _as_json(found: Subscription) -> dict[str, Any]:
    shown = asdict(found)
    due_ms = shown.pop("next_attempt_at_ms")
    shown["next_attempt_at"] = None if due_ms is None else instant_text(instant(due_ms))
    return shown


def _bearer(authorization: str | None) -> str:
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise HTTPException(
            401, "expected 'Authorization: Bearer …'", headers={"WWW-Authenticate": "Bearer"}
        )
    return token.strip()


def _check_operator(settings: Settings, authorization: str | None) -> None:
    """Let in who may name an insurer: the holder of the operator's token, or this machine."""
    if settings.subscriptions_token is None:
        if not _is_loopback(settings.http_host):
            raise HTTPException(
                403, "subscribing is closed: the operator sets CARELOOP_SUBSCRIPTIONS_TOKEN"
            )
        return
    expected = settings.subscriptions_token.get_secret_value()
    if not hmac.compare_digest(_bearer(authorization).encode(), expected.encode()):
        raise HTTPException(403, "this token may not subscribe")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
