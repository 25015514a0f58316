"""`careloop dead-letters`: list what was refused, and drive it again, once.

Exit status of `redrive`: 0 if all that was chosen has been driven again, now or before; 1 if
something was refused or held back; 2 if Kafka or the gateway could not be reached.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from services.cli.topics import Servers
from services.timeline.counted import counted

if TYPE_CHECKING:
    import httpx

    from services.contract.codec import Record
    from services.replay.dead_letters import Again, Anew, Held, Refused

_REFUSED: Final = "refused: "
_HELD: Final = "held back: "

app = typer.Typer(help="List what was refused, and drive it again.", no_args_is_help=True)

Reason = Annotated[str, typer.Option(metavar="TEXT", help="Only those whose reason contains TEXT.")]
Topic = Annotated[str, typer.Option(help="Only records of this topic.")]
RefusedBy = Annotated[str, typer.Option(metavar="STAGE", help="Only what STAGE has refused.")]


@app.command("list")
def list_letters(
    *,
    bootstrap_servers: Servers = None,
    reason: Reason = "",
    topic: Topic = "",
    refused_by: RefusedBy = "",
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the letters here as JSON Lines, to be mended."),
    ] = None,
) -> None:
    """Show each refused record: its place, who refused it and why, and how it can go again."""
    from services.replay.dead_letters import choose, to_line, way

    with _readable_errors():
        found = choose(_read(_servers(bootstrap_servers)), reason, topic, refused_by)
        if out is not None:
            lines = [to_line(refused.letters[0]) + b"\n" for refused in found]
            out.write_bytes(b"".join(lines))
    for refused in found:
        typer.echo(f"{_where(refused)}  {refused.type or 'no type'}: {_says(way(refused))}")
        for letter in refused.letters:
            typer.echo(f"  {letter.id}  {letter.refused_by}: {letter.reason}")
    typer.echo(counted(len(found), "record") + (f" written to {out}" if out else ""))


@app.command()
def redrive(  # noqa: PLR0913  # one parameter per option
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]…", help="Ids of dead letters.")
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All dead letters.")] = False,
    reason: Reason = "",
    topic: Topic = "",
    refused_by: RefusedBy = "",
    mended: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="Those in FILE, as it has them: see list."),
    ] = None,
    without_effect: Annotated[
        list[str] | None,
        typer.Option(
            "--without-effect-on",
            metavar="STAGE",
            help="You know that the original did nothing in STAGE, which took it.",
        ),
    ] = None,
    url: Annotated[str, typer.Option(help="The gateway's address.")] = "http://127.0.0.1:8080",
    bootstrap_servers: Servers = None,
) -> None:
    """Drive refused records again; those that were driven before are not applied twice."""
    from services.replay.dead_letters import choose, way

    if not (ids or everything or mended or reason or topic or refused_by):
        raise typer.BadParameter("name dead letters, or choose by --all or another option")
    with _readable_errors():
        servers = _servers(bootstrap_servers)
        found = _read(servers)
        lines = {} if mended is None else _mended(mended)
        wanted = {*(ids or ()), *lines}
        if wanted:
            found = _named(found, wanted)
        known = frozenset(without_effect or ())
        ways = [
            (each, way(each, _mend(each, lines), known))
            for each in choose(found, reason, topic, refused_by)
        ]
        answers = _drive(ways, url, servers)
    for (each, _), answer in zip(ways, answers, strict=True):
        typer.echo(f"{_where(each)}  {each.letters[0].id}  {answer}")
    bad = sum(answer.startswith((_REFUSED, _HELD)) for answer in answers)
    typer.echo(f"{len(ways) - bad} driven again, {bad} not")
    if bad:
        raise typer.Exit(1)


def _servers(given: str | None) -> str:
    from services.runtime.settings import load_settings

    return load_settings(bootstrap_servers=given).bootstrap_servers


def _read(servers: str) -> "list[Refused]":
    from services.contract.topics import DEAD_LETTERS
    from services.replay.dead_letters import by_record, read_letters
    from services.replay.kafka_log import KafkaLog

    with KafkaLog(servers, (DEAD_LETTERS,)) as log:
        return by_record(read_letters(log))


def _named(found: "Sequence[Refused]", wanted: set[str]) -> "list[Refused]":
    missing = wanted - {letter.id for refused in found for letter in refused.letters}
    if missing:
        raise typer.BadParameter(f"no dead letter has the id {', '.join(sorted(missing))}")
    return [each for each in found if any(letter.id in wanted for letter in each.letters)]


def _mended(path: Path) -> "dict[str, Record]":
    from services.replay.dead_letters import from_line

    return dict(from_line(line) for line in path.read_bytes().split(b"\n") if line.strip())


def _mend(refused: "Refused", lines: "Mapping[str, Record]") -> "Record | None":
    found = {lines[letter.id] for letter in refused.letters if letter.id in lines}
    if len(found) > 1:
        raise typer.BadParameter(f"{_where(refused)} is mended in two ways")
    return next(iter(found), None)


def _drive(
    ways: "Sequence[tuple[Refused, Again | Anew | Held]]", url: str, servers: str
) -> list[str]:
    """Do what each record's way says; return what became of each, in order."""
    import asyncio

    import httpx

    from services.replay.dead_letters import Again, Anew, Held, distinct

    again = distinct(each for _, each in ways if isinstance(each, Again))
    if again:
        asyncio.run(_write(again, servers))
    answers = []
    with httpx.Client(base_url=url, timeout=60.0, trust_env=False) as client:
        for refused, each in ways:
            match each:
                case Again():
                    answers.append("written again, for whoever awaits its number")
                case Anew():
                    answers.append(_send(client, _where(refused), each))
                case Held(why):
                    answers.append(_HELD + why)
    return answers


async def _write(again: "Sequence[Again]", servers: str) -> None:
    from services.runtime.log_writer import LogWriter, Write

    writer = LogWriter(servers, "careloop-dead-letters")
    await writer.start()
    try:
        await writer.write(
            Write(each.place.topic, each.place.partition, each.record) for each in again
        )
    finally:
        await writer.stop()


def _send(client: "httpx.Client", name: str, anew: "Anew") -> str:
    from services.cli.publish import send
    from services.cli.publish_answers import read_answer
    from services.cli.publish_files import STRUCTURED, Request

    request = Request(name, "/events", STRUCTURED, anew.body())
    answered = read_answer(request, send(client, request, None))
    if answered.refusals:
        return _REFUSED + "; ".join(answered.refusals[0].reasons)
    return "accepted by the gateway" if answered.accepted else "driven before"


def _where(refused: "Refused") -> str:
    place = refused.place
    return f"{place.topic}/{place.partition} at {place.offset}"


def _says(found: "Again | Anew | Held") -> str:
    from services.replay.dead_letters import Again, Anew, Held

    match found:
        case Again():
            return "goes again as it stands"
        case Anew():
            return "goes to the gateway"
        case Held(why):
            return _HELD + why


@contextmanager
def _readable_errors() -> Iterator[None]:
    from aiokafka.errors import KafkaError

    from services.cli.publish import GatewayAwayError
    from services.replay.log import LogError
    from services.runtime.settings import SettingsError

    try:
        yield
    except (LogError, SettingsError, KafkaError, GatewayAwayError, OSError) as error:
        typer.echo(error, err=True)
        raise typer.Exit(2) from error
