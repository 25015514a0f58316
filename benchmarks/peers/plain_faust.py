"""The rule in a Faust agent with a Table, as Faust's documentation shows: event by event."""

import os
from typing import Any

import faust

from benchmarks.peers.rule import advance
from benchmarks.peers.stages import given
from services.contract.codec import Record
from services.contract.topics import CARE_MILESTONES, PAYMENT_EVENTS
from services.runtime.household import Household, decode_household


def main() -> None:
    """Run until stopped; the table is kept in memory, the faster of Faust's two stores."""
    stage, servers = given()
    app = faust.App(
        "bench-faust",
        broker=f"kafka://{servers}",
        datadir=os.environ["CARELOOP_DATA_DIR"],
        store="memory://",
        topic_partitions=int(os.environ["CARELOOP_PARTITIONS"]),
        web_enabled=False,
    )
    source = app.topic(stage.input_topic, key_serializer="raw", value_serializer="raw")
    topics = {
        name: app.topic(name, key_serializer="raw", value_serializer="raw")
        for name in (PAYMENT_EVENTS, CARE_MILESTONES)
    }
    households = app.Table("households", key_type=bytes, value_type=bytes)

    async def fold(stream: Any) -> None:
        async for event in stream.events():
            stored = households.get(event.key)
            household: Household[Any] = (
                Household(stage.state) if stored is None else decode_household(stored, stage.state)
            )
            record = Record(event.key, event.value, tuple(event.headers.items()))
            said = advance(stage, household, record)
            households[event.key] = household.encode()
            for topic, out in said:
                await topics[topic].send(key=out.key, value=out.value, headers=list(out.headers))

    app.agent(source)(fold)
    faust.Worker(app, loglevel="error").execute_from_commandline()


if __name__ == "__main__":
    main()
