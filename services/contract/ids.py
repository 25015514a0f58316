"""Ids that survive a crash, a replay and an upgrade: computed, never drawn."""

from typing import Final

from uuid_utils import UUID, uuid5

NAMESPACE: Final = UUID("6f0b7a0e-8f0c-5d0e-9a53-cc1d7b6d3a01")
"""Namespace of all Careloop ids. Changing it changes every derived id."""


def stable_id(*parts: str) -> str:
    """Return the uuid5 of `parts`; the same parts give the same id for ever.

    Every output of every rule needs one: with Python's own `uuid` it takes seven times as long.
    """
    return str(uuid5(NAMESPACE, "\n".join(parts)))


def derived_id(producer: str, cause_id: str, subject: str, event_type: str, ordinal: int) -> str:
    """Return the id of the `ordinal`-th event of a type that `producer` derives from a cause."""
    return stable_id(producer, cause_id, subject, event_type, str(ordinal))
