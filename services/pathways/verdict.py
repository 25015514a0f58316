"""What a pathway's score says of a member."""

from collections.abc import Callable
from typing import NamedTuple

from services.pathways.criteria import Part, View
from services.pathways.guideline import Screening


class Verdict(NamedTuple):
    """Where a member stands, and what put them there.

    key: tells one verdict from another that is worth saying anew, such as the cell of a table.
    """

    key: str
    stratum: str
    parts: tuple[Part, ...]


Score = Callable[[View, Screening], Verdict | None]
"""A named function of a pathway's `rules.py`; None where an input is missing."""
