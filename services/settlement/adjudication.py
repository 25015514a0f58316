"""One bill against all covers of the member: who pays what, with the reasoning."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final, TypedDict

from services.contract.member import CoverTerms
from services.contract.payment import Payer, PaymentRequested
from services.settlement.product import Catalogue, Limits, Product, StepName, Version
from services.settlement.state import Consumed, Used, YearKey, unused
from services.settlement.steps import STEPS, Case, Working

REMAINDER: Final = "settlement@1/remainder"
_NO_LIMITS: Final = Limits()


class Reason(TypedDict):
    """A step of the trace, before the decision that it stands in is checked as a whole."""

    rule: str
    payer: Payer
    open_before: int
    taken: int
    note: str


@dataclass(frozen=True, slots=True)
class Adjudicated:
    """The reasoning on a bill, and what it consumes of the covers."""

    consumed: tuple[Consumed, ...]
    trace: tuple[Reason, ...]


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
        product = catalogue.get(cover.product)
        version = product.version_on(request.service_date) if product else None
        if product is None or version is None:
            trace.append(_unknown(cover, product, request.service_date, open_amount))
            continue
        same = _same_promise(cover, consumed)
        if same is not None:
            rule = f"{cover.product}@{version.version}/one_cover"
            why = f"Pays nothing more: cover {same.cover_id} is the same promise."
            trace.append(_note(rule, product.payer, open_amount, why))
            continue
        case = _case(request, member, cover, product, version, used)
        work = _apply(case, open_amount, trace)
        open_amount = work.open
        if not work.stopped:
            consumed.append(_consumed(case, work))
    trace.append(_remainder(request, open_amount))
    return Adjudicated(tuple(consumed), tuple(trace))


def in_turn(request: PaymentRequested, catalogue: Catalogue) -> list[CoverTerms]:
    """Return the covers in the order in which they are asked; unknown products come last."""

    def turn(cover: CoverTerms) -> tuple[bool, int, str, bool, date, str]:
        product = catalogue.get(cover.product)
        order = product.coordination if product else 0
        ends = cover.valid_to is not None and cover.valid_to < request.service_date
        return (product is None, order, cover.product, ends, cover.valid_from, cover.cover_id)

    return sorted(request.covers, key=turn)


def _unknown(cover: CoverTerms, product: Product | None, day: date, open_amount: int) -> Reason:
    """Say that the product, or any version of it on `day`, is unknown."""
    if product is None:
        rule = f"{cover.product}@none/catalogue"
        why = f"the product of cover {cover.cover_id} is not in the catalogue"
        return _note(rule, "insurer", open_amount, f"Pays nothing: {why}.")
    rule = f"{cover.product}@none/version"
    why = f"no version is in effect on {day}"
    return _note(rule, product.payer, open_amount, f"Pays nothing: {why}.")


def _same_promise(cover: CoverTerms, consumed: Iterable[Consumed]) -> Consumed | None:
    """Return what an earlier cover by the same insurer for the same product took, if any."""
    for other in consumed:
        if other.product == cover.product and other.insurer == cover.insurer:
            return other
    return None


def _case(
    request: PaymentRequested,
    member: str,
    cover: CoverTerms,
    product: Product,
    version: Version,
    used: Mapping[YearKey, Used],
) -> Case:
    key = YearKey(
        cover.product,
        cover.insurer,
        member if product.accumulates_per == "member" else "",
        product.benefit_year_of(request.service_date, cover.valid_from),
        request.currency,
    )
    limits = version.limits.get(request.currency, _NO_LIMITS)
    return Case(request, cover, product, version, limits, used.get(key) or unused(key))


def _apply(case: Case, open_amount: int, trace: list[Reason]) -> Working:
    """Take the version's steps in order, and add the reason of each to `trace`."""
    product, version = case.product, case.version
    work = Working(open_amount, open_amount)
    for name, rule in _rules(product.name, version.version, version.steps):
        before = work.open
        work, note = STEPS[name](case, work)
        trace.append(
            {
                "rule": rule,
                "payer": product.payer,
                "open_before": before,
                "taken": before - work.open,
                "note": note,
            }
        )
        if work.stopped:
            break
    return work


@lru_cache(maxsize=256)
def _rules(
    product: str, version: str, steps: tuple[StepName, ...]
) -> tuple[tuple[StepName, str], ...]:
    """Return the steps of a version with the names they have in a trace."""
    return tuple((step, f"{product}@{version}/{step}") for step in steps)


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


def _note(rule: str, payer: Payer, open_amount: int, note: str) -> Reason:
    return Reason(rule=rule, payer=payer, open_before=open_amount, taken=0, note=note)


def _remainder(request: PaymentRequested, open_amount: int) -> Reason:
    why = "No cover took it" if request.covers else "The member has no cover"
    note = f"{why}: the rest is the member's." if open_amount else "Nothing is left to the member."
    return {
        "rule": REMAINDER,
        "payer": "member",
        "open_before": open_amount,
        "taken": open_amount,
        "note": note,
    }
