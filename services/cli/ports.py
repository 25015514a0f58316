"""Ports of a run, taken when they are chosen and not only when a service opens its door.

Between choosing a free port and opening it lie seconds, in which another run may choose the same:
its city would then publish to the wrong gateway without anybody noticing. So a run keeps the port
for itself by a lock that all runs on the machine know.
"""

import fcntl
import os
import tempfile
from pathlib import Path

from services.runtime.ports import free_port, is_free


class PortInUseError(RuntimeError):
    """The port that was asked for belongs to somebody else."""


class TakenPort:
    """A port of this machine that is this run's until `release`, or until the process ends."""

    def __init__(self, number: int, lock: int) -> None:
        self.number = number
        self._lock: int | None = lock

    def release(self) -> None:
        """Let others have the port."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def take_port(preferred: int, asked: int | None) -> TakenPort:
    """Take the port that was asked for, else the preferred one if free, else any free one.

    asked: 0 means any free one.

    Raises:
        PortInUseError: the port that was asked for is in use.
    """
    if asked:
        taken = _take(asked)
        if taken is None:
            raise PortInUseError(f"port {asked} is in use; choose another, or leave it out")
        return taken
    taken = _take(preferred) if asked is None else None
    while taken is None:
        taken = _take(free_port())
    return taken


def _take(number: int) -> TakenPort | None:
    path = Path(tempfile.gettempdir()) / f"careloop-port-{number}.lock"
    if not path.exists():
        path.touch(mode=0o644)
    # Whoever made the file, everybody may lock it; another's file may not be opened to create it.
    lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    if is_free(number):
        return TakenPort(number, lock)
    os.close(lock)
    return None
