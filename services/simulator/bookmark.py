"""How far a city was published, so that a second start carries on where the first stopped.

Losing the file is harmless: everything is sent again, and the gateway knows it all already.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path

import orjson

from services.simulator.population import City


class OtherCityError(ValueError):
    """The file belongs to a city with another seed, size or start."""


@dataclass(slots=True)
class Bookmark:
    """Messages answered so far, by household, of the city that the first three fields name."""

    seed: int
    members: int
    start: str
    delivered: dict[int, int] = field(default_factory=dict)


def open_bookmark(path: Path | None, city: City) -> Bookmark:
    """Return the bookmark in a file, or an empty one if there is none.

    Raises:
        OtherCityError: it is of another city, or cannot be read.
    """
    empty = Bookmark(city.seed, city.members, city.start.isoformat())
    if path is None or not path.exists():
        return empty
    try:
        held = orjson.loads(path.read_bytes())
        delivered = {int(index): int(count) for index, count in held.pop("delivered").items()}
        found = Bookmark(**held, delivered=delivered)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise OtherCityError(f"{path} is not a bookmark of a city: {error!r}") from error
    if (found.seed, found.members, found.start) != (empty.seed, empty.members, empty.start):
        raise OtherCityError(
            f"{path} belongs to the city with seed {found.seed}, {found.members} members and"
            f" start {found.start}; remove it, or start that city"
        )
    return found


def save_bookmark(path: Path, bookmark: Bookmark) -> None:
    """Write the bookmark so that a crash leaves the old one or the new one."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_bytes(orjson.dumps(asdict(bookmark), option=orjson.OPT_NON_STR_KEYS))
    fresh.replace(path)
