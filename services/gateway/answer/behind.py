"""What became of accepted facts behind the door: what stages refused, and what still waits."""

import asyncio

from fastapi import APIRouter, Response

from services.gateway.acceptance.problems import RequestRefusedError
from services.gateway.acceptance.store import Store
from services.gateway.answer.http import json_response, problem_refusal
from services.gateway.answer.pages import PAGE, page_size, page_start, paged
from services.timeline.projection import Timeline


def behind_router(store: Store, timeline: Timeline) -> APIRouter:
    """Return `GET /refusals` and `GET /waiting`: of one sender, or of all."""
    router = APIRouter()

    @router.get("/refusals")
    async def refusals(
        source: str | None = None, after: str | None = None, limit: str = str(PAGE)
    ) -> Response:
        try:
            size, start = page_size(limit), page_start(after)
        except RequestRefusedError as error:
            return problem_refusal(error, "No such page")
        rows = await asyncio.to_thread(timeline.refusals, source, start, size + 1)
        return json_response(paged("refusals", rows, size, "refused_time"))

    @router.get("/waiting")
    async def waiting(
        source: str | None = None, after: str | None = None, limit: str = str(PAGE)
    ) -> Response:
        try:
            size, start = page_size(limit), page_start(after)
        except RequestRefusedError as error:
            return problem_refusal(error, "No such page")
        rows = await asyncio.to_thread(store.awaiting, source, start, size + 1)
        return json_response(paged("waiting", rows, size, "since"))

    return router
