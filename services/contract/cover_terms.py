"""The covers of a member with their terms, as the stages remember them that ask for payment."""

from datetime import date
from typing import Final

from services.contract.member import CoverEnded, CoverTerms
from services.contract.step import RuleRefusedError

COVER_TERMS_MAX: Final = 64
"""Covers remembered for one member: late corrections ask for old ones. The one that ended first
is forgotten first."""

KnownCovers = tuple[CoverTerms, ...]


def covers_on(covers: KnownCovers, day: date) -> KnownCovers:
    """Return the covers in force on `day`; their first and last day count."""
    return tuple(
        cover
        for cover in covers
        if cover.valid_from <= day and (cover.valid_to is None or day <= cover.valid_to)
    )


def with_cover(covers: KnownCovers, cover: CoverTerms) -> KnownCovers:
    """Return `covers` with `cover` added, or put in the place of the one of the same id.

    The order is that of the terms, never of arrival. Returns `covers` itself if nothing changes.
    """
    if cover in covers:
        return covers
    others = [known for known in covers if known.cover_id != cover.cover_id]
    kept = sorted([*others, cover], key=lambda known: (known.valid_from, known.cover_id))
    if len(kept) > COVER_TERMS_MAX:
        kept.remove(min(kept, key=lambda known: known.valid_to or date.max))
    return tuple(kept)


def with_end(covers: KnownCovers, ended: CoverEnded) -> KnownCovers:
    """Return `covers` with one of them ending no later than its new last day.

    Returns `covers` itself if nothing changes. A last day before its first leaves a cover that
    never paid; to prolong one, it is activated again with its new terms.

    Raises:
        RuleRefusedError: the cover is not known.
    """
    known = next((cover for cover in covers if cover.cover_id == ended.cover_id), None)
    if known is None:
        raise RuleRefusedError(
            f"cover {ended.cover_id} ends and is not known for this member; publish its start first"
        )
    if known.valid_to is not None and known.valid_to <= ended.last_day:
        return covers
    return with_cover(covers, known.model_copy(update={"valid_to": ended.last_day}))
