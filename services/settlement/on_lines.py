"""A step on some lines of a bill, and what each cover takes of every line. Minor units."""

from collections.abc import Iterable
from typing import NamedTuple

from services.contract.payment import PaymentRequested
from services.settlement.lines import Figures, Scope, apportion
from services.settlement.steps.step import Case, Terms, Working


class Taking(NamedTuple):
    """What one cover takes of a bill.

    over: the figures of the lines that the amount is apportioned over; None is what the covers
    before left open on each, where no step of the cover looked at lines.
    """

    amount: int
    over: Figures | None


def on_lines(
    step: Terms, scope: Scope, case: Case, work: Working, figures: Figures
) -> tuple[Working, Figures, str]:
    """Apply a step to the lines that it is for, and leave the others as they are.

    figures: what was payable on each line when a step last looked at lines. To the step, `payable`
    is what is payable on its lines together; what it leaves is apportioned over them. A step that
    stops stops for its lines alone. Lines that sum to less than nothing have nothing payable.
    """
    lines = case.request.lines
    if work.payable != sum(figures):
        figures = apportion(work.payable, figures)
    places = [place for place, line in enumerate(lines) if scope(line)]
    mine = [figures[place] for place in places]
    payable = max(0, sum(mine))
    after, note = step.apply(case, work._replace(payable=payable))
    if after.payable != payable:
        kept = list(figures)
        for place, figure in zip(places, apportion(after.payable, mine), strict=True):
            kept[place] = figure
        figures = tuple(kept)
    said = f"On {len(places)} of {len(lines)} lines, {case.money(payable)}: {note}"
    return after._replace(payable=max(0, sum(figures)), stopped=False), figures, said


def left_on_lines(request: PaymentRequested, takings: Iterable[Taking]) -> Figures:
    """Return what these covers leave open on each line; it sums to what they leave of the bill."""
    left = tuple([line.amount for line in request.lines])
    for parts in taken_of_lines(request, takings):
        left = tuple([figure - part for figure, part in zip(left, parts, strict=True)])
    return left


def taken_of_lines(request: PaymentRequested, takings: Iterable[Taking]) -> list[Figures]:
    """Return what each cover takes of each line, in the order of their turns."""
    left = tuple([line.amount for line in request.lines])
    taken = []
    for amount, over in takings:
        parts = apportion(amount, left if over is None else over)
        left = tuple([figure - part for figure, part in zip(left, parts, strict=True)])
        taken.append(parts)
    return taken
