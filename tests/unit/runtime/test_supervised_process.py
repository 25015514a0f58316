"""A process whose supervisor was killed ends by itself, also if it cannot stop in good order."""

import os
import subprocess
import sys
import time

from services.runtime.process import SUPERVISED

_STUBBORN = """
import signal, time
from services.runtime import process
process.ORPHAN_GRACE_S = 0.3
signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as one that waits for a broker that is gone
process.begin("stubborn")
print("begun", flush=True)
time.sleep(60)
"""


def test_an_orphan_that_does_not_stop_in_time_is_ended() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _STUBBORN],
        env={**os.environ, SUPERVISED: "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as orphan:
        assert orphan.stdin is not None
        assert orphan.stdout is not None
        assert orphan.stdout.readline() == b"begun\n"
        begun = time.monotonic()

        orphan.stdin.close()

        assert orphan.wait(20) != 0
        assert time.monotonic() - begun >= 0.3
