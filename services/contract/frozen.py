"""Base of every value that crosses a process boundary: frozen, strict, closed."""

from calendar import monthrange
from datetime import date, datetime
from typing import Annotated, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetPydanticSchema,
)
from pydantic_core import core_schema


class Frozen(BaseModel):
    """An immutable value. Unknown fields and silent type conversions are refused."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        allow_inf_nan=False,
        ser_json_inf_nan="strings",
    )


# pydantic itself would read the text "1704067200" as seconds since 1970, even in strict mode.
INSTANT_WRITTEN: Final = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?"
    r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
_WRITTEN_INSTANT: Final = core_schema.custom_error_schema(
    core_schema.str_schema(pattern=INSTANT_WRITTEN, strict=True),
    custom_error_type="instant_written",
    custom_error_message="an instant is written YYYY-MM-DDThh:mm:ss with its offset, +08:00 or Z",
)
_INSTANT: Final = core_schema.json_or_python_schema(
    core_schema.chain_schema(
        [_WRITTEN_INSTANT, core_schema.datetime_schema(strict=False, tz_constraint="aware")]
    ),
    core_schema.datetime_schema(strict=True, tz_constraint="aware"),
)

Instant = Annotated[
    datetime,
    GetPydanticSchema(
        lambda *_: _INSTANT,
        lambda *_: {"type": "string", "format": "date-time", "pattern": INSTANT_WRITTEN},
    ),
]
"""A moment with its offset (RFC 3339), which is kept: it says which day it was where it happened."""

_WRITTEN_DAY: Final = core_schema.custom_error_schema(
    core_schema.str_schema(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", strict=True),
    custom_error_type="day_written",
    custom_error_message="a day is written YYYY-MM-DD",
)
_DAY: Final = core_schema.json_or_python_schema(
    core_schema.chain_schema([_WRITTEN_DAY, core_schema.date_schema(strict=False)]),
    core_schema.date_schema(strict=True),
)

Day = Annotated[
    date, GetPydanticSchema(lambda *_: _DAY, lambda *_: {"type": "string", "format": "date"})
]
"""A calendar day, written YYYY-MM-DD."""


def _possible(written: str) -> str:
    year, month, day = (int(part) for part in f"{written}-01-01"[:10].split("-"))
    if not date.min.year <= year or day > monthrange(year, month)[1]:
        raise ValueError("there is no such day")
    return written


PartialDay = Annotated[
    str,
    Field(pattern=r"^[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?$"),
    AfterValidator(_possible),
]
"""A day as far as it is known, written YYYY, YYYY-MM or YYYY-MM-DD: any day within it may be meant."""

PartialInstant = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01])"
        r"(T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?"
        r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9]))?)?)?$"
    ),
    AfterValidator(_possible),
]
"""A moment as far as it is known: an instant with its offset (RFC 3339), or a `PartialDay`."""

NO_NUL: Final = r"^[^\x00]*$"
"""Pattern of storable text: JSON may carry U+0000, which PostgreSQL cannot store."""

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/#-]{0,127}$")]
"""An identifier: 1 to 128 printable characters, no spaces. Never a national id."""

Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
"""A name out of a table that may grow, such as a pathway or a stratum: `type_2_diabetes`."""

Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217 code.")]
"""An ISO 4217 code."""

MinorUnits = Annotated[
    int, Field(ge=-(10**15), le=10**15, description="In the currency's minor unit.")
]
"""An amount in the currency's minor unit (fen, cent)."""

Amount = Annotated[int, Field(ge=0, le=10**15, description="In the currency's minor unit.")]
"""An amount in minor units that cannot be negative."""

Text = Annotated[str, Field(min_length=1, max_length=500, pattern=NO_NUL)]
"""A short text for people."""
