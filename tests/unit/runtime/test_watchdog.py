"""When a worker that stands still should have moved."""

from collections.abc import Mapping

from services.runtime.watchdog import Standing, why_it_should_move


def at(end: int) -> Mapping[int, int]:
    return {0: end, 1: 5}


def test_who_has_read_to_the_end_may_stand_still() -> None:
    mine = Standing(assigned=True, restoring=False, positions={0: 7})

    assert why_it_should_move(mine, lambda: at(7)) is None


def test_who_has_records_before_it_should_have_read_them() -> None:
    mine = Standing(assigned=True, restoring=False, positions={0: 7})

    assert why_it_should_move(mine, lambda: at(9)) == "records wait, by partition: {0: 2}"


def test_partitions_of_others_are_not_waited_for() -> None:
    mine = Standing(assigned=True, restoring=False, positions={})

    assert why_it_should_move(mine, lambda: at(9)) is None


def test_who_was_given_nothing_or_does_not_get_its_states_should_have_moved() -> None:
    joining = Standing(assigned=False, restoring=False, positions={})
    restoring = Standing(assigned=True, restoring=True, positions={})

    assert why_it_should_move(joining, lambda: at(0)) == "it was given no partitions"
    assert why_it_should_move(restoring, lambda: at(0)) == "its states are not restored"
