"""`careloop replay`: export a log, make tables of it, or verify it by regenerating every event."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from services.timeline.counted import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.replay.kafka_log import KafkaLog
    from services.replay.log import RecordedLog
    from services.replay.report import Report

app = typer.Typer(
    help="Export a log, make tables of it, or verify it by replay.", no_args_is_help=True
)

DataDir = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Data directory of a stopped `careloop run`; its broker is started alone.",
    ),
]
Servers = Annotated[
    str | None,
    typer.Option(
        "--bootstrap-servers",
        metavar="HOST:PORT[,…]",
        help="Kafka's addresses.",
    ),
]


@app.command()
def export(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="File, or a folder for both formats.")],
    data_dir: DataDir = None,
    bootstrap_servers: Servers = None,
    format: Annotated[  # noqa: A002  the option's name
        Literal["jsonl", "parquet"] | None,
        typer.Option(help="Format; by the suffix of OUT if not given."),
    ] = None,
) -> None:
    """Write every record of the event topics and the dead letters to a file, bytes exact."""
    from services.replay.log_file import export as write
    from services.replay.log_file import files_to_write

    if (data_dir is None) == (bootstrap_servers is None):
        raise typer.BadParameter("give either --data-dir or --bootstrap-servers")
    with _readable_errors():
        files = files_to_write(out, format)
        with _kafka_log(data_dir, bootstrap_servers) as log:
            total = log.manifest.records
            with _progress("Exporting", total) as progress:
                write(log, files, progress)
    typer.echo(f"exported {counted(total, 'record')} to {', '.join(map(str, files))}")


@app.command()
def tables(
    log_file: Annotated[Path, typer.Argument(metavar="OUT", help="What `export` wrote.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the files go.")],
) -> None:
    """Write an exported log as one Parquet file per event type, a column per field, for SQL."""
    from services.replay.log_file import open_log
    from services.replay.tables import write_tables

    with (
        _readable_errors(),
        open_log(log_file) as log,
        _progress("Writing", log.manifest.records) as progress,
    ):
        count = write_tables(log, folder, progress)
    typer.echo(f"{counted(count, 'event')} in {folder}, one file for each type")


@app.command()
def verify(
    log_file: Annotated[
        Path | None, typer.Argument(metavar="OUT", help="What `export` wrote.")
    ] = None,
    data_dir: DataDir = None,
    bootstrap_servers: Servers = None,
    show: Annotated[int, typer.Option(min=0, help="How many differences to show in full.")] = 10,
) -> None:
    """Regenerate every derived event and compare; exit status 1 if anything differs."""
    if sum(each is not None for each in (log_file, data_dir, bootstrap_servers)) != 1:
        raise typer.BadParameter("give one of OUT, --data-dir and --bootstrap-servers")
    with _readable_errors():
        if log_file is None:
            with _kafka_log(data_dir, bootstrap_servers) as kafka_log:
                report = _verify(kafka_log, show)
        else:
            from services.replay.log_file import open_log

            with open_log(log_file) as file_log:
                report = _verify(file_log, show)
    _print(report, show)
    if report.differences:
        raise typer.Exit(1)


def _verify(log: "RecordedLog", show: int) -> "Report":
    from services.cli.stages import all_stages
    from services.replay.compare import reads, verify
    from services.runtime.process import collect_garbage_seldom

    collect_garbage_seldom()
    stages = all_stages()
    with _progress("Verifying", reads(log, stages)) as progress:
        return verify(log, stages, show=show, progress=progress)


@contextmanager
def _kafka_log(data_dir: Path | None, bootstrap_servers: str | None) -> "Iterator[KafkaLog]":
    from services.contract.topics import DEAD_LETTERS, EVENT_TOPICS
    from services.replay.kafka_log import KafkaLog
    from services.replay.log import LogError

    topics = (*EVENT_TOPICS, DEAD_LETTERS)
    exported_at = datetime.now(UTC).isoformat(timespec="seconds")
    if bootstrap_servers is not None:
        with KafkaLog(bootstrap_servers, topics, exported_at) as log:
            yield log
        return
    assert data_dir is not None
    from services.local.broker import BrokerError, EmbeddedKafka

    folder = data_dir / "kafka"
    # A broker would make itself a new, empty log in any folder that it is given.
    if not (folder / "log").is_dir():
        raise LogError(f"{data_dir} is not the data directory of a run: it has no kafka/log")
    typer.echo(f"starting the broker of {data_dir} alone", err=True)
    with ExitStack() as stack:
        try:
            broker = stack.enter_context(EmbeddedKafka(folder))
        except BrokerError as error:
            raise LogError(str(error)) from error
        yield stack.enter_context(KafkaLog(broker.bootstrap_servers, topics, exported_at))


@contextmanager
def _readable_errors() -> Iterator[None]:
    from services.replay.log import LogError

    try:
        yield
    except (LogError, OSError) as error:
        typer.echo(error, err=True)
        raise typer.Exit(2) from error


@contextmanager
def _progress(what: str, total: int) -> "Iterator[Callable[[int], None]]":
    """Show a bar with its rate on a terminal, and nothing elsewhere."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total, rate="")
        pending = 0

        def advance(count: int) -> None:
            nonlocal pending
            pending += count
            if pending >= 1_000:
                speed = bar.tasks[0].speed
                rate = f"{speed:,.0f} records/s" if speed else ""
                bar.update(task, advance=pending, rate=rate)
                pending = 0

        yield advance
        bar.update(task, advance=pending)


def _print(report: "Report", show: int) -> None:
    from rich.console import Console
    from rich.table import Table

    for difference in report.shown:
        typer.echo("\n".join(difference.lines()) + "\n")
    if report.differences > len(report.shown) and show:
        rest = report.differences - len(report.shown)
        typer.echo(f"… and {counted(rest, 'difference')} more (--show N shows more households)\n")
    table = Table("producer", box=None, pad_edge=False)
    for name in ("inputs", "recorded", "repeated", "regenerated", "differences"):
        table.add_column(name, justify="right")
    for name, each in report.stages.items():
        numbers = (
            each.inputs,
            each.recorded,
            each.repeated,
            each.regenerated,
            each.differences.total(),
        )
        table.add_row(name, *(f"{number:,}" for number in numbers))
    for name, each in report.facts.items():
        found = f"{each.differences.total():,}"
        table.add_row(name, "", f"{each.recorded:,}", f"{each.repeated:,}", "", found)
    Console().print(table)
    if report.refused:
        refused = counted(report.refused, "record")
        typer.echo(f"dead letters answer for {refused} of no known type")
    for (stage, topic), end in report.under_way.items():
        typer.echo(
            f"at the end of the log {stage} has not yet answered {counted(end.inputs, 'input')} on"
            f" {topic} ({counted(end.outputs, 'output')}): the log was read before it was drained, or its end is lost"
        )
    counts = ", ".join(f"{count:,} {kind}" for kind, count in report.kinds.items())
    typer.echo(counted(report.differences, "difference") + (f": {counts}" if counts else ""))
