"""Decimal amounts on their way in become integer minor units, or are refused."""

from decimal import Context, Decimal, Inexact
from functools import lru_cache
from typing import Final

import iso4217

MINOR_DIGITS: Final = {
    currency.code: currency.exponent
    for currency in iso4217.Currency
    if currency.exponent is not None
}
"""Decimal places by currency, of every one in ISO 4217 that has a minor unit: not gold, not tests."""

AMOUNT_MAX: Final = 10**15
AMOUNT_MAX_MAGNITUDE: Final = 15
"""Power of ten of `AMOUNT_MAX`. A greater one is refused before any arithmetic on it."""

DIGITS_MAX: Final = 40
"""Digits that an amount can be given with; more than any that is exact has."""


class AmountRefusedError(ValueError):
    """An amount that cannot be stated exactly in minor units."""


def minor_digits(currency: str) -> int:
    """Return how many decimal places the minor unit of a currency has.

    Raises:
        AmountRefusedError: ISO 4217 has no such currency, or none that bills can be paid in.
    """
    digits = MINOR_DIGITS.get(currency)
    if digits is None:
        raise AmountRefusedError(
            f"currency {currency[:20]!r} is not one of ISO 4217 with a minor unit, such as CNY"
        )
    return digits


def minor_units(value: Decimal, currency: str) -> int:
    """Return `value` in minor units of `currency`, exactly.

    Nothing is rounded: an amount finer than the currency's smallest unit is refused, since a
    bill that no one can pay is a mistake of its sender.

    Raises:
        AmountRefusedError: unknown currency, not a finite number, too fine or too large.
    """
    digits = minor_digits(currency)
    if not value.is_finite():
        raise AmountRefusedError(f"{value} is not a finite amount")
    magnitude = value.adjusted() + digits if value else 0
    if magnitude > AMOUNT_MAX_MAGNITUDE:
        raise AmountRefusedError(f"{value} {currency} is out of range")
    finer = AmountRefusedError(f"{value} {currency} is finer than 1/{10**digits} {currency}")
    if magnitude < 0:
        raise finer
    try:
        # The default context would round a long amount in silence.
        scaled = value.scaleb(digits, Context(prec=DIGITS_MAX, traps=[Inexact]))
    except Inexact:
        raise finer from None
    whole = int(scaled)
    if abs(whole) > AMOUNT_MAX:
        raise AmountRefusedError(f"{value} {currency} is out of range")
    if scaled != whole:
        raise finer
    return whole


@lru_cache(maxsize=1024)
def as_text(amount: int, currency: str) -> str:
    """Write minor units for people: `as_text(12345, "CNY")` is `123.45 CNY`.

    Of a currency that left ISO 4217 since, what a minor unit was is not known: they are named so.

    The texts are kept for a while: the reasoning on a bill names most amounts twice, and a product's
    limits each time. Without that each takes 0.7 µs longer, seven of them 4 % of a decision
    (`python -m benchmarks tricks`).
    """
    digits = MINOR_DIGITS.get(currency)
    if digits is None:
        return f"{amount:,} minor units of {currency}"
    if digits == 0:
        return f"{amount:,} {currency}"
    whole, part = divmod(abs(amount), 10**digits)
    return f"{'-' if amount < 0 else ''}{whole:,}.{part:0{digits}} {currency}"
