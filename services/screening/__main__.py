"""One screening worker as its own process."""

from services.runtime.worker import main
from services.screening.app import STAGE

if __name__ == "__main__":
    main(STAGE)
