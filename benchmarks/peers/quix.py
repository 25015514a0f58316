"""The rule in Quix Streams: a stateful `apply`, its RocksDB state, its changelog topic."""

import os
from typing import Any

from quixstreams import Application, State
from quixstreams.models import SerializationContext, Serializer

from benchmarks.peers.rule import advance
from benchmarks.peers.stages import given
from services.contract.codec import Record
from services.contract.topics import CARE_MILESTONES, PAYMENT_EVENTS
from services.runtime.household import Household, decode_household


class Body(Serializer):
    """Writes the body of a record that stands beside its topic."""

    def __call__(self, value: tuple[str, Record], ctx: SerializationContext) -> bytes:
        del ctx
        return value[1].value


def main() -> None:
    """Run until stopped, with the settings that Quix starts with."""
    stage, servers = given()
    app = Application(
        broker_address=servers,
        consumer_group="bench-quix",
        auto_offset_reset="earliest",
        state_dir=os.environ["CARELOOP_DATA_DIR"],
        loglevel="WARNING",
    )
    source = app.topic(stage.input_topic, value_deserializer="bytes")
    topics = {
        name: app.topic(name, value_serializer=Body()) for name in (PAYMENT_EVENTS, CARE_MILESTONES)
    }

    def decide(
        value: bytes, key: bytes, _timestamp: int, headers: Any, state: State
    ) -> list[tuple[str, Record]]:
        stored = state.get_bytes("household")
        household: Household[Any] = (
            Household(stage.state) if stored is None else decode_household(stored, stage.state)
        )
        said = advance(stage, household, Record(key, value, tuple(headers)))
        state.set_bytes("household", household.encode())
        return said

    app.dataframe(source).apply(decide, stateful=True, metadata=True, expand=True).set_headers(
        lambda value, *_: list(value[1].headers)
    ).to_topic(lambda value, *_: topics[value[0]])
    app.run()


if __name__ == "__main__":
    main()
