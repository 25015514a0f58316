"""A database of the version before, with subscriptions in it, is carried over."""

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, func, select, text

from services.runtime.database import open_database
from services.subscriptions.app import MIGRATIONS
from services.subscriptions.keyring import Keyring, is_token
from services.subscriptions.store.sending import Outbox
from services.subscriptions.store.subscribing import Subscriptions
from services.subscriptions.tables import deliveries
from services.subscriptions.tables import subscriptions as subscriptions_table

KEYRING = Keyring(["c2VjcmV0cyBvZiBzdWJzY3JpcHRpb25zIGluIHRlc3Q="])
HOOKED, STREAMED = (
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "whsec_c3RyZWFtZWQgYW5kIG5ldmVyIHNlbnQ=",
)
ROWS = """
INSERT INTO milestone VALUES (1, 'e1', 'treatment.discharged', '{"data": {}}');
INSERT INTO milestone_insurer VALUES ('insurer-a', 1);
INSERT INTO subscription VALUES
  ('sub_hook', 'insurer-a', 'https://hook.example/', NULL, 'HOOKED', 'active', NULL, 5, 1, 0, 0),
  ('sub_stream', 'insurer-a', NULL, '["treatment.discharged"]', 'STREAMED', 'active', NULL, 5, 1, 0, 0);
INSERT INTO delivery VALUES ('sub_hook', 1, 1, 'kept', 0, 7, 7, NULL);
INSERT INTO delivery VALUES ('sub_stream', 1, 1, 'kept', 0, 7, 7, NULL)
""".replace("HOOKED", HOOKED).replace("STREAMED", STREAMED)


@pytest.fixture
def before(database_settings):
    """Settings of a database of version 0001 with two subscriptions, each with a delivery."""
    database_settings.data_dir.mkdir(parents=True, exist_ok=True)
    engine = create_engine(database_settings.database_url_for("subscriptions"))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("CREATE SCHEMA subscriptions"))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for statement in ROWS.split(";"):
            connection.exec_driver_sql(statement)
    engine.dispose()
    return database_settings


@pytest.fixture
def engine(before):
    opened = open_database(before, "subscriptions", MIGRATIONS, keyring=KEYRING)
    yield opened
    opened.dispose()


def test_an_old_secret_opens_the_door_and_signs_where_there_is_a_url(engine):
    subscriptions, outbox = Subscriptions(engine, KEYRING), Outbox(engine, KEYRING)

    with engine.connect() as connection:
        sealed = dict(
            connection.execute(
                select(subscriptions_table.c.id, subscriptions_table.c.sealed_secret)
            ).all()
        )

    assert is_token(HOOKED, subscriptions.token_digest("sub_hook"))
    assert is_token(STREAMED, subscriptions.token_digest("sub_stream"))
    assert not is_token(HOOKED, subscriptions.token_digest("sub_stream"))
    assert outbox.claim("sub_hook", 10).secret == HOOKED
    assert sealed["sub_stream"] is None


def test_nothing_else_is_changed_or_lost(engine):
    with engine.connect() as connection:
        kept = connection.scalar(select(func.count()).select_from(deliveries))
        row = connection.execute(
            select(subscriptions_table).where(subscriptions_table.c.id == "sub_stream")
        ).one()

    assert kept == 2
    assert (row.insurer, row.kinds, row.state, row.last_number) == (
        "insurer-a",
        '["treatment.discharged"]',
        "active",
        1,
    )


def test_no_secret_stays_readable_in_the_file(before):
    if before.database_url is not None:
        pytest.skip("PostgreSQL removes what was by VACUUM FULL; docs/operations.md says so")
    file = before.data_dir / "subscriptions.db"
    assert HOOKED.encode() in file.read_bytes()

    open_database(before, "subscriptions", MIGRATIONS, keyring=KEYRING).dispose()

    left = b"".join(each.read_bytes() for each in before.data_dir.glob("subscriptions.db*"))
    assert HOOKED.encode() not in left
    assert STREAMED.encode() not in left


def test_without_a_key_nothing_is_migrated(before):
    with pytest.raises(RuntimeError, match="starting the subscriptions process"):
        open_database(before, "subscriptions", MIGRATIONS)

    open_database(before, "subscriptions", MIGRATIONS, keyring=KEYRING).dispose()


def test_secrets_are_sealed_anew_under_the_first_key(engine):
    newer = "bmV3ZXIgc2VjcmV0cyBvZiB0aGUgc3Vic2NyaXB0cy4="
    both = Keyring([newer, "c2VjcmV0cyBvZiBzdWJzY3JpcHRpb25zIGluIHRlc3Q="])

    Subscriptions(engine, both).seal_anew()

    assert Outbox(engine, Keyring([newer])).claim("sub_hook", 10).secret == HOOKED
