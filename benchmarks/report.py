"""Tables for people, and results as data."""

import json
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import machine

RESULTS = Path(__file__).parent / "results"
QUICK_RESULTS = RESULTS / "quick"
_printed: list[str] = []


def begin() -> float:
    """Forget what was printed before; return the load that a benchmark begins under."""
    _printed.clear()
    return machine.load()


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table whose first column is text and whose others are numbers."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [
        max(len(name), *(len(row[place]) for row in cells)) for place, name in enumerate(head)
    ]
    _show(f"\n{title}")
    for row in (list(head), ["-" * width for width in widths], *cells):
        first, *others = (
            text.ljust(width) if place == 0 else text.rjust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        _show(("  " + "  ".join((first, *others))).rstrip())


def save(name: str, figures: dict[str, Any], *, quick: bool, load_before: float) -> None:
    """Write `results/<name>.json`, and its tables as `.txt`; quick runs have a folder of their own."""
    folder = QUICK_RESULTS if quick else RESULTS
    folder.mkdir(parents=True, exist_ok=True)
    body = {
        "benchmark": name,
        "taken": datetime.now(UTC).date().isoformat(),
        "quick": quick,
        "load_before": load_before,
        "machine": machine.describe(),
        **figures,
    }
    path = folder / f"{name}.json"
    path.write_text(json.dumps(body, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    sizes = "small sizes" if quick else "full sizes"
    above = f"Taken {body['taken']}, {sizes}, load {load_before} before it began.\n"
    path.with_suffix(".txt").write_text(above + "\n".join(_printed) + "\n", encoding="utf-8")


def median(values: Sequence[float]) -> float:
    """Return the median, or 0 of nothing."""
    return statistics.median(values) if values else 0.0


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the value that `share` (0 to 1) of the sorted values do not exceed."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def goal(reached: bool) -> str:  # noqa: FBT001  # it is all that it is asked
    """Return the mark of a goal."""
    return "yes" if reached else "NO"


def _show(line: str) -> None:
    print(line, flush=True)
    _printed.append(line)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.2f}" if abs(value) < 100 else f"{value:,.0f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)
