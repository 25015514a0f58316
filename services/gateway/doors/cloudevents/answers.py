"""What became of each CloudEvent of a request."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from starlette.responses import Response

from services.gateway.acceptance.decide import GroupOutcome
from services.gateway.answer.http import (
    json_response,
    no_decision,
    problem_rows,
    refused_behind,
    timeline_path,
)
from services.gateway.answer.intake import Answer
from services.gateway.doors.cloudevents.reader import Received
from services.runtime.problem_details import PROBLEM_JSON, problem_details

_STATUSES: Final = ("accepted", "duplicate", "refused")


def events_answer(received: Sequence[Received], answer: Answer) -> Response:
    """Return what became of each CloudEvent; 422 if any was refused, though the others stand."""
    rows = [
        _event_row(event, outcome, answer.refused)
        for event, outcome in zip(received, answer.outcomes, strict=True)
    ]
    count = {name: sum(row["status"] == name for row in rows) for name in _STATUSES}
    body: dict[str, Any] = {
        "accepted": count["accepted"],
        "duplicates": count["duplicate"],
        "refused": count["refused"],
        "events": rows,
    }
    if answer.decisions:
        body["decisions"] = answer.decisions
    if answer.undecided:
        body["undecided"] = [
            {
                "member": each.member,
                "visit": each.visit,
                "reason": no_decision(each.visit, each.why),
            }
            for each in answer.undecided
        ]
    if answer.pending:
        body["pending"] = [
            {
                "member": each.member,
                "visit": each.visit,
                "timeline": timeline_path(each.stands_under),
            }
            for each in answer.pending
        ]
    if count["refused"]:
        problems = [
            *(problem for outcome in answer.outcomes for problem in outcome.problems),
            *(
                refused_behind(each.fact, answer.refused)
                for outcome in answer.outcomes
                for each in outcome.facts
                if each.fact.id in answer.refused
            ),
        ]
        title = "Some events were refused; the others are accepted"
        if count["refused"] == len(rows):
            title = "Refused"
        refusal = problem_details(422, title, problem_rows(problems))
        return json_response(refusal | body, 422, PROBLEM_JSON)
    if answer.pending:
        return json_response(body, 202, location=timeline_path(answer.pending[0].stands_under))
    return json_response(body)


def _event_row(event: Received, outcome: GroupOutcome, behind: Mapping[str, str]) -> dict[str, Any]:
    status = "refused" if outcome.refused else outcome.facts[0].status
    row: dict[str, Any] = {
        "id": event.attributes.get("id"),
        "source": event.attributes.get("source"),
        "status": status,
    }
    if outcome.events:
        row["event_id"] = outcome.events[0][0].id
    told = [refused_behind(each.fact, behind) for each in outcome.facts if each.fact.id in behind]
    row |= {"status": "refused"} if told else {}
    problems = [*outcome.problems, *told, *(note for each in outcome.facts for note in each.notes)]
    if problems:
        row["problems"] = problem_rows(problems)
    return row
