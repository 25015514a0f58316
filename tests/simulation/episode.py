"""Episodes from a seed: faults while facts come in, then peace, then the whole oracle."""

import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random

from services.contract.codec import Record
from services.runtime.state_store import MemoryStore
from tests.simulation import at_rest
from tests.simulation.faults import strike
from tests.simulation.invariants import Watch
from tests.simulation.kafka import Broker
from tests.simulation.patched import Decoder, seams
from tests.simulation.world import STAGES, World

PARTITIONS = 2
FAULT_SHARE = 0.012
TICK_SHARE = 0.004
IDLE_ROUNDS_MAX = 50_000


@dataclass
class Tally:
    """What was done: steps, records stored, episodes, points hit, and seconds by phase."""

    steps: int = 0
    records: int = 0
    episodes: int = 0
    points: Counter[str] = field(default_factory=Counter)
    running_s: float = 0.0
    judging_s: float = 0.0


def simulate(seed: int, steps: int, tally: Tally | None = None) -> Tally:
    """Run whole episodes until at least so many steps are done.

    Raises:
        BrokenInvariantError: an invariant does not hold; a note names the seed and the episode.
    """
    tally = Tally() if tally is None else tally
    while tally.steps < steps:
        try:
            episode(seed, tally.episodes, tally)
        except BaseException as error:
            error.add_note(f"seed {seed}, episode {tally.episodes}")
            raise
        tally.episodes += 1
    return tally


def episode(seed: int, number: int, tally: Tally) -> None:
    """Run one episode; the same seed and number give the same episode."""
    rng = Random(f"{seed}/{number}")
    decoder = Decoder()
    watch = Watch(decoder)
    broker = Broker(rng, watch.stored)
    begun = time.perf_counter()
    with seams(broker, PARTITIONS, decoder):
        world = World(rng, PARTITIONS, broker, watch)
        try:
            _trouble(world)
            _peace(world)
            rested = time.perf_counter()
            judge(world)
        finally:
            world.close()
    tally.steps += world.steps
    tally.points += world.points
    tally.records += sum(len(rows) for rows in broker.logs.values())
    tally.running_s += rested - begun
    tally.judging_s += time.perf_counter() - rested


def _trouble(world: World) -> None:
    rng = world.rng
    while True:
        chance = rng.random()
        if chance < FAULT_SHARE:
            strike(world)
        elif chance < FAULT_SHARE + TICK_SHARE:
            world.tick(rng.choice([0.2, 1, 10, 40, 100]))
            world.steps += 1
        elif chance < 0.06:
            if not world.send() and not world.gateway.outbox:
                return
            world.steps += 1
        else:
            world.steps += world.step()


def _peace(world: World) -> None:
    """Heal everything, and drain; then wake those who sleep, so that theirs is the last word.

    A leap of the clock makes much due at once. Two last ticks let every owner look at its changelog,
    and find nothing that is overdue.
    """
    for group in world.groups:
        group.pause_amid_a_batch()
        group.faults = group.wakes = False
    world.database.fails_in = 0
    _drain(world)
    world.tick(100)
    _drain(world)
    for group in world.groups:
        group.wakes = True
    _drain(world)
    world.tick(1)
    _drain(world)
    world.tick(1)
    _drain(world)


def _drain(world: World) -> None:
    for _ in range(IDLE_ROUNDS_MAX):
        done = world.step()
        world.steps += done
        if not done and _is_drained(world):
            return
    raise AssertionError("the queues do not drain")


def _is_drained(world: World) -> bool:
    for group in world.groups:
        owned = group.owned_disks()
        if group.unbalanced or len(owned) < PARTITIONS:
            return False
        topic = group.stage.input_topic
        for host, process in enumerate(group.processes):
            if group.paused[host] and not group.wakes:
                continue
            if process is None or group.paused[host] or group.is_zombie(host):
                return False
            behind = any(world.broker.end(topic, n) > at for n, at in process.fetched.items())
            if behind or not process.is_idle:
                return False
    return all(process.is_idle for process in world.projections)


def judge(world: World) -> None:
    """Check the whole oracle on a world at rest."""
    watch, broker = world.watch, world.broker
    at_rest.all_that_was_accepted_is_on_the_log(world.gateway.accepted, watch)
    at_rest.numbers_have_no_gap(watch)
    outputs: list[tuple[str, Record]] = []
    for stage, group in zip(STAGES, world.groups, strict=True):
        for partition, live in group.owned_disks().items():
            store, said = at_rest.replayed(stage, partition, broker)
            outputs += said
            _judge_states(world, stage.name, partition, live, store)
    at_rest.outputs_equal_replay(outputs, watch)
    at_rest.every_refusal_is_a_dead_letter(outputs, watch)
    for stage in STAGES:
        at_rest.every_poison_is_a_dead_letter(stage, watch)
    at_rest.deductibles_are_borne_once(watch)
    at_rest.the_books_are_right(world.ledger, world.gateway.possible, watch)
    at_rest.each_insurer_is_told_everything_once(world.followers, watch)


def _judge_states(
    world: World, name: str, partition: int, live: MemoryStore, store: MemoryStore
) -> None:
    stage = next(stage for stage in STAGES if stage.name == name)
    at_rest.live_state_equals_replay(stage, partition, live, store)
    at_rest.changelog_ends_in_the_live_state(stage, partition, world.broker, live)
    at_rest.every_input_is_applied(stage, store, world.watch)
    at_rest.no_wake_up_lies_in_the_past(stage, store)
    if name == "settlement":
        at_rest.accumulators_equal_the_decisions_in_force(store, world.watch)
