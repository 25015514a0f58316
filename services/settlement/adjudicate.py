"""One bill against all covers of the member: who pays what, with the reasoning."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final, NamedTuple, TypedDict

from services.contract.member import CoverTerms
from services.contract.payment import Payer, PaymentRequested
from services.member.calendar import BusinessDay, written_day
from services.settlement.accumulators import Consumed, Used, YearKey, unused
from services.settlement.on_lines import Taking, left_on_lines, on_lines
from services.settlement.product import Catalogue, Product, Version
from services.settlement.steps.step import Case, Working

REMAINDER: Final = "settlement@1/remainder"


class Reason(TypedDict):
    """A step of the trace, before the decision that it stands in is checked as a whole."""

    rule: str
    payer: Payer
    open_before: int
    taken: int
    note: str


class Adjudicated(NamedTuple):
    """The reasoning on a bill, what it consumes of the covers, and what they take, in turn."""

    consumed: tuple[Consumed, ...]
    trace: tuple[Reason, ...]
    takings: tuple[Taking, ...]


class _Turn(NamedTuple):
    """A cover when it is asked. product: None is unknown. day: of the service, to this product."""

    cover: CoverTerms
    product: Product | None
    day: BusinessDay


def adjudicate(
    request: PaymentRequested,
    member: str,
    used: Mapping[YearKey, Used],
    catalogue: Catalogue,
) -> Adjudicated:
    """Decide who pays what of a bill, by the rules and accumulators of its day of service.

    Covers take their turn by their product's coordination order (social insurance first), then by
    first day and id. Of several covers by one insurer for one product, the first one in force is
    applied. What no cover takes is the member's.
    """
    open_amount = request.billed
    trace: list[Reason] = []
    consumed: list[Consumed] = []
    takings: list[Taking] = []
    for cover, product, day in _in_turn(request, catalogue):
        version = product.version_on(day) if product else None
        if product is None or version is None:
            trace.append(_unknown(cover, product, day, open_amount))
            continue
        same = _same_promise(cover, consumed)
        if same is not None:
            rule = f"{cover.product}@{version.version}/one_cover"
            why = f"Pays nothing more: cover {same.cover_id} is the same promise."
            trace.append(_note(rule, product.payer, open_amount, why))
            continue
        case = _case(request, member, cover, product, day, used)
        work, taking = _apply(case, product, version, open_amount, takings, trace)
        open_amount = work.open
        if not work.stopped:
            consumed.append(_consumed(case, product, work))
            takings.append(taking)
    trace.append(_remainder(request, open_amount))
    return Adjudicated(tuple(consumed), tuple(trace), tuple(takings))


def _in_turn(request: PaymentRequested, catalogue: Catalogue) -> list[_Turn]:
    """Return the covers in the order in which they are asked; unknown products come last."""

    def order(turn: _Turn) -> tuple[bool, int, str, bool, date, str]:
        cover, product, day = turn
        rank = product.coordination if product else 0
        ends = cover.valid_to is not None and cover.valid_to < day
        return (product is None, rank, cover.product, ends, cover.valid_from, cover.cover_id)

    turns = []
    for cover in request.covers:
        product = catalogue.get(cover.product)
        day = product.day_of(request.service_time) if product else written_day(request.service_date)
        turns.append(_Turn(cover, product, day))
    return sorted(turns, key=order) if len(turns) > 1 else turns


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
    day: BusinessDay,
    used: Mapping[YearKey, Used],
) -> Case:
    key = YearKey(
        cover.product,
        cover.insurer,
        member if product.accumulates_per == "member" else "",
        product.benefit_year_of(day, cover.valid_from),
        request.currency,
    )
    return Case(request, cover, day, used.get(key) or unused(key))


def _apply(
    case: Case,
    product: Product,
    version: Version,
    open_amount: int,
    takings: Iterable[Taking],
    trace: list[Reason],
) -> tuple[Working, Taking]:
    """Take the version's steps in order, and add the reason of each to `trace`.

    What is payable on each line is worked out when a step first looks at lines; until then the
    steps move the total alone, which is all that most products ask for.
    """
    work = Working(open_amount, open_amount)
    payer, figures = product.payer, None
    for rule, step, scope in product.rules[version.version]:
        before = work.open
        if scope is None:
            work, note = step.apply(case, work)
        else:
            if figures is None:
                figures = left_on_lines(case.request, takings)
            work, figures, note = on_lines(step, scope, case, work, figures)
        trace.append(
            {
                "rule": rule,
                "payer": payer,
                "open_before": before,
                "taken": before - work.open,
                "note": note,
            }
        )
        if work.stopped:
            break
    return work, Taking(work.taken, figures)


def _consumed(case: Case, product: Product, work: Working) -> Consumed:
    return Consumed(
        cover_id=case.cover.cover_id,
        product=case.cover.product,
        payer=product.payer,
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
