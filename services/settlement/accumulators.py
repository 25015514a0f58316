"""What is used up of each benefit year, and what one decision took of it. Minor units."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Literal, NamedTuple

from services.contract.frozen import Currency, Day, Id


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
        return YearKey(*self[:5])

    @property
    def is_zero(self) -> bool:
        """Whether nothing is used, so that nothing needs to be remembered."""
        return not (self.deductible or self.paid or self.sessions)


def unused(key: YearKey) -> Used:
    """Return the accumulator of a benefit year in which nothing was consumed yet."""
    return Used(*key, 0, 0, 0)


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


def counted(
    used: Mapping[YearKey, Used], consumed: Iterable[Consumed], currency: str, sign: int
) -> tuple[Used, ...]:
    """Count what a decision consumed once (sign 1), or give it back (sign -1)."""
    after = dict(used)
    for part in consumed:
        key = part.key(currency)
        before = after.get(key) or unused(key)
        account = Used(
            *key,
            before.deductible + sign * part.deductible,
            before.paid + sign * part.paid,
            before.sessions + sign * part.sessions,
        )
        if account.is_zero:
            after.pop(key, None)
        else:
            after[key] = account
    return tuple(sorted(after.values()))  # by their keys
