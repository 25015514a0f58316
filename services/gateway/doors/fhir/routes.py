"""`POST /fhir`: a Bundle or one resource."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from fastapi import APIRouter, Request, Response

from services.gateway.acceptance.order import turns
from services.gateway.acceptance.problems import Problem, RequestRefusedError, refused
from services.gateway.acceptance.store import Store
from services.gateway.answer.http import applied, wait_s
from services.gateway.answer.intake import Intake
from services.gateway.doors.fhir.answers import fhir_answer, fhir_refusal
from services.gateway.doors.fhir.bundle import Context, Translation, groups_of, translate
from services.gateway.doors.fhir.described import ANY_RESOURCE, OF_ONE_TYPE
from services.gateway.doors.json_body import decimal_number, load_json, off_loop, whole_body
from services.gateway.doors.network import NetworkDirectory

_MEDIA: Final = {"application/fhir+json", "application/json"}


def fhir_router(
    intake: Intake, store: Store, network: NetworkDirectory, now: Callable[[], datetime]
) -> APIRouter:
    """Return the door for FHIR R4."""
    router = APIRouter()

    # Described by hand, since the route reads all off the request: see `services.gateway.routes`.
    @router.post("/fhir", openapi_extra=ANY_RESOURCE)
    @router.post("/fhir/{resource_type}", openapi_extra=OF_ONE_TYPE)
    async def post_fhir(request: Request) -> Response:
        """Take a Bundle or one resource of FHIR R4."""
        headers = request.headers
        context = Context(
            network, now(), headers.get("careloop-source"), headers.get("if-none-exist")
        )
        return await _answer(intake, store, context, request)

    return router


async def _answer(intake: Intake, store: Store, context: Context, request: Request) -> Response:
    resource_type = request.path_params.get("resource_type")
    try:
        body = await whole_body(request)
        media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media not in _MEDIA:
            says = f"The content type {media[:80]!r} is not FHIR in JSON"
            raise refused(415, Problem("not-supported", "", says, "Use application/fhir+json."))
        translation = await off_loop(len(body), lambda: _translation(body, resource_type, context))
        if translation.asked:
            known = await asyncio.to_thread(store.identified, translation.asked, translation.source)
            informed = replace(context, known=known)
            translation = await off_loop(
                len(body), lambda: _translation(body, resource_type, informed)
            )
    except RequestRefusedError as error:
        await intake.refuse()
        return fhir_refusal(error)
    seconds = wait_s(request.headers.getlist("prefer"))
    groups = groups_of(translation)
    order = turns(groups)
    answer = await intake.submit([groups[number] for number in order], seconds)
    outcomes = dict(zip(order, answer.outcomes, strict=True))
    in_place = replace(answer, outcomes=tuple(outcomes[number] for number in range(len(groups))))
    return applied(fhir_answer(translation, in_place), seconds)


def _translation(body: bytes, resource_type: str | None, context: Context) -> Translation:
    value = load_json(body, decimal_number)
    found = value.get("resourceType") if isinstance(value, dict) else None
    if resource_type is not None and found != resource_type:
        says = f"The resource is a {str(found)[:60]}, the address says {resource_type[:60]}"
        mend = "Send it to the address of its type, or a Bundle to /fhir."
        raise refused(422, Problem("invalid", "", says, mend))
    return translate(value, context)
