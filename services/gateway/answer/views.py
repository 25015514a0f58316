"""What can be looked at: a member's timeline, how far the gateway is, and whether it is well."""

import asyncio

from fastapi import APIRouter, Request, Response
from sqlalchemy.exc import SQLAlchemyError

from services.gateway.acceptance.facts import is_id
from services.gateway.acceptance.problems import Problem, RequestRefusedError, refused
from services.gateway.acceptance.store import Store
from services.gateway.answer.http import json_response, problem_refusal
from services.gateway.answer.pages import PAGE, bad_cursor, page_size
from services.timeline.projection import BadCursorError, Timeline


def views_router(store: Store, timeline: Timeline) -> APIRouter:
    """Return the routes of all that is only looked at."""
    router = APIRouter()

    @router.get("/members/{member_id:path}/timeline")
    async def member_timeline(
        request: Request, member_id: str, after: str | None = None, limit: str = str(PAGE)
    ) -> Response:
        source = request.headers.get("careloop-source")
        try:
            return await asyncio.to_thread(
                _page, store, timeline, (member_id, source), after, limit
            )
        except RequestRefusedError as error:
            return problem_refusal(error, "No such page")

    @router.get("/progress")
    async def progress() -> Response:
        return json_response(await asyncio.to_thread(store.counters))

    @router.get("/healthz")
    async def healthz() -> Response:
        return json_response({"status": "ok"})

    @router.get("/readyz")
    async def readyz() -> Response:
        try:
            await asyncio.to_thread(store.counters)
        except SQLAlchemyError as error:
            return json_response({"status": "no database", "error": type(error).__name__}, 503)
        return json_response({"status": "ready"})

    return router


def _page(
    store: Store, timeline: Timeline, asked: tuple[str, str | None], after: str | None, limit: str
) -> Response:
    """Answer with a page of whom a sender means by an id, or without a sender Careloop does."""
    sent, source = asked
    member_id = (store.member(sent, source) or ("" if source else sent)) if is_id(sent) else ""
    try:
        page = timeline.page(member_id, after, page_size(limit)) if member_id else None
    except BadCursorError as error:
        raise bad_cursor() from error
    if page is None or not (page.events or store.member(member_id, None)):
        raise refused(404, Problem("not-found", "", "Nobody is registered under this id"))
    return json_response({"member": member_id, "events": page.events, "next": page.cursor})
