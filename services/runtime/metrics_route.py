"""`/metrics` as a route of a door, beside its others."""

from prometheus_client import make_asgi_app
from starlette.routing import Route
from starlette.types import Receive, Scope, Send


class _Metrics:
    """Prometheus's own application. Starlette would take a plain function for a handler."""

    def __init__(self) -> None:
        self._app = make_asgi_app()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


def metrics_route() -> Route:
    """Return the route that answers with this process's metrics; mounted, it would redirect."""
    return Route("/metrics", _Metrics(), methods=["GET"], name="metrics", include_in_schema=False)
