"""HTTP applications that describe themselves, and load nothing from elsewhere to show it."""

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from services.runtime.problem_details import REFUSALS, answer_with_problems


def documented(title: str) -> FastAPI:
    """Return an application with `/openapi.json`, its page `/docs`, and errors of one form."""
    app = FastAPIOffline(
        title=title,
        version="1",
        redoc_url=None,
        responses=REFUSALS,
        # Swagger UI would ask a server of its makers whether the description is in order.
        swagger_ui_parameters={"validatorUrl": None},
    )
    answer_with_problems(app)
    return app
