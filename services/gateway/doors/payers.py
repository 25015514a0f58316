"""Which insurers and products there are: data, so that a cover of an unknown one is noticed."""

import tomllib
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from services.contract.frozen import Id

PAYERS_FILE: Final = Path(__file__).with_name("payers.toml")


class PayersFileError(ValueError):
    """The list of insurers and products cannot be read; the message says what is wrong with it."""


class Payers(BaseModel):
    """The ids of insurers and products that the operator has listed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    insurers: frozenset[Id]
    products: frozenset[Id]


def load_payers(path: Path = PAYERS_FILE) -> Payers:
    """Return the insurers and products that a TOML file lists.

    Raises PayersFileError: missing, not TOML, or not of the expected shape.
    """
    try:
        return Payers.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise PayersFileError(f"{path}: {error}") from error
