"""Direct pay (直付): a bill in network is settled at the counter; the member fronts nothing."""

from types import MappingProxyType
from typing import Final

from services.contract.payment import DirectPayDecided
from services.lives.life import Life

DIRECT_PAY: Final = Life(
    way="direct_pay",
    moves=MappingProxyType(
        {
            ("unknown", "ask"): "billed",
            ("billed", "decide"): "decided",
            ("decided", "reverse"): "reversed",
            ("reversed", "replace"): "replaced",
        }
    ),
    booked=("billed", "decided", "reversed"),
    decision=DirectPayDecided,
    outcomes=MappingProxyType({"full": "settled", "partly": "partly_settled", "none": "declined"}),
)
"""A request decides itself as soon as it is asked, and replaces the one that it names."""
