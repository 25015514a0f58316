"""What a request says once it is understood, before anything is known about the past."""

import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from pydantic import TypeAdapter

from services.contract.clinical import ConditionWithdrawn
from services.contract.event import EventData
from services.contract.frozen import Id
from services.contract.member import CoverEnded, MemberMerged, MemberRegistered
from services.contract.visit import ChargeVoided, VisitCancelled, VisitPlanned
from services.gateway.acceptance.identities import Identity
from services.gateway.acceptance.problems import Problem

FACT_CHARACTERS_MAX: Final = 120_000
"""Data of one event, as JSON; in UTF-8 and with headers it must fit into one batch of 512 KiB."""

_DATED_BY_TELLING: Final = (
    MemberRegistered, MemberMerged, VisitPlanned, VisitCancelled, ChargeVoided, CoverEnded,
    ConditionWithdrawn,
)  # fmt: skip
_OURS: Final = {"provider": {"network"}}
_OURS_UNDATED: Final = {**_OURS, "cover": {"valid_from"}}
_ID: Final = re.compile(TypeAdapter(Id).json_schema()["pattern"])


def is_id(text: str) -> bool:
    """Whether a text can be an id of the contract."""
    return _ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Fact:
    """An event-to-be: all of it but household, sequence and the time of acceptance.

    member: whom it is about. place: where in the request it was read.
    household: only with a new member, the household that the sender names.
    subscriber: only with a cover, the member whose policy it is and whose household counts.
    exists: of a resource that the sender wants left as it is if it is known (FHIR's ifNoneExist).
    implied: said by the way (a finished visit was once registered); what is known already stands.
    restated: said again with another content, it takes the place of what was said before.
    doubts: what its sender should know although it may be true, and errors if it cannot be.
    cause: id of the event that led to it, if it is not just what a sender said.
    as_sent: with the ids that its sender gave, where Careloop's are others (see `scope`).
    undated: it says no time of its own, and has that of the request.
    """

    id: str
    source: str
    member: str
    time: datetime
    data: EventData
    place: str
    correlation_id: str | None = None
    traceparent: str | None = None
    household: str | None = None
    subscriber: str | None = None
    implied: bool = False
    restated: bool = False
    doubts: tuple[Problem, ...] = ()
    exists: bool = False
    cause: str | None = None
    undated: bool = False
    as_sent: "Fact | None" = None

    @property
    def sent(self) -> "Fact":
        """The fact in the ids of its sender."""
        return self.as_sent or self

    def seal(self) -> "Seal":
        """Return what tells this fact from another under the same id.

        Of a registration or a merge it holds the people alone, whoever says so and when. When a
        plan or a withdrawal was told is left out: who sends it again may date it anew; so is what
        was dated by the request alone. So is the provider's network: it is ours to say, and may
        change between two sendings. Ids are as they were sent.
        """
        sent = self.sent
        ours = _OURS_UNDATED if self.undated else _OURS
        body = sent.data.model_dump_json(exclude=ours)
        about = f"{self.data.TYPE}\n{sent.member}\n"
        if not isinstance(self.data, MemberRegistered | MemberMerged):
            about += f"{self.source}\n"
        if not (self.undated or isinstance(self.data, _DATED_BY_TELLING)):
            about += f"{self.time.astimezone(UTC).isoformat()}\n"
        return Seal(hashlib.sha256(f"{about}{body}".encode()).hexdigest(), len(body))


@dataclass(frozen=True, slots=True)
class Seal:
    """A hash of all that a sender states, equal for the same fact sent again, and its size."""

    fingerprint: str
    characters: int


@dataclass(frozen=True, slots=True)
class Group:
    """Facts that are accepted together or not at all.

    problems: what was wrong already; such a group is refused, and read on only to list the rest.
    mentioned: members that the request itself tries to register, readable or not. identities: the
    identifiers that are given to its resources.
    """

    facts: tuple[Fact, ...]
    problems: tuple[Problem, ...] = ()
    mentioned: frozenset[str] = frozenset()
    identities: tuple[Identity, ...] = ()


@dataclass(frozen=True, slots=True)
class Submission:
    """One request: groups judged one after another. unreadable: requests refused unread."""

    groups: tuple[Group, ...] = field(default=())
    unreadable: int = 0
