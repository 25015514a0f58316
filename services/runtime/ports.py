"""Free loopback ports for servers that open them a while after they were chosen."""

import errno
import random
import socket
from pathlib import Path
from typing import Final

_LOWEST: Final = 10_240
_EPHEMERAL: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_EPHEMERAL_ELSEWHERE: Final = "49152 65535"

_given: set[int] = set()


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
