"""Encounter and Claim: visits, and what they cost."""

from datetime import UTC, datetime
from typing import Any, Final, Literal, cast

from services.contract.visit import (
    ChargePosted,
    ChargeVoided,
    VisitAdmitted,
    VisitCancelled,
    VisitClass,
    VisitDischarged,
    VisitPlanned,
    VisitRegistered,
)
from services.gateway.acceptance.facts import Fact
from services.gateway.doors.fhir.bill import read_bill
from services.gateway.doors.fhir.reader import Reader
from services.gateway.doors.fhir.related import replaced_by
from services.gateway.doors.fhir.resources import Claim, Encounter
from services.gateway.doors.fhir.statuses import pass_over, standing_of

# HL7 v3 ActEncounterCode, the value set that Encounter.class is bound to.
_CLASSES: Final[dict[str | None, VisitClass]] = {
    "AMB": "ambulatory",
    "SS": "ambulatory",
    "FLD": "ambulatory",
    "EMER": "emergency",
    "IMP": "inpatient",
    "ACUTE": "inpatient",
    "NONAC": "inpatient",
    "OBSENC": "inpatient",
    "PRENC": "ambulatory",
    "HH": "home",
    "VR": "virtual",
}
_CATEGORIES: Final = ("institutional", "pharmacy", "professional", "oral", "vision")


def encounter_facts(encounter: Encounter, reader: Reader) -> list[Fact]:
    """Return how far a visit has come: planned, or registered, admitted if inpatient, discharged.

    The status is what the sender states; the steps before it are implied, and do not contradict
    what is known of them. The id of a discharge holds its time: a visit that is discharged again
    after its discharge was cancelled is discharged anew.
    """
    standing = standing_of(encounter.status, reader)
    member = reader.required_reference(encounter.subject, "Patient", "subject")
    if standing == "withdrawn":
        return _cancelled(encounter, member, reader)
    visit_class = _CLASSES.get(encounter.class_.code)
    if visit_class is None:
        says = f"The class {str(encounter.class_.code)[:40]!r} is not known"
        mend = f"Use one of {', '.join(str(code) for code in _CLASSES)} (v3 ActEncounterCode)."
        reader.problem("value", "class.code", says, mend)
    provider_id = _provider(encounter, reader)
    reader.zone = reader.network.zones.get(provider_id or "", reader.zone)
    if standing == "plan":
        return _planned(encounter, member, visit_class, provider_id, reader)
    ended = encounter.status == "finished"
    start, end = _span(encounter, reader)
    if reader.failed or not (member and visit_class and provider_id and start):
        return []
    visit: dict[str, Any] = {"correlation_id": reader.id}
    provider = reader.network.provider(provider_id, start)
    registered = VisitRegistered(visit_id=reader.id, visit_class=visit_class, provider=provider)
    later = encounter.status in {"in-progress", "onleave", "finished"}
    facts = [reader.fact(("registered",), member, start, registered, implied=later, **visit)]
    if visit_class == "inpatient" and later:
        admitted = VisitAdmitted(visit_id=reader.id, provider=provider)
        facts.append(reader.fact(("admitted",), member, start, admitted, implied=ended, **visit))
    if end is not None:
        discharged = VisitDischarged(
            visit_id=reader.id,
            visit_class=visit_class,
            provider=reader.network.provider(provider_id, end),
        )
        kind = ("discharged", end.astimezone(UTC).isoformat())
        facts.append(reader.fact(kind, member, end, discharged, **visit))
    return facts


def _span(encounter: Encounter, reader: Reader) -> tuple[datetime | None, datetime | None]:
    """Return when a visit began and, if it is finished, when it ended."""
    if encounter.status != "finished":
        return reader.moment(("period.start", encounter.period.start)), None
    span = reader.span("period", encounter.period)
    return (None, None) if span is None else (span.start, span.end)


def _planned(
    encounter: Encounter,
    member: str | None,
    visit_class: VisitClass | None,
    provider_id: str | None,
    reader: Reader,
) -> list[Fact]:
    """Announce a visit, or that its plan moved. It is told when it is told, and dates nothing."""
    starts = reader.as_told("period.start", encounter.period.start)
    time = reader.told_at(encounter.meta)
    if reader.failed or not (member and visit_class and provider_id and time):
        return []
    planned = VisitPlanned(
        visit_id=reader.id,
        visit_class=visit_class,
        provider=reader.network.provider(provider_id, time),
        starts=starts,
    )
    visit: dict[str, Any] = {"correlation_id": reader.id}
    return [reader.fact(("planned",), member, time, planned, restated=True, **visit)]


def _cancelled(encounter: Encounter, member: str | None, reader: Reader) -> list[Fact]:
    """Withdraw a visit, when that was told; else when it was over, but no plan is yet."""
    time = reader.told_at(encounter.meta)
    ends = encounter.period.end or encounter.period.start
    if time and ends and not encounter.meta.last_updated:
        over = reader.end_moment(("period", ends))
        time = min(time, over) if over else None
    if reader.failed or not (member and time):
        return []
    reason = f"The hospital declared the visit {encounter.status}."
    data = VisitCancelled(visit_id=reader.id, cancels="visit", reason=reason)
    return [reader.fact(("cancelled",), member, time, data, correlation_id=reader.id)]


def _provider(encounter: Encounter, reader: Reader) -> str | None:
    provider = encounter.service_provider
    if provider is None or not (provider.reference or provider.identifier):
        mend = "Name the hospital as Organization/<id>."
        says = "The Encounter does not say who provides it"
        reader.problem("required", "serviceProvider", says, mend)
        return None
    target = reader.target(provider, "serviceProvider", "Organization")
    return None if target is None else reader.organisation(target, provider, "serviceProvider")


def claim_facts(claim: Claim, reader: Reader) -> list[Fact]:
    """Return a charge of a visit, or that it was voided.

    `Claim.total` is the bill. Items with `net` are lines; the first item without (the visit
    itself, as a rule) takes the remainder, which is negative if the total is a reduction of its
    items; further ones are lines of 0. If every item has a net, a difference to the total is a
    line of its own. Without a total the bill is the sum of the nets.
    """
    standing = standing_of(claim.status, reader, claim.use, of="use")
    if standing == "plan":
        pass_over(standing, claim.status, reader)
        return []
    member = reader.required_reference(claim.patient, "Patient", "patient")
    visit_id = _visit_of(claim, reader)
    if standing == "withdrawn":
        return _voided(claim, member, visit_id, reader)
    category = claim.type.first_code
    if category not in _CATEGORIES:
        mend = f"Use one of {', '.join(_CATEGORIES)} (claim-type)."
        reader.problem("value", "type", f"The type {str(category)[:40]!r} is not known", mend)
    time = reader.end_moment(
        ("billablePeriod.end", claim.billable_period.end),
        ("billablePeriod.start", claim.billable_period.start),
        ("created", claim.created),
    )
    bill = read_bill(claim, reader)
    replaces = replaced_by(claim, reader)
    if reader.failed or not (member and visit_id and time and bill):
        return []
    currency, amount, lines = bill
    data = ChargePosted(
        charge_id=reader.id,
        visit_id=visit_id,
        category=cast(
            "Literal['institutional', 'pharmacy', 'professional', 'oral', 'vision']", category
        ),
        currency=currency,
        amount=amount,
        lines=lines,
        replaces=replaces,
    )
    return [reader.fact(("charged",), member, time, data, correlation_id=visit_id)]


def _voided(claim: Claim, member: str | None, visit_id: str | None, reader: Reader) -> list[Fact]:
    told = (("meta.lastUpdated", claim.meta.last_updated), ("created", claim.created))
    time = reader.end_moment(*told)
    if reader.failed or not (member and visit_id and time):
        return []
    reason = f"The hospital declared the bill {claim.status}."
    data = ChargeVoided(charge_id=reader.id, visit_id=visit_id, reason=reason)
    return [reader.fact(("voided",), member, time, data, correlation_id=visit_id)]


def _visit_of(claim: Claim, reader: Reader) -> str | None:
    """All items of a bill belong to one visit; those that name none belong to it, too."""
    mend = "Set item[0].encounter to the Encounter that is billed."
    visits: dict[str, None] = {}
    for number, item in enumerate(claim.item):
        for position, reference in enumerate(item.encounter):
            at = f"item[{number}].encounter[{position}]"
            found = reader.reference(reference, "Encounter", at)
            if found is None:
                return None
            visits[found] = None
    if not visits:
        reader.problem("required", "item", "The Claim does not say which visit it bills", mend)
        return None
    if len(visits) > 1:
        says = f"The items belong to {len(visits)} visits: {', '.join(list(visits)[:5])}"
        reader.problem("business-rule", "item", says, "Send one Claim per visit.")
        return None
    return next(iter(visits))
