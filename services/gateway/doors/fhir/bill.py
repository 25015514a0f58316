"""What a Claim bills: its total, and its lines."""

from datetime import date
from typing import Final

from pydantic import TypeAdapter, ValidationError

from services.contract.frozen import Currency, Word
from services.contract.money import AmountRefusedError, minor_units
from services.contract.visit import BillLine, Quantity
from services.gateway.doors.fhir.elements import Money
from services.gateway.doors.fhir.reader import Reader, codes_of
from services.gateway.doors.fhir.resources import Claim, ClaimItem

_QUANTITY: Final = TypeAdapter(Quantity)
_WORD: Final = TypeAdapter(Word)


def read_bill(claim: Claim, reader: Reader) -> tuple[Currency, int, tuple[BillLine, ...]] | None:
    """Return currency, total and lines of a bill; None, with problems, if it cannot be read.

    The lines sum to the total, see `claim_facts`.
    """
    currencies = {
        money.currency
        for money in (claim.total, *(item.net for item in claim.item))
        if money is not None and money.currency is not None
    }
    if len(currencies) != 1:
        found = ", ".join(sorted(currency[:10] for currency in currencies)) or "none"
        says = f"A bill has one currency; this one has {found}"
        reader.problem("value", "total.currency", says, "State one ISO 4217 code.")
        return None
    currency = currencies.pop()
    nets = [
        _minor(item.net, currency, f"item[{number}].net", reader)
        for number, item in enumerate(claim.item)
    ]
    if claim.total is not None and claim.total.value is not None:
        total = _minor(claim.total, currency, "total", reader)
        if total is not None and total < 0:
            mend = "A reduction is an item with a negative net, a voided bill a cancelled Claim."
            reader.problem("value", "total.value", "The total is negative", mend)
    else:
        total = _sum_of_nets(nets, reader)
    if reader.failed or total is None:
        return None
    return currency, total, _lines(claim, nets, total, currency, reader)


def _sum_of_nets(nets: list[int | None], reader: Reader) -> int | None:
    total = 0
    for number, net in enumerate(nets):
        if net is None:
            at = f"item[{number}].net"
            mend = "Give the net of every item, or the total."
            reader.problem("required", at, "Neither this amount nor Claim.total is there", mend)
        else:
            total += net
    if total < 0:
        reader.problem("value", "item", "The items sum to less than nothing", "Check the signs.")
    return total


def _minor(money: Money | None, currency: str, at: str, reader: Reader) -> int | None:
    if money is None or money.value is None:
        return None
    try:
        return minor_units(money.value, currency)
    except AmountRefusedError as error:
        mend = "State an amount that can be paid in this currency."
        reader.problem("value", f"{at}.value", f"Refused amount: {error}", mend)
        return None


def _lines(
    claim: Claim, nets: list[int | None], total: int, currency: str, reader: Reader
) -> tuple[BillLine, ...]:
    remainder = total - sum(net for net in nets if net is not None)
    lines = []
    for number, (item, net) in enumerate(zip(claim.item, nets, strict=True)):
        amount = net
        if amount is None:
            amount, remainder = remainder, 0
        concept = item.product_or_service
        at = f"item[{number}]"
        lines.append(
            BillLine(
                code=next((code for code in codes_of(concept) if concept.first_code), None),
                text=(concept.words or "Item")[:500],
                amount=amount,
                quantity=_quantity(item, at, reader),
                unit_price=_unit_price(item, currency, at, reader),
                day=_day(item, at, reader),
                category=_category(item) or claim.type.first_code,
            )
        )
    if remainder:
        text = "Difference between the total and its items"
        category = claim.type.first_code
        lines.append(BillLine(code=None, text=text, amount=remainder, category=category))
    return tuple(lines)


def _quantity(item: ClaimItem, at: str, reader: Reader) -> Quantity | None:
    if item.quantity is None or item.quantity.value is None:
        return None
    value = item.quantity.value
    if item.quantity.comparator is not None:
        says = f"The quantity is a limit ({item.quantity.comparator[:2]}) and no number"
        reader.remark(f"{says}: it is passed over, and the amounts stand", at)
        return None
    text = f"{value.normalize():f}" if value == value.to_integral() else f"{value:f}"
    try:
        return _QUANTITY.validate_python(text)
    except ValidationError:
        reader.remark(f"The quantity {str(value)[:40]} is passed over: the amounts stand", at)
        return None


def _unit_price(item: ClaimItem, currency: str, at: str, reader: Reader) -> int | None:
    price = item.unit_price
    if price is None or price.value is None or price.currency not in {None, currency}:
        return None
    try:
        return minor_units(price.value, currency)
    except AmountRefusedError as error:
        reader.remark(f"The unit price is passed over, the amounts stand: {error}", at)
        return None


def _day(item: ClaimItem, at: str, reader: Reader) -> date | None:
    text = item.serviced_date or item.serviced_period.start
    if not text:
        return None
    day = reader.first_day(f"{at}.serviced", text)
    if len(text) < len("2000-01-01"):
        reader.remark(f"{text} is no day: the line counts with the day of the visit", at)
        return None
    return day


def _category(item: ClaimItem) -> Word | None:
    code = item.category.first_code if item.category is not None else None
    try:
        return _WORD.validate_python((code or "").lower().replace("-", "_"))
    except ValidationError:
        return None
