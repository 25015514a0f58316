"""Plays a conversation with the gateway that stands in `../shared/trials`, and reads the answers."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.e2e.running import TESTDATA

TRIALS = TESTDATA.parent / "trials"
_FHIR = {
    "Content-Type": "application/fhir+json",
    "Careloop-Source": "urn:trial:hospital",
    "Prefer": "wait=10",
}
_EVENTS = {"Content-Type": "application/cloudevents-batch+json", "Prefer": "wait=10"}


@dataclass(frozen=True)
class Answer:
    """What the gateway answered to one step: `asked` is the step's own text, or its address."""

    asked: str
    status: int
    body: Any

    @property
    def problems(self) -> list[str]:
        """Every problem or note, as `severity/code place: text`, of the FHIR and the events door."""
        return [*_issues(self.body), *_event_problems(self.body)]

    @property
    def decisions(self) -> dict[str, dict[str, int]]:
        """The decision on each visit: its parts in minor units of two digits, by name."""
        return dict([*_fhir_decisions(self.body), *_told(self.body)])

    @property
    def said(self) -> str:
        """All that was answered, as one text to look for words in."""
        return json.dumps(self.body, ensure_ascii=False)

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The events of one kind on an answered timeline, such as `visit.discharged`."""
        found = self.body.get("events", [])
        return [event for event in found if event["type"] == f"careloop.{kind}.v1"]


def play(gateway: str, number: str) -> list[Answer]:
    """Send the steps of a trial, one after another; its data stay where they are."""
    files = sorted(TRIALS.glob(f"{number}-*.json"))
    if not files:
        pytest.skip(f"needs the trials in {TRIALS} (CARELOOP_TESTDATA names their neighbour)")
    return list(_play(gateway, json.loads(files[0].read_text())["steps"]))


def _play(gateway: str, steps: list[dict[str, Any]]) -> Iterator[Answer]:
    with httpx.Client(base_url=gateway, timeout=60) as client:
        for step in steps:
            if "sleep" in step:
                time.sleep(step["sleep"])
            elif "get" in step:
                yield _read(step["get"], client.get(step["get"]))
            else:
                usual = _FHIR if step["post"].startswith("/fhir") else _EVENTS
                headers = {**usual, **step.get("headers", {})}
                sent = {name: value for name, value in headers.items() if value is not None}
                answer = client.post(step["post"], headers=sent, content=json.dumps(step["body"]))
                yield _read(step.get("say", step["post"]), answer)


def _read(asked: str, answer: httpx.Response) -> Answer:
    return Answer(asked, answer.status_code, answer.json())


def _issues(body: Any) -> Iterator[str]:
    if isinstance(body, dict) and body.get("resourceType") == "OperationOutcome":
        for issue in body["issue"]:
            text = issue.get("diagnostics") or issue.get("details", {}).get("text")
            place = ",".join(issue.get("expression", ()))
            yield f"{issue['severity']}/{issue['code']} {place}: {text}"
    elif isinstance(body, dict):
        for entry in body.get("entry", ()):
            yield from _issues(entry.get("response", {}).get("outcome"))


def _event_problems(body: Any) -> Iterator[str]:
    if not isinstance(body, dict):
        return
    for problem in body.get("problems", ()):
        yield _problem(problem)
    for event in body.get("events", ()):
        for problem in event.get("problems", ()):
            yield _problem(problem)


def _problem(problem: Any) -> str:
    if not isinstance(problem, dict):
        return str(problem)
    known = (problem.get(name, "") for name in ("severity", "code", "place", "detail"))
    return "{}/{} {}: {}".format(*known)


def _fhir_decisions(body: Any) -> Iterator[tuple[str, dict[str, int]]]:
    for entry in body.get("entry", ()) if isinstance(body, dict) else ():
        resource = entry.get("resource", {})
        if resource.get("resourceType") == "Parameters":
            named = {each["name"]: each for each in resource["parameter"]}
            money = {
                name: round(each["valueMoney"]["value"] * 100)
                for name, each in named.items()
                if "valueMoney" in each
            }
            yield named["visit"]["valueString"], money


def _told(body: Any) -> Iterator[tuple[str, dict[str, int]]]:
    for told in body.get("decisions", ()) if isinstance(body, dict) else ():
        decision = told["decision"]
        yield decision["episode"], {"billed": decision["billed"], **decision["parts"]}
