"""What goes wrong, and where: each fault is counted by its name and the point it struck at."""

from collections.abc import Callable
from typing import Final

from services.contract.codec import Record, encode
from services.contract.event import Event
from services.contract.topics import HEALTH_EVENTS
from services.gateway.acceptance.facts import Fact
from services.runtime.log_writer import partition_of
from tests.simulation.stage_group import HOSTS, StageGroup
from tests.simulation.workload import HOSPITALS, START, pressure
from tests.simulation.world import World


def _somewhere(world: World) -> tuple[StageGroup, int]:
    group = world.groups[int(world.rng.random() * len(world.groups))]
    return group, int(world.rng.random() * HOSTS)


def crash(world: World) -> str:
    """SIGKILL of a stage's process."""
    group, host = _somewhere(world)
    return group.crash(host)


def pause(world: World) -> str:
    """SIGSTOP of a stage's process past its session time-out; it is woken later."""
    group, host = _somewhere(world)
    return group.pause(host)


def lose_disk(world: World) -> str:
    """A machine loses its states: they come back from the changelog."""
    group, host = _somewhere(world)
    group.lose_disk(host)
    return "disk lost"


def cut_power(world: World) -> str:
    """A machine comes up with the states of some time ago."""
    group, host = _somewhere(world)
    if world.rng.random() < 0.5:
        group.note_disk(host)
        return ""
    group.cut_power(host)
    return "power cut"


def redeliver(world: World) -> str:
    """The client delivers again from an older offset, down to the committed one."""
    group, host = _somewhere(world)
    process = group.processes[host]
    if process is None or not process.fetched or process.inbox:
        return ""
    number = world.rng.choice(sorted(process.fetched))
    at = (f"careloop-{group.stage.name}", group.stage.input_topic, number)
    committed = min(world.broker.committed.get(at, 0), process.fetched[number])
    process.fetched[number] = world.rng.randint(committed, process.fetched[number])
    return "redelivered"


def skip(world: World) -> str:
    """The client skips records, as was seen after rebalances."""
    group, host = _somewhere(world)
    process = group.processes[host]
    if process is None or not process.fetched or process.inbox:
        return ""
    number = world.rng.choice(sorted(process.fetched))
    end = world.broker.end(group.stage.input_topic, number)
    if end - process.fetched[number] < 2:
        return ""
    process.fetched[number] += 1
    return "skipped"


def rebalance(world: World) -> str:
    """A member joins or leaves for a moment: the partitions are shared out anew."""
    group, _ = _somewhere(world)
    group.unbalanced = True
    return "rebalanced"


def restart_projection(world: World) -> str:
    """SIGKILL of the ledger or of the numbering."""
    place = int(world.rng.random() * len(world.projections))
    at = world.projections[place].at
    world.restart_projection(place)
    return f"projection {at}"


def rewind_projection(world: World) -> str:
    """A projection is handed what it has applied before."""
    place = int(world.rng.random() * len(world.projections))
    world.projections[place].consumer.rewind()
    return "projection redelivered"


def skip_projection(world: World) -> str:
    """A projection is handed what lies beyond the next offset."""
    place = int(world.rng.random() * len(world.projections))
    world.projections[place].consumer.skips = True
    return "projection skipped"


def fail_commit(world: World) -> str:
    """The ledger's database goes away amid one of its next commits."""
    world.database.fails_in = world.rng.randint(1, 2)
    return "commit failed"


def tick_of_the_past(world: World) -> str:
    """A tick that is not later than the last."""
    world.tick_of_the_past()
    return "tick of the past"


def poison(world: World) -> str:
    """Records that are no events, or not readable as the event they claim to be."""
    kind = world.rng.randrange(3)
    member = world.rng.choice(sorted(world.gateway.known.members) or ["home-0-m0"])
    if kind == 0:
        _append(world, Record(b"nobody", b"\xff{", ()))
    elif kind == 1:
        headers = (("ce_type", b"careloop.moon.landed.v1"), ("ce_partitionkey", b"home-0"))
        _append(world, Record(b"home-0", b"{}", headers))
    elif not _spoiled(world, member):
        return ""
    return f"poison {kind}"


def _append(world: World, record: Record) -> None:
    partition = partition_of(record.key, world.partitions)
    world.broker.append(HEALTH_EVENTS, partition, record)


def _spoiled(world: World, member: str) -> bool:
    """Number an event as the gateway would, and spoil its body: its turn comes all the same."""
    known = world.gateway.known
    if member not in known.members:
        return False
    home = known.members[member].household
    number = known.sequences.get(home, 0) + 1
    known.sequences[home] = number
    name = f"{home}-spoiled-{number}"
    fact = Fact(name, HOSPITALS[0], member, START, pressure(name, 120, 80), "data")
    good = encode(Event(name, HOSPITALS[0], member, home, START, START, number, fact.data))
    world.gateway.outbox.append(Record(good.key, b'{"observation_id":', good.headers))
    return True


FAULTS: Final[tuple[tuple[float, Callable[[World], str]], ...]] = (
    (0.26, crash),
    (0.20, pause),
    (0.04, lose_disk),
    (0.06, cut_power),
    (0.08, redeliver),
    (0.06, skip),
    (0.05, rebalance),
    (0.05, restart_projection),
    (0.04, rewind_projection),
    (0.04, skip_projection),
    (0.03, fail_commit),
    (0.04, tick_of_the_past),
    (0.05, poison),
)
"""Shares of one; each fault by its weight."""


def strike(world: World) -> None:
    """Let one fault happen; it counts only if it did."""
    chance = world.rng.random()
    for share, fault in FAULTS:
        chance -= share
        if chance < 0:
            where = fault(world)
            if where:
                world.points[f"{fault.__name__}: {where}"] += 1
                world.steps += 1
            return
