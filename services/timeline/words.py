"""What an event says, in words: one sentence, and a line where it is worth one on a screen.

Each kind of event stands here once; a kind that does not is told by its sentence in the catalog.
"""

from functools import singledispatch
from typing import Final, NamedTuple, assert_never

from services.contract import care, clinical, member, milestones, payment, visit
from services.contract.catalog import catalog
from services.contract.event import EventData
from services.contract.money import as_text
from services.contract.visit import Code
from services.timeline.counted import counted

LARGE_BILL: Final = 10_000_00
"""Minor units from which on a decision is worth a line."""


class Words(NamedTuple):
    """sentence: for those who read a timeline. line: for those who watch; None for most events."""

    sentence: str
    line: str | None = None


@singledispatch
def words(data: EventData) -> Words:
    """Return what an event says."""
    reason = getattr(data, "reason", None) or getattr(data, "detail", None)
    sentence = catalog()[data.TYPE].sentence
    return Words(f"{sentence} {reason}" if reason else sentence)


@words.register
def _(data: member.MemberMerged) -> Words:
    return Words(f"This record is {data.into}'s, too: what is known and said of it counts there.")


@words.register
def _(data: member.MemberReleased) -> Words:
    return Words(f"Nothing is in force here any more: {len(data.visits)} visits go to {data.into}.")


@words.register
def _(data: member.MemberRegistered) -> Words:
    born = f"born {data.birth_date}" if data.birth_date else "birth date not known"
    sex = "sex not known" if data.sex == "unknown" else data.sex
    return Words(f"Known as a member: {born}, {sex}.")


@words.register
def _(data: member.CoverActivated) -> Words:
    cover = data.cover
    until = f" to {cover.valid_to}" if cover.valid_to else ""
    return Words(f"Cover {cover.product} by {cover.insurer} from {cover.valid_from}{until}.")


@words.register
def _(data: member.CoverEnded) -> Words:
    return Words(f"Cover {data.cover_id} ends on {data.last_day}: {data.reason}")


@words.register
def _(data: visit.VisitPlanned) -> Words:
    when = f"for {data.starts}" if data.starts else "for a day not known yet"
    return Words(f"Visit {data.visit_id} is planned at {data.provider.id} {when}.")


@words.register
def _(data: visit.VisitRegistered | visit.VisitAdmitted | visit.VisitDischarged) -> Words:
    done, where = data.TYPE.split(".")[2], data.provider
    sentence = f"Visit {data.visit_id} {done} at {where.id} ({where.network})."
    return Words(sentence, f"admitted to {where.id}" if done == "admitted" else None)


@words.register
def _(data: visit.VisitCancelled) -> Words:
    return Words(f"The {data.cancels} of {data.visit_id} was cancelled: {data.reason}")


@words.register
def _(data: visit.ChargePosted) -> Words:
    place = f" in place of charge {data.replaces}" if data.replaces is not None else ""
    return Words(f"Visit {data.visit_id} was charged {as_text(data.amount, data.currency)}{place}.")


@words.register
def _(data: clinical.ConditionRecorded | clinical.MedicationPrescribed) -> Words:
    return Words(f"{_named(data.codes)} ({data.status}).")


@words.register
def _(data: clinical.ConditionWithdrawn) -> Words:
    return Words(f"Condition {data.condition_id} was withdrawn: {data.reason}")


@words.register
def _(data: clinical.ProcedurePerformed) -> Words:
    return Words(f"{_named(data.codes)}.")


@words.register
def _(data: clinical.ObservationRecorded) -> Words:
    return Words(f"{_named(data.codes)}: {_measured(data)}.")


@words.register
def _(data: clinical.SessionAttended) -> Words:
    price = as_text(data.price, data.currency)
    return Words(f"A {data.mode} session at {data.provider.id} for {price}.")


@words.register
def _(data: care.ScreeningScheduled) -> Words:
    sentence = f"The next {_plain(data.pathway)} screening is due on {data.due}."
    if not data.closes_loop:
        return Words(sentence)
    return Words(
        f"{sentence} The loop is closed.",
        f"the loop is closed; next screening on {data.due:%d %b %Y}",
    )


@words.register
def _(data: care.RiskStratified) -> Words:
    seen = data.parts[0].value if data.parts else "nothing that counts"
    stratum = f"{_plain(data.pathway).capitalize()} risk is {_plain(data.stratum)}"
    return Words(f"{stratum}: {seen} ({data.guideline}).")


@words.register
def _(data: care.ReferredToManagement) -> Words:
    told = f"{_plain(data.pathway)} found, risk {_plain(data.stratum)}"
    return _by_catalog(data, told)


@words.register
def _(data: care.PlanSet) -> Words:
    return Words(
        f"A {_plain(data.pathway)} plan for stratum {_plain(data.stratum)} was set.",
        f"plan: {_goals(data.goals)}",
    )


@words.register
def _(data: care.ReferredToTreatment) -> Words:
    return _by_catalog(data, f"red flag: {data.reason}")


@words.register
def _(data: care.ReferredToRehabilitation) -> Words:
    return _by_catalog(data, f"needs rehabilitation: {data.reason}")


@words.register
def _(data: care.WithdrawalNoted) -> Words:
    of = f"The withdrawal of {data.what} {data.name}"
    match data.status:
        case "waits":
            return Words(f"{of} came before it, and waits for it until {data.until}.")
        case "met":
            return Words(f"{of} came before it: it counts for nothing.")
        case _:
            assert_never(data.status)


@words.register
def _(data: care.RehabilitationPlanned) -> Words:
    told = f"goal: from {data.baseline:g} to {data.goal:g} on {data.instrument.name}"
    return _by_catalog(data, told)


@words.register
def _(data: care.RehabilitationFinished) -> Words:
    told = f"finished after {counted(data.sessions, 'session')}: {_plain(data.outcome)}"
    return _by_catalog(data, told)


@words.register
def _(data: milestones.Milestone) -> Words:
    reached = _plain(getattr(data, "milestone", "milestone"))
    of = data.TYPE.split(".")[1] + (f", {_plain(data.pathway)}" if data.pathway else "")
    told = f"told to {', '.join(data.insurers)}" if data.insurers else "no insurer to tell"
    return Words(f"Milestone of {of}: {reached} ({told}).")


@words.register
def _(data: payment.PaymentRequested) -> Words:
    return Words(f"{as_text(data.billed, data.currency)} for {data.episode} is to be decided.")


@words.register
def _(data: payment.PaymentDecided) -> Words:
    outcome = _plain(getattr(data, "outcome", "decided"))
    billed = as_text(data.billed, data.currency)
    parts = [
        f"{_plain(payer)} {as_text(amount, data.currency)}"
        for payer, amount in data.parts.model_dump().items()
        if amount
    ]
    who = ", ".join(parts) or "nobody owes anything"
    own = as_text(data.parts.member, data.currency)
    told = f"{outcome}: {billed} billed, the member pays {own}"
    return Words(
        f"{billed} for {data.episode} {outcome}: {who}.",
        told if data.billed >= LARGE_BILL else None,
    )


@words.register
def _(data: payment.PaymentReversed) -> Words:
    billed = as_text(data.billed, data.currency)
    return Words(f"The decision on {billed} for {data.episode} was undone: {data.reason}")


def _by_catalog(data: EventData, line: str) -> Words:
    """Return the catalog's sentence, and a line."""
    return Words(words.dispatch(EventData)(data).sentence, line)


def _goals(goals: tuple[care.Goal, ...]) -> str:
    """Write goals: of one bound and unit together, as `below 140/90 mm[Hg]`."""
    if len({(goal.bound, goal.unit) for goal in goals}) == 1:
        values = "/".join(f"{goal.value:g}" for goal in goals)
        return f"{_plain(goals[0].bound)} {values} {goals[0].unit}"
    told = (
        f"{_plain(goal.measure)} {_plain(goal.bound)} {goal.value:g} {goal.unit}" for goal in goals
    )
    return ", ".join(told)


def _plain(word: str) -> str:
    return word.replace("_", " ")


def _named(codes: tuple[Code, ...]) -> str:
    return codes[0].display or codes[0].code


def _measured(data: clinical.ObservationRecorded) -> str:
    if data.components:
        return ", ".join(f"{_named(each.codes)} {_valued(each)}" for each in data.components)
    if data.value is not None:
        return _valued(data)
    return data.text or (_named(data.answer) if data.answer else "no value")


def _valued(data: clinical.ObservationRecorded | clinical.Component) -> str:
    if data.value is None:
        return _named(data.answer) if data.answer else "no value"
    return f"{data.value:g} {data.unit or ''}".rstrip()
