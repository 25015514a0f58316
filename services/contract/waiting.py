"""What waits for something that has not come, and how long it may."""

from datetime import timedelta
from typing import ClassVar, Final

from services.contract.event import EventData
from services.contract.frozen import Text

WAITS_AT_MOST: Final = timedelta(days=90)
"""How long a fact may wait by the log's clock for one that it needs, before it is given up. Bills
come up to a quarter after the visit, and corrections before what they correct within days."""

OPEN_AT_MOST: Final = timedelta(days=730)
"""How long a bill may wait for the discharge of a visit that is known: stays of years are rare."""


class WaitExpired(EventData):
    """A fact was given up, since what it needs has not come in time.

    fact: id of its event. awaited: what it needed, such as `visit v1`. reason: for its sender, with
    what to do about it.
    """

    TYPE: ClassVar[str] = "careloop.wait.expired.v1"

    fact: Text
    awaited: Text
    reason: Text
