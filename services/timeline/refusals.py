"""What was refused behind the door: by which stage, why, and whether it was mended.

The dead letters tell it, and for what waited in vain an event of the stage that gave it up.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, Select, exists, insert, select, tuple_

from services.contract.catalog import producer_of
from services.contract.codec import header_map, instant_text
from services.contract.event import Event, EventData
from services.contract.ids import stable_id
from services.contract.waiting import WaitExpired
from services.runtime.dead_letters import sent_again_as
from services.runtime.projection import LoggedLetter
from services.runtime.sql import Lookup, Write
from services.timeline.tables import REFUSAL, TIMELINE

_OURS: Final = "/careloop/"
_CAUSES_MAX: Final = 4
_CUT: Final = 300


class Refusal(NamedTuple):
    """One refusal of one event. refused_time: RFC 3339 in UTC.

    source: the sender; of what a stage derived, the sender of the fact that led to it. episode: the
    visit or session. driven_as: the id that the same would have if it were sent again.
    """

    letter_id: str
    event_id: str
    member_id: str
    source: str
    type: str
    episode: str | None
    refused_by: str
    refused_time: str
    reason: str
    driven_as: str

    def shown(self, *, mended: bool) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "event": self.event_id,
            "member": self.member_id,
            "source": self.source,
            "type": self.type,
            "episode": self.episode,
            "refused_by": self.refused_by,
            "refused_time": self.refused_time,
            "reason": self.reason,
            "mended": mended,
        }


def of_letter(connection: Connection, logged: LoggedLetter) -> Refusal:
    """Return the refusal that a dead letter tells of."""
    letter = logged.letter
    headers = {
        name: value.decode(errors="replace").replace("\0", "")[:_CUT]
        for name, value in header_map(letter.record.headers).items()
    }
    source = headers.get("ce_source", "")[:200]
    stored = datetime.fromtimestamp(logged.timestamp_ms / 1000, UTC)
    return Refusal(
        letter_id=letter.id[:128],
        event_id=headers.get("ce_id", ""),
        member_id=headers.get("ce_subject", "")[:128],
        source=_sender(connection, source, headers.get("ce_causationid")),
        type=headers.get("ce_type", "")[:200],
        episode=(headers.get("ce_correlationid") or "")[:200] or None,
        refused_by=letter.refused_by[:50],
        refused_time=instant_text(stored),
        reason=letter.reason.replace("\0", ""),
        driven_as=stable_id(source, sent_again_as(letter.place)),
    )


def of_expiry(connection: Connection, event: Event[EventData], stored_ms: int) -> Refusal:
    """Return the refusal that a stage's giving up is; the fact stands on the timeline by now."""
    data = event.data
    assert isinstance(data, WaitExpired)  # callers pass no others
    fact = _BY_ID.rows(connection, [data.fact])
    return Refusal(
        letter_id=event.id,
        event_id=data.fact,
        member_id=event.subject,
        source=fact[0].source if fact else event.source,
        type=fact[0].type if fact else "",
        episode=event.correlation_id,
        refused_by=producer_of(event.type, event.source) or event.source,
        refused_time=instant_text(datetime.fromtimestamp(stored_ms / 1000, UTC)),
        reason=data.reason,
        driven_as="",
    )


def keep(connection: Connection, refusals: Sequence[Refusal]) -> list[Refusal]:
    """Keep refusals, and return those that were not known."""
    known = {
        row.letter_id for row in _KNOWN.rows(connection, [each.letter_id for each in refusals])
    }
    fresh = {each.letter_id: each for each in refusals if each.letter_id not in known}
    _ADD.run(connection, *fresh.values())
    return list(fresh.values())


def by_events(connection: Connection, event_ids: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the refusals of events, by event, as plain JSON."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in _BY_EVENT.rows(connection, event_ids):
        found.setdefault(row.event_id, []).append(_shown(row))
    return found


def page(
    connection: Connection, source: str | None, after: tuple[str, str] | None, limit: int
) -> list[dict[str, Any]]:
    """Return up to `limit` refusals, of one sender or of all, in the order of their times."""
    query = _REFUSALS.order_by(REFUSAL.c.refused_time, REFUSAL.c.letter_id).limit(limit)
    if source is not None:
        query = query.where(REFUSAL.c.source == source)
    if after is not None:
        query = query.where(tuple_(REFUSAL.c.refused_time, REFUSAL.c.letter_id) > after)
    return [{"id": row.letter_id, **_shown(row)} for row in connection.execute(query)]


def _mended() -> Any:
    again, refused = TIMELINE.alias(), REFUSAL.alias()
    stands = exists().where(again.c.event_id == REFUSAL.c.driven_as)
    return stands & ~exists().where(refused.c.event_id == REFUSAL.c.driven_as)


_REFUSALS: Final[Select[Any]] = select(REFUSAL, _mended().label("mended"))
_BY_EVENT: Final = Lookup(_REFUSALS, REFUSAL.c.event_id)
_KNOWN: Final = Lookup(select(REFUSAL.c.letter_id), REFUSAL.c.letter_id)
_BY_ID: Final = Lookup(
    select(TIMELINE.c.source, TIMELINE.c.type, TIMELINE.c.causation_id), TIMELINE.c.event_id
)
_ADD: Final = Write(insert(REFUSAL))


def _shown(row: Row[Any]) -> dict[str, Any]:
    return Refusal._make(row[:-1]).shown(mended=bool(row.mended))


def _sender(connection: Connection, source: str, cause: str | None) -> str:
    """Return who sent the fact that led to an event, as far as the timeline knows."""
    for _ in range(_CAUSES_MAX):
        if not source.startswith(_OURS) or cause is None:
            return source
        rows = _BY_ID.rows(connection, [cause])
        if not rows:
            return source
        source, cause = rows[0].source, rows[0].causation_id
    return source
