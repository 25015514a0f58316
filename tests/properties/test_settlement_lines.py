"""What holds of a bill's lines, whatever the bill, the order of the steps and the covers."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.contract.member import CoverTerms
from services.contract.payment import PaymentRequested
from services.contract.visit import BillLine, Provider
from services.settlement.adjudicate import adjudicate
from services.settlement.lines import Figures, apportion
from services.settlement.on_lines import Taking, left_on_lines, taken_of_lines
from services.settlement.product import Product
from tests.zones import CHINA

_DAY = date(2024, 5, 1)
_CATEGORIES = ("drug", "bed", "imaging")
_NETWORKS = ("owned", "strategic", "alliance", "out")
_CHECKS: list[dict[str, Any]] = [
    {"step": "service", "services": ["visit"]},
    {"step": "currency", "currencies": ["CNY"]},
    {"step": "in_force"},
]
_FIGURES = st.lists(st.integers(-50_00, 200_00), min_size=1, max_size=6).filter(
    lambda figures: sum(figures) >= 0
)
_few = settings(max_examples=200, deadline=None)


@st.composite
def _steps(draw: st.DrawFn) -> dict[str, Any]:
    """A step that limits; some are for the lines of some categories alone."""
    percent = draw(st.integers(0, 100))
    amount = draw(st.integers(0, 100_00))
    step: dict[str, Any] = draw(
        st.sampled_from(
            [
                {"step": "percentage", "percent": {"any": dict.fromkeys(_NETWORKS, percent)}},
                {"step": "visit_deductible", "amounts": {"CNY": {"ambulatory": amount}}},
                {"step": "annual_deductible", "amounts": {"CNY": amount}},
                {"step": "session_limit", "amounts": {"CNY": amount}},
                {"step": "waiting_period", "days": draw(st.sampled_from([1, 9_999]))},
            ]
        )
    )
    if draw(st.booleans()) or step["step"] == "waiting_period":
        wanted = draw(st.sets(st.sampled_from(_CATEGORIES), min_size=1))
        step = {**step, "lines": {"category": sorted(wanted)}}
    return step


@st.composite
def _products(draw: st.DrawFn, name: str) -> Product:
    """Steps in any order, some of them twice."""
    steps = draw(st.lists(_steps(), max_size=5))
    named = [{**step, "id": f"step_{place}"} for place, step in enumerate(steps)]
    return _product(name, [*_CHECKS, *named, {"step": "pay"}])


def _product(name: str, steps: list[dict[str, Any]]) -> Product:
    version = {"version": "1", "effective_from": date(2020, 1, 1), "disclosure": "A sample."}
    terms = {
        "name": name,
        "payer": "insurer",
        "coordination": 1,
        "accumulates_per": "member",
        "benefit_year": "calendar",
        "time_zone": "Asia/Shanghai",
        "versions": [{**version, "steps": steps}],
    }
    return Product.model_validate(terms, strict=False)


def _bill(figures: list[int], categories: list[str], products: list[Product]) -> PaymentRequested:
    covers = [
        CoverTerms(
            cover_id=f"c-{product.name}",
            product=product.name,
            insurer="x",
            valid_from=date(2024, 1, 1),
            valid_to=None,
        )
        for product in products
    ]
    return PaymentRequested(
        request_id="r1",
        replaces=None,
        episode="v1",
        way="direct_pay",
        service="visit",
        visit_class="ambulatory",
        provider=Provider(id="hospital-1", network="owned"),
        service_time=datetime(2024, 5, 1, 8, tzinfo=CHINA),
        service_date=_DAY,
        currency="CNY",
        billed=sum(figures),
        lines=tuple(
            BillLine(code=None, text="care", amount=figure, category=category)
            for figure, category in zip(figures, categories, strict=True)
        ),
        covers=tuple(covers),
    )


@dataclass(frozen=True)
class Story:
    request: PaymentRequested
    products: dict[str, Product]


@st.composite
def _stories(draw: st.DrawFn) -> Story:
    names = ["p1", "p2", "p3"][: draw(st.integers(1, 3))]
    products = [draw(_products(name)) for name in names]
    figures = draw(_FIGURES)
    categories = [draw(st.sampled_from(_CATEGORIES)) for _ in figures]
    return Story(
        _bill(figures, categories, products), {product.name: product for product in products}
    )


@_few
@given(_stories())
def test_lines_parts_sum_to_what_each_cover_pays_and_to_the_bill(story: Story) -> None:
    result = adjudicate(story.request, "a", {}, story.products)

    _assert_parts_are_exact(story.request, result.takings)
    assert [sum(parts) for parts in taken_of_lines(story.request, result.takings)] == [
        part.paid for part in result.consumed
    ]


def _assert_parts_are_exact(request: PaymentRequested, takings: tuple[Taking, ...]) -> None:
    taken = taken_of_lines(request, takings)
    left = left_on_lines(request, takings)
    for place, line in enumerate(request.lines):
        parts = [*(each[place] for each in taken), left[place]]
        assert sum(parts) == line.amount
        assert all(0 <= part <= line.amount or line.amount <= part <= 0 for part in parts)
    paid = sum(map(sum, taken))
    assert paid == sum(amount for amount, _ in takings)
    assert sum(left) == request.billed - paid


@_few
@given(_FIGURES, st.data())
def test_what_a_step_is_not_for_is_paid_as_without_it(figures: list[int], data: Any) -> None:
    """A step for drugs alone takes nothing away from the lines of other categories."""
    figures = [abs(figure) for figure in figures]
    categories = [data.draw(st.sampled_from(_CATEGORIES)) for _ in figures]
    step = {**data.draw(_steps()), "lines": {"category": ["drug"]}}
    product = _product("p1", [*_CHECKS, step, {"step": "pay"}])
    request = _bill(figures, categories, [product])

    (taken,) = taken_of_lines(request, adjudicate(request, "a", {}, {"p1": product}).takings)

    for part, figure, category in zip(taken, figures, categories, strict=True):
        assert part == figure or category == "drug"


@_few
@given(_FIGURES, st.integers(0, 100), st.data())
def test_a_step_for_every_line_decides_as_one_for_the_bill(
    figures: list[int], percent: int, data: Any
) -> None:
    categories = [data.draw(st.sampled_from(_CATEGORIES)) for _ in figures]
    terms = {"step": "percentage", "percent": {"any": dict.fromkeys(_NETWORKS, percent)}}
    scoped = {**terms, "lines": {"category": list(_CATEGORIES)}}
    paid = set()
    for step in (terms, scoped):
        product = _product("p1", [*_CHECKS, step, {"step": "pay"}])
        request = _bill(figures, categories, [product])
        paid.add(adjudicate(request, "a", {}, {"p1": product}).consumed[0].paid)

    assert len(paid) == 1


@_few
@given(_FIGURES, st.data())
def test_parts_of_a_total_sum_to_it_and_go_no_further_than_their_lines(
    figures: list[int], data: Any
) -> None:
    total = data.draw(st.integers(0, sum(figures)))

    parts = apportion(total, figures)

    assert sum(parts) == total
    for part, figure in zip(parts, figures, strict=True):
        assert 0 <= part <= figure or figure <= part <= 0
        assert total == 0 or abs(part * sum(figures) - total * figure) < sum(figures)


@pytest.mark.parametrize(
    ("total", "figures", "parts"),
    [
        (100, (1_00, 1_00, 1_00), (34, 33, 33)),  # the earlier line gets the unit that is left
        (2, (50, 30, 20), (1, 1, 0)),  # quotas 1.0, 0.6, 0.4
        (10, (6, 6, 2), (4, 4, 2)),  # quotas 4.29, 4.29, 1.43: two units whole, one to the last
        (60, (105, -5), (63, -3)),
        (0, (50, -50), (0, 0)),
    ],
)
def test_the_units_left_go_to_the_largest_remainders(
    total: int, figures: Figures, parts: Figures
) -> None:
    assert apportion(total, figures) == parts


@pytest.mark.parametrize("total", [-1, 101])
def test_no_more_than_there_is_can_be_apportioned(total: int) -> None:
    with pytest.raises(ValueError, match="cannot be apportioned"):
        apportion(total, (60, 40))
