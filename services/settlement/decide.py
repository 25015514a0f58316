"""Requests in, decisions out. Pure: the catalogue and the accumulators are all it knows."""

import hashlib
from datetime import datetime
from typing import Final, assert_never

from services.contract.change import changed
from services.contract.codec import written
from services.contract.event import Event, EventData
from services.contract.payment import PaymentRequested, ReversalRequested
from services.contract.step import Draft, RuleRefusedError, Step
from services.lives.entries import LIVES
from services.settlement.accumulators import counted
from services.settlement.adjudicate import adjudicate
from services.settlement.product import Catalogue
from services.settlement.said import decision, reversal
from services.settlement.state import Remembered, SettlementState, moving, remembering

_NEW: Final = SettlementState()


def begin() -> SettlementState:
    """Return the state of a household that has never asked for payment."""
    return _NEW


def decide(
    catalogue: Catalogue,
    state: SettlementState,
    event: Event[PaymentRequested | ReversalRequested],
    at: datetime,
) -> Step[SettlementState]:
    """Decide a request, or undo a decision. The result does not depend on `at`.

    Raises:
        RuleRefusedError: the request id came with another body, the replaced request is not
            reversed, or the reversed one is not in force; the text begins with the refusal's name.
    """
    del at  # what counts is the day of service
    match event.data:
        case PaymentRequested() as request:
            return _decide_request(catalogue, state, event, request)
        case ReversalRequested() as undo:
            return _reverse(state, event, undo)
        case _ as other:
            assert_never(other)


def wake(state: SettlementState, at: datetime) -> Step[SettlementState]:
    """Return the state as it is: settlement sets no deadlines, so it is never woken."""
    del at
    return Step(state)


def fingerprint(data: EventData) -> str:
    """Return a short digest of what an event says, its type included."""
    return hashlib.sha256(b"%s\n%s" % (data.TYPE.encode(), written(data))).hexdigest()[:16]


def _decide_request(
    catalogue: Catalogue,
    state: SettlementState,
    event: Event[PaymentRequested | ReversalRequested],
    request: PaymentRequested,
) -> Step[SettlementState]:
    mark = fingerprint(request)
    known = state.request(request.request_id)
    if known is not None and known.fingerprint == mark:
        return Step(state)
    if known is not None:
        problem = (
            f"request_id_with_different_body: {request.request_id} was decided with another bill; "
            "reverse it and send the new bill under a new request id"
        )
        raise RuleRefusedError(problem)
    if request.replaces is not None:
        state = moving(state, request.replaces, "replace")
    used = {account.key: account for account in state.used}
    result = adjudicate(request, event.subject, used, catalogue)
    life = LIVES[request.way]
    asked = life.moved("unknown", "ask", request.request_id)
    remembered = Remembered(
        request_id=request.request_id,
        member=event.subject,
        way=request.way,
        service=request.service,
        fingerprint=mark,
        status=life.moved(asked, "decide", request.request_id),
        episode=request.episode,
        provider=request.provider,
        currency=request.currency,
        billed=request.billed,
        consumed=result.consumed,
    )
    after = remembering(state, remembered, counted(used, result.consumed, request.currency, 1))
    return Step(after, (Draft(data=decision(request, result), time=event.time),))


def _reverse(
    state: SettlementState,
    event: Event[PaymentRequested | ReversalRequested],
    undo: ReversalRequested,
) -> Step[SettlementState]:
    known = state.request(undo.request_id)
    after = moving(state, undo.request_id, "reverse")
    assert known is not None  # no life has a way from unknown to reversed
    used = {account.key: account for account in state.used}
    after = changed(after, used=counted(used, known.consumed, known.currency, -1))
    undone = reversal(known, undo.reason)
    return Step(after, (Draft(data=undone, time=event.time),))
