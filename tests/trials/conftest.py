"""One run for all trials, on a folder of its own."""

from collections.abc import Iterator

import pytest

from tests.e2e.running import Run


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running `careloop run --no-city`, with a fresh folder."""
    folder = tmp_path_factory.mktemp("trials")
    options = ("--no-city", "--data-dir", folder / "data", "--http-port", "0")
    with Run(folder / "output", *options) as run:
        yield run.wait_open().wait_working().gateway
        assert run.stop() == 0, run.said
