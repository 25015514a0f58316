"""Run rehabilitation as a process of its own: `python -m services.rehabilitation`."""

from services.rehabilitation.app import STAGE
from services.runtime.worker import main

if __name__ == "__main__":
    main(STAGE)
