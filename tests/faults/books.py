"""What the databases and the workers' disks must hold, by what the oracle knows of the log."""

from collections import Counter, defaultdict
from typing import Any

from rocksdict import AccessType, Options, Rdict
from sqlalchemy import Engine, func, select

from services.contract.event import Event
from services.contract.milestones import Milestone
from services.contract.payment import (
    ClaimDecided,
    DirectPayDecided,
    PaymentDecided,
    PaymentRequested,
    PaymentReversed,
)
from services.contract.topics import ALL_STAGES, PAYMENT_EVENTS
from services.gateway.acceptance.store import Store
from services.ledger import store as ledger
from services.ledger.app import MIGRATIONS as LEDGER_MIGRATIONS
from services.ledger.tables import ENTRY
from services.runtime.database import open_database
from services.runtime.fold import POSITION_KEY
from services.runtime.inprocess import InProcess
from services.runtime.rocks_store import RocksStore
from services.subscriptions.app import MIGRATIONS as SUBSCRIPTIONS_MIGRATIONS
from services.subscriptions.tables import milestones, subscriptions
from services.timeline.tables import TIMELINE
from tests.faults.feed import CURRENCY
from tests.faults.oracle import Findings, Oracle, stages
from tests.faults.system import PARTITIONS, FaultSystem


def judge_books(system: FaultSystem, oracle: Oracle, billed: int, findings: Findings) -> None:
    """Check ledger, timeline and milestones. billed: what all feeds together must come to."""
    _judge_decisions(oracle, findings)
    engine = open_database(system.settings, "ledger", LEDGER_MIGRATIONS)
    try:
        _judge_ledger(engine, oracle, billed, findings)
    finally:
        engine.dispose()
    store = Store.open(system.settings)
    try:
        with store.read() as connection:
            kept = connection.scalar(select(func.count()).select_from(TIMELINE))
    finally:
        store.close()
    findings.check(kept == len(oracle.events), f"timeline: {kept} of {len(oracle.events)} events")
    engine = open_database(system.settings, "subscriptions", SUBSCRIPTIONS_MIGRATIONS)
    try:
        _judge_milestones(engine, system, oracle, findings)
    finally:
        engine.dispose()


def _judge_decisions(oracle: Oracle, findings: Findings) -> None:
    decisions: Counter[str] = Counter()
    reversals: Counter[str] = Counter()
    requests = set()
    for event in oracle.events.values():
        match event.data:
            case PaymentDecided():
                decisions[event.data.request_id] += 1
            case PaymentReversed():
                reversals[event.data.request_id] += 1
            case PaymentRequested():
                requests.add(event.data.request_id)
    twice = [name for name, count in (decisions + Counter()).items() if count > 1]
    twice += [name for name, count in reversals.items() if count > 1]
    findings.check(not twice, f"decided or reversed twice: {twice[:3]}")
    findings.check(decisions.keys() == requests, "a request has no decision")


def _judge_ledger(engine: Engine, oracle: Oracle, billed: int, findings: Findings) -> None:
    payments = [
        event
        for event in oracle.events.values()
        if isinstance(event.data, PaymentRequested | PaymentDecided | PaymentReversed)
    ]
    with engine.connect() as connection:
        entries = connection.scalar(select(func.count()).select_from(ENTRY))
        refused = ledger.refusal_reasons(connection)
        imbalance = ledger.imbalance(connection)
        unbalanced = ledger.unbalanced_entries(connection)
        totals = ledger.totals(connection).get(CURRENCY, {})
    findings.check(entries == len(payments), f"ledger: {entries} entries of {len(payments)}")
    findings.check(not refused, f"ledger: refused {refused[:3]}")
    findings.check(not unbalanced, f"ledger: entries do not balance: {unbalanced[:3]}")
    findings.check(not any(imbalance.values()), f"ledger: debits exceed credits by {imbalance}")
    findings.check(
        totals.get("billed", 0) == billed, f"ledger: billed {totals.get('billed')}, fed {billed}"
    )
    expected = borne(oracle)
    found = {payer: totals.get(payer, 0) for payer in expected}
    findings.check(found == expected, f"ledger: borne {found}, by the facts alone {expected}")


def borne(oracle: Oracle) -> dict[str, int]:
    """Return who bears what, computed from the facts alone: each household in a world of its own.

    The facts are taken from the log once each, in their order; no broker, no worker, no clock.
    """
    facts: dict[str, list[Event[Any]]] = defaultdict(list)
    for (_, producer, household), numbers in oracle.sequences.items():
        if producer == "gateway" and household not in oracle.borne:
            facts[household] = [oracle.events[numbers[number]] for number in sorted(numbers)]
    for household, events in facts.items():
        world = InProcess(stages())
        for event in events:
            world.publish(event.data, at=event.time, member=event.subject, household=household)
        world.run()
        oracle.borne[household] = _effective(world)
    total: Counter[str] = Counter(social_insurance=0, insurer=0, subsidy=0, member=0)
    for each in oracle.borne.values():
        total.update(each)
    return {payer: total[payer] for payer in ("social_insurance", "insurer", "subsidy", "member")}


def _effective(world: InProcess) -> Counter[str]:
    sums: Counter[str] = Counter()
    for event in world.events(PAYMENT_EVENTS):
        match event.data:
            case DirectPayDecided() | ClaimDecided():
                sums.update(event.data.parts.model_dump())
            case PaymentReversed():
                sums.subtract(event.data.parts.model_dump())
    return sums


def _judge_milestones(
    engine: Engine, system: FaultSystem, oracle: Oracle, findings: Findings
) -> None:
    told = sum(
        isinstance(event.data, Milestone) and bool(event.data.insurers)
        for event in oracle.events.values()
    )
    with engine.connect() as connection:
        kept = connection.scalar(select(func.count()).select_from(milestones))
        last = connection.scalar(
            select(subscriptions.c.last_number).where(
                subscriptions.c.id == system.subscription["id"]
            )
        )
    findings.check(kept == told, f"subscriptions: {kept} of {told} milestones")
    first_seen = list(dict.fromkeys(system.receiver.numbers))
    findings.check(
        first_seen == list(range(1, (last or 0) + 1)),
        f"webhooks: received {len(first_seen)} of {last}, or not in order",
    )


def judge_disks(system: FaultSystem, oracle: Oracle, findings: Findings) -> None:
    """Each worker's own disk: where it is up to date, it holds what replay leads to."""
    current: set[tuple[str, int]] = set()
    for folder in sorted((system.settings.data_dir / "workers").iterdir()):
        name = folder.name.partition("-")[0]
        if not (folder / name / "states").exists():
            continue
        states = Rdict(
            str(folder / name / "states"),
            Options(raw_mode=True),
            access_type=AccessType.read_only(),
        )
        for partition in range(PARTITIONS):
            store = RocksStore(states, partition)
            if store.changelog_next() != oracle.changelog_end(name, partition):
                continue
            current.add((name, partition))
            held = {key: value for key, value in store.items() if key != POSITION_KEY}
            replayed = oracle.states(name, partition)
            replayed.pop(POSITION_KEY, None)
            findings.check(held == replayed, f"{folder.name}/{partition}: its disk differs")
        states.close()
    wanted = {(name, partition) for name in ALL_STAGES for partition in range(PARTITIONS)}
    findings.check(current == wanted, f"no disk is up to date: {sorted(wanted - current)[:4]}")
