"""A process that does not stop when it is asked to, as one does that waits for a lost broker."""

import signal
import sys
import time

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    time.sleep(120)
