"""Run one settlement worker: `python -m services.settlement`."""

from services.runtime.worker import main
from services.settlement.app import STAGE

if __name__ == "__main__":
    main(STAGE)
