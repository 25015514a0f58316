"""Every route of the gateway: its doors, what can be looked at, and the policy before them all."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.routing import Route

from services.access.middleware import AccessMiddleware
from services.access.policy import EVERYBODY, Policy
from services.gateway.acceptance.problems import Problem, refused
from services.gateway.acceptance.store import Store
from services.gateway.acceptance.writer import NotStoredError
from services.gateway.answer.behind import behind_router
from services.gateway.answer.drained import drained_router
from services.gateway.answer.http import problem_refusal
from services.gateway.answer.intake import Intake
from services.gateway.answer.views import views_router
from services.gateway.doors.cloudevents.described import schemas
from services.gateway.doors.cloudevents.routes import events_router
from services.gateway.doors.fhir.routes import fhir_router
from services.gateway.doors.network import NetworkDirectory
from services.runtime.described import documented
from services.runtime.metrics_route import metrics_route
from services.runtime.settings import Settings
from services.timeline.projection import Timeline


@dataclass(frozen=True, slots=True)
class Gateway:
    """The parts behind the routes."""

    store: Store
    timeline: Timeline
    intake: Intake
    network: NetworkDirectory
    now: Callable[[], datetime]
    settings: Settings


def create_app(gateway: Gateway, policy: Policy = EVERYBODY) -> FastAPI:
    """Return the application of a gateway: whatever is asked of it, `policy` is asked first."""
    app = documented("Careloop: the gateway", schemas)
    app.add_middleware(AccessMiddleware, policy=policy)
    doors = (
        fhir_router(gateway.intake, gateway.store, gateway.network, gateway.now),
        events_router(gateway.intake, gateway.network),
    )
    for door in doors:
        app.router.routes += _straight(door)
        app.include_router(door)
    app.include_router(views_router(gateway.store, gateway.timeline))
    app.include_router(behind_router(gateway.store, gateway.timeline))
    app.include_router(drained_router(gateway.store, gateway.settings))
    app.router.routes.append(metrics_route())
    app.exception_handler(NotStoredError)(_not_stored)
    return app


def _straight(door: APIRouter) -> list[Route]:
    """Return routes to the same endpoints that only match and call.

    FastAPI, which describes them, would spend on each request four times as long.
    """
    return [
        Route(route.path, route.endpoint, methods=list(route.methods or ()))
        for route in door.routes
        if isinstance(route, APIRoute)
    ]


async def _not_stored(_: Request, __: NotStoredError) -> Response:
    problem = Problem("transient", "", "Nothing was stored", "Send the same again later.")
    answer = problem_refusal(refused(503, problem), "Not available")
    answer.headers["retry-after"] = "5"
    return answer
