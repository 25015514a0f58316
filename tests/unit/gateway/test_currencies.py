"""Currencies are those of ISO 4217 at every door, and in every text that shows an amount."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, get_args, get_origin

import iso4217
import orjson
import pytest
from pydantic import BaseModel

from services.contract.catalog import catalog
from services.contract.money import MINOR_DIGITS, as_text
from services.contract.registry import BY_TYPE
from services.contract.visit import ChargePosted
from services.gateway.acceptance.facts import Group
from services.gateway.doors.cloudevents.reader import Received
from services.gateway.doors.cloudevents.translation import event_group
from services.gateway.doors.fhir.answers import money
from services.gateway.doors.fhir.bundle import Context, groups_of, translate
from services.gateway.doors.network import load_network
from services.settlement.catalogue import ProductRefusedError, read_product, shipped_catalogue
from tests.gateways import CLAIM, PATIENT, bundle, cloud_event

NO_CURRENCIES: Final = (
    "ZZZ", "AAA", "QQQ", "XXX", "XTS", "XAU", "XAG", "XDR", "DEM", "ITL", "FRF", "ZWD", "RMB", "BTC",
)  # fmt: skip
"""Never one, a test code, a metal, one that is history, a nickname."""

CHARGE: Final = {
    "charge_id": "c1",
    "visit_id": "v1",
    "category": "institutional",
    "amount": 12_345,
    "lines": [{"code": None, "text": "Visit", "amount": 12_345}],
}
SESSION: Final = {
    "session_id": "s1",
    "mode": "outpatient",
    "provider": {"id": "therapist-owned-1"},
    "price": 12_345,
}
PRICED: Final = {"careloop.charge.posted.v1": CHARGE, "careloop.session.attended.v1": SESSION}


def claimed(value: Decimal, currency: str) -> Group:
    total = {"value": value, "currency": currency}
    bill = CLAIM | {"item": CLAIM["item"][:1], "total": total}
    context = Context(load_network(), datetime.now(UTC))
    [group] = groups_of(translate(bundle(PATIENT, bill), context))
    return group


def told(kind: str, currency: str) -> Group:
    data = PRICED[kind] | {"currency": currency}
    event = cloud_event(kind, data)
    return event_group(Received(event, event["data"], ""), load_network())


@pytest.mark.parametrize("currency", sorted(MINOR_DIGITS))
def test_every_currency_has_its_own_minor_unit_at_every_door(currency: str) -> None:
    digits = iso4217.Currency(currency).exponent
    value = Decimal(12_345).scaleb(-digits)

    [charge] = [fact.data for fact in claimed(value, currency).facts if is_charge(fact.data)]
    [event] = told("careloop.charge.posted.v1", currency).facts
    finer = claimed(value + Decimal(1).scaleb(-digits - 1), currency)

    assert charge.amount == event.data.amount == 12_345
    assert charge.currency == currency
    assert [problem.place for problem in finer.problems][-1].endswith("total.value")
    assert as_text(12_345, currency) == f"{value:,.{digits}f} {currency}"
    shown = orjson.loads(orjson.dumps(money(12_345, currency)))
    assert shown == {"value": float(value), "currency": currency}


@pytest.mark.parametrize("currency", NO_CURRENCIES)
def test_what_is_no_currency_is_refused_at_every_door(currency: str) -> None:
    says = [f"{each.place}: {each.says}" for each in claimed(Decimal(5), currency).problems]
    assert [text for text in says if "total" in text and repr(currency) in text]
    for kind in PRICED:
        group = told(kind, currency)
        assert [problem.place for problem in group.problems] == ["data.currency"], kind
        assert not group.facts


@pytest.mark.parametrize("currency", NO_CURRENCIES)
def test_no_product_is_offered_in_what_is_no_currency(currency: str) -> None:
    text = PRODUCT.replace("CNY", currency)

    assert read_product(PRODUCT, "sample.toml")
    with pytest.raises(ProductRefusedError, match="ISO 4217"):
        read_product(text, "sample.toml")


def test_a_door_sees_every_currency_that_a_sender_can_state() -> None:
    stated = {
        name: sorted(_currencies(BY_TYPE[name]))
        for name, entry in catalog().items()
        if entry.producers == ("gateway",) and name in BY_TYPE
    }

    assert {name: paths for name, paths in stated.items() if paths} == {
        name: ["currency"] for name in PRICED
    }


def test_the_shipped_products_state_existing_currencies() -> None:
    offered = {
        currency
        for product in shipped_catalogue().values()
        for version in product.versions
        for step in version.steps
        for currency in getattr(step, "currencies", ())
    }

    assert offered
    assert offered <= set(MINOR_DIGITS)


def test_the_unit_of_a_currency_that_is_none_any_more_is_not_guessed() -> None:
    assert as_text(12_345, "DEM") == "12,345 minor units of DEM"
    assert money(12_345, "DEM") == {"currency": "DEM"}


def is_charge(data: object) -> bool:
    return isinstance(data, ChargePosted)


def _currencies(model: Any, path: str = "") -> Iterator[str]:
    """Yield the path of every currency in a model, at any depth."""
    for name, each in model.model_fields.items():
        at = f"{path}.{name}".lstrip(".")
        pattern = next((getattr(one, "pattern", None) for one in each.metadata), None)
        if pattern == "^[A-Z]{3}$":
            yield at
        for inner in _models(each.annotation):
            yield from _currencies(inner, at)


def _models(annotation: Any) -> Iterator[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) is not None:
        for part in get_args(annotation):
            yield from _models(part)


PRODUCT: Final = """
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
step = "annual_limit"
amounts = { CNY = 100 }

[[versions.steps]]
step = "pay"
"""
