"""A claim (理赔): the member has paid a bill out of network, and asks for what covers bear."""

from types import MappingProxyType
from typing import Final

from services.contract.payment import ClaimDecided
from services.lives.life import Life

CLAIM: Final = Life(
    way="claim",
    moves=MappingProxyType(
        {
            ("unknown", "ask"): "billed",
            ("billed", "decide"): "decided",
            ("decided", "reverse"): "reversed",
            ("reversed", "replace"): "replaced",
        }
    ),
    booked=("billed", "decided", "reversed"),
    decision=ClaimDecided,
    outcomes=MappingProxyType({"full": "approved", "partly": "partly_approved", "none": "denied"}),
)
"""A request decides itself as soon as it is asked, and replaces the one that it names."""
