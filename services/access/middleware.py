"""The ASGI middleware around a whole application, so that no route can pass the policy by."""

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from services.access.policy import Asked, Policy, Refusal
from services.runtime.problem_details import one_problem


class AccessMiddleware:
    """Asks the policy about each request; what it refuses is answered with a problem (RFC 9457)."""

    def __init__(self, app: ASGIApp, policy: Policy) -> None:
        """Stand before `app`."""
        self._app = app
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a refused request; hand on any other."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        asked = Asked(scope.get("method", "GET"), scope["path"], Headers(scope=scope))
        refusal = await self._policy.judge(asked)
        answer = self._app if refusal is None else _problem(refusal)
        await answer(scope, receive, send)


def _problem(refusal: Refusal) -> Response:
    return one_problem(refusal.status, refusal.title, refusal.detail)
