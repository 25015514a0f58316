"""`careloop publish`: send files of FHIR JSON or CloudEvents to a gateway.

Exit status 0: everything was accepted, was known already, or is of no interest. 1: something was
refused or unreadable, with `--wait` also by a stage after it was accepted; the rest was published.
2: the gateway could not be reached, or, with `--wait`, was not done in time.
"""

import time
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, NoReturn

import httpx
import stamina.instrumentation
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from services.cli.publish_answers import Answered, read_answer
from services.cli.publish_behind import Behind, behind_the_door, gateway_time, senders_in
from services.cli.publish_files import Request, Skipped, Unreadable, files_in, read

REACH_S: Final = 20.0
"""How long a gateway may be away or busy before it counts as unreachable."""
_ANSWER_S: Final = 60.0
_POLL_S: Final = 0.3


class GatewayAwayError(ConnectionError):
    """The gateway gave no usable answer; the message names the address."""


class NotProcessedError(TimeoutError):
    """What was published has not been processed within the time."""


class _BusyError(Exception):
    """The gateway answered 429 or 5xx."""


def publish(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Files or folders.")],
    *,
    url: Annotated[str, typer.Option(help="The gateway's address.")] = "http://127.0.0.1:8080",
    wait: Annotated[
        bool, typer.Option("--wait", help="Return when everything is processed and decided.")
    ] = False,
    wait_timeout: Annotated[float, typer.Option(help="Seconds that --wait may take.")] = 180.0,
    source: Annotated[
        str | None, typer.Option(help="URI of the sender of FHIR that names none.")
    ] = None,
) -> None:
    """Publish files of FHIR JSON or CloudEvents."""
    out, err = Console(highlight=False, soft_wrap=True), Console(stderr=True, soft_wrap=True)
    # What is tried again is said once, at the end, if it stays in vain.
    stamina.instrumentation.set_on_retry_hooks([])
    missing = [path for path in paths if not path.exists()]
    for path in missing:
        err.print(f"{path}: no such file or folder", markup=False, highlight=False)
    if missing:
        raise typer.Exit(1)
    try:
        with httpx.Client(base_url=url, timeout=_ANSWER_S, trust_env=False) as client:
            since = _begin(client) if wait else None
            total, unreadable = publish_files(client, paths, out, err, source)
            behind = None
            if since is not None:
                wait_until_processed(client, time.monotonic() + wait_timeout)
                behind = _seen_behind(client, total, since)
    except (GatewayAwayError, NotProcessedError, httpx.InvalidURL) as error:
        _fail(err, str(error))
    refused = len(total.refusals) + unreadable
    out.print(
        f"accepted {total.accepted}, duplicates {total.duplicates}, refused {refused}"
        f" (passed over: {total.passed_over})" + _told_behind(err, behind)
    )
    if refused or (behind is not None and behind.refused):
        raise typer.Exit(1)


def publish_files(
    client: httpx.Client, paths: list[Path], out: Console, err: Console, source: str | None = None
) -> tuple[Answered, int]:
    """Send every file in order; return what became of the items, and how many were unreadable.

    Raises:
        GatewayAwayError: no answer, or only 429 and 5xx, for `REACH_S`.
    """
    files = list(files_in(paths))
    total, unreadable = Answered(), 0
    bar = Progress(
        TextColumn("publishing"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )
    with bar:
        for path in bar.track(files):
            for found in read(path):
                match found:
                    case Request():
                        answered = read_answer(found, send(client, found, source))
                        answered += Answered(senders=senders_in(found, source))
                        _report(err, answered)
                        total += answered
                    case Unreadable(name, reason):
                        unreadable += 1
                        err.print(f"[red]unreadable[/] {escape(name)}: {escape(reason)}")
                    case Skipped(name, reason):
                        out.print(f"[dim]skipped[/] {escape(name)}: {escape(reason)}")
    return total, unreadable


def wait_until_processed(client: httpx.Client, deadline: float) -> None:
    """Return when the gateway says that nothing is left to process.

    deadline: on the monotonic clock.

    Raises:
        NotProcessedError: the deadline has passed.
        GatewayAwayError: no answer, or not the answer of a gateway.
    """
    while not _is_drained(client):
        if time.monotonic() > deadline:
            raise NotProcessedError(
                "everything was published, and is not all processed yet: either it needs more time"
                " (--wait-timeout), or a service is not running"
            )
        time.sleep(_POLL_S)


def _begin(client: httpx.Client) -> datetime:
    try:
        return gateway_time(client)
    except httpx.HTTPError as error:
        raise GatewayAwayError(f"{client.base_url} does not answer: {error!r}") from error


def _seen_behind(client: httpx.Client, total: Answered, since: datetime) -> Behind:
    try:
        return behind_the_door(client, total.senders, since)
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise GatewayAwayError(
            f"{client.base_url} does not say what was refused behind its door: {error!r}"
        ) from error


def _told_behind(err: Console, behind: Behind | None) -> str:
    """Report what stages refused and what waits, line by line; return both in numbers."""
    if behind is None:
        return ""
    for row in behind.refused:
        what = f"{row['type']} of {row['member']}, by {row['refused_by']}: {row['reason']}"
        err.print(f"[red]refused behind the door[/] {escape(what)}")
    for row in behind.waiting:
        what = f"{row['what']} of {row['member']}, for {row['waits_for']}"
        err.print(f"[yellow]waiting[/] {escape(what)}")
    return f"; behind the door refused {len(behind.refused)}, waiting {len(behind.waiting)}"


def _is_drained(client: httpx.Client) -> bool:
    try:
        response = client.get("/drained")
        return bool(response.raise_for_status().json()["drained"])
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise GatewayAwayError(
            f"{client.base_url} does not say whether everything is processed: {error!r}"
        ) from error


def send(client: httpx.Client, request: Request, source: str | None) -> httpx.Response:
    """Send one request until it is answered.

    Raises:
        GatewayAwayError: no answer, or only 429 and 5xx, for `REACH_S`.
    """
    headers = {"content-type": request.content_type}
    if source is not None and request.path.startswith("/fhir"):
        headers["careloop-source"] = source
    try:
        for attempt in stamina.retry_context(
            on=(httpx.TransportError, _BusyError), attempts=None, timeout=REACH_S, wait_max=2.0
        ):
            with attempt:
                # Sent again unchanged: the gateway takes a fact once.
                return _answer(client.post(request.path, content=request.body, headers=headers))
    except (httpx.HTTPError, _BusyError) as error:
        raise GatewayAwayError(
            f"{client.base_url} cannot take {request.name}: {error!r}; is the gateway running"
            " there? What was sent before is published"
        ) from error
    raise AssertionError  # the loop above returns or raises


def _answer(response: httpx.Response) -> httpx.Response:
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS or response.is_server_error:
        raise _BusyError(f"HTTP {response.status_code}")
    return response


def _report(err: Console, answered: Answered) -> None:
    for refusal in answered.refusals:
        reasons = "; ".join(refusal.reasons)
        err.print(f"[red]refused[/] {escape(refusal.item)}: {escape(reasons)}")


def _fail(err: Console, text: str) -> NoReturn:
    err.print(f"[red]error[/] {escape(text)}")
    raise typer.Exit(2)
