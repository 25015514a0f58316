"""What happened behind the gateway's door to what was published: refused by a stage, or waiting."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx
import orjson

from services.cli.publish_files import BATCH, FHIR, Request

DEFAULT_SENDER: Final = "urn:careloop:fhir"
"""How the gateway names a sender of FHIR that names itself nowhere."""


@dataclass(frozen=True, slots=True)
class Behind:
    """What stages refused, and what waits, since something was published, as the gateway lists it."""

    refused: tuple[dict[str, Any], ...] = ()
    waiting: tuple[dict[str, Any], ...] = ()


def gateway_time(client: httpx.Client) -> datetime:
    """Return what the gateway's clock reads, to the second; our own where it does not say."""
    said = client.get("/healthz").headers.get("date")
    return parsedate_to_datetime(said) if said else datetime.now(UTC).replace(microsecond=0)


def senders_in(request: Request, source: str | None) -> frozenset[str]:
    """Return whom the gateway takes for the sender of a request's items."""
    body = orjson.loads(request.body.removeprefix(b"\xef\xbb\xbf"))
    if request.content_type != FHIR:
        events = body if request.content_type == BATCH else [body]
        sources = [event.get("source") for event in events if isinstance(event, dict)]
        return frozenset(each for each in sources if isinstance(each, str) and each)
    if source is not None:
        return frozenset({source})
    return frozenset({next(_endpoints(body), DEFAULT_SENDER)})


def _endpoints(body: Any) -> Iterator[str]:
    """Yield the endpoints that the headers of messages name, as far as they can be read."""
    entries = body.get("entry")
    for entry in entries if isinstance(entries, list) else ():
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(resource, dict) and resource.get("resourceType") == "MessageHeader":
            source = resource.get("source")
            endpoint = source.get("endpoint") if isinstance(source, dict) else None
            if isinstance(endpoint, str) and endpoint:
                yield endpoint


def behind_the_door(client: httpx.Client, senders: Iterable[str], since: datetime) -> Behind:
    """Return what was refused since then of what some senders sent, and what waits."""
    start = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z_!")
    refused: list[dict[str, Any]] = []
    waiting: list[dict[str, Any]] = []
    for sender in sorted(senders):
        refused += _rows(client, "refusals", sender, start)
        waiting += _rows(client, "waiting", sender, start)
    return Behind(tuple(row for row in refused if not row["mended"]), tuple(waiting))


def _rows(client: httpx.Client, name: str, sender: str, after: str) -> Iterator[dict[str, Any]]:
    following: str | None = after
    while following is not None:
        asked = {"source": sender, "after": following, "limit": "500"}
        page = client.get(f"/{name}", params=asked).raise_for_status().json()
        yield from page[name]
        following = page["next"]
