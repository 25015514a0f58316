"""Plain things done faster than the plain way, where that pays for a share of every event.

`python -m benchmarks tricks` measures each beside the plain way, in figures of an event that a stage
folds; what saves less than 3 % there has no place here.
"""

from collections.abc import Mapping
from operator import attrgetter
from typing import Final

import orjson
from pydantic import BaseModel

_FIELDS: Final = attrgetter("__dict__")


def as_json(value: BaseModel) -> bytes:
    """Return the JSON of a value: what pydantic writes, to the byte.

    `model_dump_json` takes 2 to 5 µs longer: 2.5 % of an event in treatment, 3.5 % in settlement.
    """
    try:
        return orjson.dumps(value.__dict__, default=_FIELDS, option=orjson.OPT_UTC_Z)
    except TypeError:  # such as an integer beyond 64 bits
        return value.model_dump_json().encode()


def texts(values: Mapping[str, bytes]) -> dict[str, str] | None:
    """Return values as text; None where one is not UTF-8 or has a NUL character in it.

    Decoding one after the other, and looking for NUL, takes 1.5 µs longer for the headers of a
    record: 3 % of an event in treatment, 1.2 % in settlement.
    """
    try:
        found = b"\0".join(values.values()).decode().split("\0") if values else []
    except UnicodeDecodeError:
        return None
    return dict(zip(values, found, strict=True)) if len(found) == len(values) else None
