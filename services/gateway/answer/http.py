"""What every answer over HTTP is made of: JSON, problems by the standards, `Prefer`."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote

import orjson
from starlette.responses import Response

from services.gateway.acceptance.facts import Fact
from services.gateway.acceptance.problems import Problem, RequestRefusedError
from services.runtime.problem_details import ProblemRow, problem_response

WAIT_S_MAX: Final = 30
_WAIT: Final = re.compile(r'(?:^|[,;\s])wait\s*=\s*"?(\d{1,9})"?(?=$|[,;\s])', re.IGNORECASE)


def json_response(
    body: Any, status: int = 200, media: str = "application/json", **headers: str
) -> Response:
    """Return a JSON response."""
    return Response(orjson.dumps(body), status, headers, media)


def timeline_path(member_id: str) -> str:
    """Return where a member's timeline is."""
    return f"/members/{quote(member_id, safe='')}/timeline"


def problem_refusal(error: RequestRefusedError, title: str) -> Response:
    """Return problem details for a request that cannot be read."""
    return problem_response(error.status, title, problem_rows(error.problems))


def refused_behind(fact: Fact, reasons: Mapping[str, str]) -> Problem:
    """Return the problem of a fact that was accepted, and then refused by a stage."""
    mend = "GET /refusals lists it; mend the cause, and send what is right under a new id."
    return Problem(
        "business-rule", fact.place, f"Accepted, and refused by {reasons[fact.id]}", mend
    )


def no_decision(visit: str, why: str) -> str:
    """Say why there will be no decision on a visit."""
    return f"There is no decision on visit {visit}: {why}."


def wait_s(prefer: Iterable[str]) -> int:
    """Return the seconds of `Prefer: wait=<seconds>` (RFC 7240, section 4.3), at most 30."""
    for header in prefer:
        match = _WAIT.search(header)
        if match:
            return min(int(match[1]), WAIT_S_MAX)
    return 0


def applied(response: Response, seconds: int) -> Response:
    """Return the response, which says for how long it was ready to wait."""
    if seconds:
        response.headers["preference-applied"] = f"wait={seconds}"
    return response


def operation_outcome(problems: Iterable[Problem]) -> dict[str, Any]:
    """Return a FHIR R4 OperationOutcome with one issue per problem."""
    issues = [
        {
            "severity": problem.severity,
            "code": problem.code,
            "diagnostics": problem.text,
            **({"expression": [problem.place]} if problem.place else {}),
        }
        for problem in problems
    ]
    nothing = {"severity": "information", "code": "informational", "diagnostics": "All is well."}
    return {"resourceType": "OperationOutcome", "issue": issues or [nothing]}


def problem_rows(problems: Iterable[Problem]) -> list[ProblemRow]:
    """Return the problems as rows of plain JSON."""
    return [
        {
            "severity": problem.severity,
            "code": problem.code,
            "place": problem.place,
            "detail": problem.text,
        }
        for problem in problems
    ]
