"""Requests sent through the gateway's own doors, and what all stages make of them, in process."""

import asyncio
import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import httpx

from services.cli.stages import all_stages
from services.contract.codec import Record
from services.contract.topics import DEAD_LETTERS, EVENT_TOPICS, HEALTH_EVENTS
from services.gateway.routes import Gateway
from services.runtime.inprocess import InProcess
from services.runtime.settings import Settings
from tests.gateways import FHIR, gateway
from tests.golden.recorded.files import Request

SYNTHEA: Final = (
    Path(os.environ.get("CARELOOP_TESTDATA", Path(__file__).parents[4] / "shared" / "testdata"))
    / "synthea-r4"
)
"""Ten years of twelve people's visits; not part of the repository."""

_DAY: Final = timedelta(days=1)
_SYNTHEA_READ_AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
_MONTHS_AFTER: Final = 18


@dataclass(slots=True)
class Life:
    """What was said. answers: the requests with the status that they got here."""

    answers: list[Request]
    stages: InProcess

    def records(self) -> list[tuple[str, Record]]:
        """Return every record of every topic, topic by topic, in log order."""
        return [
            (topic, row.record)
            for topic in (*EVENT_TOPICS, DEAD_LETTERS)
            for _, row in self.stages.log.all_rows(topic)
        ]


@dataclass(slots=True)
class _Town:
    """A gateway and the stages behind it, on one clock and one partition."""

    now: datetime
    stages: InProcess = field(default_factory=lambda: InProcess(all_stages()))
    answers: list[Request] = field(default_factory=list)

    async def send(self, client: httpx.AsyncClient, door: Gateway, request: Request) -> None:
        self.now = request.at
        answer = await client.post(request.path, content=request.body, headers=request.headers)
        self.answers.append(replace(request, status=answer.status_code))
        sent = door.store.unsent(1_000_000)
        for each in sent:
            self.stages.log.append(HEALTH_EVENTS, 0, each.record)
        door.store.forget_sent([each.position for each in sent])
        self.stages.run()

    def tick(self, at: datetime) -> None:
        self.stages.tick(at)
        self.stages.run()


async def live(requests: Iterable[Request], settings: Settings) -> Life:
    """Send each request at its time, with a tick at each midnight (UTC) between."""
    town = _Town(datetime.min.replace(tzinfo=UTC))
    midnight: datetime | None = None
    async with gateway(settings, lambda: town.now) as (client, door):
        for request in requests:
            midnight = midnight or request.at.replace(hour=0, minute=0, second=0, microsecond=0)
            while midnight <= request.at:
                town.tick(midnight)
                midnight += _DAY
            await town.send(client, door, request)
    return Life(town.answers, town.stages)


async def live_synthea(settings: Settings) -> Life:
    """Send each file of `SYNTHEA` to the FHIR door; afterwards a year and a half passes."""
    bodies = await asyncio.to_thread(_synthea_files)
    town = _Town(_SYNTHEA_READ_AT)
    async with gateway(settings, lambda: town.now) as (client, door):
        for body in bodies:
            await town.send(client, door, Request(_SYNTHEA_READ_AT, "/fhir", FHIR, body, 200))
    for month in range(_MONTHS_AFTER):
        town.tick(_SYNTHEA_READ_AT + 30 * month * _DAY)
    return Life(town.answers, town.stages)


def _synthea_files() -> list[bytes]:
    return [file.read_bytes() for file in sorted(SYNTHEA.glob("*.json"))]
