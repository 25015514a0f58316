"""The one system that most of these tests share: started once, without a city."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.running import TESTDATA, Run


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A running `careloop run --no-city` on a folder of its own."""
    folder = tmp_path_factory.mktemp("shared-system")
    options = ("--no-city", "--data-dir", folder / "data")
    with Run(folder / "output", *options) as run:
        yield run.wait_open().wait_working()
        assert run.stop() == 0, run.said


@pytest.fixture(scope="session")
def synthea() -> Path:
    """Twelve published patients with ten years of visits."""
    folder = TESTDATA / "synthea-r4"
    if not folder.is_dir():
        pytest.skip(f"needs the published patients in {folder} (CARELOOP_TESTDATA)")
    return folder
