"""Base of every value that crosses a process boundary: frozen, strict, closed."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field


class Frozen(BaseModel):
    """An immutable value. Unknown fields and silent type conversions are refused."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        allow_inf_nan=False,
        ser_json_inf_nan="strings",
    )


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A moment with an offset on the way in, in UTC ever after."""

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/#-]{0,127}$")]
"""An identifier: 1 to 128 printable characters, no spaces. Never a national id."""

Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
"""An ISO 4217 code."""

MinorUnits = Annotated[int, Field(ge=-(10**15), le=10**15)]
"""An amount in the currency's minor unit (fen, cent)."""

Amount = Annotated[int, Field(ge=0, le=10**15)]
"""An amount in minor units that cannot be negative."""

Text = Annotated[str, Field(min_length=1, max_length=500)]
"""A short text for people."""
