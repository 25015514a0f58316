"""What settlement says of a bill: decisions and reversals, made in one go and checked as a whole.

The parts are plain dictionaries of the contract's fields until then: checked part by part, a
decision took twice as long (`benchmarks/whatif.py`, settlement).
"""

from collections.abc import Iterable
from typing import Literal, TypedDict

from services.contract.payment import (
    ClaimDecided,
    DirectPayDecided,
    PaymentRequested,
    PaymentReversed,
)
from services.lives.entries import LIVES
from services.lives.life import extent_of
from services.settlement.accumulators import Consumed
from services.settlement.adjudicate import Adjudicated
from services.settlement.state import Remembered


class _Share(TypedDict):
    cover_id: str
    product: str
    payer: Literal["social_insurance", "insurer", "subsidy"]
    insurer: str
    amount: int


class _Parts(TypedDict):
    social_insurance: int
    insurer: int
    subsidy: int
    member: int
    written_off: int


def decision(request: PaymentRequested, result: Adjudicated) -> DirectPayDecided | ClaimDecided:
    """Say what was decided, by the life of the way that the bill is paid in.

    Raises:
        pydantic.ValidationError: the figures do not agree, so this decision must not be published.
    """
    parts = _parts(request.billed, result.consumed)
    life = LIVES[request.way]
    return life.decision.model_validate(
        {
            "request_id": request.request_id,
            "episode": request.episode,
            "service_date": request.service_date,
            "provider": request.provider,
            "currency": request.currency,
            "billed": request.billed,
            "parts": parts,
            "shares": _shares(result.consumed),
            "trace": result.trace,
            "outcome": life.outcomes[extent_of(request.billed, parts["member"])],
        }
    )


def reversal(known: Remembered, reason: str) -> PaymentReversed:
    """Say that a decision is undone, with the amounts that it gave."""
    return PaymentReversed.model_validate(
        {
            "request_id": known.request_id,
            "episode": known.episode,
            "provider": known.provider,
            "currency": known.currency,
            "billed": known.billed,
            "parts": _parts(known.billed, known.consumed),
            "shares": _shares(known.consumed),
            "reason": reason,
        }
    )


def _shares(consumed: Iterable[Consumed]) -> tuple[_Share, ...]:
    """Return what each cover pays; covers that pay nothing have no share."""
    return tuple(
        [
            {
                "cover_id": part.cover_id,
                "product": part.product,
                "payer": part.payer,
                "insurer": part.insurer,
                "amount": part.paid,
            }
            for part in consumed
            if part.paid
        ]
    )


def _parts(billed: int, consumed: Iterable[Consumed]) -> _Parts:
    """Return who pays what: each payer the sum of what its covers pay, the member what is left."""
    by_payer = {"social_insurance": 0, "insurer": 0, "subsidy": 0}
    for part in consumed:
        by_payer[part.payer] += part.paid
    return {
        "social_insurance": by_payer["social_insurance"],
        "insurer": by_payer["insurer"],
        "subsidy": by_payer["subsidy"],
        "member": billed - sum(by_payer.values()),
        "written_off": 0,
    }
