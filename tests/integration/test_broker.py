import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psutil
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient

from services.local.broker import BrokerError, EmbeddedKafka
from services.local.broker.jars import (
    broken_jars,
    class_path,
    expected_digests,
    fetch_jars,
    jar_folder,
)
from services.runtime.settings import Settings

_TOPIC = TopicPartition("kept", 0)

_HOLDER = """
import sys, time
from pathlib import Path
from services.local.broker import EmbeddedKafka
broker = EmbeddedKafka(Path(sys.argv[1]))
broker.start()
print(broker.pid, flush=True)
time.sleep(600)
"""


def publish(bootstrap_servers: str, value: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap_servers)
    producer.send(_TOPIC.topic, value, partition=0).get(timeout=20)
    producer.close()


def read_all(bootstrap_servers: str) -> list[bytes]:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap_servers, group_id=None)
    consumer.assign([_TOPIC])
    consumer.seek_to_beginning(_TOPIC)
    end = consumer.end_offsets([_TOPIC])[_TOPIC]
    values = []
    while consumer.position(_TOPIC) < end:
        values += [record.value for record in consumer.poll(500).get(_TOPIC, [])]
    consumer.close()
    return values


def wait_for(condition, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)
    return condition()


def test_a_second_start_finds_the_same_log(tmp_path):
    with EmbeddedKafka(tmp_path) as first:
        with KafkaAdminClient(bootstrap_servers=first.bootstrap_servers) as admin:
            admin.create_topics({_TOPIC.topic: {"num_partitions": 1, "replication_factor": 1}})
        publish(first.bootstrap_servers, b"before the stop")

    with EmbeddedKafka(tmp_path) as second:
        publish(second.bootstrap_servers, b"after it")
        values = read_all(second.bootstrap_servers)

    assert values == [b"before the stop", b"after it"]


def test_the_broker_listens_on_loopback_only(kafka):
    # Java binds IPv4 addresses on dual-stack sockets.
    listening = {
        connection.laddr.ip.removeprefix("::ffff:")
        for connection in psutil.Process(kafka.pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }

    assert listening == {"127.0.0.1"}


def test_a_directory_in_use_is_refused_by_name_of_its_process(kafka):
    other = EmbeddedKafka(kafka.data_dir)

    with pytest.raises(BrokerError, match=rf"in use by process {os.getpid()}"):
        other.start()

    assert kafka.is_alive()
    assert not other.is_alive()


def test_a_broker_that_cannot_start_shows_the_end_of_its_log(tmp_path):
    with EmbeddedKafka(tmp_path):
        pass
    meta = tmp_path / "log" / "meta.properties"
    meta.write_text(meta.read_text().replace("node.id=1", "node.id=7"))

    with pytest.raises(
        BrokerError, match=r"(?s)ended while starting.*kafka\.log.*Stored node id 7"
    ):
        EmbeddedKafka(tmp_path).start()


def test_a_broker_starts_whatever_its_cluster_is_called(tmp_path, monkeypatch):
    begins_with_a_dash = uuid.UUID(bytes=b"\xf8" + bytes(15))
    monkeypatch.setattr(uuid, "uuid4", lambda: begins_with_a_dash)

    with EmbeddedKafka(tmp_path) as broker:
        assert broker.is_alive()

    assert "cluster.id=-AAA" in (tmp_path / "log" / "meta.properties").read_text()


def test_a_broker_without_its_jars_says_how_to_fetch_them(tmp_path):
    broker = EmbeddedKafka(tmp_path / "data", cache_dir=tmp_path / "empty")

    with pytest.raises(BrokerError, match="broker fetch"):
        broker.start()

    assert not broker.is_alive()


def test_a_broker_ends_when_its_parent_is_killed(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with holder:
        broker = psutil.Process(int(holder.stdout.readline()))
        holder.send_signal(signal.SIGKILL)

    assert wait_for(lambda: not broker.is_running(), 25)


def test_a_start_waits_for_the_orphan_of_a_killed_process(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with holder:
        holder.stdout.readline()
        holder.send_signal(signal.SIGKILL)

    with EmbeddedKafka(tmp_path) as broker:
        assert broker.is_alive()


def test_after_a_stop_nothing_of_the_broker_is_left(tmp_path):
    before = set(psutil.Process().children(recursive=True))

    with EmbeddedKafka(tmp_path) as broker:
        pass

    assert set(psutil.Process().children(recursive=True)) == before
    with pytest.raises(BrokerError, match="not running"):
        _ = broker.bootstrap_servers


def test_jars_that_are_there_are_not_fetched_again():
    def refuse(name, _number, _total):
        pytest.fail(f"fetches {name}")

    folder = fetch_jars(Settings().cache_dir, refuse)

    assert folder == jar_folder(Settings().cache_dir)


def test_a_jar_that_was_changed_is_noticed(tmp_path):
    digests = {"a.jar": hashlib.sha256(b"a").hexdigest(), "b.jar": hashlib.sha256(b"b").hexdigest()}
    (tmp_path / "a.jar").write_bytes(b"a")
    (tmp_path / "b.jar").write_bytes(b"changed")

    assert broken_jars(tmp_path, digests) == ["b.jar"]


def test_the_class_path_needs_every_jar(tmp_path):
    folder = jar_folder(tmp_path)
    folder.mkdir()
    names = list(expected_digests())
    for name in names[1:]:
        (folder / name).touch()

    with pytest.raises(BrokerError, match="1 jars missing"):
        class_path(tmp_path)

    (folder / names[0]).touch()
    assert class_path(tmp_path) == str(folder / "*")
    shutil.rmtree(folder)


def test_the_list_of_jars_names_files_and_digests_only():
    for name, digest in expected_digests().items():
        assert Path(name).name == name
        assert name.endswith(".jar")
        assert len(bytes.fromhex(digest)) == 32
