"""Counting what stands on the log: a pure fold, used live and for the final summary."""

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from typing import Any, Final, get_args

from services.contract import care, milestones, payment, visit
from services.contract.catalog import UNKNOWN, catalog, producer_of
from services.contract.clock import ClockTicked
from services.contract.event import Event, EventData
from services.contract.member import MemberRegistered
from services.contract.milestones import ManagementMilestone
from services.contract.topics import HEALTH_EVENTS, STAGE_INPUTS
from services.timeline.distinct import Distinct

PAYERS: Final = tuple(payment.Parts.model_fields)
_LATENCIES_MAX: Final = 20_000
_CARE_STAGES: Final = tuple(name for name, topic in STAGE_INPUTS.items() if topic == HEALTH_EVENTS)
_MILESTONES: Final = (
    milestones.ScreeningMilestone,
    ManagementMilestone,
    milestones.TreatmentMilestone,
    milestones.RehabilitationMilestone,
)


@dataclass(slots=True)
class Tally:
    """What the events seen so far add up to. Amounts are minor units, of the bills in force.

    city_time: the latest tick. facts: events that came from outside. milestones: reached, by
    stage. reached: members who ever got to `<stage>.<step>`. rehabilitations: courses that ended,
    by outcome. decisions: by outcome, with `reversed`. amounts: by currency, then `billed` and who
    pays. latencies_ms: from the gateway's acceptance of the fact to the decision on the log, of the
    last 20,000 decisions. Each figure's definition: docs/run.md.
    """

    city_time: datetime | None = None
    facts: int = 0
    log_counts: Counter[str] = field(default_factory=Counter)
    milestones: Counter[str] = field(default_factory=Counter)
    reached: dict[str, set[str]] = field(default_factory=dict)
    requests: Counter[payment.Way] = field(default_factory=Counter)
    decisions: Counter[str] = field(default_factory=Counter)
    amounts: dict[str, Counter[str]] = field(default_factory=dict)
    rehabilitations: Counter[care.Outcome] = field(default_factory=Counter)
    latencies_ms: deque[float] = field(default_factory=lambda: deque(maxlen=_LATENCIES_MAX))
    _visits: set[str] = field(default_factory=set)
    _overdue: set[tuple[str, str | None]] = field(default_factory=set)
    _closing: set[str] = field(default_factory=set)
    _distinct: Distinct = field(default_factory=Distinct)

    def add(self, event: Event[EventData], appended_at: datetime | None = None) -> bool:
        """Count one event; returns False for one that was counted before.

        appended_at: when it was stored on the log, wall clock; without it no latency is known.
        """
        data = event.data
        if isinstance(data, ClockTicked):
            self.city_time = max(self.city_time or event.time, event.time)
            return True
        if not self._distinct.is_new(event):
            return False
        self.log_counts[event.type] += 1
        if catalog()[event.type].is_fact:
            self.facts += 1
        self._count_care(event, data)
        self._count_money(data)
        if isinstance(data, payment.PaymentDecided) and appended_at is not None:
            taken = appended_at - event.recorded_time
            self.latencies_ms.append(max(0.0, taken.total_seconds() * 1000))
        return True

    @property
    def visits(self) -> int:
        """Number of visits that were ever registered."""
        return len(self._visits)

    @property
    def loops_completed(self) -> int:
        """Number of courses of rehabilitation whose end closed a loop, of whichever pathways."""
        return len(self._closing)

    @property
    def members_overdue(self) -> int:
        """Number of members whose follow-up is overdue now, in any programme."""
        return len({member for member, _ in self._overdue})

    def members_at(self, step: str) -> int:
        """Return how many members ever reached `<stage>.<step>`."""
        return len(self.reached.get(step, ()))

    def latency_ms(self, percent: int) -> float | None:
        """Return a percentile (nearest rank) of the latencies; None before the first decision."""
        ordered = sorted(self.latencies_ms)
        if not ordered:
            return None
        return round(ordered[ceil(len(ordered) * percent / 100) - 1], 1)

    def summary(self) -> dict[str, Any]:
        """Return the parts of the run's summary that the log alone tells, as plain JSON."""
        return {
            "visits": self.visits,
            "payment_requests": {
                "direct_pay": self.requests["direct_pay"],
                "claim": self.requests["claim"],
            },
            "decisions": dict(sorted(self.decisions.items())),
            "amounts": {
                currency: {name: amounts[name] for name in ("billed", *PAYERS)}
                for currency, amounts in sorted(self.amounts.items())
            },
            "milestones": {stage: self.milestones[stage] for stage in _CARE_STAGES},
            "members_overdue": self.members_overdue,
            "rehabilitations": {
                name: self.rehabilitations[name] for name in get_args(care.Outcome)
            },
            "loops_completed": self.loops_completed,
            "decision_latency_ms": {"p50": self.latency_ms(50), "p99": self.latency_ms(99)},
            "log_counts": dict(sorted(self.log_counts.items())),
        }

    def _count_care(self, event: Event[EventData], data: EventData) -> None:
        member = event.subject
        if isinstance(data, visit.VisitRegistered):
            self._visits.add(data.visit_id)
            self._reached("treatment.visited", member)
        elif isinstance(data, MemberRegistered):
            self._reached("screening.known", member)
        elif isinstance(data, care.ScreeningScheduled):
            if data.closes_loop:
                self._closing.add(event.causation_id or event.id)
                self._reached("screening.loop_closed", member)
        elif isinstance(data, care.RehabilitationFinished):
            self.rehabilitations[data.outcome] += 1
            lost = data.outcome == "lost_to_follow_up"
            self._reached(f"rehabilitation.{'lost' if lost else 'ended'}", member)
        elif isinstance(data, _MILESTONES):
            stage = producer_of(event.type, event.source) or UNKNOWN
            self.milestones[stage] += 1
            self._reached(f"{stage}.{data.milestone}", member)
            if isinstance(data, ManagementMilestone):
                self._count_overdue((member, data.pathway), data)

    def _count_overdue(self, who: tuple[str, str | None], data: ManagementMilestone) -> None:
        if data.milestone == "overdue":
            self._overdue.add(who)
        elif data.milestone in {"resumed", "left"}:
            self._overdue.discard(who)

    def _reached(self, step: str, member: str) -> None:
        self.reached.setdefault(step, set()).add(member)

    def _count_money(self, data: EventData) -> None:
        if isinstance(data, payment.PaymentRequested):
            self.requests[data.way] += 1
        elif isinstance(data, payment.DirectPayDecided | payment.ClaimDecided):
            self.decisions[data.outcome] += 1
            self._post(data.currency, data.billed, data.parts, sign=1)
        elif isinstance(data, payment.PaymentReversed):
            self.decisions["reversed"] += 1
            self._post(data.currency, data.billed, data.parts, sign=-1)

    def _post(self, currency: str, billed: int, parts: payment.Parts, sign: int) -> None:
        amounts = self.amounts.setdefault(currency, Counter())
        amounts["billed"] += sign * billed
        for payer in PAYERS:
            amounts[payer] += sign * getattr(parts, payer)
