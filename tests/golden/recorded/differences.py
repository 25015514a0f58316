"""Two sets of rows, compared: what is gone, what is new, and what says something else."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from tests.golden.recorded.files import Row

_SHOWN: Final = 5


class Count(NamedTuple):
    """How many rows of a kind differ. changed: the same member, instant and episode."""

    changed: int = 0
    gone: int = 0
    new: int = 0


@dataclass(slots=True)
class Differences:
    """Those of one kind, row beside row; None stands where there is none."""

    pairs: list[tuple[Row | None, Row | None]] = field(default_factory=list)

    @property
    def count(self) -> Count:
        """How many there are of each sort."""
        gone = sum(new is None for _, new in self.pairs)
        new = sum(old is None for old, _ in self.pairs)
        return Count(len(self.pairs) - gone - new, gone, new)


def compare(expected: Iterable[Row], found: Iterable[Row]) -> dict[str, Differences]:
    """Return the differences by kind, such as `settlement: decision`; equal rows are left out."""
    before, after = Counter(map(_text, expected)), Counter(map(_text, found))
    gone, new = _by_place(before - after), _by_place(after - before)
    differences: dict[str, Differences] = defaultdict(Differences)
    for place in sorted(gone.keys() | new.keys()):
        old, young = gone.get(place, []), new.get(place, [])
        for number in range(max(len(old), len(young))):
            pair = (_at(old, number), _at(young, number))
            differences[f"{place[1]}: {place[2]}"].pairs.append(pair)
    return dict(differences)


def told(differences: dict[str, Differences]) -> str:
    """Return the differences as text: a line for each kind, and the first few of it."""
    return "\n".join(line for kind, each in differences.items() for line in _told(kind, each))


def _told(kind: str, differences: Differences) -> Iterator[str]:
    changed, gone, new = differences.count
    yield f"{kind}: {changed} changed, {gone} gone, {new} new"
    for old, young in differences.pairs[:_SHOWN]:
        member, _, _, at, episode, _ = old or young or []
        yield f"    {member} at {at}, episode {episode}"
        if old and young:
            for name in sorted(old[5].keys() | young[5].keys()):
                if old[5].get(name) != young[5].get(name):
                    yield f"      {name}: {_text(old[5].get(name))}"
                    yield f"      {' ' * len(name)}→ {_text(young[5].get(name))}"
        else:
            yield f"      {'gone' if old else 'new'}: {_text((old or young or [])[5])}"


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _by_place(texts: Counter[str]) -> dict[tuple[str, ...], list[Row]]:
    """Return rows by all but their content."""
    places: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for text in sorted(texts.elements()):
        row = json.loads(text)
        places[tuple(str(each) for each in row[:5])].append(row)
    return places


def _at(found: list[Row], number: int) -> Row | None:
    return found[number] if number < len(found) else None
