"""Products as data: versions, benefit years, percentages, and what is refused at loading."""

from datetime import date
from fractions import Fraction
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contract.visit import VisitClass
from services.member.calendar import BusinessDay
from services.settlement.catalogue import ProductRefusedError, read_product, shipped_catalogue
from services.settlement.product import Product
from services.settlement.steps import AnyStep
from services.settlement.steps.percentage import Percentage, percent_of

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

[[versions.steps]]
step = "service"
services = ["visit"]

[[versions.steps]]
step = "currency"
currencies = ["CNY"]

[[versions.steps]]
step = "in_force"

[[versions.steps]]
step = "percentage"
percent.any = { owned = 90, strategic = 80, alliance = 70, out = 10 }
percent.home = { owned = 9, strategic = 8, alliance = 7, out = 1 }

[[versions.steps]]
step = "annual_limit"
amounts = { CNY = 100 }

[[versions.steps]]
step = "pay"
"""


@pytest.fixture
def sample() -> Product:
    return read_product(_PRODUCT, "sample.toml")


def test_every_shipped_product_uses_only_steps_that_exist() -> None:
    products = shipped_catalogue().values()

    used = {type(step) for each in products for version in each.versions for step in version.steps}

    assert {product.name for product in products} >= {
        "basic-medical",
        "million-yuan-medical",
        "rehabilitation-cover",
    }
    assert used <= set(get_args(get_args(AnyStep)[0]))


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
    assert sample.benefit_year_of(BusinessDay(day), valid_from=date(2015, 2, 28)) == year


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
    assert sample.benefit_year_of(BusinessDay(day), valid_from=date(2020, 2, 29)) == year


@given(valid_from=st.dates(), day=st.dates())
def test_a_benefit_year_is_defined_on_every_day_and_begins_no_later(
    valid_from: date, day: date
) -> None:
    start = read_product(_PRODUCT, "sample.toml").benefit_year_of(BusinessDay(day), valid_from)

    assert start == valid_from if day < valid_from else valid_from <= start <= day
    assert abs((day - start).days) <= 366 or day < valid_from


@pytest.mark.parametrize(("visit_class", "percent"), [("home", 7), ("inpatient", 70)])
def test_a_visit_class_without_a_row_has_the_general_one(
    sample: Product, visit_class: VisitClass, percent: int
) -> None:
    (step,) = [step for step in sample.versions[0].steps if isinstance(step, Percentage)]

    assert step.percent_for(visit_class, "alliance") == percent


def test_no_version_is_in_effect_before_the_first(sample: Product) -> None:
    assert sample.version_on(BusinessDay(date(2019, 12, 31))) is None
    assert sample.version_on(BusinessDay(date(2020, 1, 1))) == sample.versions[0]


@pytest.mark.parametrize(
    ("amount", "percent", "rounded"),
    [(1, 50, 0), (3, 50, 2), (5, 50, 2), (101, 50, 50), (33, 33, 11), (10**15, 99, 99 * 10**13)],
)
def test_percentages_round_half_to_even(amount: int, percent: int, rounded: int) -> None:
    assert percent_of(amount, percent) == rounded


@given(amount=st.integers(0, 10**15), percent=st.integers(0, 100))
def test_percentages_agree_with_exact_fractions(amount: int, percent: int) -> None:
    assert percent_of(amount, percent) == round(Fraction(amount * percent, 100))


_IN_FORCE = '[[versions.steps]]\nstep = "in_force"\n\n'
_PAY = '[[versions.steps]]\nstep = "pay"\n'


@pytest.mark.parametrize(
    ("pattern", "instead", "why"),
    [
        (_PAY, "", "versions.0: Value error, the steps must end in pay, which stands once"),
        (_PAY, _PAY + _PAY, "versions.0: Value error, the steps must end in pay"),
        (_IN_FORCE, "", "versions.0: Value error, currency, in_force, service must be checked"),
        (_IN_FORCE, _IN_FORCE * 2, "versions.0: Value error, in_force stands twice"),
        ('step = "percentage"', 'step = "guesswork"', "versions.0.steps.3: Input tag 'guesswork'"),
        (", out = 10", "", "versions.0.steps.3.percentage: Value error, percent needs a row `any`"),
        ("owned = 90", "owned = 101", "versions.0.steps.3.percentage.percent.any.owned: Input"),
        ("owned = 90", "owned = 89.5", "valid integer"),
        ("{ CNY = 100 }", "{ USD = 100 }", "annual_limit needs amounts in all the currencies"),
        ("{ CNY = 100 }", "{ CNY = 100, USD = 9 }", "annual_limit needs amounts in all"),
        ('["CNY"]', '["CNY", "USD"]', "annual_limit needs amounts in all the currencies"),
        ("Asia/Shanghai", "Asia/Atlantis", "time_zone: Value error, Asia/Atlantis is no time zone"),
        ("Asia/Shanghai", "../etc/passwd", "is no time zone"),
        ('payer = "insurer"', 'payer = "insurer"\nsurprise = 1', "surprise: Extra inputs"),
        ('payer = "insurer"', "payer = insurer", "Invalid value (at line"),
    ],
)
def test_a_product_that_contradicts_itself_is_not_loaded_and_file_and_place_are_said(
    pattern: str, instead: str, why: str
) -> None:
    text = _PRODUCT.replace(pattern, instead)
    assert text != _PRODUCT

    with pytest.raises(ProductRefusedError, match=r"^sample\.toml: ") as refused:
        read_product(text, "sample.toml")

    assert why in str(refused.value)


def test_every_problem_of_a_product_file_is_said() -> None:
    text = _PRODUCT.replace("owned = 90", "owned = 101").replace("{ CNY = 100 }", "{ CNY = -1 }")

    with pytest.raises(ProductRefusedError) as refused:
        read_product(text, "sample.toml")

    assert len(str(refused.value).splitlines()) == 2


def test_amounts_before_the_currency_is_known_are_not_loaded() -> None:
    currency = '[[versions.steps]]\nstep = "currency"\ncurrencies = ["CNY"]\n\n'
    text = _PRODUCT.replace(currency, "").replace(_PAY, currency + _PAY)

    with pytest.raises(ProductRefusedError, match="which stands before it"):
        read_product(text, "sample.toml")


def test_versions_out_of_order_are_not_loaded() -> None:
    version = _PRODUCT[_PRODUCT.index("[[versions]]") :]

    with pytest.raises(ProductRefusedError, match="in the order they take effect"):
        read_product(_PRODUCT + version, "sample.toml")


def test_versions_of_one_name_are_not_loaded() -> None:
    version = _PRODUCT[_PRODUCT.index("[[versions]]") :].replace("2020", "2021")

    with pytest.raises(ProductRefusedError, match="names of their own"):
        read_product(_PRODUCT + version, "sample.toml")
