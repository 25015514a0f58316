"""Sizes and names that keep every file readable; the limits are only ever lowered."""

import pytest

from tests.architecture.sizes import (
    FOLDERS,
    ROOT,
    functions,
    imports_between_rooms,
    median,
    share_of_tests,
    sizes,
    sources,
)

_FILE_LINES_MAX = 400
_FUNCTION_LINES_MAX = 60
_BANNED_MODULES = {"utils", "helpers", "common", "misc", "base", "manager", "core"}
_SOURCES = sources(*FOLDERS)


@pytest.mark.parametrize("path", _SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_and_its_functions_are_short(path):
    source = path.read_text(encoding="utf-8")

    lines = len(source.splitlines())
    long = {name: size for name, size in functions(source) if size > _FUNCTION_LINES_MAX}

    assert lines <= _FILE_LINES_MAX
    assert long == {}


def test_no_module_is_named_for_what_nobody_could_place():
    named = {
        str(path.relative_to(ROOT))
        for path in _SOURCES
        if path.stem in _BANNED_MODULES or path.parent.name in _BANNED_MODULES
    }

    assert named == set()


def test_a_function_is_measured_from_its_first_line_to_its_last():
    source = "def short():\n    return 1\n\nclass A:\n    async def longer(self):\n        a = 1\n\n        return a\n"

    assert functions(source) == [("short", 2), ("longer", 4)]


def test_the_median_file_and_function_stay_small():
    found = sizes(*FOLDERS)

    assert median(found.files) <= 120
    assert median(found.functions) <= 12


def test_tests_are_as_long_as_what_they_test():
    assert share_of_tests() >= 1.0


def test_rooms_know_one_another_only_so_much():
    between = imports_between_rooms()

    assert between["cli", "contract"] > 0
    assert between["contract", "runtime"] == 0
    assert sum(between.values()) <= 640
