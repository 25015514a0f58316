"""A question about the log is asked again while the broker is away, for as long as one is patient."""

from collections.abc import Callable
from typing import Any

import pytest
from kafka.errors import KafkaConnectionError, NodeNotReadyError, TopicAuthorizationFailedError

from services.runtime import drain
from services.runtime.drain import Progress
from services.runtime.settings import Settings

Ask = Callable[[Progress], Any]
both_questions = pytest.mark.parametrize(
    "ask", [Progress.ends, lambda progress: progress.lag({})], ids=["ends", "lag"]
)


class Broker:
    """An admin client of an empty log, whose first answers are errors, as of a broker's restart."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    def __call__(self, **_: object) -> "Broker":
        return self

    def list_partition_offsets(self, wanted: dict[Any, Any]) -> dict[Any, Any]:
        self._fail()
        return {at: Offset() for at in wanted}

    def list_group_offsets(self, groups: list[str]) -> dict[str, dict[Any, Any]]:
        self._fail()
        return {group: {} for group in groups}

    def close(self) -> None: ...

    def _fail(self) -> None:
        if self.errors:
            raise self.errors.pop(0)


class Offset:
    offset = 0


def asked(ask: Ask, broker: Broker, monkeypatch: pytest.MonkeyPatch, **patience: float) -> Any:
    monkeypatch.setattr(drain, "KafkaAdminClient", broker)
    with Progress(Settings(partitions=1), **patience) as progress:
        return ask(progress)


@both_questions
def test_who_asks_while_the_broker_starts_again_gets_an_answer(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    starting = Broker(NodeNotReadyError("No node_id provided"), KafkaConnectionError("refused"))

    assert set(asked(ask, starting, monkeypatch).values()) == {0}


@both_questions
def test_who_has_little_patience_is_told_soon(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Broker(*[NodeNotReadyError("No node_id provided")] * 100)

    with pytest.raises(NodeNotReadyError):
        asked(ask, gone, monkeypatch, patience_s=0.01)

    assert gone.errors


@both_questions
def test_what_the_broker_refuses_is_not_asked_again(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbidden = Broker(*[TopicAuthorizationFailedError("no")] * 2)

    with pytest.raises(TopicAuthorizationFailedError):
        asked(ask, forbidden, monkeypatch)

    assert len(forbidden.errors) == 1
