"""One episode: a few households, all services, one scheduler that decides who goes next.

A step is one decision of the scheduler: a record handed to a reader, a process resumed up to its
next call to the outside, a record of the gateway or a tick stored, or a fault.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from services.contract.codec import encode
from services.contract.event import Event, EventData
from services.contract.topics import HEALTH_EVENTS, PAYMENT_EVENTS
from services.gateway.acceptance.decide import decide
from services.gateway.acceptance.facts import Fact, Group
from services.gateway.acceptance.households import Known
from services.management.app import STAGE as MANAGEMENT
from services.rehabilitation.app import STAGE as REHABILITATION
from services.runtime.changelog import FencedError
from services.runtime.fold import GapInLogError
from services.runtime.projection import LogTruncatedError
from services.runtime.ticks import tick
from services.runtime.worker import StaleGenerationError
from services.screening.app import STAGE as SCREENING
from services.settlement.app import STAGE as SETTLEMENT
from services.treatment.app import STAGE as TREATMENT
from tests.simulation.coroutines import Ended
from tests.simulation.invariants import Watch, watched
from tests.simulation.kafka import Broker
from tests.simulation.patched import Decoder
from tests.simulation.projections import (
    CommitFailedError,
    Followers,
    LedgerDatabase,
    ProjectionProcess,
    WatchedLedger,
)
from tests.simulation.relay import Outbox, RelayProcess
from tests.simulation.stage_group import StageGroup
from tests.simulation.workload import INSURERS, START, households

STAGES = (SCREENING, MANAGEMENT, TREATMENT, REHABILITATION, SETTLEMENT)
EXPECTED_ENDS = (
    FencedError,
    GapInLogError,
    StaleGenerationError,
    CommitFailedError,
    LogTruncatedError,
)
"""What a process may end itself for under faults. Anything else is a bug."""


class UnexpectedEndError(AssertionError):
    """A process ended itself for a reason that no fault explains."""


@dataclass
class Gateway:
    """The gateway's judgement and numbering, with an outbox that survives its crashes."""

    outbox: Outbox
    known: Known = field(default_factory=Known)
    accepted: list[Event[EventData]] = field(default_factory=list)
    possible: list[Event[EventData]] = field(default_factory=list)

    def accept(self, fact: Fact) -> None:
        """Judge a fact; what is new is numbered and waits to be sent."""
        outcome = decide(Group((fact,)), self.known, fact.time)
        assert not outcome.refused, outcome.problems
        for event, _ in outcome.events:
            self.outbox.append(encode(event))
            self.accepted.append(event)
            if fact.place != "impossible":
                self.possible.append(event)


class World:
    """All processes of an episode, and what outlives them."""

    def __init__(self, rng: Random, partitions: int, broker: Broker, watch: Watch) -> None:
        self.rng = rng
        self.partitions = partitions
        self.broker = broker
        self.watch = watch
        self.points: Counter[str] = Counter()
        self.steps = 0
        self.gateway = Gateway(Outbox(rng))
        self.relay = RelayProcess(broker, partitions, self.gateway.outbox)
        self.homes = households(rng, rng.randint(3, 5))
        self.clock = START + timedelta(days=rng.choice([0, 30, 300]))
        self.database = LedgerDatabase()
        self.ledger = WatchedLedger(self.database)
        self.followers = Followers(INSURERS)
        self.groups = [StageGroup(watched(stage), broker, partitions) for stage in STAGES]
        self.projections: list[Any] = [
            ProjectionProcess(broker, self.ledger),
            ProjectionProcess(broker, self.followers),
            # A second ledger that was never told to stop: the position in the database decides.
            ProjectionProcess(broker, self.ledger),
        ]
        self.zombies: list[Any] = []

    @staticmethod
    def watch_of(decoder: Decoder) -> Watch:
        """Return a watch that reads with the episode's decoder."""
        return Watch(decoder)

    def send(self) -> bool:
        """Accept the next fact of some household, or let the relay go on with those before."""
        rng, gateway = self.rng, self.gateway
        if gateway.outbox and (rng.random() < 0.5 or not any(self.homes.values())):
            self._relay()
            return True
        waiting = [home for home, facts in self.homes.items() if facts]
        if not waiting:
            return False
        facts = self.homes[waiting[int(rng.random() * len(waiting))]]
        gateway.accept(facts[0])
        if rng.random() < 0.05:
            self.points["fact sent twice"] += 1
            gateway.accept(facts[0])
        del facts[0]
        return True

    def _relay(self) -> None:
        """Let the relay go on, or die where it stands; another finds what still waits."""
        outbox, chance = self.gateway.outbox, self.rng.random()
        if chance < 0.01 and len(outbox) > 1:
            self.points["record overtaken"] += 1
            outbox.overtake()
        elif chance < 0.03:
            self.points[f"relay crashed: {self.relay.at}"] += 1
            self.relay.kill()
            self.relay = RelayProcess(self.broker, self.partitions, outbox)
        else:
            self.relay.step()

    def tick(self, leap_days: float) -> None:
        """Move the clock on, on every partition of every input topic."""
        self.clock += timedelta(days=leap_days)
        self._tick(self.clock)

    def tick_of_the_past(self) -> None:
        """Repeat an hour that is over, as a clock that was started twice does."""
        self._tick(self.clock - timedelta(days=self.rng.uniform(0.1, 30)))

    def _tick(self, at: datetime) -> None:
        for topic in (HEALTH_EVENTS, PAYMENT_EVENTS):
            for partition in range(self.partitions):
                self.broker.append(topic, partition, encode(tick(topic, partition, at, at)))

    def step(self) -> int:
        """Let one process go on; returns the steps that were taken, 0 if it had nothing to do."""
        number = int(self.rng.random() * (len(self.groups) * 2 + len(self.projections)))
        if number < len(self.groups) * 2:
            return self._step_stage(self.groups[number // 2], number % 2)
        place = number - len(self.groups) * 2
        process = self.projections[place]
        if process.is_idle:
            return 0
        return self._step_projection(place, process)

    def _step_stage(self, group: StageGroup, host: int) -> int:
        process = group.processes[host]
        if process is None or group.paused[host]:
            return group.mend(host)
        if group.is_zombie(host) and group.learns(host):
            group.crash(host)
            return 1
        if group.unbalanced and group.rebalance():
            return 1
        if process.is_idle or (len(process.inbox) < 3 and self.rng.random() < 0.2):
            may = not group.unbalanced or group.is_zombie(host)
            count = 0 if not may else process.fetch(1 + int(self.rng.random() ** 3 * 60))
            if count or process.is_idle:
                return count
        try:
            process.step()
        except Ended as ended:
            self.ended(ended)
            group.crash(host)
        else:
            if self.rng.random() < 0.1 and not group.is_zombie(host):
                process.commit()
        return 1

    def _step_projection(self, place: int, process: Any) -> int:
        before = process.consumer.backlog()
        try:
            process.step()
        except Ended as ended:
            self.ended(ended)
            self.restart_projection(place)
        return 1 + max(0, before - process.consumer.backlog())

    def restart_projection(self, place: int) -> None:
        """Start a projection's process again on what its database holds."""
        self.projections[place].kill()
        folds = self.followers if place == 1 else self.ledger
        self.projections[place] = ProjectionProcess(self.broker, folds)

    def ended(self, ended: Ended) -> None:
        """Take note of a process that ended itself.

        Raises:
            UnexpectedEndError: no fault explains it.
        """
        cause = ended.__cause__
        if isinstance(cause, AssertionError) or not isinstance(cause, EXPECTED_ENDS):
            raise UnexpectedEndError(repr(cause)) from cause
        self.points[type(cause).__name__] += 1

    def close(self) -> None:
        """End everything."""
        for group in self.groups:
            group.close()
        for process in (*self.projections, *self.zombies, self.relay):
            process.kill()
        self.database.engine.dispose()
