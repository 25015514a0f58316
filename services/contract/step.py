"""The shape of a processor: a pure fold from events to states and outputs.

The words here are used by `rules.py` of every processor, which know neither Kafka nor Faust.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Generic, NamedTuple, TypeVar

from pydantic import ConfigDict

from services.contract.event import EventData
from services.contract.frozen import Id, Instant

STORED: ConfigDict = ConfigDict(strict=True, extra="forbid")
"""How what was stored is read again: nothing is converted, nothing passed over."""


@dataclass(frozen=True)
class State:
    """What a processor remembers about one member (settlement: about one household).

    A frozen dataclass, changed by `services.contract.change.changed`. Its rows are named tuples
    where there are many of them: they are stored without the names of their fields.

    wake_at: the instant of the log's clock at which `wake` wants to be called; None is never.
    It is part of the state, so that deadlines replay exactly.
    merged_into: who took the member's place; nothing more is decided of the member.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STORED

    wake_at: Instant | None = None
    merged_into: Id | None = None


S_co = TypeVar("S_co", bound=State, covariant=True)


class Draft(NamedTuple):
    """An output before the runtime stamps it with id, household and sequence.

    time: when it happened, in the log's terms. subject: the member; None means the subject of
    what is being decided. correlation_id: None means that of the cause.
    """

    data: EventData
    time: datetime
    subject: str | None = None
    correlation_id: str | None = None


class Step(NamedTuple, Generic[S_co]):
    """The answer of a rule: the state after the event, and what to say about it."""

    state: S_co
    outputs: tuple[Draft, ...] = ()


class RuleRefusedError(ValueError):
    """An event that is well formed and yet impossible, such as a void of an unknown charge.

    The runtime keeps the state, and sends the event to the dead letters with this reason.
    """
