"""An insurer follows the care of its members, by webhook and by stream; another sees nothing."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from services.contract.codec import decode
from services.contract.milestones import Milestone
from services.contract.topics import CARE_MILESTONES
from tests.e2e.people import SOURCE, bundle, claim, coverage, encounter, parameters, patient
from tests.e2e.running import Run, post_fhir, wait_for
from tests.workers import read

MINE, OTHER = "insurer-that-listens", "insurer-elsewhere"


class Receiver:
    """An insurer's webhook; keeps each request as it came."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}/milestones"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.received.append((headers, body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    opened = Receiver()
    opened.thread.start()
    yield opened
    opened.server.shutdown()
    opened.thread.join()
    opened.server.server_close()


def _subscribe(door: str, insurer: str, **more: str) -> tuple[str, dict[str, str]]:
    answer = httpx.post(f"{door}/subscriptions", json={"insurer": insurer, **more})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    return f"{door}/subscriptions/{made['id']}", made


def _stay(gateway: str, member: str, insurer: str, visit: str) -> None:
    cover = coverage(member, "million-yuan-medical", insurer)
    stay = bundle(patient(member), cover, encounter(member, visit), claim(member, visit, 100))
    answer = post_fhir(gateway, stay, careloop_source=SOURCE, prefer="wait=30")
    assert answer.status_code == 200, answer.text
    assert parameters(answer)["billed"] == 100_00


def _due(system: Run, insurer: str) -> set[str]:
    """Return the ids of the milestones that name an insurer, as they stand on the log."""
    rows = [row for rows in read(system.settings, CARE_MILESTONES).values() for row in rows]
    events = [decode(row.record) for row in rows]
    return {
        event.id
        for event in events
        if isinstance(event.data, Milestone) and insurer in event.data.insurers
    }


def _all_due(system: Run, insurer: str) -> set[str]:
    """Return the same once everything that was accepted has had all of its consequences."""
    wait_for(lambda: _is_drained(system.gateway), "everything to be processed")
    return _due(system, insurer)


def _is_drained(gateway: str) -> bool:
    return bool(httpx.get(f"{gateway}/drained", timeout=30).json()["drained"])


def _read_stream(path: str, token: str, count: int, after: str | None) -> list[dict[str, Any]]:
    headers = {"authorization": f"Bearer {token}", "accept": "text/event-stream"}
    if after is not None:
        headers["last-event-id"] = after
    events: list[dict[str, Any]] = []
    deadline = time.monotonic() + 30
    with httpx.stream("GET", f"{path}/events", headers=headers, timeout=20) as answer:
        for line in answer.iter_lines():  # a comment every 15 s is a line too
            assert time.monotonic() < deadline, events
            if line.startswith("data: "):
                events.append(json.loads(line.removeprefix("data: ")))
                if len(events) == count:
                    break
    return events


def test_an_insurer_gets_the_milestones_of_its_members_and_of_nobody_else(
    system: Run, receiver: Receiver
) -> None:
    path, mine = _subscribe(system.subscriptions, MINE, url=receiver.url)
    other, foreign = _subscribe(system.subscriptions, OTHER)

    _stay(system.gateway, "followed-1", MINE, "followed-stay-1")
    _stay(system.gateway, "unfollowed", "insurer-of-somebody", "unfollowed-stay")
    _stay(system.gateway, "followed-2", MINE, "followed-stay-2")
    due = _all_due(system, MINE)
    wait_for(lambda: len(receiver.received) >= len(due), "the webhooks")

    events = [Webhook(mine["secret"]).verify(body, headers) for headers, body in receiver.received]
    assert [event["number"] for event in events] == list(range(1, len(events) + 1))
    assert {event["id"] for event in events} == due
    assert {event["subject"] for event in events} == {"followed-1", "followed-2"}
    assert all(event["data"]["insurers"] == [MINE] for event in events)
    for member in ("followed-1", "followed-2"):
        said = [
            event["data"]["milestone"]
            for event in events
            if event["subject"] == member and event["type"].startswith("careloop.treatment")
        ]
        assert said == ["admitted", "discharged"]

    pages = {"authorization": f"Bearer {foreign['token']}", "accept": "application/json"}
    assert httpx.get(f"{other}/events", params={"after": 0}, headers=pages).json()["events"] == []
    assert httpx.get(f"{path}/events", headers=pages).status_code == 404


def test_a_stream_goes_on_after_the_last_event_that_was_seen(system: Run) -> None:
    streams = "insurer-that-streams"
    _stay(system.gateway, "streamed-1", streams, "streamed-stay-1")
    path, made = _subscribe(system.subscriptions, streams, **{"from": "beginning"})

    first = _read_stream(path, made["token"], 1, None)
    _stay(system.gateway, "streamed-2", streams, "streamed-stay-2")
    due = _all_due(system, streams)
    assert len(due) >= 4
    rest = _read_stream(path, made["token"], len(due) - 1, str(first[0]["number"]))

    everything = first + rest
    assert [event["number"] for event in everything] == list(range(1, len(due) + 1))
    assert {event["id"] for event in everything} == due
