"""Where providers and senders are, and which network a provider belonged to on a day.

It is data, never a sender's own word.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError

from services.contract.frozen import Id
from services.contract.visit import Network, Provider
from services.member.calendar import local_day, zone

NETWORK_FILE: Final = Path(__file__).with_name("network.toml")


def _zone(name: object) -> ZoneInfo:
    try:
        return zone(str(name))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name} is no time zone of the IANA database") from error


Zone = Annotated[ZoneInfo, PlainValidator(_zone)]
"""A time zone, written as its name in the IANA database."""


class NetworkFileError(ValueError):
    """The directory of providers cannot be read; the message says what is wrong with it."""


class Membership(BaseModel):
    """A provider's place in the network between two days, both included."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    id: Id
    network: Network
    first_day: date = Field(default=date.min, alias="from")
    last_day: date = Field(default=date.max, alias="to")
    time_zone: Zone | None = None


class Sender(BaseModel):
    """A system that sends, by the source that it names, and where it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    time_zone: Zone


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    provider: list[Membership]
    sender: list[Sender] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class NetworkDirectory:
    """The memberships, and the time zones that are stated, both by provider; senders' by source."""

    memberships: dict[str, tuple[Membership, ...]]
    zones: Mapping[str, ZoneInfo] = field(default_factory=dict)
    sender_zones: Mapping[str, ZoneInfo] = field(default_factory=dict)

    def tier(self, provider_id: str, at: datetime) -> Network:
        """Return the provider's network on the day of `at` where it happened; unlisted is `out`."""
        day = local_day(at)
        for each in self.memberships.get(provider_id, ()):
            if each.first_day <= day <= each.last_day:
                return each.network
        return "out"

    def provider(self, provider_id: str, at: datetime) -> Provider:
        """Return the provider as the contract states it."""
        return Provider(id=provider_id, network=self.tier(provider_id, at))


def load_network(path: Path = NETWORK_FILE) -> NetworkDirectory:
    """Return the directory that a TOML file holds.

    Raises NetworkFileError: missing, not TOML, or not of the expected shape.
    """
    try:
        file = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise NetworkFileError(f"{path}: {error}") from error
    found: dict[str, tuple[Membership, ...]] = {}
    for row in file.provider:
        found[row.id] = (*found.get(row.id, ()), row)
    zones = {row.id: row.time_zone for row in file.provider if row.time_zone is not None}
    return NetworkDirectory(found, zones, {one.source: one.time_zone for one in file.sender})
