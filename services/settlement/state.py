"""What settlement remembers about one household. Amounts are minor units."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from services.contract.change import changed
from services.contract.frozen import Amount, Currency, Id
from services.contract.payment import Way
from services.contract.step import RuleRefusedError, State
from services.contract.visit import Provider
from services.lives.entries import LIVES
from services.lives.life import Move, Status
from services.settlement.accumulators import Consumed, Used

Service = Literal["visit", "rehabilitation_session"]

REMEMBERED_MAX: Final[Mapping[Service, int]] = MappingProxyType(
    {"visit": 128, "rehabilitation_session": 16}
)
"""Requests of one member that are held for corrections and repeats, by kind of service.

Why so many: `docs/adr/2611-settlement-remembers-a-window.md`."""


class Remembered(NamedTuple):
    """A request that was decided, and where it is in its life.

    fingerprint: of the request's body, to tell a repeat from a conflict.
    """

    request_id: Id
    member: str
    way: Way
    service: Service
    fingerprint: str
    status: Status
    episode: Id
    provider: Provider
    currency: Currency
    billed: Amount
    consumed: tuple[Consumed, ...]


@dataclass(frozen=True)
class SettlementState(State):
    """Accumulators in the order of their keys, and the latest requests in the order decided.

    forgotten: requests decided so long ago that they are no longer remembered.
    """

    used: tuple[Used, ...] = ()
    requests: tuple[Remembered, ...] = ()
    forgotten: int = 0

    def request(self, request_id: str) -> Remembered | None:
        """Return a remembered request, or None."""
        return next((known for known in self.requests if known.request_id == request_id), None)


def remembering(
    state: SettlementState, request: Remembered, used: tuple[Used, ...]
) -> SettlementState:
    """Hold a request, and what is used up after it.

    Beyond the window, requests that were replaced give way first, then the oldest.
    """
    requests = (*state.requests, request)
    alike = [
        known
        for known in requests
        if known.member == request.member and known.service == request.service
    ]
    forgotten = state.forgotten
    if len(alike) > REMEMBERED_MAX[request.service]:
        gone = next((known for known in alike if known.status == "replaced"), alike[0])
        requests = tuple([known for known in requests if known is not gone])
        forgotten += 1
    return changed(state, used=used, requests=requests, forgotten=forgotten)


def moving(state: SettlementState, request_id: str, move: Move) -> SettlementState:
    """Move a remembered request on; it keeps nothing that only a decision in force needs.

    Raises:
        RuleRefusedError: its life does not have the move, or it is no longer remembered.
    """
    known = state.request(request_id)
    if known is None and state.forgotten:
        problem = (
            f"{move}_of_forgotten_request: {request_id} is unknown, or too old to be corrected: "
            f"only a member's last {REMEMBERED_MAX['visit']} bills are; settle it by hand"
        )
        raise RuleRefusedError(problem)
    life = LIVES[
        known.way if known else "direct_pay"
    ]  # which of them: no life moves the unknown so
    after = life.moved(known.status if known else "unknown", move, request_id)
    requests = tuple(
        [
            each._replace(status=after, consumed=()) if each.request_id == request_id else each
            for each in state.requests
        ]
    )
    return changed(state, requests=requests)
