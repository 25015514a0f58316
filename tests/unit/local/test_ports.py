"""A port that was chosen is still free when it is opened."""

from pathlib import Path

import pytest

from services.local import ports
from services.local.ports import free_port


def test_the_kernel_gives_a_free_port_to_no_client(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kernels = tmp_path / "ip_local_port_range"
    kernels.write_text("10240\t65500\n")
    monkeypatch.setattr(ports, "_EPHEMERAL", kernels)

    assert {free_port() > 65_500 for _ in range(10)} == {True}


def test_that_no_port_is_left_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = free_port()
    monkeypatch.setattr(ports, "_candidates", lambda: [taken])

    with pytest.raises(OSError, match="no loopback port is free"):
        free_port()


def test_no_port_is_given_twice() -> None:
    given = [free_port() for _ in range(100)]

    assert len(set(given)) == 100
