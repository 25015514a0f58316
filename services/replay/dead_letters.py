"""What was refused, and how each record may be driven again so that it counts once.

The reasons are in `docs/adr/2611-driving-dead-letters-again.md`. Pure: what is read here stands on
the log, and so the way of a record does not change between two calls of the command.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from services.contract.catalog import catalog
from services.contract.codec import Headers, Record, header_map, sequence_of
from services.contract.topics import ALL_STAGES, DEAD_LETTERS, EVENT_TOPICS, STAGE_INPUTS
from services.replay.json_lines import decode_row, encode_row
from services.replay.log import LogError, RecordedLog
from services.runtime import dead_letters
from services.runtime.dead_letters import Place, sent_again_as
from services.runtime.fold import Row

FALLBACK_SOURCE: Final = "urn:careloop:dead-letters"
_SOURCE: Final = re.compile(r"[!-~]{1,200}")
_OVERTAKEN: Final = re.compile(r"sequence \d+ of [\w-]+, \d+ is missing")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One refusal. record: the original; cut: only its beginning. partition, row: the letter."""

    id: str
    refused_by: str
    reason: str
    place: Place
    record: Record
    cut: bool
    partition: int
    row: Row


@dataclass(frozen=True, slots=True)
class Refused:
    """One record of the log with every refusal of it."""

    place: Place
    letters: tuple[DeadLetter, ...]

    @property
    def record(self) -> Record:
        """The record as it was refused."""
        return self.letters[0].record

    @property
    def type(self) -> str:
        """The type that the record says it has; empty if none."""
        return _text(header_map(self.record.headers), "ce_type") or ""


@dataclass(frozen=True, slots=True)
class Again:
    """Write the record as it stands onto its partition: who awaits its number takes it."""

    place: Place
    record: Record


@dataclass(frozen=True, slots=True)
class Anew:
    """Send a new fact to the gateway, under an id that follows from the place: a CloudEvent."""

    event: dict[str, Any]

    def body(self) -> bytes:
        """Return the event in structured mode, its data as they were written."""
        return orjson.dumps(self.event)


@dataclass(frozen=True, slots=True)
class Held:
    """It is not driven again, and why."""

    reason: str


def read_letters(log: RecordedLog) -> list[DeadLetter]:
    """Return the dead letters of a log, repeats once, by partition and offset."""
    found: dict[str, DeadLetter] = {}
    for partition in range(len(log.manifest.end_offsets.get(DEAD_LETTERS, ()))):
        for row in log.rows(DEAD_LETTERS, partition):
            letter = read_letter(partition, row)
            if letter is not None:
                found.setdefault(letter.id, letter)
    return list(found.values())


def read_letter(partition: int, row: Row) -> DeadLetter | None:
    """Return the dead letter that a row carries; None if it is not one of ours."""
    letter = dead_letters.read_letter(row.record)
    if letter is None:
        return None
    return DeadLetter(
        id=letter.id,
        refused_by=letter.refused_by,
        reason=letter.reason,
        place=letter.place,
        record=letter.record,
        cut=letter.cut,
        partition=partition,
        row=row,
    )


def by_record(letters: Iterable[DeadLetter]) -> list[Refused]:
    """Bring the refusals of one record together, in the order of the log."""
    found: dict[Place, list[DeadLetter]] = {}
    for letter in letters:
        found.setdefault(letter.place, []).append(letter)
    places = sorted(found, key=lambda at: (at.topic, at.partition, at.offset))
    return [Refused(place, tuple(found[place])) for place in places]


def to_line(letter: DeadLetter) -> bytes:
    """Return a letter as a line of JSON, to be mended: the form of an exported log."""
    return encode_row(DEAD_LETTERS, letter.partition, letter.row)


def from_line(line: bytes) -> tuple[str, Record]:
    """Return the letter's id and the mended record of a line.

    Raises:
        LogError: the line is no record, or its `deadletter-` headers are gone.
    """
    _, partition, row = decode_row(line)
    letter = read_letter(partition, row)
    if letter is None:
        raise LogError("a line is not a dead letter: its deadletter- headers must stay")
    return letter.id, letter.record


def way(
    refused: Refused, mended: Record | None = None, without_effect: frozenset[str] = frozenset()
) -> Again | Anew | Held:
    """Decide how a record may be driven again.

    mended: what it should have been; None, or the same bytes: as it stands. without_effect: stages
    of which the caller knows that the original, which they have taken, did nothing there.
    """
    if refused.place.topic not in EVENT_TOPICS:
        return Held(f"{refused.place.topic!r} is not a topic of events")
    if mended == refused.record:
        mended = None
    if _is_awaited(refused):
        return _again(refused, mended)
    if _has_number(refused.record) and refused.type in catalog():
        held = _counted_elsewhere(refused, without_effect)
        if held is not None:
            return held
    return _anew(refused, mended)


def distinct(again: Iterable[Again]) -> list[Again]:
    """Return what to write: each record once, however often its copies were refused again."""
    found: dict[tuple[str, int, Record], Again] = {}
    for each in again:
        found.setdefault((each.place.topic, each.place.partition, each.record), each)
    return list(found.values())


def _is_awaited(refused: Refused) -> bool:
    """Tell whether a stage refused the record before its turn, and so waits for its number."""
    unknown = f"the event type {refused.type!r} is not in the catalog"
    numbered = _has_number(refused.record)
    return any(
        _OVERTAKEN.fullmatch(letter.reason) or (numbered and letter.reason == unknown)
        for letter in refused.letters
        if letter.refused_by in ALL_STAGES
    )


def _again(refused: Refused, mended: Record | None) -> Again | Held:
    if mended is not None:
        return Held("its number is still awaited, and belongs to the record as it stands")
    if any(letter.cut for letter in refused.letters):
        return Held("only its beginning is kept; the whole stands at its place")
    if refused.type not in catalog():
        return Held(f"{refused.type!r} is still no type of the catalog")
    return Again(refused.place, refused.record)


def _counted_elsewhere(refused: Refused, without_effect: frozenset[str]) -> Held | None:
    """Hold back what its turn has passed for, unless every stage that reads it has refused it."""
    entry = catalog()[refused.type]
    if entry.producers != ("gateway",):
        says = " and ".join(entry.producers)
        return Held(f"{says} alone can say it: correct the facts that it follows from")
    refusers = {letter.refused_by for letter in refused.letters} | without_effect
    readers = [name for name in entry.consumers if STAGE_INPUTS.get(name) == refused.place.topic]
    taken = [name for name in readers if name not in refusers]
    if taken:
        stages = " and ".join(taken)
        return Held(f"{stages} took it, or has not read it yet; it would count there twice")
    return None


def _anew(refused: Refused, mended: Record | None) -> Anew | Held:
    if mended is None and any(letter.cut for letter in refused.letters):
        return Held("only its beginning is kept; the whole stands at its place")
    record = mended or refused.record
    headers = header_map(record.headers)
    kind = _text(headers, "ce_type") or ""
    entry = catalog().get(kind)
    if entry is None or entry.producers != ("gateway",):
        return Held(f"{kind!r} is not a fact that the gateway takes; mend its type")
    try:
        orjson.loads(record.value)
    except orjson.JSONDecodeError as error:
        return Held(f"its data are not JSON ({error}); mend them")
    event = {
        "specversion": "1.0",
        "id": sent_again_as(refused.place),
        "source": _source(refused.record.headers),
        "idsof": "careloop",  # it stood on the log: its ids are no longer the sender's own
        "type": kind,
        "data": orjson.Fragment(record.value),
    }
    for name in ("subject", "time", "partitionkey", "correlationid", "traceparent"):
        text = _text(headers, f"ce_{name}")
        if text is not None:
            event[name] = text
    return Anew(event)


def _source(original: Headers) -> str:
    """Return the sender, never of the mended record: the id must stay, whatever is mended."""
    text = _text(header_map(original), "ce_source") or ""
    return text if _SOURCE.fullmatch(text) else FALLBACK_SOURCE


def _text(headers: dict[str, bytes], name: str) -> str | None:
    value = headers.get(name)
    return None if value is None else value.decode(errors="replace")


def _has_number(record: Record) -> bool:
    """Tell whether a stage can give the record its turn, once it knows the type."""
    headers = header_map(record.headers)
    return (
        sequence_of(headers) is not None
        and bool(record.key)
        and headers.get("ce_partitionkey") == record.key
    )


def choose(
    found: Sequence[Refused], reason: str = "", topic: str = "", refused_by: str = ""
) -> list[Refused]:
    """Return the records with a refusal whose reason contains, and whose names are, what is given."""
    return [
        refused
        for refused in found
        if topic in {"", refused.place.topic}
        and any(
            reason in letter.reason and refused_by in {"", letter.refused_by}
            for letter in refused.letters
        )
    ]
