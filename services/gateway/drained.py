"""Telling a publisher when everything accepted so far has been processed and decided."""

import asyncio
import time
from typing import Final

from fastapi import APIRouter, Response
from kafka.errors import KafkaError

from services.gateway.responses import json_response
from services.gateway.store import Store
from services.runtime.drain import wait_until_processed
from services.runtime.settings import Settings

ANSWER_WITHIN_S: Final = 20.0
_OUTBOX_POLL_S: Final = 0.1


def drained_router(store: Store, settings: Settings) -> APIRouter:
    """Return `GET /drained`: `{"drained": true}` once what was accepted has been seen through.

    It answers false after 20 seconds; ask again.
    """
    router = APIRouter()

    @router.get("/drained")
    async def drained() -> Response:
        try:
            return json_response({"drained": await asyncio.to_thread(_drained, store, settings)})
        except KafkaError as error:
            return json_response({"drained": False, "error": type(error).__name__}, 503)

    return router


def _drained(store: Store, settings: Settings) -> bool:
    deadline = time.monotonic() + ANSWER_WITHIN_S
    while store.counters()["outbox"]:
        if time.monotonic() > deadline:
            return False
        time.sleep(_OUTBOX_POLL_S)
    remaining = deadline - time.monotonic()
    return wait_until_processed(settings, lambda: store.counters()["timeline_events"], remaining)
