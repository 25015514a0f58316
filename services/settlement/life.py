"""The life of a request: one table, and illegal moves refused by name."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from services.contract.step import RuleRefusedError

RequestStatus = Literal["unknown", "decided", "reversed", "replaced"]
Service = Literal["visit", "rehabilitation_session"]
Move = Literal["decide", "reverse", "replace"]

LIFE: Final[Mapping[tuple[RequestStatus, Move], RequestStatus]] = MappingProxyType(
    {
        ("unknown", "decide"): "decided",
        ("decided", "reverse"): "reversed",
        ("reversed", "replace"): "replaced",
    }
)
"""What a request becomes. A request to pay decides itself, and replaces the one it names."""

_MEND: Final[Mapping[Move, str]] = MappingProxyType(
    {
        "decide": "send a new request id for a new bill",
        "reverse": "reverse a request once, after its decision, while it is remembered",
        "replace": "reverse the replaced request first, and replace it once",
    }
)


def moved(status: RequestStatus, move: Move, request_id: str) -> RequestStatus:
    """Return the status after a move.

    Raises:
        RuleRefusedError: the table does not have the move; the text begins with its name, such
            as `reverse_of_unknown_request`.
    """
    after = LIFE.get((status, move))
    if after is None:
        problem = f"{move}_of_{status}_request: {request_id}; {_MEND[move]}"
        raise RuleRefusedError(problem)
    return after
