"""The covers of a member: who may pay, and from when to when.

The end of a cover may come before its start. Then it waits for it, within bounds.
"""

from datetime import date, datetime
from typing import Final, NamedTuple

from services.contract.frozen import Day, Id, Text
from services.contract.member import CoverActivated, CoverEnded, CoverTerms
from services.contract.step import RuleRefusedError
from services.contract.waiting import WAITS_AT_MOST
from services.member.calendar import SCHEME_ZONE, BusinessDay, day_in, days_after, local_day

COVERS_MAX: Final = 64
"""Covers remembered for one member: late corrections ask for old ones. The one that ended first
is forgotten first."""

ENDS_MAX: Final = 16
"""Ends that wait for the start of their cover, of one member."""


class Cover(NamedTuple):
    """A cover as it is remembered: its terms, as a bare row.

    valid_to: its last day. agreed_to: its last day by the terms, where it may have ended earlier.
    """

    cover_id: Id
    product: Id
    insurer: Id
    valid_from: Day
    valid_to: Day | None
    agreed_to: Day | None = None

    @property
    def terms(self) -> CoverTerms:
        """The terms as the contract states them; they were checked when they came."""
        return CoverTerms.model_construct(
            cover_id=self.cover_id,
            product=self.product,
            insurer=self.insurer,
            valid_from=self.valid_from,
            valid_to=self.valid_to,
        )

    @property
    def span(self) -> str:
        """From when to when it holds, for people."""
        return f"from {self.valid_from}" + (f" to {self.valid_to}" if self.valid_to else "")


class End(NamedTuple):
    """The end of a cover that is not known yet.

    waits_until: the last day, by the log's clock. fact: id of the event that says it.
    """

    cover_id: Id
    last_day: Day
    waits_until: Day
    fact: Text


Covers = tuple[Cover, ...]
"""In the order of their first days, then of their ids, never of arrival."""

Ends = tuple[End, ...]
"""In the order of arrival, of a cover one at most."""


def covers_on(covers: Covers, day: BusinessDay) -> Covers:
    """Return the covers in force on `day`; their first and last day count."""
    return tuple([cover for cover in covers if _holds(cover, day)])


def covers_at(covers: Covers, moment: datetime) -> Covers:
    """Return the covers in force at `moment`: on its day where it happened, then in the scheme's zone.

    Which of the two days counts, each product says by its own zone. They are shown without their
    last days: a cover that ends later pays the same.
    """
    there, here = local_day(moment), day_in(moment, SCHEME_ZONE)
    in_force = covers_on(covers, there)
    if there != here:
        in_force += covers_on(covers, here)
    return tuple([Cover(*cover[:4], None) for cover in in_force])


def terms_of(covers: Covers) -> tuple[CoverTerms, ...]:
    """Return the terms of covers, as a payment request states them."""
    return tuple([cover.terms for cover in covers])


def insurers_in_force(covers: Covers, day: BusinessDay) -> tuple[str, ...]:
    """Return, sorted and once each, the insurers with a cover in force on `day`."""
    return tuple(sorted({cover.insurer for cover in covers if _holds(cover, day)}))


def with_cover(
    covers: Covers, ends: Ends, data: CoverActivated | CoverEnded, fact: str, today: date
) -> tuple[Covers, Ends]:
    """Return `covers` after one of them began, changed or ended, and the ends that still wait.

    Returns what it was given if nothing changes. A last day before its first leaves a cover that
    never paid. Of several ends the latest word holds, within the terms; to prolong a cover beyond
    them, it is activated again with its new terms. An end that came first holds for the cover's
    first start. fact: id of the event. today: of the log's clock.

    Raises:
        RuleRefusedError: too many ends wait for covers that are not known.
    """
    if isinstance(data, CoverActivated):
        return _begun(covers, ends, data, today)
    for cover in covers:
        if cover.cover_id == data.cover_id:
            return _put(covers, _until(cover, data.last_day)), ends
    return covers, _awaited(ends, data, fact, today)


def change_of(before: Covers, after: Covers, data: CoverActivated | CoverEnded) -> str:
    """Say in at most 500 characters what happened to a cover."""
    cover_id = data.cover.cover_id if isinstance(data, CoverActivated) else data.cover_id
    was, now = (
        next((cover for cover in covers if cover.cover_id == cover_id), None)
        for covers in (before, after)
    )
    if was is None or now is None:
        return f"cover {cover_id} became known"
    why = f": {data.reason}" if isinstance(data, CoverEnded) else ""
    if was[1:3] != now[1:3]:
        return f"cover {cover_id} is now {now.product} by {now.insurer}{why}"[:500]
    return f"cover {cover_id} holds {now.span}, and not {was.span}{why}"[:500]


def _begun(covers: Covers, ends: Ends, data: CoverActivated, today: date) -> tuple[Covers, Ends]:
    terms = data.cover
    row = (terms.cover_id, terms.product, terms.insurer, terms.valid_from, terms.valid_to)
    cover = Cover(*row, agreed_to=terms.valid_to)
    for end in ends:
        if end.cover_id == cover.cover_id:
            ends = tuple([other for other in ends if other is not end])
            cover = cover if end.waits_until < today else _until(cover, end.last_day)
    return _put(covers, cover), ends


def _awaited(ends: Ends, data: CoverEnded, fact: str, today: date) -> Ends:
    waiting = [end for end in ends if end.waits_until >= today]
    others = [end for end in waiting if end.cover_id != data.cover_id]
    if len(others) >= ENDS_MAX:
        raise RuleRefusedError(
            f"cover {data.cover_id} ends and is not known for this member, and {ENDS_MAX} other "
            "ends wait for their covers already; publish its start first"
        )
    until = days_after(today, WAITS_AT_MOST.days)
    return (*others, End(data.cover_id, data.last_day, until, fact))


def _until(cover: Cover, last_day: date) -> Cover:
    agreed = cover.agreed_to
    return cover._replace(valid_to=last_day if agreed is None else min(agreed, last_day))


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
