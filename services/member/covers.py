"""The covers of a member: who may pay, and from when to when."""

from datetime import date
from typing import Final, NamedTuple

from services.contract.frozen import Day, Id
from services.contract.member import CoverActivated, CoverEnded, CoverTerms
from services.contract.step import RuleRefusedError
from services.member.calendar import BusinessDay

COVERS_MAX: Final = 64
"""Covers remembered for one member: late corrections ask for old ones. The one that ended first
is forgotten first."""


class Cover(NamedTuple):
    """A cover as it is remembered: its terms, as a bare row."""

    cover_id: Id
    product: Id
    insurer: Id
    valid_from: Day
    valid_to: Day | None

    @property
    def terms(self) -> CoverTerms:
        """The terms as the contract states them; they were checked when they came."""
        return CoverTerms.model_construct(**self._asdict())


Covers = tuple[Cover, ...]
"""In the order of their first days, then of their ids, never of arrival."""


def covers_on(covers: Covers, day: BusinessDay) -> Covers:
    """Return the covers in force on `day`; their first and last day count."""
    return tuple([cover for cover in covers if _holds(cover, day)])


def terms_of(covers: Covers) -> tuple[CoverTerms, ...]:
    """Return the terms of covers, as a payment request states them."""
    return tuple([cover.terms for cover in covers])


def insurers_in_force(covers: Covers, day: BusinessDay) -> tuple[str, ...]:
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
        terms = data.cover
        row = (terms.cover_id, terms.product, terms.insurer, terms.valid_from, terms.valid_to)
        return _put(covers, Cover(*row))
    known = next((cover for cover in covers if cover.cover_id == data.cover_id), None)
    if known is None:
        raise RuleRefusedError(
            f"cover {data.cover_id} ends and is not known for this member; publish its start first"
        )
    if known.valid_to is not None and known.valid_to <= data.last_day:
        return covers
    return _put(covers, known._replace(valid_to=data.last_day))


def _put(covers: Covers, cover: Cover) -> Covers:
    if cover in covers:
        return covers
    others = [known for known in covers if known.cover_id != cover.cover_id]
    kept = sorted([*others, cover], key=lambda known: (known.valid_from, known.cover_id))
    if len(kept) > COVERS_MAX:
        kept.remove(min(kept, key=lambda known: known.valid_to or date.max))
    return tuple(kept)


def _holds(cover: Cover, day: date) -> bool:
    return cover.valid_from <= day and (cover.valid_to is None or day <= cover.valid_to)
