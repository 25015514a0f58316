"""`POST /events`: CloudEvents in any content mode."""

from fastapi import APIRouter, Request, Response

from services.gateway.acceptance.facts import Group
from services.gateway.acceptance.problems import RequestRefusedError
from services.gateway.answer.http import applied, problem_refusal, wait_s
from services.gateway.answer.intake import Intake
from services.gateway.doors.cloudevents.answers import events_answer
from services.gateway.doors.cloudevents.described import EVENTS
from services.gateway.doors.cloudevents.reader import Received, read_events
from services.gateway.doors.cloudevents.translation import event_group
from services.gateway.doors.json_body import off_loop, whole_body
from services.gateway.doors.network import NetworkDirectory


def events_router(intake: Intake, network: NetworkDirectory) -> APIRouter:
    """Return the door for CloudEvents."""
    router = APIRouter()

    @router.post("/events", openapi_extra=EVENTS)
    async def post_events(request: Request) -> Response:
        """Take CloudEvents in structured, batch or binary mode."""
        try:
            body = await whole_body(request)
            headers = {name.lower(): value for name, value in request.headers.items()}
            media = headers.get("content-type", "")
            received, groups = await off_loop(
                len(body), lambda: _events(network, media, headers, body)
            )
        except RequestRefusedError as error:
            await intake.refuse()
            return problem_refusal(error, "The request cannot be read")
        seconds = wait_s(request.headers.getlist("prefer"))
        answer = await intake.submit(groups, seconds)
        return applied(events_answer(received, answer), seconds)

    return router


def _events(
    network: NetworkDirectory, media: str, headers: dict[str, str], body: bytes
) -> tuple[list[Received], list[Group]]:
    received = read_events(media, headers, body)
    return received, [event_group(event, network) for event in received]
