"""No process outlives the one that started it, however that one ends.

Who is killed cannot stop its children, and many have no way to notice. PR_SET_PDEATHSIG would
follow the thread that started the child, not the process, and exists on Linux only. A shell that
waits for its standard input to end works everywhere, for every kind of death, and for every kind
of child: one that sleeps, one that ignores SIGTERM, Java, PostgreSQL.
"""

import subprocess
from typing import Final

GRACE_S: Final = 15
"""How long an orphan may take to stop in good order, in whole seconds."""

_WATCHER: Final = (
    'read -r _; kill -TERM "$1" 2>/dev/null || exit 0; kill -CONT "$1"; n=0;'
    ' while kill -0 "$1" 2>/dev/null && [ $n -lt "$2" ]; do sleep 1; n=$((n+1)); done;'
    ' kill -KILL "$1" 2>/dev/null'
)


class Watcher:
    """Ends a child of this process as soon as this process is gone.

    The child is asked to stop, woken if it sleeps, and killed when its grace is over.
    """

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        """Watch a child until `close`."""
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", _WATCHER, "watch-orphan", str(child.pid), str(GRACE_S)],
            # The other end of this pipe closes when this process dies, however it dies.
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def close(self) -> None:
        """Watch no longer: call it once the child has ended, before its id may mean another."""
        self._shell.kill()
        self._shell.communicate()
