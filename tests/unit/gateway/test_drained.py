"""Asking whether everything has been seen through, by many at once."""

import asyncio
import time

import httpx
import pytest

from services.gateway.answer import drained
from services.gateway.app import open_gateway
from services.gateway.routes import create_app
from services.runtime.settings import Settings
from tests.gateways import FHIR, PATIENT, bundle

ASKED_AT_ONCE = 40  # more than the threads that everything else shares, on any machine


async def test_those_who_ask_whether_all_is_done_do_not_keep_the_door_from_accepting(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drained, "ANSWER_WITHIN_S", 5.0)
    async with open_gateway(settings) as (door, _):
        transport = httpx.ASGITransport(create_app(door))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            await client.post("/fhir", json=bundle(PATIENT), headers=FHIR)  # nobody sends it on
            asking = [asyncio.create_task(client.get("/drained")) for _ in range(ASKED_AT_ONCE)]
            await asyncio.sleep(0.5)

            begun = time.monotonic()
            accepted = await client.post("/fhir", json=bundle(PATIENT), headers=FHIR)
            took_s = time.monotonic() - begun

            answers = [(await each).json() for each in asking]
    assert accepted.status_code == 200
    assert took_s < 2.5, "it waited for those who ask"
    assert answers == [{"drained": False}] * ASKED_AT_ONCE
