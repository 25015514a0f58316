"""One broker per data directory."""

import fcntl
import os
import time
from pathlib import Path
from typing import Final

import psutil

from services.local.broker.errors import BrokerError

_ORPHAN_WAIT_S: Final = 30.0


def lock_data_dir(data_dir: Path) -> int:
    """Take the directory for one broker and return the open lock file.

    The child process inherits the file, so the lock lasts as long as either of the two lives.
    If the process that took it is gone, its broker is just stopping and is waited for.
    Raises BrokerError naming the process if the directory is in use.
    """
    path = data_dir / "broker.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    deadline = time.monotonic() + _ORPHAN_WAIT_S
    while not _take(descriptor):
        owner = _owner(descriptor)
        if (owner and psutil.pid_exists(owner)) or time.monotonic() > deadline:
            os.close(descriptor)
            who = f"process {owner}" if owner else "another process"
            message = (
                f"the data directory {data_dir} is in use by {who};"
                " stop it, or choose another with --data-dir"
            )
            raise BrokerError(message)
        time.sleep(0.1)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _owner(descriptor: int) -> int | None:
    written = os.pread(descriptor, 20, 0)
    return int(written) if written.isdigit() else None
