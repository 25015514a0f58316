"""Several services may say one type: each numbers its own, and the source tells whose it is."""

from dataclasses import replace

import pytest

from services.contract import catalog as cataloguing
from services.contract.catalog import catalog
from services.contract.codec import Record, decode, encode
from services.contract.topics import DEAD_LETTERS
from services.runtime import fold
from services.runtime.fold import PartitionFold, Row
from services.runtime.state_store import MemoryStore
from tests.counting_stage import STAGE
from tests.workers import fact


def said_by(source: str, sequence: int) -> Record:
    """Return an observation from a source that numbers its own."""
    event = decode(fact("a", sequence, 1.0))
    return encode(event._replace(id=f"{source}-{sequence}", source=source))


@pytest.fixture
def partition(monkeypatch: pytest.MonkeyPatch) -> PartitionFold:
    kind = decode(fact("a", 1, 1.0)).type
    entries = catalog() | {
        kind: replace(catalog()[kind], producers=("treatment", "rehabilitation"))
    }
    for module in (cataloguing, fold):
        monkeypatch.setattr(module, "catalog", lambda: entries)
    return PartitionFold(STAGE, 0, MemoryStore())


def test_two_producers_of_one_type_are_told_apart_by_their_sources(
    partition: PartitionFold,
) -> None:
    said = [
        said_by("/careloop/treatment", 1),
        said_by("/careloop/rehabilitation", 1),
        said_by("/careloop/rehabilitation", 2),
        said_by("/careloop/treatment", 1),
    ]

    outcome = partition.apply([Row(number, record) for number, record in enumerate(said)])

    assert len(outcome.outputs) == 3
    assert outcome.duplicates == 1


def test_whoever_is_none_of_the_producers_is_refused(partition: PartitionFold) -> None:
    outcome = partition.apply([Row(0, said_by("/careloop/settlement", 1))])

    assert [topic for topic, _ in outcome.outputs] == [DEAD_LETTERS]
    [reason] = outcome.refused
    assert "must be /careloop/treatment or /careloop/rehabilitation" in reason
