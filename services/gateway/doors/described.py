"""What the descriptions of the doors share."""

from collections.abc import Mapping
from typing import Any, Final

from services.gateway.answer.http import WAIT_S_MAX

Schema = Mapping[str, Any]

PREFER: Final = {
    "name": "Prefer",
    "in": "header",
    "schema": {"type": "string", "pattern": r"wait=\d+"},
    "description": f"`wait=<seconds>`: answer with the decisions, at most {WAIT_S_MAX} s later",
}
