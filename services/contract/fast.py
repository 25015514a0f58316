"""Plain things done faster than the plain way, where that pays for a share of every event.

`python -m benchmarks tricks` measures each beside the plain way, in figures of an event that a stage
folds; what saves less than 3 % there has no place here.
"""

from operator import attrgetter
from typing import Final

import orjson
from pydantic import BaseModel

_FIELDS: Final = attrgetter("__dict__")


def as_json(value: BaseModel) -> bytes:
    """Return the JSON of a value: what pydantic writes, to the byte.

    `model_dump_json` takes 2 to 5 µs longer: 2.5 % of an event in treatment, 3.3 % in settlement.
    """
    try:
        return orjson.dumps(value.__dict__, default=_FIELDS, option=orjson.OPT_UTC_Z)
    except TypeError:  # such as an integer beyond 64 bits
        return value.model_dump_json().encode()
