"""`careloop publish` against the gateway's real doors, with its database and without a broker."""

import asyncio
import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvicorn
from fastapi.routing import APIRoute
from typer.testing import CliRunner, Result

from services.cli import publish as publishing
from services.cli.main import app as careloop
from services.gateway.app import open_gateway
from services.gateway.doors.fhir.bundle import DEFAULT_SOURCE
from services.gateway.routes import Gateway, create_app
from services.runtime.dead_letters import Place, dead_letter, read_letter
from services.runtime.projection import Batch, LoggedLetter
from services.runtime.settings import Settings

TESTDATA = Path(
    os.environ.get("CARELOOP_TESTDATA", Path(__file__).parents[4] / "shared" / "testdata")
)


def patient(member: str) -> dict[str, str]:
    return {
        "resourceType": "Patient",
        "id": member,
        "gender": "female",
        "birthDate": "1960-02-01",
    }


@dataclass
class RunningGateway:
    """drained: what the gateway will say, one after another; the last one for ever."""

    url: str = ""
    drained: list[bool] = field(default_factory=lambda: [True])
    asked: int = 0
    refuses: str = ""
    door: Gateway | None = None

    async def serve(self, settings: Settings, ready: threading.Event, stop: threading.Event):
        async with open_gateway(settings) as (door, _):
            self.door = door
            web = create_app(door)
            web.router.routes.insert(0, APIRoute("/drained", self.is_drained))
            server = uvicorn.Server(uvicorn.Config(web, port=0, log_config=None))
            serving = asyncio.create_task(server.serve())
            while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
                await asyncio.sleep(0.01)
            port = server.servers[0].sockets[0].getsockname()[1]
            self.url = f"http://127.0.0.1:{port}"
            ready.set()
            await asyncio.to_thread(stop.wait)
            server.should_exit = True
            await serving

    async def is_drained(self) -> dict[str, bool]:
        self.asked += 1
        if self.refuses:
            await asyncio.to_thread(self.refuse_the_last)
        return {"drained": self.drained.pop(0) if len(self.drained) > 1 else self.drained[0]}

    def refuse_the_last(self) -> None:
        """Let a stage have refused the last fact that was accepted."""
        assert self.door is not None
        last = self.door.store.unsent(10_000)[-1]
        place = Place("health-events", 0, last.position)
        letter = read_letter(dead_letter(last.record, place, "rehabilitation", self.refuses))
        assert letter is not None
        start = self.door.timeline.position("dead-letters", 0) or 0
        logged = LoggedLetter(int(time.time() * 1000), letter)
        batch = Batch("dead-letters", 0, start, start + 1, (), letters=(logged,))
        self.door.timeline.apply(batch)


@pytest.fixture(scope="module")
def one_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    running, ready, stop = RunningGateway(), threading.Event(), threading.Event()
    settings = Settings(data_dir=tmp_path_factory.mktemp("gateway"))
    thread = threading.Thread(target=lambda: asyncio.run(running.serve(settings, ready, stop)))
    thread.start()
    assert ready.wait(timeout=20)
    yield running
    stop.set()
    thread.join(timeout=20)


@pytest.fixture
def gateway(one_gateway: RunningGateway) -> RunningGateway:
    one_gateway.drained, one_gateway.asked, one_gateway.refuses = [True], 0, ""
    return one_gateway


@pytest.fixture
def member(tmp_path: Path) -> str:
    """Return a member of the test's own: the gateway is shared."""
    return tmp_path.name.replace("_", "-")


def publish(*words: object) -> Result:
    return CliRunner().invoke(careloop, ["publish", *map(str, words)])


def event(member: str, number: int, **changes: object) -> str:
    data = {"session_id": f"{member}-s{number}", "mode": "home", "reason": "No time."}
    attributes = {
        "specversion": "1.0",
        "id": f"{member}-e{number}",
        "source": DEFAULT_SOURCE,
        "type": "careloop.session.missed.v1",
        "subject": member,
        "time": "2025-03-01T08:00:00Z",
        "data": data,
    }
    return json.dumps(attributes | changes)


def test_a_folder_is_published_and_publishing_it_again_only_finds_duplicates(
    gateway, tmp_path, member
):
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "1-patient.json").write_text(json.dumps(patient(member)))
    (folder / "2-sessions.jsonl").write_text(f"{event(member, 1)}\n\n{event(member, 2)}\n")

    first = publish(folder, "--url", gateway.url)
    second = publish(folder, "--url", gateway.url)

    assert first.exit_code == 0
    assert "accepted 3, duplicates 0, refused 0" in first.output
    assert second.exit_code == 0
    assert "accepted 0, duplicates 3, refused 0" in second.output


def test_a_refused_event_is_named_with_its_line_and_reasons_and_the_others_stand(
    gateway, tmp_path, member
):
    (tmp_path / "1.json").write_text(json.dumps(patient(member)))
    (tmp_path / "2.jsonl").write_text(
        f"{event(member, 1)}\n{event(member, 2, subject='nobody')}\n{event(member, 3, type='careloop.x.y.v1')}\n"
    )

    result = publish(tmp_path / "1.json", tmp_path / "2.jsonl", "--url", gateway.url)

    assert result.exit_code == 1
    assert "2.jsonl:2: " in result.output
    assert "nobody is not registered" in result.output
    assert "2.jsonl:3: " in result.output
    assert "accepted 2, duplicates 0, refused 2" in result.output


def test_a_refused_bundle_is_named_with_all_its_problems(gateway, tmp_path, member):
    bad = {"resourceType": "Encounter", "id": "v-1", "status": "over", "class": {"code": "XYZ"}}
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"resource": patient(member)}, {"resource": bad}],
    }
    (tmp_path / "bundle.json").write_text(json.dumps(bundle))

    result = publish(tmp_path / "bundle.json", "--url", gateway.url)

    assert result.exit_code == 1
    assert "Bundle.entry[1].resource.subject" in result.output
    assert "Bundle.entry[1].resource.class.code" in result.output
    assert "accepted 0, duplicates 0, refused 1" in result.output


def test_what_cannot_be_read_is_named_and_other_files_are_skipped_with_a_reason(gateway, tmp_path):
    (tmp_path / "broken.json").write_text('{"resourceType": ')
    (tmp_path / "lines.jsonl").write_text('{"a": 1}\nnot json\n')
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "other.json").write_text('{"a": 1}')

    result = publish(tmp_path, "--url", gateway.url)

    assert result.exit_code == 1
    for words in ("broken.json: not JSON", "lines.jsonl:1: not a CloudEvent", "lines.jsonl:2: not"):
        assert words in result.output
    assert "notes.txt: neither .json nor" in result.output
    assert "other.json: JSON, but neither" in result.output
    assert "refused 3" in result.output


def test_a_resource_that_is_not_read_is_passed_over_and_not_refused(gateway, tmp_path):
    group = {"resourceType": "Group", "id": "g-1", "type": "person", "actual": True}
    (tmp_path / "group.json").write_text(json.dumps(group))

    result = publish(tmp_path, "--url", gateway.url)

    assert result.exit_code == 0
    assert "accepted 0, duplicates 0, refused 0 (passed over: 1)" in result.output


def test_wait_returns_when_the_gateway_says_that_all_is_processed(gateway, tmp_path, member):
    (tmp_path / "patient.json").write_text(json.dumps(patient(member)))
    gateway.drained = [False, False, True]

    result = publish(tmp_path / "patient.json", "--url", gateway.url, "--wait")

    assert result.exit_code == 0
    assert gateway.asked == 3


def test_wait_gives_up_at_its_time_and_says_so(gateway, tmp_path, member):
    (tmp_path / "patient.json").write_text(json.dumps(patient(member)))
    gateway.drained = [False]

    result = publish(
        tmp_path / "patient.json", "--url", gateway.url, "--wait", "--wait-timeout", "0.4"
    )

    assert result.exit_code == 2
    assert "not all processed yet" in result.output


def test_nobody_at_the_address_is_a_clear_error(tmp_path, member, monkeypatch):
    monkeypatch.setattr(publishing, "REACH_S", 0.2)
    (tmp_path / "patient.json").write_text(json.dumps(patient(member)))

    result = publish(tmp_path / "patient.json", "--url", "http://127.0.0.1:9")

    assert result.exit_code == 2
    assert "http://127.0.0.1:9" in result.output
    assert "is the gateway running" in result.output


def test_a_path_that_does_not_exist_is_named_before_anything_is_sent(gateway, tmp_path):
    result = publish(tmp_path / "nothing", "--url", gateway.url)

    assert result.exit_code == 1
    assert "nothing: no such file or folder" in result.output


def test_ten_years_of_synthea_are_accepted_once(gateway):
    folder = TESTDATA / "synthea-r4"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there; set CARELOOP_TESTDATA to the folder of test data")

    first = publish(folder, "--url", gateway.url)
    second = publish(folder, "--url", gateway.url)

    assert first.exit_code == 0, first.output
    assert ", duplicates 0, refused 0" in first.output
    assert second.exit_code == 0, second.output
    assert "accepted 0, " in second.output


def test_what_a_stage_refused_is_reported_and_the_exit_status_says_so(gateway, tmp_path, member):
    (tmp_path / "1-patient.json").write_text(json.dumps(patient(member)))
    sender = f"/therapists/{member}"
    (tmp_path / "2-sessions.jsonl").write_text(event(member, 1, source=sender) + "\n")
    gateway.refuses = "The session was paid."

    unseen = publish(tmp_path, "--url", gateway.url, "--source", sender)
    seen = publish(tmp_path, "--url", gateway.url, "--source", sender, "--wait")
    anew = tmp_path / "anew.json"
    anew.write_text(json.dumps(patient(f"{member}-b")))
    gateway.refuses = ""
    after = publish(anew, "--url", gateway.url, "--source", f"/others/{member}", "--wait")

    assert unseen.exit_code == 0
    assert seen.exit_code == 1
    assert f"{member}, by rehabilitation: The session was paid." in seen.output
    assert "behind the door refused 1, waiting 0" in seen.output
    assert after.exit_code == 0, "what another sender is refused is not ours"
    assert "behind the door refused 0, waiting 0" in after.output


def test_what_waits_is_reported_and_is_no_failure(gateway, tmp_path, member):
    line = {"code": None, "text": "Visit", "amount": 500}
    charge = {
        "charge_id": "c1", "visit_id": "v-nobody", "category": "oral", "currency": "CNY",
        "amount": 500, "lines": [line],
    }  # fmt: skip
    sent = event(member, 1, type="careloop.charge.posted.v1", data=charge, source=f"/c/{member}")
    (tmp_path / "1-patient.json").write_text(json.dumps(patient(member)))
    (tmp_path / "2-charge.json").write_text(sent)

    result = publish(tmp_path, "--url", gateway.url, "--source", f"/c/{member}", "--wait")

    assert result.exit_code == 0
    assert "waiting 1" in result.output
    assert "charge c1 of visit v-nobody" in result.output
    assert "for the discharge of visit v-nobody" in result.output
