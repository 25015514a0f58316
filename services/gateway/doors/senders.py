"""Which senders share their ids: data. A sender that is not listed shares them with nobody."""

import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

SENDERS_FILE: Final = Path(__file__).with_name("senders.toml")


class SendersFileError(ValueError):
    """The list of senders cannot be read; the message says what is wrong with it."""


class Exchange(BaseModel):
    """Senders that share their ids, by their sources; `*` in one stands for any text.

    Those of namespace `careloop` use Careloop's own ids (`services.gateway.acceptance.names`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    namespace: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,39}$")]
    sources: tuple[Annotated[str, Field(pattern=r"^[!-~]{1,200}$")], ...] = Field(min_length=1)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    exchange: list[Exchange] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Senders:
    """The exchanges, in the order of the file."""

    exchanges: tuple[Exchange, ...] = ()

    def namespace(self, source: str) -> str:
        """Return the namespace of a sender: that of its exchange, or its own source."""
        return next(
            (
                exchange.namespace
                for exchange in self.exchanges
                if any(fnmatchcase(source, pattern) for pattern in exchange.sources)
            ),
            source,
        )


def load_senders(path: Path = SENDERS_FILE) -> Senders:
    """Return the senders that a TOML file lists.

    Raises SendersFileError: missing, not TOML, not of the expected shape, or a namespace twice.
    """
    try:
        exchanges = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).exchange
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise SendersFileError(f"{path}: {error}") from error
    names = [exchange.namespace for exchange in exchanges]
    if len(names) != len(set(names)):
        raise SendersFileError(f"{path}: a namespace is listed twice; list its sources together")
    return Senders(tuple(exchanges))
