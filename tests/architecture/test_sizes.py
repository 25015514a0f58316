"""Sizes and names that keep every file readable; the limits are only ever lowered."""

import ast
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_FILE_LINES_MAX = 400
_FUNCTION_LINES_MAX = 60
_BANNED_MODULES = {"utils", "helpers", "common", "misc", "base", "manager", "core"}

_SOURCES = sorted(
    path
    for folder in ("services", "tests", "benchmarks")
    for path in (_ROOT / folder).rglob("*.py")
    # Each migration is a record of its day and is never edited again.
    if "migrations" not in path.parts
)


def functions(source: str) -> list[tuple[str, int]]:
    """Name and length in lines, from `def` to the last line, of each function in `source`."""
    return [
        (node.name, (node.end_lineno or node.lineno) - node.lineno + 1)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


@pytest.mark.parametrize("path", _SOURCES, ids=lambda path: str(path.relative_to(_ROOT)))
def test_a_file_and_its_functions_are_short(path):
    source = path.read_text(encoding="utf-8")

    lines = len(source.splitlines())
    long = {name: size for name, size in functions(source) if size > _FUNCTION_LINES_MAX}

    assert lines <= _FILE_LINES_MAX
    assert long == {}


def test_no_module_is_named_for_what_nobody_could_place():
    named = {
        str(path.relative_to(_ROOT))
        for path in _SOURCES
        if path.stem in _BANNED_MODULES or path.parent.name in _BANNED_MODULES
    }

    assert named == set()


def test_a_function_is_measured_from_its_first_line_to_its_last():
    source = "def short():\n    return 1\n\nclass A:\n    async def longer(self):\n        a = 1\n\n        return a\n"

    assert functions(source) == [("short", 2), ("longer", 4)]


def test_the_median_file_and_function_stay_small():
    files = sorted(len(path.read_text(encoding="utf-8").splitlines()) for path in _SOURCES)
    sizes = sorted(size for path in _SOURCES for _, size in functions(path.read_text("utf-8")))

    assert files[len(files) // 2] <= 120
    assert sizes[len(sizes) // 2] <= 12
