"""What a session costs, and who is asked to pay for it.

A cover may become known, or end, after the session: then what was asked is reversed and asked anew.
"""

from datetime import datetime
from typing import Final

from services.contract.clinical import SessionAttended, SessionMode
from services.contract.ids import stable_id
from services.contract.payment import PaymentRequested, ReversalRequested
from services.contract.step import Draft, RuleRefusedError
from services.contract.visit import BillLine, VisitClass
from services.member.calendar import local_day
from services.member.covers import Covers, covers_at, terms_of
from services.rehabilitation.state import PaidSession

VISIT_CLASS: Final[dict[SessionMode, VisitClass]] = {
    "outpatient": "ambulatory",
    "home": "home",
    "remote": "virtual",
}

PAID_KEPT: Final = 64
"""Sessions remembered as paid: more than half a year at two a week."""

CORRECTED_MAX: Final = 16
"""Sessions whose payment can still be corrected: as many as settlement remembers."""


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


def session_paid(
    sessions: tuple[PaidSession, ...], data: SessionAttended, when: datetime
) -> tuple[PaidSession, ...]:
    """Return the sessions whose payment can be corrected, with one more."""
    row = PaidSession(data.session_id, data.mode, data.provider, data.currency, data.price, when)
    return (*sessions, row)[-CORRECTED_MAX:]


def session_request(session: PaidSession, member: str, covers: Covers, when: datetime) -> Draft:
    """Ask for the payment of one session, as of the moment it took place. when: it is asked.

    At the counter in network, as a claim out of it. Whether a course is on does not matter here:
    settlement says, in its trace, what a cover pays for.
    """
    line = BillLine(code=None, text=f"rehabilitation session, {session.mode}", amount=session.price)
    request = PaymentRequested(
        request_id=_request_id(session, member, session.version),
        replaces=_request_id(session, member, session.version - 1) if session.version > 1 else None,
        episode=session.session_id,
        way="claim" if session.provider.network == "out" else "direct_pay",
        service="rehabilitation_session",
        visit_class=VISIT_CLASS[session.mode],
        provider=session.provider,
        service_time=session.time,
        service_date=local_day(session.time),
        currency=session.currency,
        billed=session.price,
        lines=(line,),
        covers=terms_of(covers),
    )
    return Draft(request, when, correlation_id=session.session_id)


def asked_anew(
    sessions: tuple[PaidSession, ...],
    covers: tuple[Covers, Covers],
    member: str,
    when: datetime,
    reason: str,
) -> tuple[tuple[PaidSession, ...], tuple[Draft, ...]]:
    """Return the sessions, and what to ask of those that other covers were in force for.

    covers: as known before and after.
    """
    after: list[PaidSession] = []
    drafts: list[Draft] = []
    for session in sessions:
        if covers_at(covers[0], session.time) == covers_at(covers[1], session.time):
            after.append(session)
            continue
        asked, moment = session._replace(version=session.version + 1), max(when, session.time)
        undone = _request_id(session, member, session.version)
        undo = ReversalRequested(request_id=undone, reason=reason[:500])
        drafts.append(Draft(undo, moment, correlation_id=session.session_id))
        drafts.append(session_request(asked, member, covers[1], moment))
        after.append(asked)
    return tuple(after), tuple(drafts)


def _request_id(session: PaidSession, member: str, version: int) -> str:
    """Return the id of the `version`-th request (from 1) for a session; the same for ever."""
    again = (str(version),) if version > 1 else ()
    return stable_id("rehabilitation", member, session.session_id, *again)
