"""Requests in, decisions out. Pure: the catalogue and the accumulators are all it knows."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import Final, Literal, TypedDict, assert_never

from services.contract.codec import written
from services.contract.event import Event, EventData
from services.contract.payment import (
    ClaimDecided,
    ClaimRequested,
    DirectPayDecided,
    DirectPayRequested,
    PaymentReversed,
    ReversalRequested,
    SessionClaimRequested,
    SessionDirectPayRequested,
)
from services.contract.step import Draft, RuleRefusedError, Step
from services.contract.visit import Provider
from services.settlement.adjudication import Adjudicated, Reason, adjudicate
from services.settlement.life import Move, moved
from services.settlement.product import Catalogue
from services.settlement.state import (
    REMEMBERED_MAX,
    Consumed,
    PartsSaid,
    Remembered,
    SettlementState,
    ShareSaid,
    Used,
    YearKey,
    parts_of,
    shares_of,
    unused,
)

Request = DirectPayRequested | ClaimRequested | SessionDirectPayRequested | SessionClaimRequested


Extent = Literal["full", "partly", "none"]

_DIRECT_PAY: Final[Mapping[Extent, Literal["settled", "partly_settled", "declined"]]] = (
    MappingProxyType({"full": "settled", "partly": "partly_settled", "none": "declined"})
)
_CLAIM: Final[Mapping[Extent, Literal["approved", "partly_approved", "denied"]]] = MappingProxyType(
    {"full": "approved", "partly": "partly_approved", "none": "denied"}
)


_NEW: Final = SettlementState()


class _Said(TypedDict):
    """What both kinds of decision say, before it is checked."""

    request_id: str
    episode: str
    service_date: date
    provider: Provider
    currency: str
    billed: int
    parts: PartsSaid
    shares: tuple[ShareSaid, ...]
    trace: tuple[Reason, ...]


def begin() -> SettlementState:
    """Return the state of a household that has never asked for payment."""
    return _NEW


def decide(
    catalogue: Catalogue,
    state: SettlementState,
    event: Event[Request | ReversalRequested],
    at: datetime,
) -> Step[SettlementState]:
    """Decide a request, or undo a decision. The result does not depend on `at`.

    Raises:
        RuleRefusedError: the request id came with another body, the replaced request is not
            reversed, or the reversed one is not in force; the text begins with the refusal's name.
    """
    del at  # what counts is the service date
    match event.data:
        case (
            DirectPayRequested()
            | ClaimRequested()
            | SessionDirectPayRequested()
            | SessionClaimRequested()
        ) as request:
            return _decide_request(catalogue, state, event, request)
        case ReversalRequested() as reversal:
            return _reverse(state, event, reversal)
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
    catalogue: Catalogue, state: SettlementState, event: Event[EventData], request: Request
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
        state = _move(state, request.replaces, "replace")
    used = {account.key: account for account in state.used}
    result = adjudicate(request, event.subject, used, catalogue)
    remembered = Remembered(
        request_id=request.request_id,
        member=event.subject,
        service=request.service,
        fingerprint=mark,
        status=moved("unknown", "decide", request.request_id),
        episode=request.episode,
        provider=request.provider,
        currency=request.currency,
        billed=request.billed,
        consumed=result.consumed,
    )
    after = _remember(state, remembered, _add(used, remembered, 1))
    decision = _decision(request, result)
    return Step(after, (Draft(data=decision, time=event.time),))


def _reverse(
    state: SettlementState, event: Event[EventData], reversal: ReversalRequested
) -> Step[SettlementState]:
    known = state.request(reversal.request_id)
    after = _move(state, reversal.request_id, "reverse")
    assert known is not None  # the table has no way from unknown to reversed
    used = {account.key: account for account in state.used}
    after = after.model_copy(update={"used": _add(used, known, -1)})
    undone = PaymentReversed.model_validate(
        {
            "request_id": known.request_id,
            "episode": known.episode,
            "provider": known.provider,
            "currency": known.currency,
            "billed": known.billed,
            "parts": parts_of(known.billed, known.consumed),
            "shares": shares_of(known.consumed),
            "reason": reversal.reason,
        }
    )
    return Step(after, (Draft(data=undone, time=event.time),))


def _move(state: SettlementState, request_id: str, move: Move) -> SettlementState:
    """Move a remembered request on; it keeps nothing that only a decision in force needs."""
    known = state.request(request_id)
    if known is None and state.forgotten:
        problem = (
            f"{move}_of_forgotten_request: {request_id} is unknown, or too old to be corrected: "
            f"only a member's last {REMEMBERED_MAX['visit']} bills are; settle it by hand"
        )
        raise RuleRefusedError(problem)
    after = moved(known.status if known else "unknown", move, request_id)
    changed = tuple(
        request._replace(status=after, consumed=()) if request.request_id == request_id else request
        for request in state.requests
    )
    return state.model_copy(update={"requests": changed})


def _add(used: dict[YearKey, Used], request: Remembered, sign: int) -> tuple[Used, ...]:
    """Count what a request consumed once (sign 1), or give it back (sign -1)."""
    after = dict(used)
    for part in request.consumed:
        key = part.key(request.currency)
        after[key] = _counted(after.get(key) or unused(key), part, sign)
        if after[key].is_zero:
            del after[key]
    return tuple(sorted(after.values()))  # by their keys


def _counted(account: Used, part: Consumed, sign: int) -> Used:
    return Used(
        *account.key,
        deductible=account.deductible + sign * part.deductible,
        paid=account.paid + sign * part.paid,
        sessions=account.sessions + sign * part.sessions,
    )


def _remember(state: SettlementState, request: Remembered, used: Iterable[Used]) -> SettlementState:
    """Hold a request; beyond the window, those replaced give way first, then the oldest."""
    requests = (*state.requests, request)
    alike = [
        known
        for known in requests
        if known.member == request.member and known.service == request.service
    ]
    forgotten = state.forgotten
    if len(alike) > REMEMBERED_MAX[request.service]:
        gone = next((known for known in alike if known.status == "replaced"), alike[0])
        requests = tuple(known for known in requests if known is not gone)
        forgotten += 1
    return state.model_copy(
        update={"used": tuple(used), "requests": requests, "forgotten": forgotten}
    )


def _decision(request: Request, result: Adjudicated) -> DirectPayDecided | ClaimDecided:
    """Say what was decided. All of it is checked here, in one go: part by part took twice as long.

    Raises:
        pydantic.ValidationError: the figures do not agree, so this decision must not be published.
    """
    parts = parts_of(request.billed, result.consumed)
    said: _Said = {
        "request_id": request.request_id,
        "episode": request.episode,
        "service_date": request.service_date,
        "provider": request.provider,
        "currency": request.currency,
        "billed": request.billed,
        "parts": parts,
        "shares": shares_of(result.consumed),
        "trace": result.trace,
    }
    extent = _extent(request.billed, parts["member"])
    match request:
        case DirectPayRequested() | SessionDirectPayRequested():
            return DirectPayDecided.model_validate({**said, "outcome": _DIRECT_PAY[extent]})
        case ClaimRequested() | SessionClaimRequested():
            return ClaimDecided.model_validate({**said, "outcome": _CLAIM[extent]})
        case _ as other:
            assert_never(other)


def _extent(billed: int, left: int) -> Extent:
    # A bill of nothing is covered in full, with or without a cover.
    if left == 0:
        return "full"
    return "none" if left == billed else "partly"
