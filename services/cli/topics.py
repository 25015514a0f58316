"""`careloop topics`: create the Kafka topics, or check those of a shared cluster."""

from typing import Annotated

import typer

app = typer.Typer(help="Create or check the Kafka topics.", no_args_is_help=True)

Servers = Annotated[
    str | None,
    typer.Option(
        "--bootstrap-servers",
        metavar="HOST:PORT[,…]",
        help="Kafka's addresses; CARELOOP_BOOTSTRAP_SERVERS if not given.",
    ),
]
Partitions = Annotated[
    int | None, typer.Option(help="Partitions of every topic; CARELOOP_PARTITIONS if not given.")
]


@app.command()
def create(bootstrap_servers: Servers = None, partitions: Partitions = None) -> None:
    """Create the topics that do not exist yet; existing ones stay as they are."""
    from services.runtime.settings import SettingsError, load_settings
    from services.runtime.topics import TopicsError, create_topics

    try:
        settings = load_settings(bootstrap_servers=bootstrap_servers, partitions=partitions)
        created = create_topics(settings)
    except (SettingsError, TopicsError) as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from error
    for name in created:
        typer.echo(f"created {name} with {settings.partitions} partitions")
    if not created:
        typer.echo("all topics exist")


@app.command()
def check(bootstrap_servers: Servers = None, partitions: Partitions = None) -> None:
    """Say what is wrong with the topics; exit status 1 if anything is."""
    from services.runtime.settings import SettingsError, load_settings
    from services.runtime.topics import TopicsError, check_topics

    try:
        settings = load_settings(bootstrap_servers=bootstrap_servers, partitions=partitions)
        problems = check_topics(settings)
    except (SettingsError, TopicsError) as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from error
    for problem in problems:
        typer.echo(problem, err=True)
    if problems:
        raise typer.Exit(1)
    typer.echo("all topics are as they must be")
