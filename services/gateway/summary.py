"""One sentence per event, for people who read a timeline."""

from services.contract import care, clinical, member, milestones, payment, visit
from services.contract.catalog import catalog
from services.contract.event import EventData
from services.contract.money import as_text
from services.contract.visit import Code


def summary(data: EventData) -> str:  # noqa: C901, PLR0912  # one case per kind of event
    """Return what an event says, in one sentence."""
    match data:
        case member.CoverActivated(cover=cover):
            until = f" to {cover.valid_to}" if cover.valid_to else ""
            return f"Cover {cover.product} by {cover.insurer} from {cover.valid_from}{until}."
        case member.CoverEnded():
            return f"Cover {data.cover_id} ends on {data.last_day}: {data.reason}"
        case visit.VisitRegistered() | visit.VisitAdmitted() | visit.VisitDischarged():
            done = data.TYPE.split(".")[2]
            return f"Visit {data.visit_id} {done} at {data.provider.id} ({data.provider.network})."
        case visit.VisitCancelled():
            return f"The {data.cancels} of {data.visit_id} was cancelled: {data.reason}"
        case visit.ChargePosted():
            return f"Visit {data.visit_id} was charged {as_text(data.amount, data.currency)}."
        case clinical.ConditionRecorded() | clinical.MedicationPrescribed():
            return f"{_words(data.codes)} ({data.status})."
        case clinical.ProcedurePerformed():
            return f"{_words(data.codes)}."
        case clinical.ObservationRecorded():
            return f"{_words(data.codes)}: {_measured(data)}."
        case clinical.SessionAttended():
            price = as_text(data.price, data.currency)
            return f"A {data.mode} session at {data.provider.id} for {price}."
        case care.ScreeningScheduled():
            closes = " The loop is closed." if data.closes_loop else ""
            return f"The next {data.screening} screening is due on {data.due}.{closes}"
        case care.RiskStratified():
            return (
                f"Risk is {data.stratum}: {data.systolic}/{data.diastolic} mmHg ({data.guideline})."
            )
        case care.PlanSet():
            return f"A {data.programme} plan for stratum {data.stratum} was set."
        case payment.PaymentRequested():
            return f"{as_text(data.billed, data.currency)} for {data.episode} is to be decided."
        case payment.PaymentDecided():
            return _decided(data)
        case payment.PaymentReversed():
            billed = as_text(data.billed, data.currency)
            return f"The decision on {billed} for {data.episode} was undone: {data.reason}"
        case milestones.Milestone():
            reached = getattr(data, "milestone", "milestone").replace("_", " ")
            return f"Milestone of {data.TYPE.split('.')[1]}: {reached}."
        case _:
            reason = getattr(data, "reason", None) or getattr(data, "detail", None)
            sentence = catalog()[data.TYPE].sentence
            return f"{sentence} {reason}" if reason else sentence


def _decided(data: payment.PaymentDecided) -> str:
    outcome = str(getattr(data, "outcome", "decided")).replace("_", " ")
    parts = [
        f"{payer.replace('_', ' ')} {as_text(amount, data.currency)}"
        for payer, amount in data.parts.model_dump().items()
        if amount
    ]
    who = ", ".join(parts) or "nobody owes anything"
    return f"{as_text(data.billed, data.currency)} for {data.episode} {outcome}: {who}."


def _words(codes: tuple[Code, ...]) -> str:
    return codes[0].display or codes[0].code


def _measured(data: clinical.ObservationRecorded) -> str:
    if data.components:
        return ", ".join(
            f"{_words(each.codes)} {each.value:g} {each.unit or ''}".rstrip()
            for each in data.components
        )
    if data.value is not None:
        return f"{data.value:g} {data.unit or ''}".rstrip()
    return data.text or "no value"
