"""Requests to pay, and the decisions on them. All amounts are minor units of `currency`."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from services.contract.event import EventData
from services.contract.frozen import Amount, Currency, Day, Frozen, Id, Instant, Text
from services.contract.member import CoverTerms
from services.contract.visit import BillLine, Provider, VisitClass

Way = Literal["direct_pay", "claim"]
"""How a bill is paid: settled at the counter (in network), or claimed by the member who paid it."""


class PaymentRequested(EventData):
    """A bill to be decided. It carries all that settlement needs besides its own accumulators.

    request_id: names this version of the bill. replaces: the request whose bill this one takes
    the place of, already reversed. service_time: when the service began; which day that is, each
    product says by its own time zone, and the day chooses rules, prices and covers. service_date:
    the same as the day where it happened. covers: every cover known to the sender, in force or
    not; settlement says why it pays or not.
    """

    TYPE: ClassVar[str] = "careloop.payment.requested.v1"

    request_id: Id
    replaces: Id | None
    episode: Id
    way: Way
    service: Literal["visit", "rehabilitation_session"]
    visit_class: VisitClass
    provider: Provider
    service_time: Instant
    service_date: Day
    currency: Currency
    billed: Amount
    lines: tuple[BillLine, ...]
    covers: tuple[CoverTerms, ...]

    @model_validator(mode="after")
    def _lines_sum_to_billed(self) -> Self:
        total = sum([line.amount for line in self.lines])
        if total != self.billed:
            raise ValueError(f"the lines sum to {total}, billed is {self.billed}")
        return self


class ReversalRequested(EventData):
    """A decided bill is no longer owed: undo what was decided on it."""

    TYPE: ClassVar[str] = "careloop.payment-reversal.requested.v1"

    request_id: Id
    reason: Text


Payer = Literal["social_insurance", "insurer", "subsidy", "member", "written_off"]


class Share(Frozen):
    """What one cover pays of a bill."""

    cover_id: Id
    product: Id
    payer: Literal["social_insurance", "insurer", "subsidy"]
    insurer: Id
    amount: Amount


class TraceStep(Frozen):
    """One step of the reasoning.

    rule: `<product>@<version>/<step>`. open_before: what no payer had taken yet. taken: what
    `payer` takes in this step (0 where a step only limits a later one). note: why, for people.
    The `taken` of all steps sum to the billed amount.
    """

    rule: Text
    payer: Payer
    open_before: Amount
    taken: Amount
    note: Text

    @property
    def open_after(self) -> int:
        """What is left for the steps that follow."""
        return self.open_before - self.taken


class Parts(Frozen):
    """Who pays what of a bill."""

    social_insurance: Amount
    insurer: Amount
    subsidy: Amount
    member: Amount
    written_off: Amount

    @property
    def total(self) -> int:
        """The sum of the parts, which is the billed amount."""
        return self.social_insurance + self.insurer + self.subsidy + self.member + self.written_off


class PaymentDecided(EventData):
    """The one effective decision on a request: who pays what, and why."""

    request_id: Id
    episode: Id
    service_date: Day
    provider: Provider
    currency: Currency
    billed: Amount
    parts: Parts
    shares: tuple[Share, ...]
    trace: tuple[TraceStep, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        parts = vars(self.parts)
        taken = dict.fromkeys(parts, 0)
        for step in self.trace:
            taken[step.payer] += step.taken
        shares = {"social_insurance": 0, "insurer": 0, "subsidy": 0}
        for share in self.shares:
            shares[share.payer] += share.amount
        if self.parts.total != self.billed or taken != parts or not shares.items() <= parts.items():
            raise ValueError(
                f"billed {self.billed}, parts {parts}, trace takes {taken}, "
                f"covers pay {shares}: these must agree"
            )
        return self


class DirectPayDecided(PaymentDecided):
    """A direct-pay request was settled (in full by payers), partly settled, or declined."""

    TYPE: ClassVar[str] = "careloop.direct-pay.decided.v1"

    outcome: Literal["settled", "partly_settled", "declined"]


class ClaimDecided(PaymentDecided):
    """A claim was approved (in full), partly approved, or denied."""

    TYPE: ClassVar[str] = "careloop.claim.decided.v1"

    outcome: Literal["approved", "partly_approved", "denied"]


class PaymentReversed(EventData):
    """A decision was undone in full, with the amounts it had given."""

    TYPE: ClassVar[str] = "careloop.payment.reversed.v1"

    request_id: Id
    episode: Id
    provider: Provider
    currency: Currency
    billed: Amount
    parts: Parts
    shares: tuple[Share, ...]
    reason: Text
