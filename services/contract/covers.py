"""The covers of a member as the stages remember them: who pays, and from when to when."""

from collections.abc import Iterable
from datetime import date
from typing import Final

from services.contract.frozen import Day, Frozen, Id
from services.contract.member import CoverTerms
from services.contract.step import RuleRefusedError

COVERS_MAX: Final = 8
"""Covers remembered for one member; the ones that ended first are forgotten first."""


class CoverPeriod(Frozen):
    """A cover without what it pays: enough to say which insurer may be told. Days inclusive."""

    cover_id: Id
    insurer: Id
    valid_from: Day
    valid_to: Day | None


Covers = tuple[CoverPeriod, ...]


def cover_activated(covers: Covers, terms: CoverTerms) -> Covers:
    """Return `covers` with these terms in place of any earlier ones of the same cover."""
    period = CoverPeriod(
        cover_id=terms.cover_id,
        insurer=terms.insurer,
        valid_from=terms.valid_from,
        valid_to=terms.valid_to,
    )
    if period in covers:
        return covers
    others = [cover for cover in covers if cover.cover_id != terms.cover_id]
    return tuple(sorted([*others, period], key=_end)[-COVERS_MAX:])


def cover_ended(covers: Covers, cover_id: str, last_day: date) -> Covers:
    """Return `covers` with one of them ending no later than `last_day`.

    Raises:
        RuleRefusedError: the cover is not known.
    """
    known = next((cover for cover in covers if cover.cover_id == cover_id), None)
    if known is None:
        raise RuleRefusedError(
            f"cover {cover_id} ends and is not known for this member; publish its start first"
        )
    if known.valid_to is not None and known.valid_to <= last_day:
        return covers
    shorter = known.model_copy(update={"valid_to": last_day})
    return tuple(shorter if cover is known else cover for cover in covers)


def insurers_in_force(covers: Iterable[CoverPeriod | CoverTerms], day: date) -> tuple[str, ...]:
    """Return, sorted and once each, the insurers with a cover in force on `day`."""
    return tuple(
        sorted(
            {
                cover.insurer
                for cover in covers
                if cover.valid_from <= day and (cover.valid_to is None or day <= cover.valid_to)
            }
        )
    )


def _end(cover: CoverPeriod) -> tuple[date, date, str]:
    return cover.valid_to or date.max, cover.valid_from, cover.cover_id
