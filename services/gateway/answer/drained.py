"""Telling a publisher when everything accepted so far has been processed and decided."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from fastapi import APIRouter, Response
from kafka.errors import KafkaError

from services.gateway.acceptance.store import Store
from services.gateway.answer.http import json_response
from services.runtime.drain import wait_until_processed
from services.runtime.settings import Settings

ANSWER_WITHIN_S: Final = 20.0
ASKED_AT_ONCE_MAX: Final = 2
_OUTBOX_POLL_S: Final = 0.1


def drained_router(store: Store, settings: Settings) -> APIRouter:
    """Return `GET /drained`: `{"drained": true}` once what was accepted has been seen through.

    It answers false after 20 seconds; ask again. Those who ask wait in threads of their own, the
    rest in line for these: accepting and sending on never wait for them.
    """
    router = APIRouter()
    threads = ThreadPoolExecutor(ASKED_AT_ONCE_MAX, "drained")

    @router.get("/drained")
    async def drained() -> Response:
        deadline = time.monotonic() + ANSWER_WITHIN_S
        loop = asyncio.get_running_loop()
        try:
            done = await loop.run_in_executor(threads, _drained, store, settings, deadline)
            return json_response({"drained": done})
        except KafkaError as error:
            return json_response({"drained": False, "error": type(error).__name__}, 503)

    return router


def _drained(store: Store, settings: Settings, deadline: float) -> bool:
    while store.counters()["outbox"] or store.unmoved():
        if time.monotonic() > deadline:
            return False
        time.sleep(_OUTBOX_POLL_S)
    remaining = deadline - time.monotonic()
    return wait_until_processed(settings, lambda: store.counters()["timeline_events"], remaining)
