"""Ids as senders write them."""

import re
from typing import Final

from pydantic import TypeAdapter

from services.contract.frozen import Id

_ID: Final = re.compile(TypeAdapter(Id).json_schema()["pattern"])


def is_id(text: str) -> bool:
    """Whether a text can be an id of the contract."""
    return _ID.fullmatch(text) is not None
