"""Which faults a run injects, drawn from its seed."""

import random
from dataclasses import dataclass
from typing import Literal

from services.contract.topics import ALL_STAGES

Kind = Literal[
    "point", "kill", "pause", "broker", "postgres", "disk", "poison", "rebalance", "restore"
]

WORKER_POINTS = (
    "worker.batch_taken",
    "worker.outputs_stored",
    "worker.generation_checked",
    "worker.changelog_stored",
    "worker.states_stored",
    "worker.acked",
    "log.partition_stored",
)
GATEWAY_POINTS = ("gateway.before_commit", "gateway.committed", "relay.read", "relay.sent")
PROJECTION_POINTS = ("projection.before_commit", "projection.committed")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. service: the process it meets; at: how much of the feed is through by then."""

    kind: Kind
    service: str
    point: str = ""
    action: Literal["kill", "stop", ""] = ""
    hit: int = 1
    at: float = 0.3

    @property
    def name(self) -> str:
        """How the table names it."""
        if self.point:
            whose = "worker" if self.service in ALL_STAGES else self.service
            point = self.point if self.point.startswith(whose) else f"{whose}: {self.point}"
            return f"{point} {self.action}"
        return {"broker": "broker killed", "postgres": "PostgreSQL killed", "poison": "poison"}.get(
            self.kind, f"{self.kind} {'worker' if self.service in ALL_STAGES else self.service}"
        )

    def __str__(self) -> str:
        where = f"{self.service} {self.point}:{self.hit}:{self.action}"
        return where if self.point else f"{self.kind} {self.service}".strip()


def deck(chance: random.Random, database: str) -> list[Fault]:
    """Return every kind of fault once, in a random order; worker points on stages by chance."""

    def stage() -> str:
        return chance.choice(ALL_STAGES)

    def hit() -> int:
        return chance.randint(1, 6)

    def few() -> int:
        return chance.randint(1, 2)

    faults: list[Fault] = []
    actions: tuple[Literal["kill", "stop"], ...] = ("kill", "stop")
    for action in actions:
        faults += [Fault("point", stage(), point, action, hit()) for point in WORKER_POINTS]
        faults.append(Fault("restore", stage(), "restore.middle", action, 1))
        faults += [Fault("point", "gateway", point, action, few()) for point in GATEWAY_POINTS]
        faults += [Fault("point", "ledger", point, action, few()) for point in PROJECTION_POINTS]
        faults.append(Fault("point", "subscriptions", "webhook.sent", action, hit()))
        faults.append(Fault("point", "clock", "log.partition_stored", action, hit()))
    for point in PROJECTION_POINTS:
        faults.append(Fault("point", "gateway", point, "kill", hit()))
        faults.append(Fault("point", "subscriptions", point, "kill", 1))
    faults += [Fault("broker", "", at=chance.random()) for _ in range(2)]
    faults += [Fault("kill", stage(), at=chance.random()), Fault("kill", "ledger", at=0.5)]
    faults += [Fault("pause", stage(), at=chance.random()), Fault("poison", "")]
    faults += [Fault("rebalance", name, at=0.1) for name in ALL_STAGES]
    faults += [Fault("disk", stage())]
    if database == "postgres":
        faults += [Fault("postgres", "", at=chance.random()) for _ in range(2)]
    else:
        faults += [Fault("disk", "gateway"), Fault("disk", "ledger")]
    chance.shuffle(faults)
    return faults


def extras(chance: random.Random, primary: Fault, database: str) -> list[Fault]:
    """Return up to two more faults that need no process of their own."""
    others = [name for name in (*ALL_STAGES, "ledger", "subscriptions") if name != primary.service]
    possible = [
        Fault("poison", "", at=chance.random()),
        Fault("kill", chance.choice(others), at=chance.random()),
        Fault("kill", chance.choice(others), at=chance.random()),
        Fault("broker", "", at=chance.random()),
    ]
    if database == "postgres":
        possible.append(Fault("postgres", "", at=chance.random()))
    possible = [fault for fault in possible if fault.kind != primary.kind]
    return chance.sample(possible, chance.choice((0, 0, 1, 1, 2)))
