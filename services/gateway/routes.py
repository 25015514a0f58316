"""The doors over HTTP: FHIR, CloudEvents, timelines and progress."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeVar

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.routing import APIRoute
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.routing import Route

from services.gateway.cloudevents import Received, event_group, read_events
from services.gateway.door import Door, wait_s
from services.gateway.facts import Group
from services.gateway.fhir.bundle import Context, Translation, groups_of, translate
from services.gateway.fhir.order import turns
from services.gateway.ids import is_id
from services.gateway.json_body import decimal_number, load_json, read_body
from services.gateway.problems import Problem, RequestRefusedError, problem_details, refused
from services.gateway.responses import (
    PROBLEM_JSON,
    events_answer,
    fhir_answer,
    fhir_refusal,
    json_response,
    problem_refusal,
)
from services.gateway.timeline import BadCursorError
from services.gateway.writer import NotStoredError

_FHIR_TYPES: Final = {"application/fhir+json", "application/json"}
_INLINE_BYTES_MAX: Final = 64 << 10
_PAGE: Final = 100

_RESOURCE_TYPE: Final = {
    "parameters": [
        {"name": "resource_type", "in": "path", "required": True, "schema": {"type": "string"}}
    ]
}
"""Written out, since the route reads it off the request, see `_straight`."""

T = TypeVar("T")


def create_app(door: Door) -> FastAPI:
    """Return the application of a gateway."""
    app = FastAPI(title="Careloop gateway", docs_url=None, redoc_url=None)
    intake = _intake(door)
    app.router.routes += _straight(intake)
    app.include_router(intake)
    app.include_router(_views(door))

    @app.exception_handler(HTTPException)
    async def http_error(_: Request, error: HTTPException) -> Response:
        detail = Problem("not-found", "", error.detail, "docs/gateway.md lists the doors.")
        body = problem_details(error.status_code, error.detail, [detail])
        return json_response(body, error.status_code, PROBLEM_JSON, **dict(error.headers or {}))

    @app.exception_handler(NotStoredError)
    async def not_stored(_: Request, __: NotStoredError) -> Response:
        detail = Problem("transient", "", "Nothing was stored", "Send the same again later.")
        body = problem_details(503, "Not available", [detail])
        return json_response(body, 503, PROBLEM_JSON, **{"retry-after": "5"})

    return app


def _intake(door: Door) -> APIRouter:
    router = APIRouter()

    @router.post("/fhir")
    @router.post("/fhir/{resource_type}", openapi_extra=_RESOURCE_TYPE)
    async def post_fhir(request: Request) -> Response:
        return await _fhir(door, request, request.path_params.get("resource_type"))

    @router.post("/events")
    async def post_events(request: Request) -> Response:
        try:
            body = await _body(request)
            headers = {name.lower(): value for name, value in request.headers.items()}
            media = headers.get("content-type", "")
            received, groups = await _off_loop(
                len(body), lambda: _events(door, media, headers, body)
            )
        except RequestRefusedError as error:
            await door.refuse()
            return problem_refusal(error, "The request cannot be read")
        seconds = wait_s(request.headers.getlist("prefer"))
        answer = await door.submit(groups, seconds)
        return _applied(events_answer(received, answer), seconds)

    return router


def _straight(intake: APIRouter) -> list[Route]:
    """Return routes to the same endpoints that only match and call.

    FastAPI, which describes them, would spend on each request four times as long.
    """
    return [
        Route(route.path, route.endpoint, methods=list(route.methods or ()))
        for route in intake.routes
        if isinstance(route, APIRoute)
    ]


def _views(door: Door) -> APIRouter:
    router = APIRouter()

    @router.get("/members/{member_id}/timeline")
    async def timeline(
        member_id: str, after: str | None = None, limit: str = str(_PAGE)
    ) -> Response:
        try:
            return await asyncio.to_thread(_page, door, member_id, after, limit)
        except RequestRefusedError as error:
            return problem_refusal(error, "No such page")

    @router.get("/progress")
    async def progress() -> Response:
        return json_response(await asyncio.to_thread(door.store.counters))

    @router.get("/healthz")
    async def healthz() -> Response:
        return json_response({"status": "ok"})

    @router.get("/readyz")
    async def readyz() -> Response:
        try:
            await asyncio.to_thread(door.store.counters)
        except SQLAlchemyError as error:
            return json_response({"status": "no database", "error": type(error).__name__}, 503)
        return json_response({"status": "ready"})

    @router.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router


def _page(door: Door, member_id: str, after: str | None, limit: str) -> Response:
    if not (limit.isascii() and limit.isdecimal() and len(limit) < 9 and int(limit)):
        raise refused(400, Problem("value", "limit", "This is not a number from 1 on"))
    try:
        page = door.timeline.page(member_id, after, int(limit)) if is_id(member_id) else None
    except BadCursorError as error:
        mend = "Take it from `next` of the page before."
        raise refused(400, Problem("value", "after", "This is not a cursor", mend)) from error
    if page is None:
        raise refused(404, Problem("not-found", "", "Nobody is registered under this id"))
    return json_response({"member": member_id, "events": page.events, "next": page.cursor})


async def _fhir(door: Door, request: Request, resource_type: str | None) -> Response:
    try:
        body = await _body(request)
        media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media not in _FHIR_TYPES:
            says = f"The content type {media[:80]!r} is not FHIR in JSON"
            raise refused(415, Problem("not-supported", "", says, "Use application/fhir+json."))
        context = Context(door.network, door.now(), request.headers.get("careloop-source"))
        translation = await _off_loop(len(body), lambda: _translation(body, resource_type, context))
    except RequestRefusedError as error:
        await door.refuse()
        return fhir_refusal(error)
    seconds = wait_s(request.headers.getlist("prefer"))
    groups = groups_of(translation)
    order = turns(groups)
    answer = await door.submit([groups[number] for number in order], seconds)
    outcomes = dict(zip(order, answer.outcomes, strict=True))
    in_place = replace(answer, outcomes=tuple(outcomes[number] for number in range(len(groups))))
    return _applied(fhir_answer(translation, in_place), seconds)


def _translation(body: bytes, resource_type: str | None, context: Context) -> Translation:
    value = load_json(body, decimal_number)
    found = value.get("resourceType") if isinstance(value, dict) else None
    if resource_type is not None and found != resource_type:
        says = f"The resource is a {str(found)[:60]}, the address says {resource_type[:60]}"
        mend = "Send it to the address of its type, or a Bundle to /fhir."
        raise refused(422, Problem("invalid", "", says, mend))
    return translate(value, context)


def _events(
    door: Door, media: str, headers: dict[str, str], body: bytes
) -> tuple[list[Received], list[Group]]:
    received = read_events(media, headers, body)
    return received, [event_group(event, door.network) for event in received]


async def _body(request: Request) -> bytes:
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding != "identity":
        says = f"The content encoding {encoding[:40]!r} is not supported"
        raise refused(415, Problem("not-supported", "", says, "Send the body uncompressed."))
    return await read_body(request.stream())


async def _off_loop(size: int, work: Callable[[], T]) -> T:
    """Do long work in a thread, so that other requests are not kept waiting for it."""
    return work() if size <= _INLINE_BYTES_MAX else await asyncio.to_thread(work)


def _applied(response: Response, seconds: int) -> Response:
    if seconds:
        response.headers["preference-applied"] = f"wait={seconds}"
    return response
