"""Options of `careloop run` that cannot be used: a readable message before anything is started."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.main import app as careloop


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
