"""`python -m services.subscriptions`: one process with the door, the matching and the sending."""

from services.subscriptions.app import main

if __name__ == "__main__":
    main()
