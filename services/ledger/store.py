"""All SQL of the ledger. Amounts are minor units; what one batch writes is one transaction."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from functools import cache
from typing import Any, Final

from sqlalchemy import Column, Connection, Executable, Select, func, select, union

from services.ledger.booking import BookedEntry
from services.ledger.postings import Account, Entry
from services.ledger.tables import ENTRY, POSTING, REFUSED
from services.runtime.sql import among, as_list, insert_rows

BEARERS: Final = ("social_insurance", "insurer", "subsidy", "member", "written_off")
"""The kinds of account that bear a bill, in the order of the summary."""


@dataclass(frozen=True, slots=True)
class Refused:
    """An event that was not booked, where it stands in the log, and why."""

    topic: str
    partition: int
    offset: int
    event_id: str
    event_type: str
    reason: str


def booked_entries(connection: Connection, entries: Sequence[Entry]) -> list[BookedEntry]:
    """Return what the books hold of these entries: by event id, and by request."""
    asked = {
        "event_ids": as_list({entry.event_id for entry in entries}),
        "request_ids": as_list({entry.request_id for entry in entries}),
    }
    rows = connection.execute(_booked(connection.dialect.name), asked)
    return [BookedEntry(*row) for row in rows]


def insert_entries(connection: Connection, entries: Sequence[Entry]) -> None:
    """Write entries and their postings."""
    # An entry is its row, and its postings at the end.
    insert_rows(connection, ENTRY, [entry[:-1] for entry in entries])
    postings = [
        (entry.event_id, line, *posting.account, posting.amount)
        for entry in entries
        for line, posting in enumerate(entry.postings, 1)
    ]
    insert_rows(connection, POSTING, postings)


def insert_refused(connection: Connection, refused: Sequence[Refused]) -> None:
    """Keep the events that were not booked, with their reasons."""
    insert_rows(connection, REFUSED, [astuple(each) for each in refused])


def totals(connection: Connection) -> dict[str, dict[str, int]]:
    """Return by currency what is billed and who bears it, of the bills in force.

    A reversed bill does not count. `billed` equals the sum of the other five as soon as every
    bill is decided; until then `undecided` says the difference.
    """
    query = (
        select(POSTING.c.currency, POSTING.c.kind, func.sum(POSTING.c.amount).label("balance"))
        .group_by(POSTING.c.currency, POSTING.c.kind)
        .order_by(POSTING.c.currency)
    )
    amounts: dict[str, dict[str, int]] = {}
    for currency, kind, balance in connection.execute(query):
        row = amounts.setdefault(currency, dict.fromkeys(("billed", *BEARERS), 0))
        if kind == "provider":
            row["billed"] = -int(balance)
        elif kind in BEARERS:
            row[kind] = int(balance)
    return amounts


def undecided(connection: Connection) -> dict[str, int]:
    """Return by currency what is billed and not yet decided."""
    balance = func.sum(POSTING.c.amount)
    query = (
        select(POSTING.c.currency, balance)
        .where(POSTING.c.kind == "undecided")
        .group_by(POSTING.c.currency)
    )
    return _counted(connection, query)


def imbalance(connection: Connection) -> dict[str, int]:
    """Return by currency what debits exceed credits by: 0 while the books are right."""
    query = select(POSTING.c.currency, func.sum(POSTING.c.amount)).group_by(POSTING.c.currency)
    return _counted(connection, query)


def unbalanced_entries(connection: Connection) -> list[str]:
    """Return the events whose entries do not sum to zero: none while the books are right."""
    query = (
        select(POSTING.c.event_id)
        .group_by(POSTING.c.event_id, POSTING.c.currency)
        .having(func.sum(POSTING.c.amount) != 0)
        .order_by(POSTING.c.event_id)
    )
    return list(connection.scalars(query))


def balances(connection: Connection) -> dict[Account, int]:
    """Return every account with its balance: a debit above zero, a credit below."""
    query = (
        select(POSTING.c.kind, POSTING.c.party, POSTING.c.currency, func.sum(POSTING.c.amount))
        .group_by(POSTING.c.kind, POSTING.c.party, POSTING.c.currency)
        .order_by(POSTING.c.kind, POSTING.c.party, POSTING.c.currency)
    )
    rows = connection.execute(query)
    return {Account(kind, party, currency): int(amount) for kind, party, currency, amount in rows}


def decision_counts(connection: Connection) -> dict[str, int]:
    """Return how many decisions had each outcome; those reversed since are counted too."""
    query = _count_by(ENTRY.c.outcome).where(ENTRY.c.kind == "decided")
    return _counted(connection, query)


def entry_counts(connection: Connection) -> dict[str, int]:
    """Return how many entries of each kind there are; each request has at most one of a kind."""
    return _counted(connection, _count_by(ENTRY.c.kind))


def refusal_reasons(connection: Connection) -> list[str]:
    """Return why events were not booked, in the order of the log."""
    place = (REFUSED.c.topic, REFUSED.c.partition, REFUSED.c.offset)
    return list(connection.scalars(select(REFUSED.c.reason).order_by(*place)))


@cache
def _booked(dialect: str) -> Executable:
    """Return the question for `BookedEntry`s: a union, so that each half goes by its index."""
    columns = select(*(ENTRY.c[field.name] for field in fields(BookedEntry)))
    return union(
        columns.where(among(dialect, ENTRY.c.event_id, "event_ids")),
        columns.where(among(dialect, ENTRY.c.request_id, "request_ids")),
    )


def _count_by(column: Column[Any]) -> Select[Any]:
    return select(column, func.count()).group_by(column).order_by(column)


def _counted(connection: Connection, query: Select[Any]) -> dict[str, int]:
    return {name: int(number) for name, number in connection.execute(query)}
