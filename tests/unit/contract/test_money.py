"""Decimal amounts become minor units exactly, or are refused with a reason."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.contract.money import (
    AMOUNT_MAX,
    MINOR_DIGITS,
    AmountRefusedError,
    as_text,
    minor_units,
)


@pytest.mark.parametrize(
    ("value", "currency", "expected"),
    [
        ("0", "CNY", 0),
        ("-0", "CNY", 0),
        ("0.01", "CNY", 1),
        ("129.16", "USD", 12916),
        ("129.160", "USD", 12916),
        ("129.16" + "0" * 60, "USD", 12916),
        ("0E-999999", "USD", 0),
        ("0E+999999", "USD", 0),
        ("1.2916E+2", "USD", 12916),
        ("-20.5", "EUR", -2050),
        ("500", "JPY", 500),
        ("500.0", "JPY", 500),
        ("10000000000000.00", "CNY", AMOUNT_MAX),
    ],
)
def test_an_amount_is_stated_in_minor_units(value, currency, expected):
    assert minor_units(Decimal(value), currency) == expected


@pytest.mark.parametrize(
    ("value", "currency", "reason"),
    [
        ("0.001", "CNY", "finer than 1/100 CNY"),
        ("0.5", "JPY", "finer than 1/1 JPY"),
        ("1E-400", "CNY", "finer than"),
        ("1E-1000000", "CNY", "finer than"),
        ("0.00000000000000000000000000000000001", "CNY", "finer than"),
        ("1.0000000000000000000000000000000001", "CNY", "finer than"),
        ("1." + "0" * 60 + "1", "CNY", "finer than"),
        ("99999999999999999999999999999999999.999", "CNY", "out of range"),
        ("10000000000000.01", "CNY", "out of range"),
        ("-10000000000000.01", "CNY", "out of range"),
        ("1E+30", "CNY", "out of range"),
        ("1E+999999", "CNY", "out of range"),
        ("NaN", "CNY", "not a finite amount"),
        ("sNaN", "CNY", "not a finite amount"),
        ("-Infinity", "CNY", "not a finite amount"),
        ("1", "XTS", "not one of ISO 4217"),
        ("1", "cny", "not one of ISO 4217"),
        ("1", "", "not one of ISO 4217"),
    ],
)
def test_an_amount_that_no_one_can_pay_is_refused(value, currency, reason):
    with pytest.raises(AmountRefusedError, match=reason):
        minor_units(Decimal(value), currency)


@settings(deadline=None, print_blob=True)
@given(
    st.integers(-AMOUNT_MAX, AMOUNT_MAX),
    st.sampled_from(sorted(MINOR_DIGITS)),
)
def test_every_whole_number_of_minor_units_comes_back(amount, currency):
    written = Decimal(amount).scaleb(-MINOR_DIGITS[currency])

    assert minor_units(written, currency) == amount


@settings(deadline=None, print_blob=True)
@given(
    st.decimals() | st.decimals(-(10**13), 10**13, places=40),
    st.sampled_from(sorted(MINOR_DIGITS)),
)
def test_an_amount_is_exact_or_refused_and_nothing_else(value, currency):
    try:
        amount = minor_units(value, currency)
    except AmountRefusedError:
        return

    assert Decimal(amount).scaleb(-MINOR_DIGITS[currency]) == value


def test_amounts_are_written_for_people():
    assert as_text(12345, "CNY") == "123.45 CNY"
    assert as_text(-1, "USD") == "-0.01 USD"
    assert as_text(1234567890, "JPY") == "1,234,567,890 JPY"


@settings(deadline=None, print_blob=True)
@given(
    st.integers(-AMOUNT_MAX, AMOUNT_MAX),
    st.sampled_from(sorted(MINOR_DIGITS)),
)
def test_an_amount_is_written_for_people_with_all_its_digits(amount, currency):
    digits = MINOR_DIGITS[currency]

    assert as_text(amount, currency) == f"{Decimal(amount).scaleb(-digits):,.{digits}f} {currency}"
