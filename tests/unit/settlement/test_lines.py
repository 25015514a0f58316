"""Steps for some lines of a bill, steps that stand twice, and covers that follow one another."""

from datetime import date, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from services.contract.member import CoverTerms
from services.contract.payment import PaymentRequested
from services.contract.visit import BillLine, Code, Provider
from services.settlement.adjudicate import Adjudicated, adjudicate
from services.settlement.catalogue import read_product
from services.settlement.lines import Coding, LineFilter
from services.settlement.on_lines import left_on_lines, taken_of_lines
from services.settlement.product import Product
from tests.zones import CHINA

_HEAD = """
payer = "insurer"
accumulates_per = "member"
benefit_year = "calendar"
time_zone = "Asia/Shanghai"

[[versions]]
version = "1"
effective_from = 2020-01-01
disclosure = "A sample."
steps = [
  { step = "service", services = ["visit"] },
  { step = "currency", currencies = ["CNY"] },
  { step = "in_force" },
"""
_DRUGS_HALF = (
    '{ step = "percentage", id = "drugs", lines = { category = ["drug"] }, '
    "percent.any = { owned = 50, strategic = 50, alliance = 50, out = 50 } },\n"
)
_ALL_80 = '{ step = "percentage", percent.any = { owned = 80, strategic = 80, alliance = 80, out = 80 } },\n'
_PAY = '{ step = "pay" } ]\n'


def _product(steps: str, name: str = "p", order: int = 1) -> Product:
    return read_product(f'name = "{name}"\ncoordination = {order}{_HEAD}{steps}{_PAY}', name)


def _covers(*products: Product) -> tuple[CoverTerms, ...]:
    return tuple(
        CoverTerms(
            cover_id=product.name,
            product=product.name,
            insurer="x",
            valid_from=date(2024, 1, 1),
            valid_to=None,
        )
        for product in products
    )


def _decided(lines: list[tuple[str, int]], *products: Product) -> tuple[Any, Adjudicated]:
    request = PaymentRequested(
        request_id="r1",
        replaces=None,
        episode="v1",
        way="direct_pay",
        service="visit",
        visit_class="ambulatory",
        provider=Provider(id="hospital-1", network="owned"),
        service_time=datetime(2024, 5, 1, 8, tzinfo=CHINA),
        service_date=date(2024, 5, 1),
        currency="CNY",
        billed=sum(amount for _, amount in lines),
        lines=tuple(
            BillLine(code=None, text="care", amount=amount, category=category)
            for category, amount in lines
        ),
        covers=_covers(*products),
    )
    return request, adjudicate(request, "a", {}, {product.name: product for product in products})


def test_a_step_for_some_lines_lowers_these_alone_and_may_stand_twice() -> None:
    product = _product(_DRUGS_HALF + _ALL_80)

    request, result = _decided([("drug", 100), ("bed", 300)], product)

    assert taken_of_lines(request, result.takings) == [(40, 240)]
    assert [(reason["rule"], reason["note"]) for reason in result.trace[3:5]] == [
        (
            "p@1/drugs",
            (
                "On 1 of 2 lines, 1.00 CNY: The payer's side is 50 % (ambulatory, network owned): "
                "0.50 CNY of 1.00 CNY."
            ),
        ),
        (
            "p@1/percentage",
            "The payer's side is 80 % (ambulatory, network owned): 2.80 CNY of 3.50 CNY.",
        ),
    ]


def test_a_deductible_that_stands_twice_is_borne_once() -> None:
    drugs = (
        '{ step = "annual_deductible", id = "drugs", lines = { category = ["drug"] }, '
        "amounts.CNY = 60 },\n"
    )
    everything = '{ step = "annual_deductible", amounts.CNY = 80 },\n'

    _, result = _decided([("drug", 100), ("bed", 300)], _product(drugs + everything))

    assert (result.consumed[0].deductible, result.consumed[0].paid) == (80, 320)


def test_a_step_that_stops_stops_for_its_lines_alone() -> None:
    waiting = '{ step = "waiting_period", days = 9999, lines = { category = ["drug"] } },\n'

    request, result = _decided([("drug", 100), ("bed", 300)], _product(waiting))

    assert taken_of_lines(request, result.takings) == [(0, 300)]
    assert result.trace[3]["note"].startswith("On 1 of 2 lines, 1.00 CNY: Pays nothing: ")


def test_a_later_cover_finds_on_each_line_what_the_earlier_ones_left() -> None:
    first = _product(_DRUGS_HALF + _ALL_80, "first", 1)
    second = _product(_DRUGS_HALF, "second", 2)

    request, result = _decided([("drug", 100), ("bed", 300)], first, second)

    assert taken_of_lines(request, result.takings) == [(40, 240), (30, 60)]
    assert left_on_lines(request, result.takings) == (30, 0)


def test_a_bill_as_a_whole_is_divided_over_its_lines_when_a_later_cover_looks_at_them() -> None:
    first = _product(_ALL_80, "first", 1)
    second = _product(_DRUGS_HALF, "second", 2)

    request, result = _decided([("drug", 105), ("bed", 300), ("bed", -5)], first, second)

    assert taken_of_lines(request, result.takings) == [(84, 240, -4), (10, 60, -1)]


def test_lines_that_sum_to_less_than_nothing_have_nothing_payable() -> None:
    product = _product(_DRUGS_HALF)

    request, result = _decided([("drug", 50), ("drug", -80), ("bed", 130)], product)

    (taken,) = taken_of_lines(request, result.takings)
    assert result.consumed[0].paid == sum(taken) == request.billed == 100


_DRUG_LIST = (
    '{ step = "drug_list", drugs.codes = [{ system = "atc", codes = ["L01FD01", "L01EB04"] }] },\n'
)
_ATC = "http://www.whocc.no/atc"


def _drug(code: str | None, amount: int, approval: str | None = None) -> BillLine:
    return BillLine(
        code=Code(system=_ATC, code=code) if code else None,
        text="medicine",
        amount=amount,
        category="drug" if code else "bed",
        approval=approval,
    )


def test_only_lines_on_the_drug_list_are_paid() -> None:
    lines = (_drug("L01FD01", 500), _drug("N02BE01", 20), _drug(None, 80))
    request, _ = _decided([("drug", 600)])
    product = _product(_DRUG_LIST)
    bill = request.model_copy(update={"lines": lines, "covers": _covers(product)})

    result = adjudicate(bill, "a", {}, {"p": product})

    assert taken_of_lines(bill, result.takings) == [(500, 0, 0)]
    assert result.trace[3] == {
        "rule": "p@1/drug_list",
        "payer": "insurer",
        "open_before": 600,
        "taken": 0,
        "note": ("On 2 of 3 lines, 1.00 CNY: Not on the drug list of the product; it is left out."),
    }


@pytest.mark.parametrize(
    ("terms", "taken"),
    [
        ('{ step = "approval" },\n', (500, 0, 0)),
        ('{ step = "approval", lines = { category = ["drug"] } },\n', (500, 0, 80)),
    ],
)
def test_lines_without_an_approval_are_left_out(terms: str, taken: tuple[int, ...]) -> None:
    lines = (_drug("L01FD01", 500, "approval-1"), _drug("L01EB04", 20), _drug(None, 80))
    request, _ = _decided([("drug", 600)])
    product = _product(terms)
    bill = request.model_copy(update={"lines": lines, "covers": _covers(product)})

    result = adjudicate(bill, "a", {}, {"p": product})

    assert taken_of_lines(bill, result.takings) == [taken]


def _line(system: str | None, category: str | None = None) -> BillLine:
    code = Code(system=system, code="L01FD01") if system else None
    return BillLine(code=code, text="trastuzumab", amount=1, category=category)


@pytest.mark.parametrize(
    ("line", "held"),
    [
        (_line("http://www.whocc.no/atc"), True),
        (_line("urn:oid:2.16.840.1.113883.6.73"), True),
        (_line("http://snomed.info/sct"), False),
        (_line(None), False),
    ],
)
def test_a_code_counts_with_its_system_by_any_of_its_names(line: BillLine, *, held: bool) -> None:
    wanted = LineFilter(codes=(Coding(system="atc", codes=("L01FD01", "L01EB04")),))

    assert wanted.holds(line) is held


def test_category_and_code_must_both_be_asked_for() -> None:
    wanted = LineFilter(
        category=("drug",), codes=(Coding(system="urn:house-list", codes=("L01FD01",)),)
    )

    assert wanted.holds(_line("urn:house-list", "drug"))
    assert not wanted.holds(_line("urn:house-list", "bed"))
    assert not wanted.holds(_line("urn:house-list"))


def test_a_filter_that_asks_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="at least one"):
        LineFilter()


@pytest.mark.parametrize("step", ["annual_limit", "pay", "in_force", "sessions"])
def test_what_counts_for_the_bill_as_a_whole_is_never_for_some_lines(step: str) -> None:
    terms = f'{{ step = "{step}", id = "again", lines = {{ category = ["drug"] }} }},\n'

    with pytest.raises(ValueError, match=rf"{step}.lines: Extra inputs"):
        _product(terms)
