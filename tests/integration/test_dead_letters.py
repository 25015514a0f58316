"""Dead letters on a real Kafka: listed, mended, and driven again as often as one likes."""

from pathlib import Path

import orjson
from typer.testing import CliRunner

from services.cli.main import app as careloop
from services.contract.clinical import ObservationRecorded
from services.contract.codec import Record, header_map
from services.contract.topics import DEAD_LETTERS, HEALTH_EVENTS
from services.local.ports import free_port
from services.runtime.fold import PARKED_MAX
from services.runtime.settings import Settings
from tests.gateways import cloud_event, registered
from tests.integration.test_gateway_kafka import running
from tests.workers import WorkerProcess, fact, facts, publish, read, wait_for

ELSEWHERE_IDLE = ("--without-effect-on", "management", "--without-effect-on", "rehabilitation")


def observed(number: int, value: float) -> dict[str, object]:
    data = orjson.loads(fact("m1", number, value).value)
    return cloud_event(ObservationRecorded.TYPE, data, id=f"o{number}")


def records(settings: Settings, topic: str) -> list[Record]:
    return [row.record for rows in read(settings, topic).values() for row in rows]


def counted(settings: Settings) -> list[int]:
    """Return what the counting stage has said: the number of observations after each."""
    said = [
        orjson.loads(record.value)["parts"][0]["points"]
        for record in records(settings, HEALTH_EVENTS)
        if header_map(record.headers).get("ce_source") == b"/careloop/screening"
    ]
    return sorted(said)


def call(settings: Settings, *arguments: str) -> tuple[int, str]:
    """Run `careloop dead-letters`; returns its exit status and what it said."""
    servers = ("--bootstrap-servers", settings.bootstrap_servers)
    found = CliRunner().invoke(careloop, ["dead-letters", *arguments, *servers])
    return found.exit_code, found.output


def test_a_refused_record_is_mended_and_driven_again_twice_and_counts_once(
    kafka_settings: Settings, tmp_path: Path
) -> None:
    port, mended = free_port(), tmp_path / "mended.jsonl"
    unnumbered = fact("m1", 9)
    headers = [each for each in unnumbered.headers if each[0] not in {"ce_sequence", "ce_subject"}]
    poison = Record(unnumbered.key, unnumbered.value, (*headers, ("ce_subject", b"m1")))

    def redrive(*arguments: str) -> tuple[int, str]:
        return call(kafka_settings, "redrive", "--url", f"http://127.0.0.1:{port}", *arguments)

    with (
        running(kafka_settings, port) as (client, _),
        WorkerProcess(kafka_settings, tmp_path / "worker"),
    ):
        facts = [registered(), observed(1, 120.0), observed(2, -5.0), observed(3, 130.0)]
        batch = {"content-type": "application/cloudevents-batch+json"}
        assert client.post("/events", json=facts, headers=batch).status_code == 200
        publish(kafka_settings, [poison])
        wait_for(lambda: counted(kafka_settings) == [1, 2], "two of three to be counted")
        # The gateway's timeline reads every topic, and refuses what has no number, too.
        wait_for(lambda: len(records(kafka_settings, DEAD_LETTERS)) == 3, "three letters")

        assert redrive()[0] == 2, "nothing is chosen by saying nothing"
        assert redrive("no-such-id")[0] == 2
        status, listed = call(kafka_settings, "list", "--out", str(mended))
        assert status == 0
        assert "a value of -5.0 is below 0" in listed
        assert "management and rehabilitation took it" in listed
        mended.write_bytes(mended.read_bytes().replace(b'"value":-5.0', b'"value":140.0'))
        status, answer = redrive("--from", str(mended))
        assert (status, answer.count("held back")) == (1, 1)
        assert answer.count("accepted by the gateway") == 1

        for _ in range(2):
            status, answer = redrive("--from", str(mended), *ELSEWHERE_IDLE)
            assert status == 0, answer
        assert answer.count("driven before") == 2
        status, answer = redrive("--all", *ELSEWHERE_IDLE)  # as it stood: another content
        assert (status, answer.count("accepted before under the same id")) == (1, 1)

        assert client.post("/events", json=[observed(4, 125.0)], headers=batch).status_code == 200
        wait_for(lambda: len(counted(kafka_settings)) >= 5, "what came after to be counted")

    assert counted(kafka_settings) == [1, 2, 3, 4, 5]
    assert len(records(kafka_settings, DEAD_LETTERS)) == 3


def test_what_came_too_far_before_its_turn_is_driven_again_and_counts_once(
    kafka_settings: Settings, tmp_path: Path
) -> None:
    last = PARKED_MAX + 2
    with WorkerProcess(kafka_settings, tmp_path / "worker"):
        publish(kafka_settings, facts(1, 2, last + 1))
        wait_for(lambda: len(records(kafka_settings, DEAD_LETTERS)) == 1, "one letter")
        publish(kafka_settings, facts(1, 1, 2))
        wait_for(lambda: len(counted(kafka_settings)) == last - 1, "all but the last to be counted")

        for _ in range(2):
            status, answer = call(kafka_settings, "redrive", "--reason", "1 is missing")
            assert (status, answer.count("written again")) == (0, 1), answer
        publish(kafka_settings, facts(1, last + 1, last + 2))
        wait_for(lambda: len(counted(kafka_settings)) > last, "what came after to be counted")

    assert counted(kafka_settings) == list(range(1, last + 2))
