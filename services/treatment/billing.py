"""Which bill is due for a visit, and the requests that bring what was asked in line with it."""

from datetime import date, datetime
from typing import NamedTuple

from services.contract.cover_terms import KnownCovers, covers_on
from services.contract.ids import stable_id
from services.contract.payment import ClaimRequested, DirectPayRequested, ReversalRequested
from services.contract.step import Draft
from services.contract.visit import Provider, VisitClass
from services.treatment.state import Charge, Visit


class Bill(NamedTuple):
    """All that a decision on a visit depends on. Two equal bills need no new decision.

    service_date: the day the visit began, in UTC, as far as is known: that day decides which
    benefit year and which covers apply, also for a stay across New Year. covers: those in force
    on it.
    """

    visit_class: VisitClass
    provider: Provider
    service_date: date
    charges: tuple[Charge, ...]
    covers: KnownCovers


def bill_due(visit: Visit, covers: KnownCovers) -> Bill | None:
    """Return the bill of a discharged visit; None while it is open or has no charge in force."""
    if visit.phase != "discharged" or not visit.charges:
        return None
    if visit.provider is None or visit.visit_class is None or visit.began is None:
        return None
    day = visit.began.date()
    return Bill(visit.visit_class, visit.provider, day, visit.charges, covers_on(covers, day))


def request_id(member: str, visit_id: str, version: int) -> str:
    """Return the id of the `version`-th request (from 1) for a visit; the same for ever."""
    return stable_id("treatment", member, visit_id, str(version))


def rebill(
    before: Visit,
    after: Visit,
    covers: tuple[KnownCovers, KnownCovers],
    member: str,
    when: datetime,
    reason: str,
) -> tuple[Visit, tuple[Draft, ...]]:
    """Return `after` with its request number, and what to ask of settlement.

    covers: as known before and after. A request is in force exactly while a bill is due, so the
    bill before says whether there is one to reverse.
    """
    was, due = bill_due(before, covers[0]), bill_due(after, covers[1])
    if was == due:
        return after, ()
    drafts: list[Draft] = []
    if was is not None:
        last = request_id(member, after.visit_id, after.version)
        drafts.append(Draft(ReversalRequested(request_id=last, reason=reason[:500]), when))
    if due is None:
        return after, tuple(drafts)
    version = after.version + 1
    kind = ClaimRequested if due.provider.network == "out" else DirectPayRequested
    request = kind(
        request_id=request_id(member, after.visit_id, version),
        replaces=request_id(member, after.visit_id, after.version) if after.version else None,
        episode=after.visit_id,
        service="visit",
        visit_class=due.visit_class,
        provider=due.provider,
        service_date=due.service_date,
        currency=due.charges[0].currency,
        billed=sum(charge.amount for charge in due.charges),
        lines=tuple(line for charge in due.charges for line in charge.lines),
        covers=covers[1],
    )
    drafts.append(Draft(request, when))
    return after._replace(version=version), tuple(drafts)
