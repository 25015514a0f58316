"""The whole system on this machine: broker, topics, and one process per service."""

import shutil
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from math import inf
from pathlib import Path
from typing import Final

import httpx

from services.contract.topics import ALL_STAGES
from services.local.broker import EmbeddedKafka
from services.local.ports import PortInUseError, TakenPort, take_port
from services.local.supervisor import Service, Supervisor
from services.runtime.drain import Progress
from services.runtime.settings import Settings, SettingsError, load_settings
from services.runtime.topics import TopicsError, check_topics, create_topics
from services.simulator.behind import read_behind
from services.subscriptions.keyring import require_keys

CITY_START: Final = datetime(2025, 1, 1, tzinfo=UTC)
CITY_COMPRESSION: Final = 365 * 24 * 60.0
"""City seconds in one real second: a year passes in a minute."""

CLOCK: Final = "services.runtime.clock"
CITY_TICK_S: Final = 0.5
READY_TIMEOUT_S: Final = 60.0
EMBEDDED_PARTITIONS: Final = 2
"""Of the embedded broker, unless CARELOOP_PARTITIONS says otherwise. One worker of each stage reads
them all, and each costs all processes a little on every turn: with 12, decisions take thrice as long
under load."""

PORTS: Final = {"gateway": "http_port", "subscriptions": "subscriptions_port"}
"""Service -> the setting that names its port, as an option of `careloop run` does."""

ADDRESSES: Final = "env.sh"
"""In the data directory: the doors' addresses as variables of a shell."""


class StartError(RuntimeError):
    """The system could not be started; the message says what to do."""


@dataclass(frozen=True, slots=True)
class City:
    """How the synthetic city is to be: members, facts per real second, seed."""

    members: int = 1_000
    rate: float = 250.0
    seed: int = 7

    @staticmethod
    def parse(text: str) -> "City":
        """Read `members=N,rate=R,seed=S`; what is left out keeps its default.

        Raises:
            ValueError: an unknown name, or a value that is not a number.
        """
        values: dict[str, str] = {}
        for part in filter(None, text.split(",")):
            name, _, value = part.partition("=")
            if name not in {"members", "rate", "seed"} or not value:
                raise ValueError(f"{part!r}: expected members=N, rate=R or seed=S")
            values[name] = value
        default = City()
        try:
            city = City(
                members=int(values.get("members", default.members)),
                rate=float(values.get("rate", default.rate)),
                seed=int(values.get("seed", default.seed)),
            )
        except ValueError:
            raise ValueError("members, rate and seed must be numbers, not " + text) from None
        if city.members < 1 or not 0 < city.rate < inf or city.seed < 0:
            raise ValueError("members and rate must be greater than 0, and seed not less than 0")
        return city


@dataclass(frozen=True, slots=True)
class Options:
    """What `careloop run` was asked for. None: the embedded part, a free port, a throwaway."""

    bootstrap_servers: str | None = None
    database_url: str | None = None
    data_dir: Path | None = None
    http_port: int | None = None
    subscriptions_port: int | None = None
    city: City | None = None


class System:
    """Everything that `careloop run` starts, in the order in which it is started and stopped."""

    def __init__(self, options: Options) -> None:
        """Choose the folder and take the ports; nothing is started yet.

        Raises:
            StartError: an option cannot be used; the message says why.
        """
        self.options = options
        self.throwaway = options.data_dir is None
        try:
            # What is wrong with the options is found before anything is made or taken.
            asked = load_settings(
                bootstrap_servers=options.bootstrap_servers,
                database_url=options.database_url,
                http_port=options.http_port,
                subscriptions_port=options.subscriptions_port,
            )
            require_keys(asked)
            self._taken = {name: _take(name, asked) for name in PORTS}
            self.ports = {name: taken.number for name, taken in self._taken.items()}
            folder = options.data_dir or Path(tempfile.mkdtemp(prefix="careloop-"))
            self.data_dir = folder.resolve()
            self.supervisor = Supervisor(self.data_dir / "logs")
        except (SettingsError, OSError) as error:
            raise StartError(str(error)) from error
        self.broker = (
            EmbeddedKafka(self.data_dir / "kafka") if options.bootstrap_servers is None else None
        )
        self.settings = self._settings()

    @property
    def gateway_url(self) -> str:
        """Where hospitals publish."""
        return f"http://127.0.0.1:{self.ports['gateway']}"

    @property
    def subscriptions_url(self) -> str:
        """Where insurers subscribe."""
        return f"http://127.0.0.1:{self.ports['subscriptions']}"

    @property
    def addresses(self) -> Path:
        """The file that another shell reads the doors' addresses from."""
        return self.data_dir / ADDRESSES

    @property
    def behind_s(self) -> float:
        """By how many city seconds the city is behind its clock now."""
        return read_behind(self._behind)

    def start_log(self) -> None:
        """Start the broker, if it is the embedded one, and make the topics.

        Raises:
            StartError: the topics cannot be made, or are not as the services need them.
            BrokerError: the embedded broker does not start.
        """
        if self.broker is not None:
            self.broker.start()
        servers = self.options.bootstrap_servers or self._embedded_servers()
        self.settings = self._settings(servers)
        try:
            create_topics(self.settings)
            problems = check_topics(self.settings)
        except TopicsError as error:
            raise StartError(str(error)) from error
        # The first question about a group makes the broker create its table of groups, which would
        # otherwise keep all services waiting at once.
        with Progress(self.settings) as progress:
            progress.lag(progress.ends())
        if problems:
            raise StartError("the topics are not as they should be:\n" + "\n".join(problems))

    def start_services(self) -> None:
        """Start one process per service, and write down where their doors are."""
        self.addresses.write_text(
            f"export GATEWAY={self.gateway_url}\n"
            f"export INSURERS_DOOR={self.subscriptions_url}\n"
            f"export CARELOOP_BOOTSTRAP_SERVERS={self.settings.bootstrap_servers}\n"
        )
        for name in ("gateway", *ALL_STAGES, "ledger", "subscriptions"):
            self.supervisor.start(self._service(name))

    def start_time(self, clock_reads: datetime | None) -> None:
        """Start the clock, and the city if there is one; `clock_reads` is the log's last tick.

        A folder that a city has lived in keeps the city's time, at a second a second while the
        city is away: a jump to today would let months of deadlines pass at once.
        """
        now, city = time.time(), self.options.city
        self._behind.unlink(missing_ok=True)
        if city is not None:
            begun = max(clock_reads or CITY_START, CITY_START)
            epoch = now - (begun - CITY_START).total_seconds() / CITY_COMPRESSION
            self.supervisor.start(self._clock(CITY_START, epoch, CITY_COMPRESSION))
            self.supervisor.start(self._city(city, epoch))
        elif self._bookmark.exists() and clock_reads is not None:
            self.supervisor.start(self._clock(clock_reads, now, 1.0))
        else:
            self.supervisor.start(Service("clock", CLOCK, environment=self._environment("clock")))

    def wait_ready(self) -> None:
        """Wait until the gateway answers.

        Raises:
            StartError: it does not; the message ends with the last lines of its log.
        """
        deadline = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < deadline:
            self.supervisor.check()
            try:
                if httpx.get(f"{self.gateway_url}/readyz", timeout=2).status_code == httpx.codes.OK:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        log = self.supervisor.logs / "gateway.log"
        tail = log.read_text(errors="replace").splitlines()[-20:]
        raise StartError(f"the gateway does not answer; the end of {log}:\n" + "\n".join(tail))

    def stop_log(self) -> None:
        """Stop the embedded broker, and remove the folder if it was a throwaway."""
        if self.broker is not None:
            self.broker.stop()
        for taken in self._taken.values():
            taken.release()
        if self.throwaway:
            shutil.rmtree(self.data_dir, ignore_errors=True)

    def _settings(self, servers: str | None = None) -> Settings:
        load = partial(
            load_settings,
            bootstrap_servers=servers,
            database_url=self.options.database_url,
            data_dir=self.data_dir,
            http_port=self.ports["gateway"],
        )
        found = load()
        if self.broker is None or "partitions" in found.model_fields_set:
            return found
        return load(partitions=EMBEDDED_PARTITIONS)

    def _embedded_servers(self) -> str:
        assert self.broker is not None
        return self.broker.bootstrap_servers

    def _environment(self, name: str) -> dict[str, str]:
        workers = name in ALL_STAGES
        folder = self.data_dir / "workers" / name if workers else self.data_dir
        environment = {
            "CARELOOP_BOOTSTRAP_SERVERS": self.settings.bootstrap_servers,
            "CARELOOP_PARTITIONS": str(self.settings.partitions),
            "CARELOOP_DATA_DIR": str(folder),
            "CARELOOP_HTTP_PORT": str(self.ports["gateway"]),
            "CARELOOP_SUBSCRIPTIONS_PORT": str(self.ports["subscriptions"]),
            "CARELOOP_ALLOW_LOOPBACK_WEBHOOKS": "true",
        }
        if self.options.database_url is not None:
            environment["CARELOOP_DATABASE_URL"] = self.options.database_url
        return environment

    def _service(self, name: str) -> Service:
        return Service(name, f"services.{name}", environment=self._environment(name))

    @property
    def _bookmark(self) -> Path:
        """How far the city of this folder has been published."""
        return self.data_dir / "city-bookmark.json"

    @property
    def _behind(self) -> Path:
        """Where the city says how late it is."""
        return self.data_dir / "city-behind"

    def _clock(self, start: datetime, epoch: float, compression: float) -> Service:
        """Return the clock that shows `start` at the Unix time `epoch`."""
        environment = self._environment("clock") | {
            "CARELOOP_CLOCK_START": start.isoformat(),
            "CARELOOP_CLOCK_EPOCH": repr(epoch),
            "CARELOOP_CLOCK_COMPRESSION": repr(compression),
            "CARELOOP_TICK_SECONDS": repr(CITY_TICK_S),
        }
        return Service("clock", CLOCK, environment=environment)

    def _city(self, city: City, epoch: float) -> Service:
        arguments = {
            "--url": self.gateway_url,
            "--members": city.members,
            "--rate": city.rate,
            "--seed": city.seed,
            "--start": CITY_START.isoformat(),
            "--compression": CITY_COMPRESSION,
            "--epoch": epoch,
            "--bookmark": self._bookmark,
            "--report": self.data_dir / "city-report.json",
            "--behind": self._behind,
        }
        words = [str(word) for pair in arguments.items() for word in pair]
        return Service("city", "services.simulator", words, self._environment("city"))


def _take(service: str, asked: Settings) -> TakenPort:
    """Take the port that an option or the environment names, else the usual one, else any.

    Raises:
        StartError: the port that was asked for is in use.
    """
    setting = PORTS[service]
    usual = Settings.model_fields[setting].default
    named = getattr(asked, setting) if setting in asked.model_fields_set else None
    try:
        return take_port(usual, named)
    except PortInUseError as error:
        raise StartError(
            f"--{setting.replace('_', '-')} (CARELOOP_{setting.upper()}): {error}"
        ) from error


def city_time(epoch_s: float, now_s: float) -> datetime:
    """Return the city's time at a real moment."""
    return CITY_START + timedelta(seconds=(now_s - epoch_s) * CITY_COMPRESSION)
