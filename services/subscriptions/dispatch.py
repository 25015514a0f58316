"""Sending webhooks: claim, one network call, settle; in order for each subscription."""

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Awaitable, Callable
from typing import Final

import httpx
import structlog
from prometheus_client import Counter, Gauge

from services.runtime import fault_points
from services.subscriptions.bell import Bell
from services.subscriptions.deliver import (
    BODY_BYTES_MAX,
    Answered,
    Delivered,
    Exhausted,
    Gone,
    NotAnswered,
    Outcome,
    Prepared,
    RetryLater,
    prepare,
    settle,
)
from services.subscriptions.guard import AddressRefusedError, check_addresses
from services.subscriptions.store.sending import Outbox

log = structlog.get_logger(__name__)

CONNECT_S_MAX: Final = 5.0
ATTEMPT_S_MAX: Final = 15.0
ANSWER_BYTES_MAX: Final = 4_096
AT_ONCE_MAX: Final = 256
POLL_S: Final = 0.5
"""How soon a retry that fell due is noticed; new milestones ring the bell."""

attempts_made = Counter(
    "careloop_webhook_attempts_total", "Attempts to deliver a webhook, by outcome.", ["outcome"]
)
oldest_undelivered_s = Gauge(
    "careloop_webhook_oldest_undelivered_seconds",
    "Age of the oldest webhook that its receiver has not taken; 0 if there is none.",
)

_OUTCOMES: Final = {
    Delivered: "delivered",
    RetryLater: "retry",
    Exhausted: "exhausted",
    Gone: "gone",
}

Resolve = Callable[[str, int], Awaitable[list[str]]]


async def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a name, as the machine's resolver gives them."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class GuardedTransport(httpx.AsyncBaseTransport):
    """Dials only addresses that the guard has seen.

    A name is resolved once, all its addresses are checked, and the request goes to one of those
    checked; TLS and the Host header keep the name. Nothing is resolved a second time, so a name
    that changes its answer gains nothing.
    """

    def __init__(
        self, inner: httpx.AsyncBaseTransport, resolver: Resolve, *, allow_loopback: bool
    ) -> None:
        """Send through `inner`, which sees addresses instead of names."""
        self._inner = inner
        self._resolve = resolver
        self._allow_loopback = allow_loopback

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request to a checked address of its host.

        Raises:
            AddressRefusedError: the guard refuses the host.
            httpx.TransportError: it cannot be resolved or reached.
        """
        url = request.url
        host = url.raw_host.decode("ascii")
        try:
            async with asyncio.timeout(CONNECT_S_MAX):
                found = await self._resolve(host, url.port or _DEFAULT_PORT[url.scheme])
        except (OSError, UnicodeError) as error:  # a time-out is an OSError too
            message = f"{host} cannot be resolved"
            raise httpx.ConnectError(message) from error
        addresses = check_addresses(host, found, allow_loopback=self._allow_loopback)
        for address in addresses[:-1]:
            with contextlib.suppress(httpx.ConnectError, httpx.ConnectTimeout):
                return await self._send(request, host, address)
        return await self._send(request, host, addresses[-1])

    async def _send(self, request: httpx.Request, host: str, address: str) -> httpx.Response:
        dialled = httpx.Request(
            request.method,
            request.url.copy_with(host=address),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": host},
        )
        return await self._inner.handle_async_request(dialled)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


_DEFAULT_PORT: Final = {"http": 80, "https": 443}


def webhook_client(*, allow_loopback: bool) -> httpx.AsyncClient:
    """Return the client that webhooks are sent with: guarded, no proxy, no redirects."""
    # Connections are pooled by address, and a kept one may belong to another name: keep none.
    limits = httpx.Limits(max_connections=AT_ONCE_MAX, max_keepalive_connections=0)
    inner = httpx.AsyncHTTPTransport(limits=limits, trust_env=False)
    return httpx.AsyncClient(
        transport=GuardedTransport(inner, resolve, allow_loopback=allow_loopback),
        timeout=httpx.Timeout(ATTEMPT_S_MAX, connect=CONNECT_S_MAX),
        follow_redirects=False,
        trust_env=False,
    )


class Dispatcher:
    """Sends what is due until cancelled: one attempt at a time for each subscription.

    Subscriptions are independent tasks, so a slow receiver holds up only itself.
    """

    def __init__(
        self, outbox: Outbox, client: httpx.AsyncClient, now_ms: Callable[[], int], bell: Bell
    ) -> None:
        """Take what it works with; `bell` rings when there may be something new to send."""
        self._outbox = outbox
        self._client = client
        self._now_ms = now_ms
        self._bell = bell
        self._slots = asyncio.Semaphore(AT_ONCE_MAX)
        self._busy: set[str] = set()

    async def run(self) -> None:
        """Send until cancelled. A failing database ends the run; a failing receiver does not."""
        async with asyncio.TaskGroup() as group:
            while True:
                rung = self._bell.listen()
                for subscription_id in await asyncio.to_thread(self._outbox.due, self._now_ms()):
                    if subscription_id not in self._busy:
                        self._busy.add(subscription_id)
                        group.create_task(self._drain(subscription_id))
                await self._measure()
                await rung.within(POLL_S)

    async def send_due(self) -> None:
        """Send what is due now, once through, and return when it has been settled."""
        due = await asyncio.to_thread(self._outbox.due, self._now_ms())
        async with asyncio.TaskGroup() as group:
            for subscription_id in due:
                group.create_task(self._drain(subscription_id))

    async def _drain(self, subscription_id: str) -> None:
        try:
            while await self._attempt(subscription_id):
                pass
        finally:
            self._busy.discard(subscription_id)

    async def _attempt(self, subscription_id: str) -> bool:
        """Send the next webhook; return whether it was taken, and so another may follow."""
        async with self._slots:
            claimed = await asyncio.to_thread(self._outbox.claim, subscription_id, self._now_ms())
            if claimed is None:
                return False
            try:
                answer = await self._post(prepared := prepare(claimed, self._now_ms()))
            except asyncio.CancelledError:
                self._outbox.release(claimed)
                raise
            fault_points.reach("webhook.sent")
            chance = secrets.SystemRandom().random()
            outcome = settle(prepared, answer, self._now_ms(), chance)
            stored = await asyncio.to_thread(self._outbox.settle, claimed, outcome)
        _report(prepared, outcome)
        return stored and isinstance(outcome, Delivered)

    async def _post(self, prepared: Prepared) -> Answered | NotAnswered:
        if len(prepared.body) > BODY_BYTES_MAX:
            return NotAnswered(f"the body has more than {BODY_BYTES_MAX} bytes")
        answer = None
        try:
            async with (
                asyncio.timeout(ATTEMPT_S_MAX),
                self._client.stream(
                    "POST",
                    prepared.claimed.url,
                    content=prepared.body,
                    headers=dict(prepared.headers),
                ) as response,
            ):
                answer = Answered(response.status_code, response.headers.get("retry-after"))
                await _read_a_little(response)
        except AddressRefusedError as error:
            return NotAnswered(str(error))
        except TimeoutError:
            return answer or NotAnswered(f"no answer within {ATTEMPT_S_MAX:.0f} s")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return answer or NotAnswered(f"{type(error).__name__}: {error}"[:300])
        return answer

    async def _measure(self) -> None:
        oldest_ms = await asyncio.to_thread(self._outbox.oldest_undelivered_ms)
        age_s = 0.0 if oldest_ms is None else (self._now_ms() - oldest_ms) / 1000
        oldest_undelivered_s.set(max(0.0, age_s))


async def _read_a_little(response: httpx.Response) -> None:
    """Let a polite receiver finish its answer; what it says is not looked at, nor unpacked."""
    taken = 0
    async for chunk in response.aiter_raw():
        taken += len(chunk)
        if taken >= ANSWER_BYTES_MAX:
            return


def _report(prepared: Prepared, outcome: Outcome) -> None:
    attempts_made.labels(_OUTCOMES[type(outcome)]).inc()
    if isinstance(outcome, Delivered):
        return
    claimed = prepared.claimed
    log.warning(
        "a webhook was not taken",
        subscription=claimed.subscription_id,
        number=claimed.number,
        attempt=claimed.attempts + 1,
        outcome=_OUTCOMES[type(outcome)],
        reason=outcome.reason,
    )
