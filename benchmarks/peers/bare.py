"""The limit: confluent-kafka and a dict. Nothing is stored, a crash loses every state."""

import time

from confluent_kafka import Consumer, Message, Producer

from benchmarks.peers.rule import advance
from benchmarks.peers.stages import given
from services.contract.codec import Record
from services.runtime.household import Household
from services.runtime.process import collect_garbage_seldom

COMMIT_S = 1.0


def main() -> None:
    """Consume, decide, produce; commit what was delivered, once a second."""
    stage, servers = given()
    collect_garbage_seldom()  # the limit is not the garbage collector's: as seldom as in our worker
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "bench-bare",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    producer = Producer({"bootstrap.servers": servers, "acks": "all", "linger.ms": 10})
    consumer.subscribe([stage.input_topic])
    households: dict[bytes, Household] = {}
    committed = time.monotonic()
    while True:
        for message in consumer.consume(1_000, 0.1):
            record = _record(message)
            household = households.get(record.key)
            if household is None:
                household = households[record.key] = Household(stage.state)
            for topic, said in advance(stage, household, record):
                producer.produce(topic, said.value, said.key, headers=list(said.headers))
        producer.poll(0)
        if time.monotonic() - committed > COMMIT_S:
            producer.flush()
            consumer.commit(asynchronous=True)
            committed = time.monotonic()


def _record(message: Message) -> Record:
    return Record(message.key(), message.value(), tuple(message.headers() or ()))


if __name__ == "__main__":
    main()
