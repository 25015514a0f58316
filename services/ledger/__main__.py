"""Run the ledger: `python -m services.ledger`."""

from services.ledger.app import make_ledger
from services.runtime.projection import main_projection

if __name__ == "__main__":
    main_projection("ledger", make_ledger)
