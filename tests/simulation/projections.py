"""The real ledger and the real numbering of milestones, fed by the real projection loop."""

from types import SimpleNamespace
from typing import Any

from sqlalchemy import create_engine, event
from sqlalchemy.pool import StaticPool

from services.contract.topics import CARE_MILESTONES
from services.ledger.app import Ledger
from services.ledger.tables import METADATA
from services.runtime import projection
from services.runtime.projection import Batch, StaleWriterError
from services.subscriptions.matching import MILESTONES, Follower, Noted, assign, note
from tests.simulation.coroutines import Ended, kill
from tests.simulation.invariants import require
from tests.simulation.kafka import Broker, Consumer, Writer


class CommitFailedError(RuntimeError):
    """The database went away while a transaction was being committed."""


class LedgerDatabase:
    """SQLite in memory; one of the next commits may be made to fail."""

    def __init__(self) -> None:
        self.fails_in = 0
        self.engine = create_engine("sqlite://", poolclass=StaticPool)
        event.listen(self.engine, "connect", _leave_transactions_alone)
        event.listen(self.engine, "begin", _begin)
        METADATA.create_all(self.engine)
        event.listen(self.engine, "commit", self._on_commit)

    def _on_commit(self, connection: Any) -> None:
        if connection.get_execution_options().get("careloop_reads"):
            return
        self.fails_in -= 1
        if self.fails_in == 0:
            raise CommitFailedError


def _leave_transactions_alone(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys=ON")


def _begin(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN")


class Followers:
    """Three insurers' subscriptions, numbered as `subscriptions` does, in one durable store."""

    name = "subscriptions"
    topics = (CARE_MILESTONES,)
    consumes = MILESTONES

    def __init__(self, insurers: tuple[str, ...]) -> None:
        self._positions: dict[tuple[str, int], int] = {}
        self._kept: set[str] = set()
        self.last = dict.fromkeys(insurers, 0)
        self.told: dict[str, list[str]] = {insurer: [] for insurer in insurers}

    def position(self, topic: str, partition: int) -> int | None:
        return self._positions.get((topic, partition))

    def apply(self, *batches: Batch) -> None:
        for batch in batches:
            if self._positions.get((batch.topic, batch.partition), 0) != batch.start_offset:
                raise StaleWriterError("another process has been here")
        for batch in batches:
            self._number(batch)
            self._positions[batch.topic, batch.partition] = batch.next_offset

    def _number(self, batch: Batch) -> None:
        fresh: list[Noted] = []
        for logged in batch.events:
            if logged.event.id not in self._kept:
                self._kept.add(logged.event.id)
                fresh.append(note(logged.event))
        followers = [Follower(name, name, None, last) for name, last in self.last.items()]
        for given in assign(followers, fresh):
            assert given.number == self.last[given.subscription_id] + 1, "numbers have no gap"
            self.last[given.subscription_id] = given.number
            self.told[given.subscription_id].append(given.event_id)


class WatchedLedger(Ledger):
    """The ledger, whose stretches of the log are looked at as they are applied."""

    def __init__(self, database: LedgerDatabase) -> None:
        super().__init__(database.engine)
        self._applied: dict[tuple[str, int], int] = {}

    def apply(self, *batches: Batch) -> None:
        super().apply(*batches)
        for batch in batches:
            self.each_stretch_of_the_log_is_applied_once(batch)

    def each_stretch_of_the_log_is_applied_once(self, batch: Batch) -> None:
        """What is applied begins where the one before ended, whichever process applies it."""
        at = (batch.topic, batch.partition)
        ended = self._applied.get(at, 0)
        what = f"{at}: {batch.start_offset} after {ended}"
        require("each_stretch_of_the_log_is_applied_once", batch.start_offset == ended, what)
        self._applied[at] = batch.next_offset


class ProjectionProcess:
    """One process of a projection."""

    def __init__(self, broker: Broker, folds: Any) -> None:
        settings: Any = SimpleNamespace(bootstrap_servers="", session_timeout_s=6)
        self.name = folds.name
        self.at = "idle"
        self._broker = broker
        self._feed: Any = projection._Feed(folds, settings)
        self._feed._writer = Writer(broker)
        self.consumer: Consumer = self._feed._consumer
        self._main: Any = self._run()

    async def _run(self) -> None:
        while True:
            await self._feed.step()

    @property
    def is_idle(self) -> bool:
        """Whether it waits for records and there are none."""
        return self.at == "idle" and self.consumer.backlog() == 0

    def step(self) -> None:
        """Go on to the next pause.

        Raises:
            Ended: the process stopped itself, with its reason as the cause.
        """
        try:
            self.at = self._main.send(None)
        except Exception as error:  # whatever it is, the process is gone
            raise Ended(repr(error)) from error

    def kill(self) -> None:
        """End the process where it stands."""
        kill(self._main)
