"""Runs the city: reads the options, opens the client, stops cleanly, writes the report."""

import asyncio
import signal
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import httpx
import orjson
import stamina.instrumentation
import typer

from services.simulator.behind import write_behind
from services.simulator.bookmark import Bookmark, OtherCityError, open_bookmark, save_bookmark
from services.simulator.delivery import GatewayUnreachableError
from services.simulator.plan import lanes
from services.simulator.population import City
from services.simulator.publisher import IN_FLIGHT_MAX, CityClock, Pace, Publisher
from services.simulator.report import CityReport

YEAR_A_MINUTE: Final = 365.0 * 86_400 / 60
"""City seconds per real second at which a city year passes in a minute."""
_LINE_EVERY_S: Final = 5.0
_LOOK_EVERY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the city. `seconds`: real seconds after which it stops by itself."""

    city: City
    url: str
    rate: float
    clock: CityClock
    seconds: float | None = None
    report_file: Path | None = None
    bookmark_file: Path | None = None
    behind_file: Path | None = None


async def publish_city(run: Run, bookmark: Bookmark, stop: asyncio.Event) -> CityReport:
    """Publish the city until `stop`, its time is over, or the gateway is gone.

    Raises:
        GatewayUnreachableError: the gateway has been away for too long; the report is written.
    """
    report, began = CityReport(), time.monotonic()
    limits = httpx.Limits(max_connections=IN_FLIGHT_MAX)
    async with httpx.AsyncClient(base_url=run.url, limits=limits, trust_env=False) as client:
        publisher = Publisher(client, run.clock, Pace(run.rate), report, bookmark.delivered)
        narrator = asyncio.create_task(_narrate(run, bookmark, report, began))
        watcher = asyncio.create_task(_watch(publisher, report, run))
        timer = asyncio.create_task(_stop_after(run.seconds, stop))
        try:
            await publisher.run(lanes(run.city), stop)
        finally:
            narrator.cancel()
            watcher.cancel()
            timer.cancel()
            _write(run, bookmark, report, began)
    return report


async def _stop_after(seconds: float | None, stop: asyncio.Event) -> None:
    if seconds is not None:
        await asyncio.sleep(seconds)
        stop.set()


async def _watch(publisher: Publisher, report: CityReport, run: Run) -> None:
    """Keep saying, for whoever watches, how far the city is behind its clock now."""
    while True:
        report.behind_now_s = publisher.behind_s()
        if run.behind_file is not None:
            write_behind(run.behind_file, report.behind_now_s)
        await asyncio.sleep(_LOOK_EVERY_S)


async def _narrate(run: Run, bookmark: Bookmark, report: CityReport, began: float) -> None:
    while True:
        await asyncio.sleep(_LINE_EVERY_S)
        if run.bookmark_file is not None:
            save_bookmark(run.bookmark_file, bookmark)
        _say(_summary(run, report, began) | {"event": "city.progress"})


def _write(run: Run, bookmark: Bookmark, report: CityReport, began: float) -> None:
    summary = _summary(run, report, began)
    if run.bookmark_file is not None:
        save_bookmark(run.bookmark_file, bookmark)
    if run.report_file is not None:
        run.report_file.write_bytes(orjson.dumps(summary, option=orjson.OPT_INDENT_2))
    _say(summary | {"event": "city.stopped"})


def _summary(run: Run, report: CityReport, began: float) -> dict[str, Any]:
    return {
        "seed": run.city.seed,
        "members": run.city.members,
        "city_time": run.city.instant(max(0.0, run.clock.now())),
        "real_s": round(time.monotonic() - began, 1),
        **report.as_json(),
    }


def _say(line: dict[str, Any]) -> None:
    sys.stdout.write(orjson.dumps(line).decode() + "\n")
    sys.stdout.flush()


async def _run_until_signalled(run: Run, bookmark: Bookmark) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await publish_city(run, bookmark, stop)


def command(  # noqa: PLR0913  one parameter per option
    *,
    url: Annotated[str, typer.Option(help="The gateway's address.")] = "http://127.0.0.1:8080",
    members: Annotated[int, typer.Option(min=1, help="People in the city.")] = 1_000,
    rate: Annotated[float, typer.Option(min=0.1, help="Facts per real second, at most.")] = 250.0,
    seed: Annotated[int, typer.Option(min=0, help="Everything follows from it.")] = 7,
    start: Annotated[
        str, typer.Option(metavar="ISO", help="City time zero, in UTC if it has no offset.")
    ] = "2025-01-01",
    compression: Annotated[
        float, typer.Option(min=1.0, help="City seconds per real second.")
    ] = YEAR_A_MINUTE,
    epoch: Annotated[
        float | None, typer.Option(help="Unix time of city time zero; now if not given.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="Stop after so many real seconds.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write the counts here at the end.")] = None,
    bookmark: Annotated[
        Path | None, typer.Option(help="Remember here how far the city was published.")
    ] = None,
    behind: Annotated[
        Path | None, typer.Option(help="Say here, once a second, how late the city is.")
    ] = None,
) -> None:
    """Publish a synthetic city through the gateway's doors."""
    # Requests sent again are counted in the report; standard output carries JSON lines alone.
    stamina.instrumentation.set_on_retry_hooks([])
    city = City(seed, members, _instant(start))
    clock = CityClock(time.time() if epoch is None else epoch, compression)
    run = Run(city, url, rate, clock, seconds, report, bookmark, behind)
    try:
        held = open_bookmark(bookmark, city)
        asyncio.run(_run_until_signalled(run, held))
    except OtherCityError as error:
        typer.echo(error, err=True)
        raise typer.Exit(2) from error
    except GatewayUnreachableError as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from error


def _instant(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"--start: {error}") from error
    return moment.replace(tzinfo=moment.tzinfo or UTC)


def main() -> None:
    """Run the command."""
    typer.run(command)
