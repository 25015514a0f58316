"""Writing to the log: what a topic does not take ends in an error that says how to mend it."""

import asyncio

import pytest
from kafka.admin import KafkaAdminClient

from services.contract.codec import Record
from services.contract.topics import changelog
from services.runtime.log_writer import BATCH_BYTES, LogWriter, RecordTooLargeError, Stored, Write
from services.runtime.settings import Settings

SMALL = Record(b"quiet", b"state", ())
LARGE = Record(b"home-7", b"s" * (2 << 20), ())


async def written(settings: Settings, topic: str, *records: Record) -> tuple[Stored, ...]:
    writer = await LogWriter(settings.bootstrap_servers, "test").start()
    try:
        return (await writer.write(Write(topic, 1, each) for each in records))[topic, 1]
    finally:
        await writer.stop()


def test_a_state_far_larger_than_a_batch_is_written(kafka_settings: Settings) -> None:
    assert len(LARGE.value) > 2 * BATCH_BYTES

    runs = asyncio.run(written(kafka_settings, changelog("treatment"), SMALL, LARGE, SMALL))

    assert sum(run.count for run in runs) == 3
    assert runs[0].offset == 0


def test_a_state_that_its_topic_does_not_take_is_named_with_what_to_do(
    kafka_settings: Settings,
) -> None:
    limit = {"max.message.bytes": "1048588"}
    with KafkaAdminClient(bootstrap_servers=kafka_settings.bootstrap_servers) as admin:
        wanted = {"num_partitions": 2, "replication_factor": 1, "configs": limit}
        admin.create_topics({"of-others": wanted}, wait_for_metadata=True)

    with pytest.raises(RecordTooLargeError) as refused:
        asyncio.run(written(kafka_settings, "of-others", SMALL, LARGE, SMALL))

    assert "of-others/1 does not take the record of b'home-7', 2,097,158" in str(refused.value)
    assert "raise max.message.bytes of of-others" in str(refused.value)
