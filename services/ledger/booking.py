"""Which entries of a batch are new, which are repeats, and which are refused by name. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from services.ledger.postings import Entry
from services.lives.entries import EntryKind, needs


@dataclass(frozen=True, slots=True)
class BookedEntry:
    """What is compared of an entry that stands in the books."""

    event_id: str
    fingerprint: str
    request_id: str
    kind: EntryKind
    currency: str
    billed: int
    split: str


@dataclass(slots=True)
class Books:
    """The entries that a batch can touch: those in the database, then those of the batch."""

    by_event: dict[str, BookedEntry | Entry] = field(default_factory=dict)
    by_request: dict[tuple[str, EntryKind], BookedEntry | Entry] = field(default_factory=dict)

    def add(self, entry: BookedEntry | Entry) -> None:
        """Take an entry into account from here on."""
        self.by_event[entry.event_id] = entry
        self.by_request[entry.request_id, entry.kind] = entry


def books_of(entries: Iterable[BookedEntry]) -> Books:
    """Return books that hold these entries."""
    books = Books()
    for entry in entries:
        books.add(entry)
    return books


def is_repeat(books: Books, entry: Entry) -> bool:
    """Whether booking the entry would say again what the books say.

    That is the same event, or the same bill asked for twice, which settlement decides once.
    """
    same_event = books.by_event.get(entry.event_id)
    same_bill = books.by_request.get((entry.request_id, "billed"))
    return (same_event is not None and same_event.fingerprint == entry.fingerprint) or (
        entry.kind == "billed"
        and same_event is None
        and same_bill is not None
        and same_bill.fingerprint == entry.fingerprint
    )


def refusal(books: Books, entry: Entry) -> str | None:
    """Return why an entry that is no repeat cannot be booked, beginning with a name; or None.

    An entry follows the one that its life has before it, once, with the same amounts: a bill is
    booked, then decided, then perhaps reversed.
    """
    same_event = books.by_event.get(entry.event_id)
    if same_event is not None:
        return f"event_id_with_different_body: it is booked for {same_event.request_id}"
    second = books.by_request.get((entry.request_id, entry.kind))
    if second is not None:
        return f"second_{entry.kind}_of_request: {entry.request_id} has it by {second.event_id}"
    needed = needs()[entry.kind]
    if not needed:
        return None
    found = [books.by_request.get((entry.request_id, kind)) for kind in needed]
    before = next((each for each in found if each is not None), None)
    if before is None:
        return f"{entry.kind}_without_{'_or_'.join(needed)}: {entry.request_id}"
    if (before.currency, before.billed) != (entry.currency, entry.billed):
        return f"{entry.kind}_differs_from_{before.kind}: {entry.request_id} has another amount"
    if before.split not in ("", entry.split):
        return f"{entry.kind}_differs_from_{before.kind}: {entry.request_id} is borne by others"
    return None
