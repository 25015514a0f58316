"""Products as data: versions, benefit years, percentages, and what is refused at loading."""

import re
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.contract.visit import VisitClass
from services.settlement.catalogue import read_product, shipped_catalogue
from services.settlement.product import Product
from services.settlement.steps import STEPS, percent_of

_PRODUCT = """
name = "sample"
payer = "insurer"
coordination = 1
accumulates_per = "member"
benefit_year = "policy"
time_zone = "Asia/Shanghai"

[[versions]]
version = "1"
effective_from = 2020-01-01
disclosure = "A sample."
steps = ["service", "currency", "in_force", "percentage", "pay"]
services = ["visit"]

[versions.percent]
any = { owned = 90, strategic = 80, alliance = 70, out = 10 }
home = { owned = 9, strategic = 8, alliance = 7, out = 1 }

[versions.limits.CNY]
annual_limit = 100
"""


@pytest.fixture
def sample() -> Product:
    return read_product(_PRODUCT)


def test_every_shipped_product_uses_only_steps_that_exist() -> None:
    products = shipped_catalogue().values()

    used = {step for each in products for version in each.versions for step in version.steps}

    assert {product.name for product in products} >= {
        "basic-medical",
        "million-yuan-medical",
        "rehabilitation-cover",
    }
    assert used == set(STEPS)


def test_social_insurance_takes_its_turn_first() -> None:
    products = shipped_catalogue().values()

    first = min(products, key=lambda product: product.coordination)

    assert first.payer == "social_insurance"


@pytest.mark.parametrize(
    ("day", "year"),
    [
        (date(2024, 2, 28), date(2024, 2, 28)),
        (date(2024, 2, 27), date(2023, 2, 28)),
        (date(2022, 2, 28), date(2022, 2, 28)),
        (date(2020, 2, 28), date(2020, 2, 28)),
    ],
)
def test_a_policy_year_begins_on_the_anniversary(sample: Product, day: date, year: date) -> None:
    assert sample.benefit_year_of(day, valid_from=date(2015, 2, 28)) == year


@pytest.mark.parametrize(
    ("day", "year"),
    [
        (date(2021, 2, 27), date(2020, 2, 29)),
        (date(2021, 2, 28), date(2021, 2, 28)),
        (date(2024, 2, 28), date(2023, 2, 28)),
        (date(2024, 2, 29), date(2024, 2, 29)),
    ],
)
def test_a_policy_of_29_february_has_its_anniversary_on_the_28th_in_common_years(
    sample: Product, day: date, year: date
) -> None:
    assert sample.benefit_year_of(day, valid_from=date(2020, 2, 29)) == year


@given(valid_from=st.dates(), day=st.dates())
def test_a_benefit_year_is_defined_on_every_day_and_begins_no_later(
    valid_from: date, day: date
) -> None:
    start = read_product(_PRODUCT).benefit_year_of(day, valid_from)

    assert start == valid_from if day < valid_from else valid_from <= start <= day
    assert abs((day - start).days) <= 366 or day < valid_from


@pytest.mark.parametrize(("visit_class", "percent"), [("home", 7), ("inpatient", 70)])
def test_a_visit_class_without_a_row_has_the_general_one(
    sample: Product, visit_class: VisitClass, percent: int
) -> None:
    assert sample.versions[0].percent_for(visit_class, "alliance") == percent


def test_no_version_is_in_effect_before_the_first(sample: Product) -> None:
    assert sample.version_on(date(2019, 12, 31)) is None
    assert sample.version_on(date(2020, 1, 1)) == sample.versions[0]


@pytest.mark.parametrize(
    ("amount", "percent", "rounded"),
    [(1, 50, 0), (3, 50, 2), (5, 50, 2), (101, 50, 50), (33, 33, 11), (10**15, 99, 99 * 10**13)],
)
def test_percentages_round_half_to_even(amount: int, percent: int, rounded: int) -> None:
    assert percent_of(amount, percent) == rounded


@given(amount=st.integers(0, 10**15), percent=st.integers(0, 100))
def test_percentages_agree_with_exact_fractions(amount: int, percent: int) -> None:
    assert percent_of(amount, percent) == round(Fraction(amount * percent, 100))


@pytest.mark.parametrize(
    ("pattern", "instead", "why"),
    [
        ('"percentage", "pay"', '"pay", "percentage"', "end in pay"),
        ('"percentage", "pay"', '"percentage", "percentage", "pay"', "must not repeat"),
        ('"in_force", ', "", "must be checked"),
        ('"percentage"', '"guesswork"', "Input should be"),
        (", out = 10", "", "all networks"),
        ("owned = 90", "owned = 101", "less than or equal to 100"),
        ("owned = 90", "owned = 89.5", "integer"),
        ("Asia/Shanghai", "Asia/Atlantis", "Atlantis"),
        ('payer = "insurer"', 'payer = "insurer"\nsurprise = 1', "Extra inputs"),
    ],
)
def test_a_product_that_contradicts_itself_is_not_loaded(
    pattern: str, instead: str, why: str
) -> None:
    text = _PRODUCT.replace(pattern, instead)
    assert text != _PRODUCT

    with pytest.raises((ValidationError, KeyError), match=re.escape(why)):
        read_product(text)


def test_versions_out_of_order_are_not_loaded() -> None:
    version = _PRODUCT[_PRODUCT.index("[[versions]]") :]

    with pytest.raises(ValidationError, match="in the order they take effect"):
        read_product(_PRODUCT + version)
