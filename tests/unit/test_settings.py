from pathlib import Path

import pytest
from pydantic import ValidationError

from services.runtime.settings import Settings, SettingsError, load_settings


def test_variables_of_the_environment_set_the_fields(monkeypatch):
    monkeypatch.setenv("CARELOOP_BOOTSTRAP_SERVERS", "one:9092, two:9093")
    monkeypatch.setenv("CARELOOP_PARTITIONS", "24")

    settings = load_settings()

    assert settings.bootstrap_servers == "one:9092,two:9093"
    assert settings.partitions == 24


def test_what_the_caller_gives_wins_over_the_environment(monkeypatch):
    monkeypatch.setenv("CARELOOP_HTTP_PORT", "1000")

    settings = load_settings(http_port=2000, metrics_port=None)

    assert settings.http_port == 2000
    assert settings.metrics_port == 0


def test_every_unusable_value_is_named_at_once(monkeypatch):
    monkeypatch.setenv("CARELOOP_HTTP_PORT", "70000")
    monkeypatch.setenv("CARELOOP_BOOTSTRAP_SERVERS", "localhost")
    monkeypatch.setenv("CARELOOP_LOG_FORMAT", "xml")

    with pytest.raises(SettingsError) as caught:
        load_settings()

    lines = str(caught.value).splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "CARELOOP_BOOTSTRAP_SERVERS",
        "CARELOOP_HTTP_PORT",
        "CARELOOP_LOG_FORMAT",
    ]
    assert "expected host:port" in lines[0]


def test_a_misspelt_variable_is_refused_with_the_right_name(monkeypatch):
    monkeypatch.setenv("CARELOOP_BOOTSTRAP_SERVER", "kafka:9092")

    with pytest.raises(SettingsError, match="did you mean CARELOOP_BOOTSTRAP_SERVERS"):
        load_settings()


def test_a_variable_that_resembles_no_setting_is_left_alone(monkeypatch):
    monkeypatch.setenv("CARELOOP_GATEWAY_SERVICE_HOST", "10.0.0.1")

    assert load_settings().http_host == "127.0.0.1"


def test_settings_cannot_be_changed():
    settings = Settings()

    with pytest.raises(ValidationError):
        settings.partitions = 1  # type: ignore[misc]


def test_each_service_has_its_own_sqlite_file_by_default(tmp_path):
    settings = Settings(data_dir=tmp_path)

    assert settings.database_url_for("ledger") == f"sqlite:///{tmp_path / 'ledger.db'}"
    assert settings.database_schema_for("ledger") is None


def test_on_postgresql_each_service_has_its_own_schema():
    settings = Settings(database_url="postgresql://u:p%40ss@db:5432/careloop?sslmode=require")

    assert settings.database_schema_for("gateway") == "gateway"
    assert settings.database_url_for("gateway") == (
        "postgresql+psycopg://u:p%40ss@db:5432/careloop"
        "?sslmode=require&options=-csearch_path%3Dgateway"
    )


@pytest.mark.parametrize("url", ["mysql://db/careloop", "postgresql://db:5432", "sqlite:///x.db"])
def test_an_unusable_database_url_is_refused(url):
    with pytest.raises(SettingsError, match=r"CARELOOP_DATABASE_URL.*leave it out"):
        load_settings(database_url=url)


def test_a_home_directory_is_expanded():
    assert Settings(data_dir=Path("~/careloop")).data_dir == Path.home() / "careloop"


def test_keys_that_are_none_are_refused_without_being_shown(monkeypatch):
    monkeypatch.setenv("CARELOOP_SECRET_KEYS", "hunter2")

    with pytest.raises(SettingsError, match=r"CARELOOP_SECRET_KEYS.*make one with") as caught:
        load_settings()

    assert "hunter2" not in str(caught.value)


def test_an_empty_list_of_keys_is_none(monkeypatch):
    monkeypatch.setenv("CARELOOP_SECRET_KEYS", "")

    assert load_settings().secret_keys is None
