"""The smallest rule that keeps state: it counts, chains a hash, and says one thing for each event.

`python -m benchmarks.counting` runs it as a worker. It has screening's name, since every type has
one owner; what it says goes to another topic than it reads, so that no engine reads itself.
"""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from services.contract.clinical import ObservationRecorded
from services.contract.event import Event
from services.contract.milestones import ScreeningMilestone
from services.contract.step import Draft, State, Step
from services.runtime.stage import Stage


@dataclass(frozen=True)
class Counted(State):
    """How many observations came, and a hash over all of them in order."""

    count: int = 0
    chain: str = ""


def decide(state: Counted, event: Event[Any], _at: datetime) -> Step[Counted]:
    """Count one observation, and say so."""
    chain = sha256(f"{state.chain}{event.id}".encode()).hexdigest()[:16]
    after = Counted(count=state.count + 1, chain=chain)
    said = ScreeningMilestone(
        pathway="counting",
        milestone="screened",
        insurers=("insurer-1",),
        episode=f"{after.count}-{chain}",
    )
    return Step(after, (Draft(said, event.time),))


def wake(state: Counted, _at: datetime) -> Step[Counted]:
    """Return the state as it is: it sets no deadlines."""
    return Step(state)


STAGE = Stage(
    name="screening",
    consumes=(ObservationRecorded,),
    state=Counted,
    begin=Counted,
    decide=decide,
    wake=wake,
)

if __name__ == "__main__":
    from services.runtime.worker import main

    main(STAGE)
