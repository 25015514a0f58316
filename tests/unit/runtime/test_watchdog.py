"""When a worker that stands still should have moved."""

import threading
from collections.abc import Iterable, Mapping

import pytest
from kafka import TopicPartition
from kafka.errors import KafkaTimeoutError

from services.runtime import watchdog
from services.runtime.watchdog import Standing, StoodStillError, Watchdog, why_it_should_move

WAITS = Standing(assigned=True, restoring=False, positions={0: 7})
SPARE = Standing(assigned=True, restoring=False, positions={})
JOINS = Standing(assigned=False, restoring=False, positions={})


def at(end: int) -> Mapping[int, int]:
    return {0: end, 1: 5}


def test_who_has_read_to_the_end_may_stand_still() -> None:
    mine = Standing(assigned=True, restoring=False, positions={0: 7})

    assert why_it_should_move(mine, at(7)) is None


def test_who_has_records_before_it_should_have_read_them() -> None:
    mine = Standing(assigned=True, restoring=False, positions={0: 7})

    assert why_it_should_move(mine, at(9)) == "records wait, by partition: {0: 2}"


def test_partitions_of_others_are_not_waited_for() -> None:
    mine = Standing(assigned=True, restoring=False, positions={})

    assert why_it_should_move(mine, at(9)) is None


def test_who_was_given_nothing_or_does_not_get_its_states_should_have_moved() -> None:
    joining = Standing(assigned=False, restoring=False, positions={})
    restoring = Standing(assigned=True, restoring=True, positions={})

    assert why_it_should_move(joining, at(0)) == "it was given no partitions"
    assert why_it_should_move(restoring, at(0)) == "its states are not restored"


class Broker:
    """A client of a broker whose only partition ends at 9; its first answers are errors.

    read: how far the worker's group has read it, at one look after the other.
    """

    def __init__(self, *errors: Exception, read: Iterable[int | None] = ()) -> None:
        self.errors = list(errors)
        self.read = iter(read)
        self.all_said = threading.Event()

    def __call__(self, **_: object) -> "Broker":
        if self.errors:
            raise self.errors.pop(0)
        self.all_said.set()
        return self

    def partitions_for_topic(self, _topic: str) -> set[int]:
        return {0}

    def end_offsets(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(places, 9)

    def committed(self, _at: TopicPartition) -> int | None:
        return next(self.read)

    def close(self) -> None: ...


def ended(standing: Standing, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return why a watchdog has ended a worker, and whether the broker had answered by then."""
    monkeypatch.setattr(watchdog, "KafkaConsumer", broker)
    said, stopped = [], threading.Event()

    def stop(error: BaseException) -> None:
        if not stopped.is_set():
            assert isinstance(error, StoodStillError)
            said.append(str(error).partition(": ")[2])
            said.append("the broker answers" if broker.all_said.is_set() else "the broker is away")
        stopped.set()
        threading.Event().wait()  # the process would have ended, and with it this thread

    Watchdog(
        "health-events", "careloop-screening", "nowhere:1", 0.06, lambda: standing, stop
    ).start()
    assert stopped.wait(20)
    return said


@pytest.mark.parametrize("error", [OSError(24, "too many open files"), KafkaTimeoutError("away")])
def test_a_question_that_fails_is_asked_again_later(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = ended(WAITS, Broker(error), monkeypatch)

    assert said == ["records wait, by partition: {0: 2}", "the broker answers"]


def test_who_joins_is_not_ended_before_the_broker_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    said = ended(JOINS, Broker(*[KafkaTimeoutError("away")] * 5), monkeypatch)

    assert said == ["it was given no partitions", "the broker answers"]


@pytest.mark.parametrize("read", [(None, None), (3, 5, 7, 7)])
def test_who_was_given_nothing_is_ended_once_nobody_of_its_group_reads(
    read: tuple[int | None, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = ended(SPARE, Broker(read=read), monkeypatch)

    assert said == [
        f"records wait, by partition: {{0: {9 - (read[-1] or 0)}}}",
        "the broker answers",
    ]
