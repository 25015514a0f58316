"""The covers of a member, as every stage remembers them."""

from datetime import date, timedelta

import pytest

from services.contract.member import CoverEnded
from services.contract.step import RuleRefusedError
from services.contract.waiting import WAITS_AT_MOST
from services.member import covers as members
from services.member.covers import (
    COVERS_MAX,
    ENDS_MAX,
    covers_on,
    insurers_in_force,
    terms_of,
)
from tests.unit.treatment.journey import cover

FIRST = date(2026, 1, 1)


def begun(name, start=FIRST, end=None, insurer="insurer-1"):
    return cover(name, start, end, insurer)


def ended(name, last_day):
    return CoverEnded(cover_id=name, last_day=last_day, reason="moved away")


def with_cover(covers, data):
    """The covers after one of them began or ended, where no end waits."""
    after, waiting = members.with_cover(covers, (), data, "event-1", FIRST)
    assert waiting == ()
    return after


def test_the_first_and_the_last_day_count():
    covers = with_cover((), begun("a", FIRST, FIRST + timedelta(days=9)))

    in_force = [offset for offset in range(-2, 13) if covers_on(covers, FIRST + timedelta(offset))]

    assert in_force == list(range(10))


def test_insurers_are_in_force_from_the_first_day_to_the_last_once_each():
    covers = with_cover((), begun("a", date(2026, 1, 1), date(2026, 6, 30), "one"))
    covers = with_cover(covers, begun("b", date(2026, 6, 30), None, "two"))
    covers = with_cover(covers, begun("c", date(2026, 6, 30), None, "two"))

    assert insurers_in_force(covers, date(2025, 12, 31)) == ()
    assert insurers_in_force(covers, date(2026, 1, 1)) == ("one",)
    assert insurers_in_force(covers, date(2026, 6, 30)) == ("one", "two")
    assert insurers_in_force(covers, date(2026, 7, 1)) == ("two",)


@pytest.mark.parametrize("last", [FIRST - timedelta(days=1), FIRST, FIRST + timedelta(days=9)])
def test_the_end_of_a_cover_may_come_before_its_start(last):
    covers, waiting = members.with_cover((), (), ended("a", last), "event-1", FIRST)
    assert (covers, [end.cover_id for end in waiting]) == ((), ["a"])

    after = members.with_cover(covers, waiting, begun("a"), "event-1", waiting[0].waits_until)

    assert after == (with_cover(with_cover((), begun("a")), ended("a", last)), ())


def test_of_two_ends_that_wait_for_one_cover_the_later_word_holds():
    _, first = members.with_cover((), (), ended("a", FIRST + timedelta(days=5)), "event-1", FIRST)
    _, both = members.with_cover((), first, ended("a", FIRST + timedelta(days=9)), "event-1", FIRST)

    covers, waiting = members.with_cover((), both, begun("a"), "event-1", FIRST)

    assert (covers[0].valid_to, waiting) == (FIRST + timedelta(days=9), ())


def test_an_end_that_waited_too_long_is_forgotten():
    _, waiting = members.with_cover((), (), ended("a", FIRST), "event-1", FIRST)

    today = FIRST + timedelta(days=WAITS_AT_MOST.days + 1)
    covers, left = members.with_cover((), waiting, begun("a"), "event-1", today)

    assert (covers[0].valid_to, left) == (None, ())


def test_more_ends_than_are_kept_are_refused_until_some_are_over():
    waiting = ()
    for number in range(ENDS_MAX):
        _, waiting = members.with_cover((), waiting, ended(f"c{number}", FIRST), "event-1", FIRST)

    with pytest.raises(RuleRefusedError, match="16 other ends wait"):
        members.with_cover((), waiting, ended("one-more", FIRST), "event-1", FIRST)

    today = FIRST + timedelta(days=WAITS_AT_MOST.days + 1)
    _, left = members.with_cover((), waiting, ended("one-more", FIRST), "event-1", today)
    assert [end.cover_id for end in left] == ["one-more"]


def test_the_order_is_that_of_the_terms_and_not_of_arrival():
    a, b = begun("a", FIRST), begun("b", FIRST - timedelta(days=1))

    both = with_cover(with_cover((), a), b)

    assert both == with_cover(with_cover((), b), a)
    assert terms_of(both) == (b.cover, a.cover)


def test_the_latest_word_on_an_end_holds_within_the_terms():
    terms = FIRST + timedelta(days=9)
    covers = with_cover((), begun("a", FIRST, terms))
    told = [covers := with_cover(covers, ended("a", FIRST + timedelta(n))) for n in (5, 2, 7, 20)]

    assert [known[0].valid_to for known in told] == [
        FIRST + timedelta(5), FIRST + timedelta(2), FIRST + timedelta(7), terms,
    ]  # fmt: skip
    assert with_cover(covers, ended("a", terms)) is covers


def test_a_cover_that_ends_before_it_begins_never_pays():
    covers = with_cover(with_cover((), begun("a")), ended("a", FIRST - timedelta(days=1)))

    assert covers_on(covers, FIRST) == ()


def test_the_cover_that_ended_first_is_forgotten_first():
    covers = ()
    for year in range(COVERS_MAX + 1):
        covers = with_cover(covers, begun(f"c{year}", FIRST, FIRST + timedelta(days=year)))

    assert len(covers) == COVERS_MAX
    assert "c0" not in {known.cover_id for known in covers}
