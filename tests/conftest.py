"""What many tests share: one real broker for the session, fresh state for each test."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient
from pytest_postgresql.janitor import DatabaseJanitor
from sqlalchemy.engine import URL, make_url

from services.local.broker import EmbeddedKafka
from services.runtime.settings import Settings
from services.runtime.topics import create_topics
from tests.workers import delete_topics

_POSTGRES_VARIABLE = "CARELOOP_TEST_POSTGRES_URL"
_PARTITIONS = 4


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("CARELOOP_") and name not in {_POSTGRES_VARIABLE, "CARELOOP_CACHE_DIR"}:
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """One Apache Kafka for the whole session, started by the first test that asks for it."""
    with EmbeddedKafka(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture(scope="session")
def bootstrap_servers(kafka: EmbeddedKafka) -> str:
    return kafka.bootstrap_servers


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with a fresh data directory and SQLite; no broker behind them."""
    return Settings(data_dir=tmp_path / "data", partitions=_PARTITIONS)


@pytest.fixture
def kafka_settings(settings: Settings, bootstrap_servers: str) -> Settings:
    """Settings on the session's broker, whose topics are empty and of this test alone."""
    fresh = settings.model_copy(update={"bootstrap_servers": bootstrap_servers})
    with KafkaAdminClient(bootstrap_servers=bootstrap_servers) as admin:
        left = [name for name in admin.list_topics() if not name.startswith("__")]
        if left:
            delete_topics(admin, *left)
    create_topics(fresh)
    return fresh


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The SQLAlchemy URL of a fresh, empty database; once on SQLite, once on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'test.db'}"
        return
    server = os.environ.get(_POSTGRES_VARIABLE)
    if not server:
        pytest.skip(f"needs a PostgreSQL server; name one in {_POSTGRES_VARIABLE}")
    yield from _fresh_postgres(make_url(server))


@pytest.fixture
def database_settings(database_url: str, settings: Settings) -> Settings:
    """Settings with a fresh data directory, once on SQLite and once on PostgreSQL."""
    if database_url.startswith("sqlite"):
        return settings
    return settings.model_copy(update={"database_url": database_url})


def _fresh_postgres(server: URL) -> Iterator[str]:
    name = f"careloop_test_{uuid.uuid4().hex}"
    with DatabaseJanitor(
        user=server.username or "postgres",
        host=server.host or "127.0.0.1",
        port=server.port or 5432,
        password=server.password,
        maintenance_dbname=server.database or "postgres",
        dbname=name,
    ):
        yield server.set(database=name).render_as_string(hide_password=False)
