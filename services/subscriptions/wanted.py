"""What an insurer may ask for, and what can never be given."""

from ipaddress import ip_address
from typing import Literal

import httpx
from fastapi.exceptions import RequestValidationError
from pydantic import Field

from services.contract.frozen import Frozen, Id
from services.subscriptions.guard import AddressRefusedError, check_addresses
from services.subscriptions.matching import kinds_of


class Wanted(Frozen):
    """A request to subscribe.

    url: where webhooks go; without it, events are streamed or pulled. milestones: kinds such as
    `treatment.discharged`, or whole stages such as `treatment`; without it, all.
    """

    insurer: Id
    url: str | None = Field(default=None, max_length=2_000)
    milestones: list[str] | None = Field(default=None, min_length=1, max_length=100)
    since: Literal["now", "beginning"] = Field(default="now", alias="from")


def kinds_wanted(chosen: list[str] | None) -> frozenset[str] | None:
    """Return the kinds of milestones that are meant, None for all.

    Raises:
        RequestValidationError: there is no such kind or stage.
    """
    if chosen is None:
        return None
    try:
        return kinds_of(chosen)
    except ValueError as error:
        raise _unfit("milestones", str(error)) from error


def check_url(url: str, *, allow_loopback: bool) -> None:
    """Refuse early what could never be sent to; names are judged when they are dialled.

    Raises:
        RequestValidationError: it is such an address; the message says why.
    """
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise _unfit("url", str(error)) from error
    schemes = ("https", "http") if allow_loopback else ("https",)
    if parsed.scheme not in schemes or not parsed.host:
        raise _unfit("url", f"expected an absolute {' or '.join(schemes)} address")
    if parsed.userinfo or parsed.fragment:
        raise _unfit("url", "credentials and fragments have no place here")
    try:
        literal = str(ip_address(parsed.host))
    except ValueError:
        return
    try:
        check_addresses(parsed.host, [literal], allow_loopback=allow_loopback)
    except AddressRefusedError as error:
        raise _unfit("url", str(error)) from error


def _unfit(field: str, message: str) -> RequestValidationError:
    return RequestValidationError([{"loc": ["body", field], "msg": message, "type": "value_error"}])
