"""What is true in the end, of all that the stages and settlement say of a household."""

from collections.abc import Iterable
from typing import Any

from services.contract.event import Event, EventData
from services.contract.payment import (
    PaymentDecided,
    PaymentRequested,
    PaymentReversed,
    ReversalRequested,
)
from services.contract.topics import DEAD_LETTERS, PAYMENT_EVENTS
from services.ledger import store
from services.ledger.app import Ledger
from services.ledger.postings import Account
from services.management.app import STAGE as MANAGEMENT
from services.member.covers import Cover, covers_at
from services.rehabilitation.app import STAGE as REHABILITATION
from services.runtime.inprocess import InProcess
from services.runtime.projection import Batch
from services.screening.app import STAGE as SCREENING
from services.settlement.app import STAGE as SETTLEMENT
from services.treatment.app import STAGE as TREATMENT
from tests.ledgers import is_booked, logged
from tests.properties.histories import CLOCK, HOUSEHOLD, History, Told
from tests.simulation.projections import LedgerDatabase

STAGES = (SCREENING, MANAGEMENT, TREATMENT, REHABILITATION, SETTLEMENT)


class City:
    """All stages on one log; the clock stands where it stood when the first fact came."""

    def __init__(self, at: Any = CLOCK) -> None:
        self.running = InProcess(STAGES)
        self.running.tick(at)

    def tell(self, history: Iterable[Told], read: str) -> "City":
        """Publish facts; the stages read `after each fact`, or when all are there."""
        for told in history:
            self.running.publish(told.data, at=told.time, member=told.member, household=HOUSEHOLD)
            if read == "after each fact":
                self.running.run()
        self.running.run()
        return self

    def state(self, stage: str, member: str) -> Any:
        """Return what a stage remembers of a member."""
        [running] = [one for one in self.running._running if one.stage.name == stage]
        household = running.fold._household(HOUSEHOLD.encode())
        return household.state(member) or running.stage.begin()

    @property
    def refusals(self) -> list[str]:
        """Why stages refused what they read."""
        rows = self.running.log.all_rows(DEAD_LETTERS)
        return [dict(row.record.headers)["deadletter-reason"].decode() for _, row in rows]

    @property
    def payments(self) -> list[Event[EventData]]:
        """What was said of money."""
        return self.running.events(PAYMENT_EVENTS)


def bills_in_force(city: City) -> dict[str, Any]:
    """What is asked of settlement and not taken back, by visit or session."""
    asked: dict[str, Any] = {}
    for event in city.payments:
        match event.data:
            case PaymentRequested() as request:
                assert request.request_id not in asked
                asked[request.request_id] = request
            case ReversalRequested() as undo:
                del asked[undo.request_id]
            case _:
                pass
    found = {request.episode: _bill(request) for request in asked.values()}
    assert len(found) == len(asked), "one visit is billed twice"
    return found


def _bill(request: PaymentRequested) -> tuple[Any, ...]:
    covers = tuple([Cover(**dict(terms)) for terms in request.covers])
    in_force = covers_at(covers, request.service_time)
    lines = sorted(line.model_dump_json() for line in request.lines)
    same = request.model_dump(exclude={"request_id", "replaces", "service_time", "lines", "covers"})
    return tuple(sorted(same.items(), key=lambda item: item[0])), tuple(lines), in_force


def decisions_in_force(city: City) -> dict[str, PaymentDecided]:
    """The decision that stands on each visit or session."""
    found: dict[str, PaymentDecided] = {}
    for event in city.payments:
        match event.data:
            case PaymentDecided() as decided:
                assert decided.episode not in found, "two decisions are in force"
                found[decided.episode] = decided
            case PaymentReversed() as undone:
                del found[undone.episode]
            case _:
                pass
    return found


def shares_in_force(city: City) -> dict[str, Any]:
    """Who pays what of each visit or session."""
    decided = decisions_in_force(city)
    return {episode: (one.billed, one.parts, one.shares) for episode, one in decided.items()}


def balances(city: City) -> dict[Account, int]:
    """The ledger's accounts that are not even, once it has booked all that was said."""
    database = LedgerDatabase()
    try:
        rows = list(city.running.log.all_rows(PAYMENT_EVENTS))
        said = tuple(logged(r.offset, r.record) for _, r in rows if is_booked(r.record))
        Ledger(database.engine).apply(Batch(PAYMENT_EVENTS, 0, 0, len(rows), said))
        with database.engine.connect() as connection:
            assert store.refusal_reasons(connection) == []
            return {name: left for name, left in store.balances(connection).items() if left}
    finally:
        database.engine.dispose()


def care(city: City, member: str) -> dict[str, Any]:
    """What the four stages conclude of a member."""
    return {
        "screening": _screening(city.state("screening", member)),
        "management": _management(city.state("management", member)),
        "treatment": _treatment(city.state("treatment", member)),
        "rehabilitation": _rehabilitation(city.state("rehabilitation", member)),
    }


def _screening(state: Any) -> Any:
    rows = [(row.pathway, row.met, row.said, row.referred_on is not None) for row in state.rows]
    return state.record, [row for row in rows if row[1:] != ((), None, False)]


def _management(state: Any) -> Any:
    return state.record, [one.pathway for one in state.enrolments]


def _treatment(state: Any) -> Any:
    visits = {
        visit.visit_id: (
            visit.phase,
            visit.discharged,
            visit.phase == "cancelled" or (visit.registered, visit.admitted),
            {charge.charge_id for charge in visit.charges},
            [(need.pathway, set(need.codes), need.referred) for need in visit.needs],
        )
        for visit in state.visits
    }
    return state.covers, state.ends, visits, [r for r in state.withdrawals if r.waits_until]


def _rehabilitation(state: Any) -> Any:
    courses = [one.pathway for one in state.courses]
    return state.covers, state.scores, courses


def members(history: History) -> list[str]:
    """Who a history is about."""
    return sorted({told.member for told in history})
