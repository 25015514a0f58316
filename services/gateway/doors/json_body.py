"""Reading a JSON body that anybody may have written.

What parsers disagree about is refused here, once: duplicate keys, numbers that are not numbers,
lone surrogates, depth. What is let through is safe for every library behind.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any, Final, TypeVar

import orjson
from fastapi import Request

from services.gateway.acceptance.problems import Problem, RequestRefusedError, refused

BODY_BYTES_MAX: Final = 8 << 20
DEPTH_MAX: Final = 64
INTEGER_DIGITS_MAX: Final = 18
DECIMAL_CHARACTERS_MAX: Final = 60
EXPONENT_MAX: Final = 30
_INLINE_BYTES_MAX: Final = 64 << 10

T = TypeVar("T")


class _UnsafeJsonError(ValueError):
    """Well-formed JSON that is not safe to read on."""


async def whole_body(request: Request) -> bytes:
    """Return a request's body.

    Raises RequestRefusedError: 415 for an encoded body, else as `read_body`.
    """
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding != "identity":
        says = f"The content encoding {encoding[:40]!r} is not supported"
        raise refused(415, Problem("not-supported", "", says, "Send the body uncompressed."))
    return await read_body(request.stream())


async def read_body(stream: AsyncIterator[bytes]) -> bytes:
    """Return the whole body, or stop reading where it passes the limit.

    Raises RequestRefusedError: 413 for a body over 8 MiB, 400 for an empty one.
    """
    chunks = []
    size = 0
    async for chunk in stream:
        size += len(chunk)
        if size > BODY_BYTES_MAX:
            raise refused(
                413,
                Problem(
                    "too-long",
                    "",
                    f"The body is larger than {BODY_BYTES_MAX >> 20} MiB",
                    "Split it into several requests.",
                ),
            )
        chunks.append(chunk)
    if not size:
        raise refused(400, Problem("invalid", "", "The body is empty", "Send JSON in the body."))
    return b"".join(chunks)


async def off_loop(size: int, work: Callable[[], T]) -> T:
    """Do long work in a thread, so that other requests are not kept waiting for it."""
    return work() if size <= _INLINE_BYTES_MAX else await asyncio.to_thread(work)


def decimal_number(text: str) -> Decimal:
    """Read a JSON number with a fraction or exponent exactly, for doors that carry money."""
    value = Decimal(text) if len(text) <= DECIMAL_CHARACTERS_MAX else Decimal("NaN")
    if not value.is_finite() or (value and abs(value.adjusted()) > EXPONENT_MAX):
        raise _UnsafeJsonError(f"the number {_short(text)} is out of range")
    return value


def float_number(text: str) -> float:
    """Read a JSON number with a fraction or exponent, for doors whose money is whole."""
    value = float(text)
    if value in {float("inf"), float("-inf")}:
        raise _UnsafeJsonError(f"the number {_short(text)} is out of range")
    return value


def load_json(body: bytes, number: Callable[[str], Decimal | float]) -> Any:
    """Return the value of a JSON text in UTF-8; `number` reads what is not an integer.

    Raises RequestRefusedError: 400, saying what was found and where.
    """
    value = _read_by_the_letter(body) if number is float_number else None
    if value is None:
        value = _read_with_care(body, number)
    _check_nesting(value)
    if b"\\u" in body:
        _check_characters(value)
    return value


def _read_by_the_letter(body: bytes) -> Any:
    """Return what a fast parser reads, if it can write the very same bytes again; else None.

    Such a text is compact, as most programs write JSON, and says each key once: the parser would
    have dropped a second. It has no integer beyond 53 bits. The rest is read with care, which
    takes five times as long.
    """
    try:
        value = orjson.loads(body)
        same = orjson.dumps(value, option=orjson.OPT_STRICT_INTEGER) == body
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None
    return value if same else None


def _read_with_care(body: bytes, number: Callable[[str], Decimal | float]) -> Any:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _bad(
            f"The body is not UTF-8: byte {error.start} cannot be read", "Encode it as UTF-8."
        ) from error
    try:
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_float=number,
            parse_int=_integer,
            parse_constant=_constant,
        )
    except json.JSONDecodeError as error:
        raise _bad(
            f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}",
            "Mend the JSON there.",
        ) from error
    except _UnsafeJsonError as error:
        raise _bad(f"The body is JSON that cannot be used: {error}", "Mend it there.") from error
    except RecursionError as error:
        raise _too_deep() from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _UnsafeJsonError(f"the key {_short(key)} stands twice in one object")
            seen.add(key)
    return found


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > INTEGER_DIGITS_MAX:
        raise _UnsafeJsonError(f"the number {_short(text)} is out of range")
    return int(text)


def _constant(name: str) -> None:
    raise _UnsafeJsonError(f"{name} is not a number in JSON")


def _check_nesting(value: Any) -> None:
    level = [value]
    for _ in range(DEPTH_MAX + 1):
        if not level:
            return
        level = [
            child
            for each in level
            if (kind := type(each)) is dict or kind is list
            for child in (each.values() if kind is dict else each)
        ]
    raise _too_deep()


def _check_characters(value: Any) -> None:
    """Escapes can write what UTF-8 cannot carry and what PostgreSQL does not store."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            waiting += each.keys()
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
        elif isinstance(each, str):
            if "\x00" in each:
                raise _bad("A string contains the character U+0000", "Leave it out.")
            if any("\ud800" <= character <= "\udfff" for character in each):
                raise _bad("A string contains half a surrogate pair", "Write both halves.")


def _too_deep() -> RequestRefusedError:
    return _bad(f"The body is nested deeper than {DEPTH_MAX} levels", "Send a flatter document.")


def _bad(says: str, mend: str) -> RequestRefusedError:
    return refused(400, Problem("structure", "", says, mend))


def _short(text: str) -> str:
    shown = text if len(text) <= 40 else f"{text[:37]}..."
    return ascii(shown)
