"""A product of any zone whose rules hang on days, and a visit decided by it."""

from datetime import date, datetime

from services.contract.member import CoverTerms
from services.contract.payment import PaymentRequested
from services.contract.visit import BillLine, Provider
from services.settlement.adjudicate import Adjudicated, adjudicate
from services.settlement.catalogue import read_product
from services.settlement.product import Product

_PRODUCT = """
name = "{zone}"
payer = "insurer"
coordination = 1
accumulates_per = "member"
benefit_year = "{year}"
time_zone = "{zone}"

[[versions]]
version = "old"
effective_from = 2020-01-01
disclosure = "A sample."
steps = [
  {{ step = "service", services = ["visit"] }},
  {{ step = "currency", currencies = ["CNY"] }},
  {{ step = "in_force" }},
  {{ step = "waiting_period", days = 31 }},
  {{ step = "pay" }},
]

[[versions]]
version = "new"
effective_from = {new}
disclosure = "A sample."
steps = [
  {{ step = "service", services = ["visit"] }},
  {{ step = "currency", currencies = ["CNY"] }},
  {{ step = "in_force" }},
  {{ step = "waiting_period", days = 31 }},
  {{ step = "pay" }},
]
"""
NEW_YEAR = date(2027, 1, 1)


def product_of(zone: str, *, new: date = NEW_YEAR, year: str = "calendar") -> Product:
    """A product with a version `old` and, from the day `new` on, a version `new`."""
    return read_product(_PRODUCT.format(zone=zone, new=new, year=year), zone)


def decided(
    moment: datetime, product: Product, *, first: date, last: date | None = None
) -> Adjudicated:
    """Decide a visit that began at an instant, for a cover of the product."""
    request = PaymentRequested(
        request_id="r1",
        replaces=None,
        episode="v1",
        way="direct_pay",
        service="visit",
        visit_class="ambulatory",
        provider=Provider(id="hospital-1", network="owned"),
        service_time=moment,
        service_date=NEW_YEAR,
        currency="CNY",
        billed=100,
        lines=(BillLine(code=None, text="care", amount=100),),
        covers=(
            CoverTerms(
                cover_id="c1", product=product.name, insurer="x", valid_from=first, valid_to=last
            ),
        ),
    )
    return adjudicate(request, "a", {}, {product.name: product})
