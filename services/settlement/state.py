"""What settlement remembers about one household. Amounts are minor units."""

from collections.abc import Iterable, Mapping
from datetime import date
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypedDict

from services.contract.frozen import Amount, Currency, Day, Id
from services.contract.step import State
from services.contract.visit import Provider
from services.settlement.life import RequestStatus, Service

REMEMBERED_MAX: Final[Mapping[Service, int]] = MappingProxyType(
    {"visit": 128, "rehabilitation_session": 16}
)
"""Requests of one member that are held for corrections and repeats, by kind of service.

Why so many: `docs/adr/2611-settlement-remembers-a-window.md`."""


class YearKey(NamedTuple):
    """Names one accumulator: a contract's benefit year in one currency, for one holder.

    holder: the member, or empty where the household shares. year: first day of the benefit year.
    """

    product: str
    insurer: str
    holder: str
    year: date
    currency: str


class Used(NamedTuple):
    """What is used up in one benefit year: deductible borne, amount paid, sessions paid for.

    Begins with its key, so that accumulators sort by it. Like `Consumed`, one of a small number of
    rows in every state: stored as a bare row, checked when it is read.
    """

    product: Id
    insurer: Id
    holder: str
    year: Day
    currency: Currency
    deductible: int
    paid: int
    sessions: int

    @property
    def key(self) -> YearKey:
        """Names the accumulator."""
        return YearKey._make(self[:5])

    @property
    def is_zero(self) -> bool:
        """Whether nothing is used, so that nothing needs to be remembered."""
        return not (self.deductible or self.paid or self.sessions)


def unused(key: YearKey) -> Used:
    """Return the accumulator of a benefit year in which nothing was consumed yet."""
    return Used(*key, deductible=0, paid=0, sessions=0)


class Consumed(NamedTuple):
    """What one decision took from one cover: exactly this is given back by its reversal."""

    cover_id: Id
    product: Id
    payer: Literal["social_insurance", "insurer", "subsidy"]
    insurer: Id
    holder: str
    year: Day
    deductible: int
    paid: int
    sessions: int

    def key(self, currency: str) -> YearKey:
        """Return the accumulator that it was taken from."""
        return YearKey(self.product, self.insurer, self.holder, self.year, currency)


class Remembered(NamedTuple):
    """A request that was decided, and where it is in its life.

    fingerprint: of the request's body, to tell a repeat from a conflict.
    """

    request_id: Id
    member: str
    service: Service
    fingerprint: str
    status: RequestStatus
    episode: Id
    provider: Provider
    currency: Currency
    billed: Amount
    consumed: tuple[Consumed, ...]


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


class ShareSaid(TypedDict):
    """What one cover pays, before the event that it stands in is checked as a whole."""

    cover_id: str
    product: str
    payer: Literal["social_insurance", "insurer", "subsidy"]
    insurer: str
    amount: int


class PartsSaid(TypedDict):
    """Who pays what, before the event that it stands in is checked as a whole."""

    social_insurance: int
    insurer: int
    subsidy: int
    member: int
    written_off: int


def shares_of(consumed: Iterable[Consumed]) -> tuple[ShareSaid, ...]:
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


def parts_of(billed: int, consumed: Iterable[Consumed]) -> PartsSaid:
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
