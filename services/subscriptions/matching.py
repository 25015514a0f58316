"""Who is told of which milestone, and under which number. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, get_args

import orjson

from services.contract.codec import instant_text, schema_of
from services.contract.event import Event, EventData
from services.contract.milestones import (
    ManagementMilestone,
    Milestone,
    RehabilitationMilestone,
    ScreeningMilestone,
    TreatmentMilestone,
)

STAGES: Final[Mapping[str, type[Milestone]]] = MappingProxyType(
    {
        "screening": ScreeningMilestone,
        "management": ManagementMilestone,
        "treatment": TreatmentMilestone,
        "rehabilitation": RehabilitationMilestone,
    }
)
MILESTONES: Final = tuple(STAGES.values())

KINDS: Final = frozenset(
    f"{stage}.{name}"
    for stage, model in STAGES.items()
    for name in get_args(model.model_fields["milestone"].annotation)
)
"""Every milestone that can be chosen, such as `treatment.discharged`."""

_STAGE_OF: Final = MappingProxyType({model.TYPE: stage for stage, model in STAGES.items()})


@dataclass(frozen=True, slots=True)
class Follower:
    """A subscription as matching sees it; `kinds` None is every milestone."""

    subscription_id: str
    insurer: str
    kinds: frozenset[str] | None
    last_number: int


@dataclass(frozen=True, slots=True)
class Noted:
    """A milestone to be kept: whose it is, and what each of them is shown.

    document: the CloudEvent in structured JSON, without the list of insurers.
    """

    event_id: str
    kind: str
    insurers: tuple[str, ...]
    document: str


@dataclass(frozen=True, slots=True)
class Assigned:
    """One milestone as the `number`-th event of one subscription."""

    subscription_id: str
    number: int
    event_id: str


def note(event: Event[EventData]) -> Noted:
    """Return what is kept of a milestone.

    An insurer must not learn from a milestone who else insures the member, nor who shares the
    household: the list of insurers, the household and its numbering stay behind.
    """
    data = event.data
    if not isinstance(data, Milestone):
        message = f"{event.type} is not a milestone"
        raise TypeError(message)
    shown = data.model_dump(mode="json", exclude={"insurers"})
    document: dict[str, Any] = {
        "specversion": "1.0",
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "subject": event.subject,
        "time": instant_text(event.time),
        "datacontenttype": "application/json",
        "dataschema": schema_of(event.type),
        "recordedtime": instant_text(event.recorded_time),
        "data": shown,
    }
    return Noted(
        event_id=event.id,
        kind=f"{_STAGE_OF[event.type]}.{shown['milestone']}",
        insurers=tuple(dict.fromkeys(data.insurers)),
        document=orjson.dumps(document).decode(),
    )


def shown_to(insurer: str, subscription_id: str, number: int, document: str) -> dict[str, Any]:
    """Return a kept milestone as the CloudEvent that one subscription receives.

    `number` and `subscription` are extension attributes; `data.insurers` names the reader alone.
    """
    event: dict[str, Any] = orjson.loads(document)
    event["data"]["insurers"] = [insurer]
    return event | {"subscription": subscription_id, "number": number}


def assign(followers: Iterable[Follower], milestones: Iterable[Noted]) -> list[Assigned]:
    """Give the milestones their numbers for each follower, on from its last one, gapless.

    `milestones` are new, and in the order in which they are to be told.
    """
    by_insurer: defaultdict[str, list[Follower]] = defaultdict(list)
    last = {}
    for follower in followers:
        by_insurer[follower.insurer].append(follower)
        last[follower.subscription_id] = follower.last_number
    assigned = []
    for milestone in milestones:
        for insurer in milestone.insurers:
            for follower in by_insurer[insurer]:
                if follower.kinds is not None and milestone.kind not in follower.kinds:
                    continue
                number = last[follower.subscription_id] + 1
                last[follower.subscription_id] = number
                assigned.append(Assigned(follower.subscription_id, number, milestone.event_id))
    return assigned


def kinds_of(chosen: Iterable[str]) -> frozenset[str]:
    """Return the kinds that a subscriber's choice stands for; a stage's name is all of its kinds.

    Raises:
        ValueError: something chosen is neither a kind nor a stage; the message lists what is.
    """
    kinds: set[str] = set()
    for name in chosen:
        matching = {kind for kind in KINDS if name in {kind, kind.split(".", maxsplit=1)[0]}}
        if not matching:
            message = f"no milestone is called {name!r}; there are: {', '.join(sorted(KINDS))}"
            raise ValueError(message)
        kinds |= matching
    return frozenset(kinds)
