"""What must hold once faults are healed and every queue is drained: the whole oracle."""

from collections import Counter
from typing import Any

from services.contract.catalog import catalog
from services.contract.codec import Record, header_map
from services.contract.event import Event, EventData
from services.contract.ids import stable_id
from services.contract.topics import DEAD_LETTERS, STAGE_INPUTS, changelog
from services.contract.visit import VisitCancelled
from services.ledger.app import Ledger
from services.ledger.store import (
    imbalance,
    refusal_reasons,
    totals,
    unbalanced_entries,
    undecided,
)
from services.runtime.fold import POSITION_KEY, PartitionFold, Position
from services.runtime.household import decode_household, instant_us
from services.runtime.stage import Stage
from services.runtime.state_store import MemoryStore
from services.settlement.state import SettlementState
from tests.simulation.invariants import Watch, require
from tests.simulation.kafka import Broker
from tests.simulation.oracle import DEDUCTIBLE, LIMIT, billed_total, policy_years
from tests.simulation.projections import Followers


def numbers_have_no_gap(watch: Watch) -> None:
    """The gateway's numbers of a household run from 1 to the last; stages count in order anyway."""
    for place, numbers in watch.numbers.items():
        require("numbers_have_no_gap", max(numbers) == len(numbers), f"{place}: {len(numbers)}")


def all_that_was_accepted_is_on_the_log(accepted: list[Event[EventData]], watch: Watch) -> None:
    """Every fact that the gateway accepted stands on the log, under its id."""
    lost = [event.id for event in accepted if event.id not in watch.bodies]
    require("all_that_was_accepted_is_on_the_log", not lost, lost)


def replayed(stage: Stage[Any], partition: int, broker: Broker) -> tuple[MemoryStore, list[Any]]:
    """Fold a partition of the log again, in one go; returns states and outputs."""
    store = MemoryStore()
    rows = broker.logs[stage.input_topic, partition]
    fold = PartitionFold(stage, partition, store)
    outcome = fold.apply(rows)
    store.put(fold.take_changes())
    return store, outcome.outputs


def live_state_equals_replay(
    stage: Stage[Any], partition: int, live: MemoryStore, store: MemoryStore
) -> None:
    """The live states equal the replay of the log, byte for byte."""
    mine, right = dict(live.items()), dict(store.items())
    wrong = [key for key in {*mine, *right} if mine.get(key) != right.get(key)]
    detail = [(key, mine.get(key), right.get(key)) for key in wrong[:1]]
    require("live_state_equals_replay", not wrong, f"{stage.name}/{partition}: {detail}")


def changelog_ends_in_the_live_state(
    stage: Stage[Any], partition: int, broker: Broker, live: MemoryStore
) -> None:
    """The last record of each key on the changelog is the live state: no stale one covers it."""
    last = {
        row.record.key: row.record.value for row in broker.logs[changelog(stage.name), partition]
    }
    mine = dict(live.items())
    wrong = [key for key in {*mine, *last} if mine.get(key) != last.get(key)]
    require("changelog_ends_in_the_live_state", not wrong, f"{stage.name}/{partition}: {wrong}")


def outputs_equal_replay(outputs: list[tuple[str, Record]], watch: Watch) -> None:
    """What the stages said is what replay says, each id once: nothing lost, nothing made up."""
    said = {
        event_id
        for (_, _, producer), numbers in watch.numbers.items()
        if producer in STAGE_INPUTS
        for event_id in numbers.values()
    }
    right = {
        header_map(record.headers)["ce_id"].decode(): record
        for topic, record in outputs
        if topic != DEAD_LETTERS
    }
    wrong = sorted(said ^ set(right))
    require("outputs_equal_replay", not wrong, wrong[:3])
    for event_id, record in right.items():
        same = watch.bodies[event_id] == (record.value, record.headers)
        require("outputs_equal_replay", same, event_id)


def every_refusal_is_a_dead_letter(outputs: list[tuple[str, Record]], watch: Watch) -> None:
    """What a stage refused stands on the dead letters with its reason, and nothing else does."""
    right = {
        header_map(record.headers)["deadletter-id"].decode(): header_map(record.headers)[
            "deadletter-reason"
        ]
        for topic, record in outputs
        if topic == DEAD_LETTERS
    }
    # The projections refuse for themselves; their letters are not the stages'.
    missing = {key for key in right if watch.letters.get(key) != right[key]}
    require("every_refusal_is_a_dead_letter", not missing, missing)


def every_poison_is_a_dead_letter(stage: Stage[Any], watch: Watch) -> None:
    """What is no event at all stands on the dead letters of every stage that met it."""
    for topic, partition, offset in watch.poison:
        letter = stable_id(stage.name, topic, str(partition), str(offset))
        met = topic != stage.input_topic or letter in watch.letters
        require("every_poison_is_a_dead_letter", met, f"{stage.name}: {topic}/{partition}@{offset}")


def every_input_is_applied(stage: Stage[Any], store: MemoryStore, watch: Watch) -> None:
    """Every event of the input topic has had its turn, and none waits for another for ever."""
    name = "every_input_is_applied"
    for key, stored in store.items():
        if key == POSITION_KEY:
            continue
        household = decode_household(stored, stage.state)
        require(name, not household.parked, f"{stage.name}: {key!r} has parked events")
        for producer in {name for entry in catalog().values() for name in entry.producers}:
            numbers = watch.numbers.get((stage.input_topic, key.decode(), producer), {})
            last = household.received.get(producer, 0)
            require(name, last == len(numbers), f"{stage.name}: {key!r} {producer} {last}")


def no_wake_up_lies_in_the_past(stage: Stage[Any], store: MemoryStore) -> None:
    """At rest no state waits for an instant that the log's clock has passed."""
    stored = store.get(POSITION_KEY)
    clock = Position.decode(stored).clock if stored else None
    for key, value in store.items():
        if key == POSITION_KEY or clock is None:
            continue
        household = decode_household(value, stage.state)
        late = household.due(instant_us(clock))
        require("no_wake_up_lies_in_the_past", not late, f"{stage.name}: {late} at {clock}")


def accumulators_equal_the_decisions_in_force(store: MemoryStore, watch: Watch) -> None:
    """What is used up is the sum of what the decisions in force took from each cover."""
    counted: Counter[tuple[str, str, str, str]] = Counter()
    for key, value in store.items():
        if key == POSITION_KEY:
            continue
        household = decode_household(value, SettlementState)
        for name in household.keys():  # noqa: SIM118  # a household is no mapping
            state = household.state(name)
            for used in state.used if state else ():
                counted[name, used.product, used.insurer, used.currency] += used.paid
    right: Counter[tuple[str, str, str, str]] = Counter()
    homes = {event.data.request_id: event.household for event in watch.decided.values()}
    for request_id, event in watch.decided.items():
        home = homes[request_id]
        for share in () if request_id in watch.reversed else event.data.shares:
            right[home, share.product, share.insurer, event.data.currency] += share.amount
    wrong = {key: (counted[key], right[key]) for key in {*counted, *right}}
    wrong = {key: both for key, both in wrong.items() if both[0] != both[1]}
    right_ones = {key for key in right if any(key[0].encode() == home for home, _ in store.items())}
    wrong = {key: both for key, both in wrong.items() if key in right_ones or both[0]}
    require("accumulators_equal_the_decisions_in_force", not wrong, wrong)


def deductibles_are_borne_once(watch: Watch) -> None:
    """A household bears a deductible no more than once a policy year."""
    name = "deductibles_are_borne_once"
    decided = [
        (watch.requests[request_id], decision, request_id not in watch.reversed)
        for request_id, decision in watch.decided.items()
    ]
    for key, year in policy_years(decided).items():
        most = year.paid >= LIMIT or year.borne <= DEDUCTIBLE
        require(name, most, f"{key}: {year}")


def the_books_are_right(ledger: Ledger, facts: list[Event[EventData]], watch: Watch) -> None:
    """Debits equal credits, nothing waits or was refused, and the total is that of the facts."""
    with ledger._engine.connect() as connection:
        require("debits_equal_credits", not any(imbalance(connection).values()), "by currency")
        require("debits_equal_credits", not unbalanced_entries(connection), "by entry")
        reasons = refusal_reasons(connection)
        require("the_ledger_books_everything", not reasons, reasons[:2])
        waiting = undecided(connection)
        require("the_ledger_books_everything", not any(waiting.values()), waiting)
        booked = totals(connection).get("CNY", {}) or {"billed": 0}
    right = billed_total(fact for fact in facts if not _was_given_up(fact, watch))
    require("the_ledger_total_is_that_of_the_facts", booked["billed"] == right, (booked, right))
    borne: Counter[str] = Counter()
    for request_id, event in watch.decided.items():
        if request_id not in watch.reversed:
            borne.update(event.data.parts.model_dump())
    wrong = {name: (booked.get(name, 0), amount) for name, amount in borne.items()}
    wrong = {name: both for name, both in wrong.items() if both[0] != both[1]}
    require("the_ledger_total_is_that_of_the_facts", not wrong, wrong)


def _was_given_up(fact: Event[EventData], watch: Watch) -> bool:
    """Whether a fact waited in vain.

    A visit that was cancelled stays so all the same, and one that was opened again stays open.
    """
    awaited, data = watch.given_up.get(fact.id), fact.data
    if awaited is None or not isinstance(data, VisitCancelled):
        return awaited is not None
    return data.cancels == "discharge" and not awaited.startswith("the discharge of visit ")


def each_insurer_is_told_everything_once(followers: Followers, watch: Watch) -> None:
    """Each subscription has every milestone of its insurer once, numbered without a gap."""
    for insurer, told in followers.told.items():
        right = {key for key, event in watch.milestones.items() if insurer in event.data.insurers}
        once = len(told) == len(set(told)) == followers.last[insurer]
        require("each_insurer_is_told_everything_once", once, f"{insurer}: {len(told)}")
        require("each_insurer_is_told_everything_once", set(told) == right, insurer)
