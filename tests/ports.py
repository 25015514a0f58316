"""Loopback ports that are still free when they are opened, seconds after they were chosen."""

import random
import socket
from pathlib import Path
from typing import Final

_LOWEST: Final = 10_240
_EPHEMERAL: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_EPHEMERAL_ELSEWHERE: Final = "49152 65535"

_given: set[int] = set()


def free_port() -> int:
    """Return a free port that the kernel gives to no client, and this process to no other test.

    A port of the kernel's own range may meanwhile become the near end of somebody's connection:
    the clients of a broker that is away try a new one several times a second.
    """
    while True:
        port = random.choice(_candidates())
        if port not in _given and _is_free(port):
            _given.add(port)
            return port


def _candidates() -> list[int]:
    kernels = _EPHEMERAL.read_text() if _EPHEMERAL.exists() else _EPHEMERAL_ELSEWHERE
    first, last = map(int, kernels.split())
    wide = range(_LOWEST, 65_536)
    return [port for port in wide if not first <= port <= last] or list(wide)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
