"""A processor for tests of the runtime: it counts, chains a hash, and says each number it reached.

It has screening's name, topic and output type, since every type has one owner.
`python -m tests.counting_stage` runs it as a worker.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from services.contract.care import RiskStratified, ScorePart
from services.contract.change import changed
from services.contract.clinical import ObservationRecorded
from services.contract.event import Event
from services.contract.step import Draft, RuleRefusedError, State, Step
from services.runtime.stage import Stage


@dataclass(frozen=True)
class Counted(State):
    """How many observations came, and a hash over all of them in order."""

    count: int = 0
    chain: str = ""
    woken: int = 0


def decide(state: Counted, event: Event[Any], _at: datetime) -> Step[Counted]:
    """Count one observation; a negative value is refused."""
    value = event.data.value or 0
    if value < 0:
        raise RuleRefusedError(f"a value of {value} is below 0")
    chain = sha256(f"{state.chain}{event.id}".encode()).hexdigest()[:16]
    after = changed(
        state, count=state.count + 1, chain=chain, wake_at=event.time + timedelta(days=1)
    )
    return Step(after, (_say(after, event.time),))


def wake(state: Counted, at: datetime) -> Step[Counted]:
    """Count a wake-up, and want no more until the next observation."""
    after = changed(state, woken=state.woken + 1, wake_at=None)
    return Step(after, (_say(after, at),))


def _say(state: Counted, at: datetime) -> Draft:
    counted = ScorePart(factor="counted", value="observations", points=state.count)
    woken = ScorePart(factor="woken", value="times", points=state.woken)
    data = RiskStratified(
        pathway="counting",
        stratum="none",
        parts=(counted, woken),
        rule="counting@1/all",
        guideline=f"chain {state.chain}",
    )
    return Draft(data, at)


def counts(said: RiskStratified) -> tuple[float | None, ...]:
    """Return what was said: how many observations came, and how many wake-ups."""
    return tuple([part.points for part in said.parts])


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
