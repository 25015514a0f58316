"""HTTP applications that describe themselves, and load nothing from elsewhere to show it."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from services.runtime.problem_details import REFUSALS, answer_with_problems


def documented(title: str, schemas: Callable[[], dict[str, Any]] = dict) -> FastAPI:
    """Return an application with `/openapi.json`, its page `/docs`, and errors of one form.

    schemas: components of the description that no route of FastAPI's own making has.
    """
    app = FastAPIOffline(
        title=title,
        version="1",
        redoc_url=None,
        responses=REFUSALS,
        # Swagger UI would ask a server of its makers whether the description is in order.
        swagger_ui_parameters={"validatorUrl": None},
    )
    answer_with_problems(app)
    own = app.openapi

    def openapi() -> dict[str, Any]:
        described = own()
        described.setdefault("components", {}).setdefault("schemas", {}).update(schemas())
        return described

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's own guide extends it
    return app
