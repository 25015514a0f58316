"""The covers of a member: who may pay, and from when to when."""

from collections.abc import Iterable
from datetime import date
from typing import Final

from services.contract.member import CoverActivated, CoverEnded, CoverTerms
from services.contract.step import RuleRefusedError
from services.member.calendar import BusinessDay

COVERS_MAX: Final = 64
"""Covers remembered for one member: late corrections ask for old ones. The one that ended first
is forgotten first."""

Covers = tuple[CoverTerms, ...]
"""In the order of their first days, then of their ids, never of arrival."""


def covers_on(covers: Covers, day: BusinessDay) -> Covers:
    """Return the covers in force on `day`; their first and last day count."""
    return tuple([cover for cover in covers if _holds(cover, day)])


def insurers_in_force(covers: Iterable[CoverTerms], day: BusinessDay) -> tuple[str, ...]:
    """Return, sorted and once each, the insurers with a cover in force on `day`."""
    return tuple(sorted({cover.insurer for cover in covers if _holds(cover, day)}))


def with_cover(covers: Covers, data: CoverActivated | CoverEnded) -> Covers:
    """Return `covers` after one of them began, changed or ended.

    Returns `covers` itself if nothing changes. A last day before its first leaves a cover that
    never paid; to prolong one that ended, it is activated again with its new terms.

    Raises:
        RuleRefusedError: the cover that ends is not known.
    """
    if isinstance(data, CoverActivated):
        return _put(covers, data.cover)
    known = next((cover for cover in covers if cover.cover_id == data.cover_id), None)
    if known is None:
        raise RuleRefusedError(
            f"cover {data.cover_id} ends and is not known for this member; publish its start first"
        )
    if known.valid_to is not None and known.valid_to <= data.last_day:
        return covers
    shorter = CoverTerms(
        cover_id=known.cover_id,
        product=known.product,
        insurer=known.insurer,
        valid_from=known.valid_from,
        valid_to=data.last_day,
    )
    return _put(covers, shorter)


def _put(covers: Covers, cover: CoverTerms) -> Covers:
    if cover in covers:
        return covers
    others = [known for known in covers if known.cover_id != cover.cover_id]
    kept = sorted([*others, cover], key=lambda known: (known.valid_from, known.cover_id))
    if len(kept) > COVERS_MAX:
        kept.remove(min(kept, key=lambda known: known.valid_to or date.max))
    return tuple(kept)


def _holds(cover: CoverTerms, day: date) -> bool:
    return cover.valid_from <= day and (cover.valid_to is None or day <= cover.valid_to)
