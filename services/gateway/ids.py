"""Ids as senders write them."""

from typing import Final

from pydantic import TypeAdapter, ValidationError

from services.contract.frozen import Id

_ID: Final = TypeAdapter(Id)


def is_id(text: str) -> bool:
    """Whether a text can be an id of the contract."""
    try:
        _ID.validate_python(text)
    except ValidationError:
        return False
    return True
