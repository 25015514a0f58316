"""Records as the projection loop hands them to the ledger: read as the ledger reads them."""

from typing import Any, Final

from services.contract.codec import Record, decode, header_map
from services.contract.event import Event
from services.ledger.bills import BOOKED
from services.runtime.projection import Logged

MODELS: Final = {data.TYPE: data for data in BOOKED}


def read(record: Record) -> Event[Any]:
    """Return the event of a record with what the ledger reads of it."""
    return decode(record, models=MODELS)


def logged(offset: int, record: Record) -> Logged:
    """Return an event of the ledger where it stands in its partition."""
    return Logged(offset, 0, read(record), record.value)


def is_booked(record: Record) -> bool:
    """Whether the ledger reads records of this type at all."""
    return header_map(record.headers)["ce_type"].decode() in MODELS
