"""What a session costs, and who is asked to pay for it."""

from datetime import datetime
from typing import Final

from services.contract.clinical import SessionAttended, SessionMode
from services.contract.ids import stable_id
from services.contract.payment import PaymentRequested
from services.contract.step import Draft, RuleRefusedError
from services.contract.visit import BillLine, VisitClass
from services.member.calendar import local_day
from services.member.covers import Covers, terms_of

VISIT_CLASS: Final[dict[SessionMode, VisitClass]] = {
    "outpatient": "ambulatory",
    "home": "home",
    "remote": "virtual",
}

PAID_KEPT: Final = 64
"""Sessions remembered as paid: more than half a year at two a week."""


def with_paid(paid: tuple[str, ...], session_id: str) -> tuple[str, ...]:
    """Return `paid` with the mark of a session added.

    Raises:
        RuleRefusedError: its payment was requested before.
    """
    mark = stable_id("rehabilitation", "paid", session_id)[-12:]
    if mark in paid:
        raise RuleRefusedError(
            f"session {session_id} was attended once already and its payment requested; "
            "a second session needs an id of its own"
        )
    return (*paid, mark)[-PAID_KEPT:]


def session_request(session: SessionAttended, member: str, when: datetime, covers: Covers) -> Draft:
    """Ask for the payment of one session, as of the moment it took place.

    At the counter in network, as a claim out of it. Whether a course is on does not matter here:
    settlement says, in its trace, what a cover pays for.
    """
    line = BillLine(code=None, text=f"rehabilitation session, {session.mode}", amount=session.price)
    request = PaymentRequested(
        request_id=stable_id("rehabilitation", member, session.session_id),
        replaces=None,
        episode=session.session_id,
        way="claim" if session.provider.network == "out" else "direct_pay",
        service="rehabilitation_session",
        visit_class=VISIT_CLASS[session.mode],
        provider=session.provider,
        service_time=when,
        service_date=local_day(when),
        currency=session.currency,
        billed=session.price,
        lines=(line,),
        covers=terms_of(covers),
    )
    return Draft(request, when)
