"""Loopback ports for servers that open them a while after they were chosen.

Between choosing a free port and opening it lie seconds, in which another run may choose the same:
its city would then publish to the wrong gateway without anybody noticing. So a run takes its ports
by a lock that all runs on the machine know.
"""

import errno
import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path
from typing import Final

_LOWEST: Final = 10_240
_EPHEMERAL: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_EPHEMERAL_ELSEWHERE: Final = "49152 65535"

_given: set[int] = set()


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


def free_port() -> int:
    """Return a free port that the kernel gives to no client, and this function never again.

    A port of the kernel's own range may meanwhile become the near end of somebody's connection:
    the clients of a broker that is away try a new one several times a second.

    Raises:
        OSError: all such ports are taken.
    """
    candidates = _candidates()
    for port in random.sample(candidates, len(candidates)):
        if port not in _given and is_free(port):
            _given.add(port)
            return port
    raise OSError(errno.EADDRINUSE, "no loopback port is free outside the kernel's client range")


def is_free(port: int) -> bool:
    """Whether a server could open the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _candidates() -> list[int]:
    kernels = _EPHEMERAL.read_text() if _EPHEMERAL.exists() else _EPHEMERAL_ELSEWHERE
    first, last = map(int, kernels.split())
    wide = range(_LOWEST, 65_536)
    return [port for port in wide if not first <= port <= last] or list(wide)


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
