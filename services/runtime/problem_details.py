"""Errors over HTTP as problem details (RFC 9457): one form, whichever door gives them."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final, Literal, TypedDict

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

PROBLEM_JSON: Final = "application/problem+json"

_CODES: Final = {
    400: "invalid",
    401: "login",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    500: "exception",
    503: "transient",
}
"""Status -> code of FHIR R4's value set issue-type, which all problems have theirs from."""


class ProblemRow(TypedDict):
    """One problem. place: the field, or the path in the body; empty if it is the request."""

    severity: Literal["error", "warning", "information"]
    code: str
    place: str
    detail: str


_ROW: Final = {
    "type": "object",
    "required": list(ProblemRow.__annotations__),
    "properties": {
        "severity": {"enum": ["error", "warning", "information"]},
        "code": {"type": "string", "description": "a code of FHIR R4's value set issue-type"},
        "place": {"type": "string", "description": "the field, or the path in the body"},
        "detail": {"type": "string", "description": "what is wrong, and how to mend it"},
    },
}
PROBLEM_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "problems"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "problems": {"type": "array", "items": _ROW},
    },
}
REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    "4XX": {
        "description": "Refused: nothing that is named as a problem was taken",
        "content": {PROBLEM_JSON: {"schema": PROBLEM_SCHEMA}},
    }
}
"""What every route may answer, for its description."""


def problem_details(status: int, title: str, rows: Iterable[ProblemRow]) -> dict[str, Any]:
    """Return a problem details object that lists every problem."""
    listed = list(rows)
    detail = listed[0]["detail"] if len(listed) == 1 else f"{len(listed)} problems"
    return {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "problems": listed,
    }


def problem_response(
    status: int, title: str, rows: Iterable[ProblemRow], **headers: str
) -> Response:
    """Return problem details as a response."""
    body = orjson.dumps(problem_details(status, title, rows))
    return Response(body, status, headers, PROBLEM_JSON)


def one_problem(status: int, title: str, detail: str, **headers: str) -> Response:
    """Return problem details with one problem, whose code follows from the status."""
    row = _row(_CODES.get(status, "invalid"), "", detail)
    return problem_response(status, title, [row], **headers)


def answer_with_problems(app: FastAPI) -> None:
    """Let all errors of an application, those of its framework included, be problem details."""
    app.exception_handler(HTTPException)(_http_error)
    app.exception_handler(RequestValidationError)(_unfit)
    app.exception_handler(Exception)(_failed)


async def _http_error(_: Request, error: HTTPException) -> Response:
    status = error.status_code
    return one_problem(status, HTTPStatus(status).phrase, error.detail, **dict(error.headers or {}))


async def _unfit(_: Request, error: RequestValidationError) -> Response:
    rows = [
        _row(
            "required" if each["type"] == "missing" else "value",
            ".".join(str(part) for part in each["loc"][1:]),
            each["msg"],
        )
        for each in error.errors()
    ]
    return problem_response(422, "A field cannot be used", rows)


async def _failed(_: Request, __: Exception) -> Response:
    told = "This is our fault, and it is in the log. Send the same again later."
    return one_problem(500, "Failed", told)


def _row(code: str, place: str, detail: str) -> ProblemRow:
    return {"severity": "error", "code": code, "place": place, "detail": detail}
