"""One management worker as its own process."""

from services.management.app import STAGE
from services.runtime.worker import main

if __name__ == "__main__":
    main(STAGE)
