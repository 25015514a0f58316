"""What the ledger books of all lives: kinds of entry, and which entry each needs before it."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from services.contract.payment import Way
from services.lives.claim import CLAIM
from services.lives.direct_pay import DIRECT_PAY
from services.lives.life import Life, Status

LIVES: Final[Mapping[Way, Life]] = MappingProxyType(
    {life.way: life for life in (DIRECT_PAY, CLAIM)}
)
"""Every life by the way in which a bill is paid. A new life is listed here."""

EntryKind = Status
"""A kind of entry is the state that the request reaches by it."""


@cache
def entry_kinds() -> tuple[EntryKind, ...]:
    """Return the kinds of entry of all lives, once each, in the order of the tables."""
    return tuple(dict.fromkeys(kind for life in LIVES.values() for kind in life.booked))


@cache
def needs() -> Mapping[EntryKind, tuple[EntryKind, ...]]:
    """Return by kind the entries of which one must be booked before it; empty for a first entry.

    These are the states that a booked state is reached from. A state on the way that is not booked
    is passed over, back to the booked ones before it.
    """
    return MappingProxyType({kind: _before(kind) for kind in entry_kinds()})


def _before(kind: Status) -> tuple[EntryKind, ...]:
    found: dict[EntryKind, None] = {}
    seen: set[Status] = set()
    ahead = [kind]
    while ahead:
        after = ahead.pop()
        sources = [
            before
            for life in LIVES.values()
            for (before, _), reached in life.moves.items()
            if reached == after and before not in seen
        ]
        seen.update(sources)
        booked = [source for source in sources if source in entry_kinds()]
        found |= dict.fromkeys(booked)
        ahead += [source for source in sources if source not in booked]
    return tuple(found)
