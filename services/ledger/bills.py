"""What the ledger reads of payment events: who is owed, who bears, how much. Not why.

The types are those of the contract, by the same names, with the fields that are booked. All that is
read is held to the contract's rules, the sums included; what is passed over, such as a decision's
trace, is most of a record, and judging it took most of the time of booking it: read whole, a small
decision takes 30 µs in place of 23 (`python -m benchmarks tricks`).
"""

from typing import ClassVar, Literal, Self

from pydantic import ConfigDict, model_validator

from services.contract.event import EventData
from services.contract.frozen import Amount, Currency, Frozen, Id, MinorUnits
from services.contract.payment import (
    ClaimDecided,
    DirectPayDecided,
    Parts,
    PaymentRequested,
    PaymentReversed,
)


class Provider(Frozen):
    """The care provider that is owed."""

    model_config = ConfigDict(extra="ignore")

    id: Id


class Line(Frozen):
    """A line of a bill; below zero where something is taken off."""

    model_config = ConfigDict(extra="ignore")

    amount: MinorUnits


class Share(Frozen):
    """What one cover pays of a bill."""

    model_config = ConfigDict(extra="ignore")

    payer: Literal["social_insurance", "insurer", "subsidy"]
    insurer: Id
    amount: Amount


class _Payment(EventData):
    """What all of them say."""

    model_config = ConfigDict(extra="ignore")

    request_id: Id
    provider: Provider
    currency: Currency
    billed: Amount


class Bill(_Payment):
    """A payment request; `lines` sum to `billed`."""

    TYPE: ClassVar[str] = PaymentRequested.TYPE

    lines: tuple[Line, ...]

    @model_validator(mode="after")
    def _lines_sum_to_billed(self) -> Self:
        total = sum([line.amount for line in self.lines])
        if total != self.billed:
            raise ValueError(f"the lines sum to {total}, billed is {self.billed}")
        return self


class Decision(_Payment):
    """Who bears a bill: `parts` sum to `billed`, and `shares` to the payers' parts."""

    parts: Parts
    shares: tuple[Share, ...]
    outcome: str

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        shares = {"social_insurance": 0, "insurer": 0, "subsidy": 0}
        for share in self.shares:
            shares[share.payer] += share.amount
        parts = dict(self.parts)
        if self.parts.total != self.billed or not shares.items() <= parts.items():
            raise ValueError(
                f"billed {self.billed}, parts {parts}, covers pay {shares}: these must agree"
            )
        return self


class DirectPayDecision(Decision):
    """A decision on a direct-pay request."""

    TYPE: ClassVar[str] = DirectPayDecided.TYPE

    outcome: Literal["settled", "partly_settled", "declined"]


class ClaimDecision(Decision):
    """A decision on a claim."""

    TYPE: ClassVar[str] = ClaimDecided.TYPE

    outcome: Literal["approved", "partly_approved", "denied"]


class Reversal(_Payment):
    """A decision undone. Whether its parts sum to `billed` is seen when it is to be booked."""

    TYPE: ClassVar[str] = PaymentReversed.TYPE

    parts: Parts
    shares: tuple[Share, ...]


Booked = Bill | DirectPayDecision | ClaimDecision | Reversal
"""The events that make an entry."""

BOOKED: tuple[type[Booked], ...] = (Bill, DirectPayDecision, ClaimDecision, Reversal)
