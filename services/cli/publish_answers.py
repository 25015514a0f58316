"""What the gateway answered, item by item: an item is one FHIR resource or one CloudEvent."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from services.cli.publish_files import Request

_DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One item that was refused. item: where it stands; reasons: what is wrong, how to mend it."""

    item: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of the items of one request, or of all. senders: whose items they are."""

    accepted: int = 0
    duplicates: int = 0
    passed_over: int = 0
    refusals: tuple[Refusal, ...] = ()
    senders: frozenset[str] = frozenset()

    def __add__(self, other: "Answered") -> "Answered":
        """Return both together."""
        return Answered(
            self.accepted + other.accepted,
            self.duplicates + other.duplicates,
            self.passed_over + other.passed_over,
            self.refusals + other.refusals,
            self.senders | other.senders,
        )


def read_answer(request: Request, response: httpx.Response) -> Answered:
    """Return what became of each item of `request`; an answer in no known form is a refusal."""
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        said = f"HTTP {response.status_code} without a readable answer; is this a gateway?"
        return Answered(refusals=(Refusal(request.name, (said,)),))
    if isinstance(body.get("events"), list):
        return _of_events(request, body["events"])
    if response.is_error:
        return Answered(refusals=(Refusal(request.name, _reasons(body, response.status_code)),))
    if body.get("resourceType") == "Bundle":
        # What follows after the items are decisions, and visits without one.
        entries = [each.get("response", {}) for each in body.get("entry", ())][: _asked(request)]
        return _sum(_of_entry(request, number, entry) for number, entry in enumerate(entries))
    created = response.status_code == httpx.codes.CREATED
    return _of_entry(request, None, {"status": "201" if created else "200", "outcome": body})


def _asked(request: Request) -> int:
    """Return how many items a Bundle holds."""
    entries = orjson.loads(request.body.removeprefix(b"\xef\xbb\xbf")).get("entry")
    return len(entries) if isinstance(entries, list) else 0


def _status(answer: dict[str, Any]) -> str:
    return str(answer.get("status", ""))


def _of_entry(request: Request, number: int | None, answer: dict[str, Any]) -> Answered:
    status, outcome = _status(answer), answer.get("outcome") or {}
    if status.startswith("201"):
        return Answered(accepted=1)
    if not status.startswith("2"):
        item = request.name if number is None else f"{request.name} entry {number}"
        return Answered(refusals=(Refusal(item, _reasons(outcome, status)),))
    if any(issue.get("code") == _DUPLICATE for issue in outcome.get("issue", ())):
        return Answered(duplicates=1)
    return Answered(passed_over=1)


def _of_events(request: Request, rows: list[dict[str, Any]]) -> Answered:
    return _sum(_of_event(request, number, row) for number, row in enumerate(rows))


def _of_event(request: Request, number: int, row: dict[str, Any]) -> Answered:
    status = row.get("status")
    if status == "accepted":
        return Answered(accepted=1)
    if status == _DUPLICATE:
        return Answered(duplicates=1)
    file = request.name.rpartition(":")[0] if request.lines else request.name
    item = f"{file}:{request.lines[number]}" if request.lines else file
    return Answered(refusals=(Refusal(item, _reasons(row, str(status))),))


def _reasons(body: dict[str, Any], status: object) -> tuple[str, ...]:
    """Return what an OperationOutcome or problem details say, each with its place."""
    found = [
        _reason(", ".join(issue.get("expression", ())), issue.get("diagnostics"))
        for issue in body.get("issue", ())
        if issue.get("severity") in {"error", "fatal"}
    ]
    found += [
        _reason(problem.get("place", ""), problem.get("detail"))
        for problem in body.get("problems", ())
        if problem.get("severity", "error") == "error"
    ]
    return tuple(found) or (str(body.get("detail") or f"HTTP {status}"),)


def _reason(place: str, says: object) -> str:
    return f"{place}: {says}" if place else str(says)


def _sum(parts: Iterable[Answered]) -> Answered:
    return sum(parts, Answered())
