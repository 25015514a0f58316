"""`python -m tests.architecture.sizes [folder]`: how large files and functions are, who knows whom.

A room is a folder of `services/`. An import counts once for each statement that names a module of
another room; lines are counted as they stand, blank ones and comments too. The folder is that
of another version, to compare with.
"""

import ast
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
FOLDERS: Final = ("services", "tests", "benchmarks")


@dataclass(frozen=True, slots=True)
class Sizes:
    """Lines of the files of a folder, and of their functions, each from the smallest on."""

    files: tuple[int, ...]
    functions: tuple[int, ...]


def sources(*folders: str, root: Path = ROOT) -> list[Path]:
    """Return the Python files of folders; each migration is a record of its day, and left out."""
    return sorted(
        path
        for folder in folders
        for path in (root / folder).rglob("*.py")
        if "migrations" not in path.parts
    )


def functions(source: str) -> list[tuple[str, int]]:
    """Name and length in lines, from `def` to the last line, of each function in `source`."""
    return [
        (node.name, (node.end_lineno or node.lineno) - node.lineno + 1)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def sizes(*folders: str, root: Path = ROOT) -> Sizes:
    """Measure all files of folders."""
    texts = [path.read_text(encoding="utf-8") for path in sources(*folders, root=root)]
    found = (size for text in texts for _, size in functions(text))
    return Sizes(tuple(sorted(len(text.splitlines()) for text in texts)), tuple(sorted(found)))


def median(ordered: Sequence[int]) -> int:
    """Return the middle one, the upper of two; 0 of nothing."""
    return ordered[len(ordered) // 2] if ordered else 0


def share_of_tests(root: Path = ROOT) -> float:
    """Return how many lines of tests there are for each line of `services/`."""
    return sum(sizes("tests", root=root).files) / sum(sizes("services", root=root).files)


def imports_between_rooms(root: Path = ROOT) -> Counter[tuple[str, str]]:
    """Return how many import statements in one room name a module of another."""
    known = Counter[tuple[str, str]]()
    for path in sources("services", root=root):
        room = _room(path.relative_to(root).with_suffix("").parts)
        for statement in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            known.update((room, other) for other in _rooms_named(statement) if other != room)
    return known


def _rooms_named(statement: ast.AST) -> set[str]:
    if isinstance(statement, ast.Import):
        names = [alias.name for alias in statement.names]
    elif isinstance(statement, ast.ImportFrom) and not statement.level:
        module = statement.module or ""
        names = [f"{module}.{alias.name}" for alias in statement.names]
    else:
        return set()
    return {_room(name.split(".")) for name in names if name.startswith("services.")}


def _room(parts: Sequence[str]) -> str:
    return parts[1]


def _lines(root: Path) -> Iterator[str]:
    columns = ("files", "lines", "median", "max", "functions", "median", "max")
    yield _row("", columns)
    for folders in (*((each,) for each in FOLDERS), FOLDERS):
        found = sizes(*folders, root=root)
        yield _row(
            " + ".join(folders),
            (
                len(found.files),
                sum(found.files),
                median(found.files),
                max(found.files),
                len(found.functions),
                median(found.functions),
                max(found.functions),
            ),
        )
    yield f"\ntests ÷ services: {share_of_tests(root):.2f}\n"
    between = imports_between_rooms(root)
    rooms = sorted({room for pair in between for room in pair})
    known = [room for room in rooms if any(pair[1] == room for pair in between)]
    yield _row("imports from ↓ of →", (*known, "all"))
    for room in rooms:
        counts = [between[room, other] for other in known]
        yield _row(room, [*(count or "·" for count in counts), sum(counts)])
    totals = [sum(between[room, other] for room in rooms) for other in known]
    yield _row("all", [*totals, sum(totals)])


def _row(name: str, cells: Iterable[object]) -> str:
    return f"{name:<30}" + "".join(f"{each!s:>15}" for each in cells)


if __name__ == "__main__":
    sys.stdout.write(
        "\n".join(_lines(Path(sys.argv[1]).resolve() if sys.argv[1:] else ROOT)) + "\n"
    )
