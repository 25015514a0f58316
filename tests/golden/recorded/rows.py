"""What was said, in words that outlive the schemas: one row for each event.

A row is `[member, stage, kind, at, episode, content]`. Ids that the system makes itself are left
out; a bill is named by its number among those of its visit or session.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC
from typing import Any, Final

from services.contract import care, clinical, member, milestones, payment, visit
from services.contract.clock import ClockTicked
from services.contract.codec import Record, decode, header_map
from services.contract.event import Event
from services.contract.topics import DEAD_LETTERS
from tests.golden.recorded.files import Row

Content = dict[str, Any]

_OURS: Final = "/careloop/"

PATHWAYS: Final = ("hypertension", "stroke")
"""Those that there were when the rows were recorded; what later ones say is left out."""


class Bills:
    """The bills of each visit or session, numbered from 1 in the order of their requests."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._last: dict[tuple[str, str], int] = defaultdict(int)

    def add(self, whose: str, request: payment.PaymentRequested) -> None:
        """Number one more request; the same one keeps its number."""
        if request.request_id not in self._numbers:
            self._last[whose, request.episode] += 1
            self._numbers[request.request_id] = self._last[whose, request.episode]

    def number(self, request_id: str | None) -> int | None:
        """Return the number of a bill; None for no bill."""
        return None if request_id is None else self._numbers[request_id]


def rows(records: Iterable[tuple[str, Record]]) -> list[Row]:
    """Return the rows of all records of all topics, without clock ticks."""
    found, events = [], []
    for topic, record in records:
        if topic == DEAD_LETTERS:
            found.append(_refused(record))
        else:
            events.append(decode(record))
    bills = Bills()
    for event in events:
        if isinstance(event.data, payment.PaymentRequested):
            bills.add(event.subject, event.data)
    return found + [_row(each, bills) for each in events if _is_shown(each)]


def _is_shown(event: Event[Any]) -> bool:
    pathway = getattr(event.data, "pathway", None)
    return not isinstance(event.data, ClockTicked) and pathway in {None, *PATHWAYS}


def _row(event: Event[Any], bills: Bills) -> Row:
    ours = event.source.startswith(_OURS)
    kind, content_of = _KINDS[type(event.data)]
    episode = getattr(event.data, "episode", None) or event.correlation_id
    return [
        event.subject,
        event.source.removeprefix(_OURS) if ours else "door",
        kind,
        event.time.astimezone(UTC).isoformat(timespec="seconds"),
        episode,
        content_of(event.data, bills) | ({} if ours else {"source": event.source}),
    ]


def _refused(record: Record) -> Row:
    headers = {name: value.decode() for name, value in header_map(record.headers).items()}
    content = {"type": headers["ce_type"], "reason": headers["deadletter-reason"]}
    by = headers["deadletter-refused-by"]
    return [headers["ce_subject"], by, "refused", headers["ce_time"], None, content]


def _codes(codes: Iterable[visit.Code]) -> list[str]:
    return sorted(f"{each.system}|{each.code}" for each in codes)


def _of(*names: str) -> Callable[[Any, Bills], Content]:
    """Return a reader of fields under their own names: days as text, codes sorted."""

    def read(data: Any, _: Bills) -> Content:
        body = data.model_dump(mode="json", include=set(names) - {"codes"})
        body = {name: _whole(value) for name, value in body.items()}
        return body | ({"codes": _codes(data.codes)} if "codes" in names else {})

    return read


def _whole(value: Any) -> Any:
    """Return a number without the fraction that it does not have."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _measured(*names: str) -> Callable[[Any, Bills], Content]:
    """Return a reader of fields that are said of an instrument."""
    fields = _of(*names)
    return lambda data, bills: {"instrument": data.instrument.id, **fields(data, bills)}


def _cover(terms: member.CoverTerms) -> list[Any]:
    body = terms.model_dump(mode="json")
    return [body[name] for name in ("cover_id", "product", "insurer", "valid_from", "valid_to")]


def _lines(lines: Sequence[visit.BillLine]) -> list[list[Any]]:
    return [[each.code and each.code.code, each.text, each.amount] for each in lines]


def _charge(data: visit.ChargePosted, _: Bills) -> Content:
    money = {"currency": data.currency, "amount": data.amount, "lines": _lines(data.lines)}
    return {"charge_id": data.charge_id, "category": data.category, **money}


def _observation(data: clinical.ObservationRecorded, _: Bills) -> Content:
    parts = [[_codes(each.codes), each.value, each.unit] for each in data.components]
    value = [data.value, data.unit, data.text]
    return {"id": data.observation_id, "codes": _codes(data.codes), "value": value, "parts": parts}


def _scheduled(data: care.ScreeningScheduled, bills: Bills) -> Content:
    return {"pathway": data.pathway, **_of("due", "reason", "closes_loop")(data, bills)}


def _stratified(data: care.RiskStratified, _: Bills) -> Content:
    systolic, diastolic = data.parts[0].value.split(" ", maxsplit=1)[0].split("/")
    return {
        "pathway": data.pathway,
        "stratum": data.stratum,
        "readings": [["diastolic", int(diastolic)], ["systolic", int(systolic)]],
        "parts": [[each.factor, each.value] for each in data.parts],
        "guideline": data.guideline,
    }


def _to_management(data: care.ReferredToManagement, _: Bills) -> Content:
    return {"pathway": data.pathway, "stratum": data.stratum, "reason": data.reason}


def _plan(data: care.PlanSet, _: Bills) -> Content:
    return {
        "pathway": data.pathway,
        "stratum": data.stratum,
        "goals": sorted([each.measure, each.bound, _whole(each.value)] for each in data.goals),
        "follow_up_days": data.follow_up_days,
    }


def _milestone(data: milestones.Milestone, _: Bills) -> Content:
    return {"milestone": data.milestone, "insurers": list(data.insurers)}


def _request(data: payment.PaymentRequested, bills: Bills) -> Content:
    return {
        "way": data.way,
        "bill": bills.number(data.request_id),
        "replaces": bills.number(data.replaces),
        "service": data.service,
        "visit_class": data.visit_class,
        "provider": [data.provider.id, data.provider.network],
        "service_date": data.service_date.isoformat(),
        "currency": data.currency,
        "billed": data.billed,
        "lines": _lines(data.lines),
        "covers": [_cover(each) for each in data.covers],
    }


def _decided_amounts(data: Any) -> Content:
    return {
        "provider": [data.provider.id, data.provider.network],
        "currency": data.currency,
        "billed": data.billed,
        "parts": {name: amount for name, amount in data.parts.model_dump().items() if amount},
        "shares": [
            [each.cover_id, each.product, each.payer, each.insurer, each.amount]
            for each in data.shares
        ],
    }


def _decision(data: Any, bills: Bills) -> Content:
    return {
        "way": "claim" if isinstance(data, payment.ClaimDecided) else "direct_pay",
        "bill": bills.number(data.request_id),
        "outcome": data.outcome,
        "service_date": data.service_date.isoformat(),
        **_decided_amounts(data),
        "trace": [[each.rule, each.payer, each.taken, each.note] for each in data.trace],
    }


def _reversal_asked(data: payment.ReversalRequested, bills: Bills) -> Content:
    return {"bill": bills.number(data.request_id), "reason": data.reason}


def _reversed(data: payment.PaymentReversed, bills: Bills) -> Content:
    asked = {"bill": bills.number(data.request_id), "reason": data.reason}
    return asked | _decided_amounts(data)


_KINDS: Final[dict[type, tuple[str, Callable[[Any, Bills], Content]]]] = {
    member.MemberRegistered: ("member registered", _of("birth_date", "sex")),
    member.CoverActivated: ("cover activated", lambda data, _: {"cover": _cover(data.cover)}),
    member.CoverEnded: ("cover ended", _of("cover_id", "last_day", "reason")),
    visit.VisitRegistered: ("visit registered", _of("visit_id", "visit_class", "provider")),
    visit.VisitAdmitted: ("visit admitted", _of("visit_id", "provider")),
    visit.VisitDischarged: ("visit discharged", _of("visit_id", "visit_class", "provider")),
    visit.VisitCancelled: ("visit cancelled", _of("visit_id", "cancels", "reason")),
    visit.ChargePosted: ("charge posted", _charge),
    visit.ChargeVoided: ("charge voided", _of("charge_id", "visit_id", "reason")),
    clinical.ConditionRecorded: ("condition", _of("condition_id", "codes", "status", "visit_id")),
    clinical.ProcedurePerformed: ("procedure", _of("procedure_id", "codes", "visit_id")),
    clinical.ObservationRecorded: ("observation", _observation),
    clinical.MedicationPrescribed: ("prescription", _of("prescription_id", "codes", "status")),
    clinical.SessionAttended: (
        "session attended",
        _of("session_id", "mode", "provider", "currency", "price"),
    ),
    clinical.SessionMissed: ("session missed", _of("session_id", "mode", "reason")),
    care.ScreeningScheduled: ("scheduled", _scheduled),
    care.RiskStratified: ("stratified", _stratified),
    care.ReferredToManagement: ("referral to management", _to_management),
    care.PlanSet: ("plan", _plan),
    care.ReferredToTreatment: ("referral to treatment", _of("reason", "urgency")),
    care.QualityFlagged: ("quality flag", _of("visit_id", "flag", "detail")),
    care.ReferredToRehabilitation: (
        "referral to rehabilitation",
        _of("visit_id", "discharged_on", "codes", "reason"),
    ),
    care.ReferralWithdrawn: ("referral withdrawn", _of("visit_id", "reason")),
    care.RehabilitationPlanned: (
        "planned",
        _measured("baseline", "goal", "sessions_per_week"),
    ),
    care.RehabilitationFinished: (
        "finished",
        _measured("outcome", "baseline", "final", "sessions"),
    ),
    care.ReferredBackToTreatment: (
        "referral back to treatment",
        _of("reason", "score_before", "score_after"),
    ),
    milestones.ScreeningMilestone: ("milestone", _milestone),
    milestones.ManagementMilestone: ("milestone", _milestone),
    milestones.TreatmentMilestone: ("milestone", _milestone),
    milestones.RehabilitationMilestone: ("milestone", _milestone),
    payment.PaymentRequested: ("payment request", _request),
    payment.ReversalRequested: ("reversal request", _reversal_asked),
    payment.DirectPayDecided: ("decision", _decision),
    payment.ClaimDecided: ("decision", _decision),
    payment.PaymentReversed: ("reversal", _reversed),
}
