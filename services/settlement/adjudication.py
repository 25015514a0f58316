"""One bill against all covers of the member: who pays what, with the reasoning."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypedDict

from pydantic import TypeAdapter

from services.contract.member import CoverTerms
from services.contract.payment import Payer, PaymentRequested, TraceStep
from services.settlement.product import Catalogue, Limits, Product, Version
from services.settlement.state import Consumed, Used, YearKey, unused
from services.settlement.steps import STEPS, Case, Working

REMAINDER: Final = "settlement@1/remainder"
_NO_LIMITS: Final = Limits()


class Reason(TypedDict):
    """A step of the trace while the reasoning is under way; all become `TraceStep` at its end."""

    rule: str
    payer: Payer
    open_before: int
    taken: int
    note: str


_TRACE: Final = TypeAdapter(tuple[TraceStep, ...])
"""Checks a whole trace in one go: step by step it took a quarter of the time of a decision."""


@dataclass(frozen=True, slots=True)
class Adjudicated:
    """The reasoning on a bill, and what it consumes of the covers."""

    consumed: tuple[Consumed, ...]
    trace: tuple[TraceStep, ...]


def adjudicate(
    request: PaymentRequested,
    member: str,
    used: Mapping[YearKey, Used],
    catalogue: Catalogue,
) -> Adjudicated:
    """Decide who pays what of a bill, by the rules and accumulators of its service date.

    Covers take their turn by their product's coordination order (social insurance first), then by
    first day and id. Of several covers by one insurer for one product, the first one in force is
    applied. What no cover takes is the member's.
    """
    open_amount = request.billed
    trace: list[Reason] = []
    consumed: list[Consumed] = []
    for cover in in_turn(request, catalogue):
        aside = _set_aside(request, cover, consumed, catalogue)
        if aside is not None:
            trace.append(_note(aside[0], _payer(cover, catalogue), open_amount, aside[1]))
            continue
        case = _case(request, member, cover, used, catalogue)
        steps, work = _apply(case, open_amount)
        trace.extend(steps)
        open_amount = work.open
        if not work.stopped:
            consumed.append(_consumed(case, work))
    trace.append(_remainder(request, open_amount))
    return Adjudicated(tuple(consumed), _TRACE.validate_python(tuple(trace)))


def in_turn(request: PaymentRequested, catalogue: Catalogue) -> list[CoverTerms]:
    """Return the covers in the order in which they are asked; unknown products come last."""

    def turn(cover: CoverTerms) -> tuple[bool, int, str, bool, str, str]:
        product = catalogue.get(cover.product)
        order = product.coordination if product else 0
        ends = cover.valid_to is not None and cover.valid_to < request.service_date
        return (product is None, order, cover.product, ends, f"{cover.valid_from}", cover.cover_id)

    return sorted(request.covers, key=turn)


def _set_aside(
    request: PaymentRequested,
    cover: CoverTerms,
    consumed: Iterable[Consumed],
    catalogue: Catalogue,
) -> tuple[str, str] | None:
    """Say by which rule and why a cover is not looked at further; None if it is."""
    product = catalogue.get(cover.product)
    if product is None:
        rule = f"{cover.product}@none/catalogue"
        return rule, f"Pays nothing: the product of cover {cover.cover_id} is not in the catalogue."
    version = product.version_on(request.service_date)
    if version is None:
        rule = f"{cover.product}@none/version"
        return rule, f"Pays nothing: no version is in effect on {request.service_date}."
    for other in consumed:
        if (other.product, other.insurer) == (cover.product, cover.insurer):
            rule = f"{cover.product}@{version.version}/one_cover"
            return rule, f"Pays nothing more: cover {other.cover_id} is the same promise."
    return None


def _case(
    request: PaymentRequested,
    member: str,
    cover: CoverTerms,
    used: Mapping[YearKey, Used],
    catalogue: Catalogue,
) -> Case:
    product = catalogue[cover.product]
    version = product.version_on(request.service_date)
    assert version is not None  # such covers were set aside
    key = YearKey(
        product=cover.product,
        insurer=cover.insurer,
        holder=member if product.accumulates_per == "member" else "",
        year=product.benefit_year_of(request.service_date, cover.valid_from),
        currency=request.currency,
    )
    limits = version.limits.get(request.currency, _NO_LIMITS)
    return Case(request, cover, product, version, limits, used.get(key) or unused(key))


def _apply(case: Case, open_amount: int) -> tuple[list[Reason], Working]:
    work = Working(open=open_amount, payable=open_amount)
    trace: list[Reason] = []
    payer = case.product.payer
    for name in case.version.steps:
        before = work.open
        work, note = STEPS[name](case, work)
        trace.append(
            {
                "rule": _rule(case.product, case.version, name),
                "payer": payer,
                "open_before": before,
                "taken": before - work.open,
                "note": note,
            }
        )
        if work.stopped:
            break
    return trace, work


def _rule(product: Product, version: Version, step: str) -> str:
    return f"{product.name}@{version.version}/{step}"


def _consumed(case: Case, work: Working) -> Consumed:
    return Consumed(
        cover_id=case.cover.cover_id,
        product=case.cover.product,
        payer=case.product.payer,
        insurer=case.cover.insurer,
        holder=case.used.holder,
        year=case.used.year,
        deductible=work.deductible,
        paid=work.taken,
        sessions=work.sessions,
    )


def _payer(cover: CoverTerms, catalogue: Catalogue) -> Payer:
    product = catalogue.get(cover.product)
    return product.payer if product else "insurer"


def _note(rule: str, payer: Payer, open_amount: int, note: str) -> Reason:
    return Reason(rule=rule, payer=payer, open_before=open_amount, taken=0, note=note)


def _remainder(request: PaymentRequested, open_amount: int) -> Reason:
    why = "No cover took it" if request.covers else "The member has no cover"
    note = f"{why}: the rest is the member's." if open_amount else "Nothing is left to the member."
    return Reason(
        rule=REMAINDER, payer="member", open_before=open_amount, taken=open_amount, note=note
    )
