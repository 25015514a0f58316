"""Which network a care provider belonged to on a day: data, never a sender's own word."""

import tomllib
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.contract.frozen import Id
from services.contract.visit import Network, Provider
from services.member.calendar import local_day

NETWORK_FILE: Final = Path(__file__).with_name("network.toml")


class NetworkFileError(ValueError):
    """The directory of providers cannot be read; the message says what is wrong with it."""


class Membership(BaseModel):
    """A provider's place in the network between two days, both included."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    id: Id
    network: Network
    first_day: date = Field(default=date.min, alias="from")
    last_day: date = Field(default=date.max, alias="to")


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    provider: list[Membership]


@dataclass(frozen=True, slots=True)
class NetworkDirectory:
    """The memberships, by provider."""

    memberships: dict[str, tuple[Membership, ...]]

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
        rows = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).provider
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise NetworkFileError(f"{path}: {error}") from error
    found: dict[str, tuple[Membership, ...]] = {}
    for row in rows:
        found[row.id] = (*found.get(row.id, ()), row)
    return NetworkDirectory(found)
