"""The rule as every contender runs it: one record and one household's memory in, records out.

The same decoding, state, decision and stamping as in our own fold, written the straightforward way:
one record at a time, with the household handed in. What differs between the contenders is who
fetches, who keeps the household, and who sends.
"""

from typing import Any

from services.contract.catalog import catalog
from services.contract.codec import Record, decode, encode, header_map
from services.contract.event import Event
from services.contract.ids import derived_id
from services.contract.step import Draft
from services.runtime.household import Household
from services.runtime.stage import Stage


class SequenceError(RuntimeError):
    """An event came before its predecessor: this log has no gaps, so the engine has lost one."""


def advance(
    stage: Stage[Any], household: Household[Any], record: Record
) -> list[tuple[str, Record]]:
    """Apply a record to a household; return what to say, with the topic of each.

    A record that came before is dropped.
    """
    headers = header_map(record.headers)
    kind = headers["ce_type"].decode()
    producer = catalog()[kind].producers[0]
    sequence = int(headers["ce_sequence"])
    last = household.received.get(producer, 0)
    if sequence <= last:
        return []
    if sequence != last + 1:
        raise SequenceError(f"{record.key!r}: {sequence} where {last + 1} is next")
    household.received[producer] = sequence
    household.version += 1
    event = decode(record)
    if not isinstance(event.data, stage.consumes):
        return []
    key = stage.key(event)
    before = household.state(key)
    step = stage.decide(stage.begin() if before is None else before, event, event.time)
    household.put(key, step.state)
    return [
        _stamp(stage, household, draft, event, ordinal)
        for ordinal, draft in enumerate(step.outputs)
    ]


def _stamp(
    stage: Stage[Any], household: Household[Any], draft: Draft, cause: Event[Any], ordinal: int
) -> tuple[str, Record]:
    kind = draft.data.TYPE
    topic = catalog()[kind].topics[0]
    sequence = household.sent.get(topic, 0) + 1
    household.sent[topic] = sequence
    subject = draft.subject or cause.subject
    said = Event(
        id=derived_id(stage.name, cause.id, subject, kind, ordinal),
        source=f"/careloop/{stage.name}",
        subject=subject,
        household=cause.household,
        time=draft.time,
        recorded_time=cause.recorded_time,
        sequence=sequence,
        data=draft.data,
        causation_id=cause.id,
        correlation_id=draft.correlation_id or cause.correlation_id,
        traceparent=cause.traceparent,
    )
    return topic, encode(said)
