"""Patient and Coverage: who is a member, and which contracts may pay."""

from datetime import date, datetime
from typing import Final

from services.contract.member import (
    CoverActivated,
    CoverEnded,
    CoverTerms,
    MemberRegistered,
    Sex,
)
from services.gateway.acceptance.facts import Fact
from services.gateway.doors.fhir.elements import Reference
from services.gateway.doors.fhir.merges import is_replaced, merge_facts
from services.gateway.doors.fhir.reader import Reader, slug
from services.gateway.doors.fhir.resources import Coverage, Patient
from services.gateway.doors.fhir.statuses import pass_over, standing_of
from services.member.calendar import local_day

_PERSONS: Final = ("Patient", "RelatedPerson")
SEXES: Final[dict[str | None, Sex]] = {
    "male": "male",
    "female": "female",
    "other": "other",
    "unknown": "unknown",
    None: "unknown",
}


BEFORE_ALL: Final = date(1849, 12, 31)
"""Last day of a cover that never was: before any that is read."""

_CANCELLED: Final = "The insurer cancelled the cover."


def patient_facts(patient: Patient, reader: Reader) -> list[Fact]:
    """Return the registration of a member, or what is known of the member now.

    Its time is for the request to say, as a Patient does not tell when it became known.
    """
    born = reader.as_known("birthDate", patient.birth_date)
    if patient.active is False and not patient.link:
        says = "Passed over: the record is out of use (active = false), and registers nobody"
        reader.remark(says, "active", "warning")
        return []
    if patient.gender not in SEXES:
        says = f"{patient.gender[:40]!r} is not an administrative gender" if patient.gender else ""
        reader.problem("value", "gender", says, "Use male, female, other or unknown.")
    if reader.failed:
        return []
    time = reader.told_at(patient.meta)
    if time is None:
        return []
    data = MemberRegistered(birth_date=born, sex=SEXES[patient.gender])
    merges = merge_facts(patient, reader)
    if reader.failed:
        return []
    known = is_replaced(patient)
    again = {"implied": known, "restated": not known}
    return [reader.fact(("registered",), reader.id, time, data, **again), *merges]


def coverage_facts(coverage: Coverage, reader: Reader) -> list[Fact]:
    """Return that a cover began or, for one that is cancelled, ended early.

    Product: the class of type `plan`, else the type. Insurer: the first payor that is an
    organisation; where only persons pay there is none, and so no cover. Days are those written, whatever the offset.
    """
    standing = standing_of(coverage.status, reader)
    if standing == "plan":
        pass_over(standing, coverage.status, reader)
        return []
    member = reader.required_reference(coverage.beneficiary, "Patient", "beneficiary")
    if standing in {"over", "withdrawn"}:
        return _ended(coverage, member, reader)
    first, start = _beginning(coverage, reader)
    last = reader.last_day("period.end", coverage.period.end) if coverage.period.end else None
    if first and last and last < first:
        says = f"The cover ends on {last}, before it begins on {first}"
        reader.problem("value", "period", says, "Put the earlier day first.")
    subscriber = _subscriber(coverage.subscriber, reader)
    insurer = _insurer(coverage.payor, reader)
    if insurer is None and not reader.failed:
        if any(payor.reference or payor.identifier for payor in coverage.payor):
            says = "no insurer pays, so that what is billed is the member's"
            reader.remark(f"Passed over: {says}", "payor")
            return []
        mend = "Name it with payor.identifier, payor.reference or payor.display."
        reader.problem("required", "payor", "The Coverage does not say who pays", mend)
    product = _product(coverage)
    if product is None and not reader.failed:
        says = "Passed over: it does not say which product it is, and pays nothing"
        reader.remark(f"{says}; name it in class (type plan) or in type", "class", "warning")
        return []
    if reader.failed or not (member and first and start and insurer and product):
        return []
    terms = CoverTerms(
        cover_id=reader.id,
        product=slug(product),
        insurer=slug(insurer),
        valid_from=first,
        valid_to=last,
    )
    data = CoverActivated(cover=terms)
    again = {"subscriber": subscriber, "restated": True}
    return [reader.fact(("activated",), member, start, data, **again)]


def _beginning(coverage: Coverage, reader: Reader) -> tuple[date | None, datetime | None]:
    """Return the first day of a cover, and when it began.

    A cover that does not say is known to be in force when it is told of, and read so.
    """
    start = ("period.start", coverage.period.start)
    if coverage.period.start:
        return reader.first_day(*start), reader.moment(start)
    told_at = reader.moment_or_told(coverage.meta, start)
    return (None, None) if told_at is None else (local_day(told_at), told_at)


def _ended(coverage: Coverage, member: str | None, reader: Reader) -> list[Fact]:
    """Return that a cover ended early: on its last day, or, if it never was, before its first."""
    time = reader.told_at(coverage.meta)
    end = coverage.period.end
    if coverage.status == "entered-in-error":
        last: date | None = BEFORE_ALL
        reason = "The insurer declared that the cover never was."
    elif end:
        last, reason = reader.last_day("period.end", end), _CANCELLED
        if not coverage.meta.last_updated:
            time = reader.end_moment(("period.end", end))
    else:
        last, reason = local_day(time) if time else None, _CANCELLED
        says = "It does not say when it ends: read as ended on the day on which that was told"
        reader.remark(says, "period.end", "warning")
    if reader.failed or not (member and last and time):
        return []
    data = CoverEnded(cover_id=reader.id, last_day=last, reason="The insurer cancelled the cover.")
    return [reader.fact(("ended",), member, time, data, restated=True)]
    data = CoverEnded(cover_id=reader.id, last_day=last, reason=reason)
    return [reader.fact(("ended",), member, time, data)]


def _product(coverage: Coverage) -> str | None:
    plans = [each.value for each in coverage.class_ if each.type.first_code == "plan"]
    if plans and plans[0]:
        return plans[0]
    return (coverage.type.first_code or coverage.type.words) if coverage.type else None


def _subscriber(subscriber: Reference | None, reader: Reader) -> str | None:
    target = reader.target(subscriber, "subscriber", "Patient", "RelatedPerson")
    if target is not None and target.type == "RelatedPerson":
        says = "The subscriber is no member: the household is not known by this cover"
        reader.remark(says, "subscriber", "warning")
        return None
    return target.id or None if target is not None else None


def _insurer(payors: list[Reference], reader: Reader) -> str | None:
    """Return the first organisation that pays: what a reference names, else a name in words."""
    for number, payor in enumerate(payors):
        at = f"payor[{number}]"
        target = reader.target(payor, at, "Organization", *_PERSONS)
        if target is not None and target.type == "Organization":
            return reader.organisation(target, payor, at)
        if target is None and payor.display and not (payor.reference or payor.identifier):
            return payor.display
    return None
