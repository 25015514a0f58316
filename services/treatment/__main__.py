"""Run treatment as a process of its own: `python -m services.treatment`."""

from services.runtime.worker import main
from services.treatment.app import STAGE

if __name__ == "__main__":
    main(STAGE)
