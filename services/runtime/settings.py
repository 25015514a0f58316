"""What a process must be told: read once from `CARELOOP_*` variables and passed on from there."""

import difflib
import os
import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import AfterValidator, AwareDatetime, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

_PREFIX = "CARELOOP_"
_KEY = re.compile(r"^[A-Za-z0-9_-]{43}=$")
_SERVER = re.compile(r"^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$")

HOW_TO_MAKE_A_KEY: Final = (
    "make one with: python -c 'from cryptography.fernet import Fernet;"
    " print(Fernet.generate_key().decode())'"
)

Port = Annotated[int, Field(ge=0, le=65535)]
Folder = Annotated[Path, AfterValidator(Path.expanduser)]


class SettingsError(ValueError):
    """The settings cannot be used; the message has one line per problem."""


def _check_servers(servers: str) -> str:
    parts = [part.strip() for part in servers.split(",")]
    if not all(_SERVER.match(part) for part in parts):
        message = f"expected host:port, or several separated by commas, not {servers!r}"
        raise ValueError(message)
    return ",".join(parts)


def _check_database_url(url: str | None) -> str | None:
    if not url:
        return None
    parts = urlsplit(url)
    if parts.scheme not in {"postgresql", "postgresql+psycopg"} or len(parts.path) <= 1:
        message = (
            "expected postgresql+psycopg://user@host:port/database; leave it out to keep each"
            " service's data in an SQLite file under the data directory"
        )
        raise ValueError(message)
    return urlunsplit(parts._replace(scheme="postgresql+psycopg"))


def _check_keys(keys: SecretStr | None) -> SecretStr | None:
    if keys is None or not keys.get_secret_value():
        return None
    parts = [part.strip() for part in keys.get_secret_value().split(",")]
    if not all(_KEY.match(part) for part in parts):
        message = f"expected keys of 32 bytes, separated by commas; {HOW_TO_MAKE_A_KEY}"
        raise ValueError(message)
    return SecretStr(",".join(parts))


class Settings(BaseSettings):
    """The settings of one process, frozen; use `load_settings` for readable errors.

    Ports are TCP ports, 0 meaning none or any free one. Names that end in `_s` are seconds.
    """

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, extra="forbid")

    bootstrap_servers: Annotated[str, AfterValidator(_check_servers)] = "127.0.0.1:9092"
    """Kafka's addresses, `host:port`, separated by commas."""
    database_url: Annotated[str | None, AfterValidator(_check_database_url)] = None
    """The shared PostgreSQL database, or None for one SQLite file per service."""
    data_dir: Folder = Path("careloop-data")
    """Where this process keeps local state; two running processes never share one."""
    cache_dir: Folder = Path("~/.cache/careloop")
    """Where the broker's jars are kept between runs."""

    http_host: str = "127.0.0.1"
    http_port: Port = 8080
    metrics_host: str = "127.0.0.1"
    metrics_port: Port = 0
    """0 serves no metrics."""
    subscriptions_port: Port = 8081
    """The insurers' door, on `http_host`; 0 takes any free port, which the log names."""
    subscriptions_token: SecretStr | None = None
    """Who presents it may subscribe. Without one, only a door on a loopback address lets in."""
    secret_keys: Annotated[SecretStr | None, AfterValidator(_check_keys)] = None
    """Fernet keys for the secrets in the subscriptions database, separated by commas; the first
    seals, and all open. None: a key file in the data directory, where that has the database."""
    allow_loopback_webhooks: bool = False
    """Whether webhooks may go to this machine, and over http; for trying things out."""

    partitions: int = Field(default=12, ge=1)
    """The same on every topic: a household must land on one number everywhere."""
    replication_factor: int = Field(default=1, ge=1)

    tick_seconds: float = Field(default=1.0, gt=0)
    """Real seconds between two ticks of the clock."""
    clock_start: AwareDatetime | None = None
    """What the clock shows at `clock_epoch`; None: the later of now and the log's last tick."""
    clock_epoch: float | None = None
    """Unix time at which the clock shows `clock_start`; None: when the clock starts."""
    clock_compression: float = Field(default=1.0, gt=0)
    """Seconds that pass on the log's clock in one real second."""
    session_timeout_s: float = Field(default=15.0, ge=6)
    """How long a silent worker keeps its partitions; 6 is the broker's minimum."""
    commit_interval_s: float = Field(default=0.5, gt=0)
    stall_s: float = Field(default=90.0, gt=0)
    """How long a worker may stand still with records before it; then it ends, to start again."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["console", "json"] = "console"

    def database_url_for(self, service: str) -> str:
        """Return the SQLAlchemy URL of the database that `service` alone writes.

        SQLite: the file `<data_dir>/<service>.db`. PostgreSQL: the shared database with the
        schema named after the service first on the search path; see `database_schema_for`.
        """
        if self.database_url is None:
            return f"sqlite:///{self.data_dir.resolve() / f'{service}.db'}"
        parts = urlsplit(self.database_url)
        option = f"options={quote(f'-csearch_path={service}')}"
        query = f"{parts.query}&{option}" if parts.query else option
        return urlunsplit(parts._replace(query=query))

    def database_schema_for(self, service: str) -> str | None:
        """Return the schema that `service` must create before its tables; None on SQLite."""
        return None if self.database_url is None else service


def load_settings(**overrides: Any) -> Settings:
    """Return the settings from the environment; `overrides` that are not None win.

    Raises SettingsError naming every value that cannot be used, and every variable that looks
    like a misspelt setting.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    problems = _misspelt(list(os.environ))
    try:
        settings = Settings(**given)
    except ValidationError as error:
        problems += [
            f"{_PREFIX}{'.'.join(map(str, problem['loc'])).upper()}: {problem['msg']}"
            for problem in error.errors()
        ]
        raise SettingsError("\n".join(problems)) from error
    if problems:
        raise SettingsError("\n".join(problems))
    return settings


def _misspelt(variables: list[str]) -> list[str]:
    """Report only near misses: a cluster injects variables of its own under any prefix."""
    known = {f"{_PREFIX}{name.upper()}" for name in Settings.model_fields}
    problems = []
    for variable in sorted(variables):
        if not variable.startswith(_PREFIX) or variable in known:
            continue
        near = difflib.get_close_matches(variable, known, n=1, cutoff=0.94)
        if near:
            problems.append(f"{variable}: no such setting; did you mean {near[0]}?")
    return problems
