"""Everything one processor remembers about one household, and how it is stored."""

import struct
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Generic, TypeVar

import orjson
from pydantic import TypeAdapter

from services.contract.codec import Record
from services.contract.step import State

S = TypeVar("S", bound=State)

HEADER: Final = struct.Struct(">QQ")
"""Every stored value begins with its version and the instant it wants to be woken at."""

NEVER: Final = 0
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def instant_us(moment: datetime | None) -> int:
    """Return microseconds since 1970; 0 is never."""
    if moment is None:
        return NEVER
    return max(1, (moment - EPOCH) // timedelta(microseconds=1))


def version_of(stored: bytes) -> int:
    """Return how many changes the household had seen when it was stored."""
    version: int = HEADER.unpack_from(stored)[0]
    return version


def wake_us_of(stored: bytes) -> int:
    """Return when the stored household wants to be woken, in microseconds; 0 is never."""
    wake: int = HEADER.unpack_from(stored)[1]
    return wake


@dataclass(frozen=True, slots=True)
class Parked:
    """A record that came before one that is missing."""

    producer: str
    sequence: int
    offset: int
    record: Record


@dataclass(slots=True)
class Household(Generic[S]):
    """The states of a household's members in one processor, with its place in every sequence.

    version: changes so far, by events, parked ones and wake-ups; two writers of one partition are
        told apart by it.
    received: last sequence applied, by producer. sent: last sequence given, by topic.
    A household is changed in place: if anything fails, the process ends. Of a checkpoint some
    households may then be stored and some not; each is whole, and knows what it has received.
    """

    state_type: type[S]
    version: int = 0
    received: dict[str, int] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)
    parked: list[Parked] = field(default_factory=list)
    _states: dict[str, S] = field(default_factory=dict)
    _stored: dict[str, Any] = field(default_factory=dict)
    _wake_us: int | None = None

    def state(self, key: str) -> S | None:
        """Return the state under `key`, or None if there is none yet."""
        found = self._states.get(key)
        if found is None and key in self._stored:
            found = _adapter(self.state_type).validate_json(orjson.dumps(self._stored[key]))
            self._states[key] = found
        return found

    def put(self, key: str, state: S) -> None:
        """Replace the state under `key`."""
        self._states[key] = state
        self._stored.pop(key, None)
        self._wake_us = None

    def keys(self) -> list[str]:
        """Return the keys of all states, in order."""
        return sorted({*self._states, *self._stored})

    def wake_us(self) -> int:
        """Return the earliest instant any state wants to be woken at; 0 is never."""
        if self._wake_us is None:
            self._wake_us = self._earliest_us()
        return self._wake_us

    def _earliest_us(self) -> int:
        moments = [instant_us(state.wake_at) for state in self._states.values()]
        for key, stored in self._stored.items():
            if key not in self._states and stored.get("wake_at"):
                moments.append(instant_us(datetime.fromisoformat(stored["wake_at"])))
        return min((moment for moment in moments if moment != NEVER), default=NEVER)

    def due(self, until_us: int) -> list[str]:
        """Return the keys whose states want to be woken no later than `until_us`."""
        found = []
        for key in self.keys():
            state = self.state(key)
            if state is not None and NEVER < instant_us(state.wake_at) <= until_us:
                found.append(key)
        return found

    def encode(self) -> bytes:
        """Return the bytes to store."""
        adapter = _adapter(self.state_type)
        states: dict[str, Any] = dict(self._stored)
        for key, state in self._states.items():
            if key not in self._stored:
                states[key] = orjson.Fragment(adapter.dump_json(state, exclude_defaults=True))
        # Each state keeps the order of its own fields, whether it was just made or read from the
        # store; sorting inside would tell the two apart, and live states from replayed ones.
        body: dict[str, Any] = {
            "in": dict(sorted(self.received.items())),
            "out": dict(sorted(self.sent.items())),
            "states": dict(sorted(states.items())),
        }
        if self.parked:
            body["parked"] = [_park(parked) for parked in self.parked]
        return HEADER.pack(self.version, self.wake_us()) + orjson.dumps(body)


def decode_household(stored: bytes, state_type: type[S]) -> Household[S]:
    """Return the household that `encode` stored."""
    body = orjson.loads(stored[HEADER.size :])
    return Household(
        state_type=state_type,
        version=version_of(stored),
        received=body["in"],
        sent=body["out"],
        parked=[_unpark(parked) for parked in body.get("parked", ())],
        _stored=body["states"],
    )


_ADAPTERS: Final[dict[type[State], TypeAdapter[Any]]] = {}


def _adapter(state_type: type[S]) -> TypeAdapter[S]:
    """Return what reads and writes states of a type, built once."""
    found = _ADAPTERS.get(state_type)
    if found is None:
        found = _ADAPTERS[state_type] = TypeAdapter(state_type)
    return found


def _park(parked: Parked) -> dict[str, Any]:
    return {
        "producer": parked.producer,
        "sequence": parked.sequence,
        "offset": parked.offset,
        "key": b64encode(parked.record.key).decode(),
        "value": b64encode(parked.record.value).decode(),
        "headers": [[name, b64encode(value).decode()] for name, value in parked.record.headers],
    }


def _unpark(stored: dict[str, Any]) -> Parked:
    headers = tuple((name, b64decode(value)) for name, value in stored["headers"])
    record = Record(b64decode(stored["key"]), b64decode(stored["value"]), headers)
    return Parked(stored["producer"], stored["sequence"], stored["offset"], record)
