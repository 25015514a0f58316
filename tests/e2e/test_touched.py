"""One discharge goes through so many files, a step of settlement being one; it is not to grow."""

from pathlib import Path

from tests.architecture.touched import touched

FILES_MAX = 140


def test_a_discharge_goes_through_few_files(tmp_path: Path) -> None:
    found = touched(tmp_path)

    # What must be among them, else nothing was measured.
    assert any("gateway" in file for file in found)
    assert any("settlement" in file for file in found)
    assert any("subscriptions" in file for file in found)
    assert len(found) <= FILES_MAX, "\n".join(found)
