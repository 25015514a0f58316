"""Whose word an event is: its type's one producer, or of several the one that its source names."""

from dataclasses import replace

import pytest

from services.contract import catalog as cataloguing
from services.contract.catalog import UnknownProducerError, catalog, producer_of

SHARED = "careloop.direct-pay.requested.v1"


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = replace(catalog()[SHARED], producers=("treatment", "rehabilitation"))
    entries = catalog() | {SHARED: entry}
    monkeypatch.setattr(cataloguing, "catalog", lambda: entries)


@pytest.mark.parametrize("kind", sorted(catalog()))
def test_a_type_of_one_producer_is_that_ones_whatever_its_source(kind: str) -> None:
    assert producer_of(kind, "urn:hospital:1") == catalog()[kind].producer


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("stage", ["treatment", "rehabilitation"])
def test_of_several_producers_the_source_names_the_one(stage: str) -> None:
    assert producer_of(SHARED, f"/careloop/{stage}") == stage


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("source", ["/careloop/settlement", "treatment", "urn:hospital:1", ""])
def test_a_source_that_is_none_of_them_is_refused(source: str) -> None:
    with pytest.raises(UnknownProducerError, match="is said by"):
        producer_of(SHARED, source)


def test_the_catalog_lists_one_producer_or_several() -> None:
    row = "type='a'\ntopics=['t']\nconsumers=['c']\npersonal_data='none'\nsentence='A.'\n"
    text = f"[[event]]\n{row}producer='x'\n[[event]]\n{row}producers=['x', 'y']\n"

    one, two = cataloguing.entries_of(text)

    assert one.producers == ("x",)
    assert two.producers == ("x", "y")
