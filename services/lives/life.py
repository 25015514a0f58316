"""What a life is: states, moves and outcomes in one table, and illegal moves refused by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from services.contract.payment import ClaimDecided, DirectPayDecided, Way
from services.contract.step import RuleRefusedError

Status = Literal["unknown", "billed", "decided", "reversed", "replaced"]
"""Where a request stands, in any life. Every life begins at `unknown`."""

Move = Literal["ask", "decide", "reverse", "replace"]
Extent = Literal["full", "partly", "none"]
"""How much of a bill its payers bear. A bill of nothing is borne in full."""

_MEND: Final[Mapping[Move, str]] = MappingProxyType(
    {
        "ask": "send a new request id for a new bill",
        "decide": "decide a bill once, after it was asked for",
        "reverse": "reverse a request once, after its decision, while it is remembered",
        "replace": "reverse the replaced request first, and replace it once",
    }
)


@dataclass(frozen=True)
class Life:
    """The life of a request that is paid in one way.

    moves: what a request becomes by a move. booked: the states that are an entry in the ledger
    when they are reached. decision: the event that says the decision, with its outcome by extent.
    """

    way: Way
    moves: Mapping[tuple[Status, Move], Status]
    booked: tuple[Status, ...]
    decision: type[DirectPayDecided | ClaimDecided]
    outcomes: Mapping[Extent, str]

    def moved(self, status: Status, move: Move, request_id: str) -> Status:
        """Return the status after a move.

        Raises:
            RuleRefusedError: the table does not have the move; the text begins with its name, such
                as `reverse_of_unknown_request`.
        """
        after = self.moves.get((status, move))
        if after is None:
            problem = f"{move}_of_{status}_request: {request_id}; {_MEND[move]}"
            raise RuleRefusedError(problem)
        return after


def extent_of(billed: int, left: int) -> Extent:
    """Return how much of a bill is borne, when `left` of it is the member's; in minor units."""
    if left == 0:
        return "full"
    return "none" if left == billed else "partly"
