"""What must hold after every step, each as a function with a sentence.

The watch is told of every record as it is stored and of every decision as it is made, and keeps
just enough to judge the next one in constant time.
"""

from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from services.contract.catalog import catalog
from services.contract.clock import ClockTicked
from services.contract.codec import UndecodableError, producer_in
from services.contract.event import Event, EventData
from services.contract.milestones import Milestone
from services.contract.payment import PaymentDecided, PaymentRequested, PaymentReversed
from services.contract.step import Step
from services.contract.topics import DEAD_LETTERS, EVENT_TOPICS, HEALTH_EVENTS
from services.contract.waiting import WaitExpired
from services.member.calendar import local_day, start_of_day_after
from services.runtime.fold import POSITION_KEY, Position, Row
from services.runtime.household import version_of
from services.runtime.stage import Stage
from services.settlement.catalogue import shipped_catalogue
from services.settlement.state import SettlementState
from services.settlement.steps.annual_deductible import AnnualDeductible
from services.settlement.steps.annual_limit import AnnualLimit
from services.settlement.steps.sessions import Sessions
from tests.simulation.oracle import CoversInTurn
from tests.simulation.patched import Decoder

TICK = ClockTicked.TYPE
REMINDER_DAYS_MAX = 61
"""The rules remind of what passed within 60 days; a day may be cut at its other end."""


class BrokenInvariantError(AssertionError):
    """Something that must always hold does not; begins with the invariant's name."""


def require(name: str, holds: bool, what: object) -> None:  # noqa: FBT001  # it reads as a sentence
    """Raise if an invariant does not hold."""
    if not holds:
        raise BrokenInvariantError(f"{name}: {what}")


class Watch:
    """Sees every record that is stored, and every decision."""

    def __init__(self, decoder: Decoder) -> None:
        self.decode = decoder
        self.bodies: dict[str, tuple[bytes, Any]] = {}
        self.numbers: dict[tuple[str, str, str], dict[int, str]] = defaultdict(dict)
        self.requests: dict[str, Event[Any]] = {}
        self.decided: dict[str, Event[Any]] = {}
        self.reversed: dict[str, Event[Any]] = {}
        self.milestones: dict[str, Event[Any]] = {}
        self.letters: dict[str, bytes] = {}
        self.given_up: dict[str, str] = {}
        self.poison: list[tuple[str, int, int]] = []
        self.senders: dict[str, str] = {}
        self.covers = CoversInTurn()
        self.newest: dict[tuple[str, int, bytes], bytes] = {}

    def stored(self, topic: str, partition: int, row: Row) -> None:
        """Judge a record."""
        if topic.endswith("-changelog"):
            self.one_version_of_a_state_has_one_body(topic, partition, row)
        elif topic == DEAD_LETTERS:
            self.one_refusal_has_one_body(row)
        elif topic in EVENT_TOPICS:
            self._event(topic, partition, row)

    def _event(self, topic: str, partition: int, row: Row) -> None:
        headers = dict(row.record.headers)
        kind = headers.get("ce_type", b"").decode()
        entry = catalog().get(kind)
        if entry is None or headers["ce_partitionkey"] != row.record.key:
            self.poison.append((topic, partition, row.offset))
            return
        event_id = headers["ce_id"].decode()
        if not self.one_id_has_one_body(event_id, row):
            return
        if kind == TICK:
            self.covers.ticked(partition, self.decode(row.record).time)
            self.covers.arrived(event_id)
            return
        household, sequence = row.record.key.decode(), int(headers["ce_sequence"])
        producer = producer_in(headers)
        assert producer is not None  # the fold refuses a stranger
        self.no_two_events_share_a_number(topic, household, producer, sequence, event_id)
        try:
            event = self.decode(row.record)
        except UndecodableError:
            event = None
        if event is not None and producer == "gateway":
            self.a_member_is_one_senders(event)
        if topic == HEALTH_EVENTS and producer == "gateway":
            self.covers.fact_arrived(household, sequence, event, partition)
        elif topic == HEALTH_EVENTS:
            self.covers.arrived(event_id)
        if event is not None:
            self._said(event)

    def _said(self, event: Event[EventData]) -> None:
        match event.data:
            case PaymentRequested():
                self.requests.setdefault(event.data.request_id, event)
            case PaymentDecided():
                self.a_request_is_decided_once(event)
                self.a_decision_shares_out_what_was_billed(event)
            case PaymentReversed():
                self.a_reversal_gives_back_what_its_decision_gave(event)
            case WaitExpired(fact=fact, awaited=awaited):
                self.given_up[fact] = awaited
            case Milestone():
                self.milestones[event.id] = event
                self.milestones_go_to_insurers_with_a_cover_in_force(event)
            case _:
                pass

    def one_id_has_one_body(self, event_id: str, row: Row) -> bool:
        """One id never stands for two bodies. Returns whether the record is the first."""
        body = (row.record.value, row.record.headers)
        known = self.bodies.setdefault(event_id, body)
        require("one_id_has_one_body", known == body, event_id)
        return known is body

    def no_two_events_share_a_number(
        self, topic: str, household: str, producer: str, sequence: int, event_id: str
    ) -> None:
        """A number of a household, producer and topic belongs to one event."""
        numbers = self.numbers[topic, household, producer]
        what = f"{producer} {sequence} of {household} on {topic}"
        require("no_two_events_share_a_number", sequence not in numbers, what)
        if producer != "gateway":
            self.stages_count_in_order(sequence, len(numbers), what)
        numbers[sequence] = event_id

    def a_member_is_one_senders(self, event: Event[EventData]) -> None:
        """What stands under a member was said by the sender that registered the member."""
        known = self.senders.setdefault(event.subject, event.source)
        what = f"{event.subject} of {known}: {event.source} says {event.type}"
        require("a_member_is_one_senders", known == event.source, what)

    def stages_count_in_order(self, sequence: int, before: int, what: str) -> None:
        """What a stage says bears the number after its last, so that it can never leave a gap."""
        require("stages_count_in_order", sequence == before + 1, f"{what} after {before}")

    def a_request_is_decided_once(self, event: Event[Any]) -> None:
        """A request has at most one effective decision."""
        known = self.decided.setdefault(event.data.request_id, event)
        require("a_request_is_decided_once", known is event, event.data.request_id)

    def a_decision_shares_out_what_was_billed(self, event: Event[Any]) -> None:
        """The parts of a decision sum to what was billed, and so do the steps of its reasoning."""
        data = event.data
        parts = data.parts.model_dump().values()
        shares = sum(share.amount for share in data.shares)
        sums = (sum(parts), sum(step.taken for step in data.trace), data.parts.member + shares)
        require("a_decision_shares_out_what_was_billed", set(sums) == {data.billed}, sums)

    def a_reversal_gives_back_what_its_decision_gave(self, event: Event[Any]) -> None:
        """A reversal follows its decision, once, with the very same shares."""
        name, data = "a_reversal_gives_back_what_its_decision_gave", event.data
        decision = self.decided.get(data.request_id)
        require(name, data.request_id not in self.reversed, f"twice: {data.request_id}")
        require(name, decision is not None, f"undecided: {data.request_id}")
        assert decision is not None
        same = (decision.data.parts, decision.data.shares) == (data.parts, data.shares)
        require(name, same, data.request_id)
        self.reversed[data.request_id] = event

    def milestones_go_to_insurers_with_a_cover_in_force(self, event: Event[Any]) -> None:
        """A milestone names the insurers whose cover was in force on its day, and nobody else.

        Of an invitation that stands, those who were told of it before are not told again.
        """
        right = self.covers.insurers(event.subject, local_day(event.time), event.causation_id or "")
        what = f"{event.data} of {event.subject} on {event.time}, in force: {right}"
        name = "milestones_go_to_insurers_with_a_cover_in_force"
        told = event.data.insurers
        again = event.data.milestone == "invited" and set(told) < set(right)
        require(name, told == right or again, what)

    def one_refusal_has_one_body(self, row: Row) -> None:
        """What is refused at one place of the log by one stage is refused once, for one reason."""
        headers = dict(row.record.headers)
        letter_id, reason = headers["deadletter-id"].decode(), headers["deadletter-reason"]
        known = self.letters.setdefault(letter_id, reason)
        require("one_refusal_has_one_body", known == reason and reason != b"", letter_id)

    def one_version_of_a_state_has_one_body(self, topic: str, partition: int, row: Row) -> None:
        """One version of a state never has two bodies, and no clock of a partition runs backwards."""
        key, value = (topic, partition, row.record.key), row.record.value
        known = self.newest.get(key)
        if known is None or version_of(value) > version_of(known):
            self.newest[key] = value
            if known is not None and row.record.key == POSITION_KEY:
                before, after = Position.decode(known).clock, Position.decode(value).clock
                runs_on = before is None or (after is not None and before <= after)
                require("no_clock_runs_backwards", runs_on, f"{key}: {before}, then {after}")
        elif version_of(value) == version_of(known):
            require("one_version_of_a_state_has_one_body", value == known, key)


def watched(stage: Stage[Any]) -> Stage[Any]:
    """Return the stage with its decisions looked at as they are made."""

    def decide(state: Any, event: Event[Any], at: datetime) -> Step[Any]:
        step = stage.decide(state, event, at)
        if step.state is not state:
            deadlines_are_set_ahead_of_the_clock(stage.name, state, step.state, at)
            accumulators_stay_within_their_limits(step.state)
        return step

    def wake(state: Any, at: datetime) -> Step[Any]:
        step = stage.wake(state, at)
        nobody_is_reminded_of_what_is_long_past(stage.name, state, step, at)
        return step

    return replace(stage, decide=decide, wake=wake)


def deadlines_are_set_ahead_of_the_clock(stage: str, before: Any, after: Any, at: datetime) -> None:
    """A deadline that an event sets lies beyond the log's clock."""
    wake_at = after.wake_at
    ahead = wake_at is None or wake_at > at or wake_at == before.wake_at
    require("deadlines_are_set_ahead_of_the_clock", ahead, f"{stage}: {wake_at} at {at}")


def nobody_is_reminded_of_what_is_long_past(
    stage: str, before: Any, step: Step[Any], at: datetime
) -> None:
    """Screening and management say nothing is overdue that has been so for months."""
    if stage not in {"screening", "management"}:
        return  # rehabilitation speaks as of the deadline's own instant
    # Each pathway has a deadline of its own, and one wake-up may be about several.
    rows = before.rows if stage == "screening" else before.enrolments
    due = {row.pathway: row.due for row in rows}
    for draft in step.outputs:
        if getattr(draft.data, "milestone", "") == "overdue":
            missed = start_of_day_after(due[draft.data.pathway])
            what = f"{stage}: {draft.data.pathway} was due until {missed}, at {at}"
            late = at - missed > timedelta(days=REMINDER_DAYS_MAX)
            require("nobody_is_reminded_of_what_is_long_past", not late, what)


def accumulators_stay_within_their_limits(state: Any) -> None:
    """What is used up of a benefit year is never negative, and never above its limit."""
    if not isinstance(state, SettlementState):
        return
    name = "accumulators_stay_within_their_limits"
    for used in state.used:
        versions = shipped_catalogue()[used.product].versions
        steps = [step for version in versions for step in version.steps]
        paid = [each.amounts[used.currency] for each in steps if isinstance(each, AnnualLimit)]
        deductible = [
            each.amounts[used.currency] for each in steps if isinstance(each, AnnualDeductible)
        ]
        sessions = [each.most for each in steps if isinstance(each, Sessions)]
        require(name, min(used.paid, used.deductible, used.sessions) >= 0, used)
        require(name, not paid or used.paid <= max(paid), used)
        require(name, used.deductible <= max(deductible, default=0), used)
        require(name, used.sessions <= max(sessions, default=0), used)
