"""Named places at which a process can be made to die or to fall asleep, for fault tests.

Nothing happens unless `CARELOOP_FAULT` was set when the process started, as
`<point>:<hit>:<kill|stop>`: at that hit of the point the process sends itself SIGKILL or SIGSTOP.
Before that it appends the fault to the file `CARELOOP_FAULT_LOG`, which proves that the point was
reached. A fault that stands in the file does not happen again, so a restarted process goes on.
"""

import os
import signal
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

Point = Literal[
    "worker.batch_taken",
    "worker.outputs_stored",
    "worker.generation_checked",
    "worker.changelog_stored",
    "worker.states_stored",
    "worker.acked",
    "restore.middle",
    "log.partition_stored",
    "gateway.before_commit",
    "gateway.committed",
    "relay.read",
    "relay.sent",
    "projection.before_commit",
    "projection.committed",
    "webhook.sent",
]
"""Where a crash or a pause could matter; a process passes only some of them."""

POINTS: Final[tuple[str, ...]] = get_args(Point)

FAULT: Final = "CARELOOP_FAULT"
FAULT_LOG: Final = "CARELOOP_FAULT_LOG"

_SIGNALS: Final = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


@dataclass(slots=True)
class _Fault:
    text: str
    point: str
    hits_left: int
    signal: int
    log: Path
    turn: threading.Lock

    def hit(self) -> None:
        with self.turn:  # points are reached on the threads of databases too
            self.hits_left -= 1
            if self.hits_left != 0:
                return
        with self.log.open("a", encoding="utf-8") as file:
            file.write(f"{self.text}\n")
        os.kill(os.getpid(), self.signal)


def reach(point: Point) -> None:
    """Say that a named point is reached; free of cost unless a fault is set there."""
    if _fault is not None and _fault.point == point:
        _fault.hit()


def _from_environment() -> _Fault | None:
    text = os.environ.get(FAULT)
    if not text:
        return None
    point, hit, action = text.split(":")
    if point not in POINTS:
        raise ValueError(f"{FAULT}: no point is named {point!r}; there are {', '.join(POINTS)}")
    log = Path(os.environ[FAULT_LOG])
    if log.exists() and text in log.read_text(encoding="utf-8").splitlines():
        return None
    return _Fault(text, point, int(hit), _SIGNALS[action], log, threading.Lock())


_fault = _from_environment()
