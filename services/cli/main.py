"""`careloop`: the command line.

A command's module is imported when that command is called, so that help is instant and a tool
that only creates topics does not load the database and the web server.
"""

from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_command

_COMMANDS: Final = {
    "run": ("services.cli.run:run", "Run everything on this machine, with a synthetic city."),
    "dead-letters": ("services.cli.dead_letters:app", "List what was refused, drive it again."),
    "publish": ("services.cli.publish:publish", "Publish files of FHIR JSON or CloudEvents."),
    "replay": ("services.cli.replay:app", "Export a log, query or verify it."),
    "topics": ("services.cli.topics:app", "Create or check the Kafka topics."),
}
"""Command -> (where its function or its Typer app is, its line in the help)."""


class _LazyGroup(TyperGroup):
    """Lists the commands without loading them; loads the one that is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[0] in _COMMANDS:
            self.commands[args[0]] = _load(args[0])
        return super().resolve_command(ctx, args)


def _load(name: str) -> Any:
    module, _, attribute = _COMMANDS[name][0].partition(":")
    try:
        found = getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name != "services.local":
            raise
        typer.echo(f"`careloop {name}` is for a developer's machine; it is not here", err=True)
        raise typer.Exit(1) from error
    if isinstance(found, typer.Typer):
        return get_command(found)
    single = typer.Typer(add_completion=False)
    single.command(name)(found)
    return get_command(single)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"careloop {version('careloop')}")
        raise typer.Exit


def _listed() -> None:
    """Stand for a command in the help."""


app = typer.Typer(cls=_LazyGroup, no_args_is_help=True, pretty_exceptions_enable=False)
for _name, (_, _help) in _COMMANDS.items():
    app.command(_name, help=_help)(_listed)


@app.callback()
def careloop(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Care pathways, direct pay and claims on one ordered log per household."""
