"""The lock under which milestones and deliveries get their numbers."""

from sqlalchemy import Connection, update

from services.subscriptions.tables import counter


def lock_numbers(connection: Connection) -> int:
    """Wait for everybody else who numbers, and return the number of the last milestone."""
    locked = update(counter).values(last_number=counter.c.last_number)
    last: int = connection.execute(locked.returning(counter.c.last_number)).scalar_one()
    return last
