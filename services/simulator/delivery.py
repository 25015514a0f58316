"""One request through the gateway's door: sent until it is answered, judged against the plan."""

import time
from typing import Final

import httpx
import stamina

from services.simulator.messages import Message
from services.simulator.report import CityReport

PATIENCE_S: Final = 60.0
"""How long a request is sent again while the gateway cannot be reached or is busy."""
_ANSWER_S: Final = 20.0


class GatewayUnreachableError(ConnectionError):
    """Nobody answered at the gateway's address for `PATIENCE_S`."""


class _AskedToWaitError(Exception):
    """The gateway is there and cannot take the request now (429, or any 5xx)."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(f"HTTP {status}")


async def deliver(
    client: httpx.AsyncClient, message: Message, report: CityReport, patience_s: float = PATIENCE_S
) -> None:
    """Send one message until its outcome is known, and count the answer in `report`.

    A request without an answer may have been accepted, so the very same bytes are sent again:
    the gateway takes a fact once.

    Raises:
        GatewayUnreachableError: no answer at all within `patience_s`.
    """
    began = time.perf_counter()
    try:
        async for attempt in stamina.retry_context(
            on=(httpx.TransportError, _AskedToWaitError),
            attempts=None,
            timeout=patience_s,
            wait_initial=0.1,
            wait_max=1.0,
            wait_jitter=0.2,
        ):
            with attempt:
                response = await _send_once(client, message, report)
    except _AskedToWaitError as error:
        report.gave_up(message, error.status)
        return
    except httpx.TransportError as error:
        raise GatewayUnreachableError(
            f"{client.base_url} gave no answer for {patience_s:g} s: {error!r}"
        ) from error
    report.answered(message, response, time.perf_counter() - began)


async def _send_once(
    client: httpx.AsyncClient, message: Message, report: CityReport
) -> httpx.Response:
    try:
        response = await client.post(
            message.path,
            content=message.body,
            headers=list(message.headers),
            timeout=_ANSWER_S + message.wait_s,
        )
    except httpx.ConnectError:
        report.not_reached += 1
        raise
    except httpx.TransportError:
        report.unknown_outcomes += 1
        raise
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS or response.is_server_error:
        report.asked_to_wait += 1
        raise _AskedToWaitError(response.status_code)
    return response
