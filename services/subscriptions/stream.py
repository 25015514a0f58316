"""Milestones as Server-Sent Events: from a number on, and then as they come."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import orjson
from sse_starlette import EventSourceResponse, ServerSentEvent

from services.subscriptions.bell import Bell
from services.subscriptions.store.subscribing import Subscriptions

PAGE_MAX: Final = 1_000
HEARTBEAT_S: Final = 15
SEND_S_MAX: Final = 30
POLL_S: Final = 1.0
"""How soon a stream sees what another process numbered; this process rings the bell."""


class KeepAlive(ServerSentEvent):
    """A comment, and no empty line after it: some readers take that for an event without data."""

    def encode(self) -> bytes:
        """Return the one line."""
        return b": keep-alive\r\n"


class Streams:
    """The streams of one process. `close` ends them all, so that the process can stop."""

    def __init__(self, subscriptions: Subscriptions, bell: Bell) -> None:
        """Read from the store, at every ring of the bell."""
        self._subscriptions = subscriptions
        self._bell = bell
        self._closing = False

    def close(self) -> None:
        """End every stream."""
        self._closing = True
        self._bell.ring()

    def response(self, subscription_id: str, after: int) -> EventSourceResponse:
        """Return the events after number `after`, for as long as both sides want them."""
        return EventSourceResponse(
            self._events(subscription_id, after),
            ping=HEARTBEAT_S,
            ping_message_factory=KeepAlive,
            send_timeout=SEND_S_MAX,
        )

    async def _events(self, subscription_id: str, after: int) -> AsyncIterator[ServerSentEvent]:
        read = self._subscriptions.events
        while not self._closing:
            rung = self._bell.listen()
            page = await asyncio.to_thread(read, subscription_id, after, PAGE_MAX)
            if page is None:
                return
            for event in page:
                after = event["number"]
                yield ServerSentEvent(orjson.dumps(event).decode(), id=str(after))
            if len(page) < PAGE_MAX and not self._closing:
                await rung.within(POLL_S)
