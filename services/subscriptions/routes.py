"""The insurers' door: subscribe, look, read, resume, unsubscribe."""

import asyncio
import hmac
import secrets
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass
from ipaddress import ip_address
from typing import Annotated, Any, Final, Literal

import httpx
import orjson
from fastapi import Depends, FastAPI, Header, HTTPException, Query, Request, Response
from pydantic import Field
from sqlalchemy.exc import SQLAlchemyError
from sse_starlette import EventSourceResponse, ServerSentEvent

from services.access.middleware import AccessMiddleware
from services.access.policy import EVERYBODY, Policy
from services.contract.codec import instant_text
from services.contract.frozen import Frozen, Id
from services.runtime.metrics_route import metrics_route
from services.runtime.settings import Settings
from services.subscriptions.bell import Bell
from services.subscriptions.deliver import instant
from services.subscriptions.guard import AddressRefusedError, check_addresses
from services.subscriptions.keyring import is_token
from services.subscriptions.matching import kinds_of
from services.subscriptions.store.subscribing import NewSubscription, Subscriptions

PAGE_MAX: Final = 1_000
HEARTBEAT_S: Final = 15
SEND_S_MAX: Final = 30
NO_SUCH: Final = "there is no subscription of this id and token"
POLL_S: Final = 1.0
"""How soon a stream sees what another process numbered; this process rings the bell."""


class Wanted(Frozen):
    """A request to subscribe.

    url: where webhooks go; without it, events are streamed or pulled. milestones: kinds such as
    `treatment.discharged`, or whole stages such as `treatment`; without it, all.
    """

    insurer: Id
    url: str | None = Field(default=None, max_length=2_000)
    milestones: list[str] | None = Field(default=None, min_length=1, max_length=100)
    since: Literal["now", "beginning"] = Field(default="now", alias="from")


@dataclass(slots=True)
class Door:
    """What the routes work with. `closing` ends the streams, so that the process can stop."""

    subscriptions: Subscriptions
    settings: Settings
    now_ms: Callable[[], int]
    bell: Bell
    closing: bool = False

    def close(self) -> None:
        """End every stream."""
        self.closing = True
        self.bell.ring()


def build(door: Door, policy: Policy = EVERYBODY) -> FastAPI:
    """Return the HTTP application: whatever is asked of it, `policy` is asked first."""
    app = FastAPI(title="Careloop subscriptions", version="1", redoc_url=None)
    app.add_middleware(AccessMiddleware, policy=policy)
    app.state.door = door
    app.post("/subscriptions", status_code=201)(subscribe)
    app.get("/subscriptions/{subscription_id}")(show)
    app.delete("/subscriptions/{subscription_id}", status_code=204)(unsubscribe)
    app.post("/subscriptions/{subscription_id}/resume")(resume)
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


def subscribe(wanted: Wanted, door: TheDoor, authorization: Authorization = None) -> dict[str, Any]:
    """Subscribe an insurer to its milestones.

    The token, and the signing secret where there is a url, are in this answer and in no other.
    """
    _check_operator(door.settings, authorization)
    if wanted.url is not None:
        _check_url(wanted.url, allow_loopback=door.settings.allow_loopback_webhooks)
    new = NewSubscription(
        subscription_id=f"sub_{secrets.token_hex(12)}",
        insurer=wanted.insurer,
        url=wanted.url,
        kinds=_kinds(wanted.milestones),
        token=f"token_{secrets.token_urlsafe(32)}",
        secret=wanted.url and f"whsec_{b64encode(secrets.token_bytes(32)).decode()}",
        from_beginning=wanted.since == "beginning",
    )
    door.subscriptions.subscribe(new, door.now_ms())
    door.bell.ring()
    told = {"token": new.token, "secret": new.secret} if new.secret else {"token": new.token}
    return {**_shown(door, new.subscription_id), **told}


def show(subscription_id: Owned, door: TheDoor) -> dict[str, Any]:
    """Return a subscription, how far it is delivered, and what is in the way."""
    return _shown(door, subscription_id)


def unsubscribe(subscription_id: Owned, door: TheDoor) -> None:
    """End a subscription: nothing is sent any more, its streams end."""
    door.subscriptions.unsubscribe(subscription_id)
    door.bell.ring()


def resume(subscription_id: Owned, door: TheDoor) -> dict[str, Any]:
    """Make a paused or disabled subscription active again; it goes on where it stopped."""
    door.subscriptions.resume(subscription_id, door.now_ms())
    door.bell.ring()
    return _shown(door, subscription_id)


async def events(
    subscription_id: Owned,
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
    return EventSourceResponse(
        _stream(door, subscription_id, start), ping=HEARTBEAT_S, send_timeout=SEND_S_MAX
    )


async def _stream(door: Door, subscription_id: str, after: int) -> AsyncIterator[ServerSentEvent]:
    while not door.closing:
        rung = door.bell.listen()
        page = await asyncio.to_thread(door.subscriptions.events, subscription_id, after, PAGE_MAX)
        if page is None:
            return
        for event in page:
            after = event["number"]
            yield ServerSentEvent(orjson.dumps(event).decode(), id=str(after))
        if len(page) < PAGE_MAX and not door.closing:
            await rung.within(POLL_S)


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


def _kinds(chosen: list[str] | None) -> frozenset[str] | None:
    if chosen is None:
        return None
    try:
        return kinds_of(chosen)
    except ValueError as error:
        raise _unfit("milestones", str(error)) from error


def _check_url(url: str, *, allow_loopback: bool) -> None:
    """Refuse early what could never be sent to; names are judged when they are dialled."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise _unfit("url", str(error)) from error
    schemes = ("https", "http") if allow_loopback else ("https",)
    if parsed.scheme not in schemes or not parsed.host:
        raise _unfit("url", f"expected an absolute {' or '.join(schemes)} address")
    if parsed.userinfo or parsed.fragment:
        raise _unfit("url", "credentials and fragments have no place here")
    try:
        literal = str(ip_address(parsed.host))
    except ValueError:
        return
    try:
        check_addresses(parsed.host, [literal], allow_loopback=allow_loopback)
    except AddressRefusedError as error:
        raise _unfit("url", str(error)) from error


def _unfit(field: str, message: str) -> HTTPException:
    return HTTPException(422, [{"loc": ["body", field], "msg": message, "type": "value_error"}])
