"""Which bill is due for a visit, and the requests that bring what was asked in line with it."""

from datetime import datetime
from typing import NamedTuple

from services.contract.ids import stable_id
from services.contract.payment import PaymentRequested, ReversalRequested
from services.contract.step import Draft
from services.contract.visit import BillLine, Provider, VisitClass
from services.member.calendar import SCHEME_ZONE, BusinessDay, day_in, local_day
from services.member.covers import Covers, covers_at, terms_of
from services.treatment.state import Charge, Visit


class Bill(NamedTuple):
    """All that a decision on a visit depends on. Two equal bills need no new decision.

    days: the day the visit began, as far as is known, where it happened and in the scheme's zone:
    that day decides which benefit year and which covers apply, also for a stay across New Year.
    covers: those in force on the one day, then on the other if it is another; not until when each
    holds, since that decides nothing more.
    """

    visit_class: VisitClass
    provider: Provider
    days: tuple[BusinessDay, BusinessDay]
    charges: tuple[Charge, ...]
    covers: Covers


def bill_due(visit: Visit, covers: Covers) -> Bill | None:
    """Return the bill of a discharged visit; None while it is open or has no charge in force."""
    if visit.phase != "discharged" or not visit.charges:
        return None
    began = visit.began
    if visit.provider is None or visit.visit_class is None or began is None:
        return None
    there, here = local_day(began), day_in(began, SCHEME_ZONE)
    in_force = covers_at(covers, began)
    return Bill(visit.visit_class, visit.provider, (there, here), visit.charges, in_force)


def request_id(member: str, visit_id: str, version: int) -> str:
    """Return the id of the `version`-th request (from 1) for a visit; the same for ever."""
    return stable_id("treatment", member, visit_id, str(version))


def rebill(
    before: Visit,
    after: Visit,
    covers: tuple[Covers, Covers],
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
    asked = after._replace(version=after.version + 1)
    drafts.append(Draft(_request(asked, due, covers[1], member), when))
    return asked, tuple(drafts)


def _request(visit: Visit, bill: Bill, covers: Covers, member: str) -> PaymentRequested:
    version, began = visit.version, visit.began
    assert began is not None  # a bill is due only of a visit that began
    return PaymentRequested(
        request_id=request_id(member, visit.visit_id, version),
        replaces=request_id(member, visit.visit_id, version - 1) if version > 1 else None,
        episode=visit.visit_id,
        way="claim" if bill.provider.network == "out" else "direct_pay",
        service="visit",
        visit_class=bill.visit_class,
        provider=bill.provider,
        service_time=began,
        service_date=bill.days[0],
        currency=bill.charges[0].currency,
        billed=sum([charge.amount for charge in bill.charges]),
        lines=tuple([_line(line, charge) for charge in bill.charges for line in charge.lines]),
        covers=terms_of(covers),
    )


def _line(line: BillLine, charge: Charge) -> BillLine:
    """Return the line with a category: its own, or that of its charge."""
    if line.category is not None:
        return line
    return BillLine(
        code=line.code,
        text=line.text,
        amount=line.amount,
        quantity=line.quantity,
        unit_price=line.unit_price,
        day=line.day,
        approval=line.approval,
        category=charge.category,
    )
