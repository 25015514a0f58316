"""Stopping at once, whatever else fails."""

import subprocess
import sys

from services.runtime.worker import EXIT_FAILED


def test_a_worker_stops_even_if_its_log_cannot_be_written() -> None:
    program = (
        "import sys\n"
        "from services.runtime.worker import stop_at_once\n"
        "class Full:\n"
        "    def write(self, _): raise OSError('no space left')\n"
        "    def flush(self): raise OSError('no space left')\n"
        "sys.stderr = sys.stdout = Full()\n"
        "try: stop_at_once(ValueError('x'))\n"
        "except OSError: sys.exit(3)\n"
    )

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)

    assert ended.returncode == EXIT_FAILED
