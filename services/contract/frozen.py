"""Base of every value that crosses a process boundary: frozen, strict, closed."""

from datetime import UTC, date, datetime
from typing import Annotated, Final, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
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

    def __copy__(self) -> Self:
        """Return a second value of the same fields, as `model_copy` begins with.

        A value has no extra or private attributes, which the inherited copy looks for at three
        times the cost; every rule that changes a state copies it.
        """
        copied = object.__new__(type(self))
        object.__setattr__(copied, "__dict__", self.__dict__.copy())
        object.__setattr__(copied, "__pydantic_fields_set__", self.__pydantic_fields_set__.copy())
        object.__setattr__(copied, "__pydantic_extra__", None)
        object.__setattr__(copied, "__pydantic_private__", None)
        return copied


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A moment with an offset on the way in, in UTC ever after."""


# pydantic itself would read the text "1704067200" as seconds since 1970, even in strict mode.
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

NO_NUL: Final = r"^[^\x00]*$"
"""Pattern of storable text: JSON may carry U+0000, which PostgreSQL cannot store."""

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/#-]{0,127}$")]
"""An identifier: 1 to 128 printable characters, no spaces. Never a national id."""

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
