"""Options of `careloop run` that cannot be used: a readable message before anything is started."""

import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.main import app as careloop
from services.cli.system import Options, StartError, System
from services.local.ports import free_port


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--city", "members=x"), ("--city", "must be numbers", "members=x")),
        (("--city", "people=5"), ("--city", "people=5")),
        (("--city", "members=0"), ("--city", "greater than 0")),
        (("--city", "rate=nan"), ("--city", "greater than 0")),
        (("--city", "seed=-1"), ("--city", "not less than 0")),
        (("--for", "soon"), ("--for", "number")),
        (("--bootstrap-servers", "nonsense"), ("nonsense", "host:port")),
        (("--database-url", "mysql://x/y"), ("postgresql",)),
        (
            ("--database-url", "postgresql://u@127.0.0.1:1/x"),
            ("CARELOOP_SECRET_KEYS", "make one with"),
        ),
        (("--http-port", "99999"), ("--http-port", "65535")),
        (("--subscriptions-port", "-1"), ("--subscriptions-port", "or equal to 0")),
        (("--data-dir", "/dev/null/x"), ("/dev/null/x",)),
    ],
)
def test_an_option_that_cannot_be_used_ends_with_a_readable_message(
    options, words, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    result = CliRunner().invoke(careloop, ["run", *options], env={"COLUMNS": "300"})

    assert result.exit_code in {1, 2}, result.output
    assert isinstance(result.exception, SystemExit)
    assert all(word in result.output for word in words), result.output
    assert list(tmp_path.glob("careloop-*/")) == []


@pytest.mark.parametrize(
    ("service", "option", "setting"),
    [
        ("gateway", "http_port", "CARELOOP_HTTP_PORT"),
        ("subscriptions", "subscriptions_port", "CARELOOP_SUBSCRIPTIONS_PORT"),
    ],
)
def test_a_port_is_the_options_else_the_environments_else_a_free_one(
    service: str, option: str, setting: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, theirs = free_port(), free_port()
    monkeypatch.setenv(setting, str(theirs))

    by_environment = _ports(Options(data_dir=tmp_path))[service]
    by_option = _ports(Options(data_dir=tmp_path, **{option: mine}))[service]
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", theirs))
        with pytest.raises(StartError, match=rf"{setting}.*port {theirs} is in use"):
            _ports(Options(data_dir=tmp_path))
        any_free = _ports(Options(data_dir=tmp_path, **{option: 0}))[service]

    assert (by_environment, by_option) == (theirs, mine)
    assert any_free not in {0, theirs}


def _ports(options: Options) -> dict[str, int]:
    system = System(options)
    system.stop_log()
    return system.ports
