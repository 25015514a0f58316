"""An older version always ends at the newest of its name."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from services.contract.catalog import catalog
from services.contract.clinical import ObservationRecorded, ObservationRecordedV1
from services.contract.registry import BY_TYPE, UPCASTS, newest, upcast
from tests.contracts.examples import PATHS, body


def name_and_major(event_type: str) -> tuple[str, int]:
    stem, _, major = event_type.rpartition(".v")
    return stem, int(major)


def test_an_upcast_leads_to_the_next_version_of_the_same_name():
    for path in PATHS:
        model = BY_TYPE[path.parent.name]
        if model not in UPCASTS:
            continue
        old = model.model_validate_json(json.dumps(body(path)["data"]))

        successor, step = UPCASTS[model]
        new = step(old)

        assert type(new) is successor
        stem, major = name_and_major(old.TYPE)
        assert name_and_major(new.TYPE) == (stem, major + 1)


def test_every_superseded_version_has_an_upcast_and_the_newest_has_none():
    last = {}
    for event_type in BY_TYPE:
        stem, major = name_and_major(event_type)
        last[stem] = max(major, last.get(stem, 0))

    for event_type, model in BY_TYPE.items():
        stem, major = name_and_major(event_type)
        assert (model in UPCASTS) == (major < last[stem])


def test_the_chain_ends_at_the_newest_version_for_every_example():
    for path in PATHS:
        data = BY_TYPE[path.parent.name].model_validate_json(json.dumps(body(path)["data"]))

        assert type(upcast(data)) is newest(type(data))
        assert newest(type(data)) not in UPCASTS
        assert upcast(upcast(data)) == upcast(data)


def test_a_superseded_version_keeps_producer_topics_and_readers_of_its_successor():
    for model in UPCASTS:
        stem, major = name_and_major(model.TYPE)
        old, new = catalog()[model.TYPE], catalog()[f"{stem}.v{major + 1}"]

        assert (old.producers, old.topics, old.consumers) == (
            new.producers, new.topics, new.consumers
        )  # fmt: skip


@settings(deadline=None, print_blob=True)
@given(
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
    st.none() | st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=50),
    st.none() | st.just("visit-1"),
)
def test_an_observation_with_one_value_keeps_all_it_said(value, unit, visit_id):
    old = ObservationRecordedV1(
        observation_id="o-1",
        codes=({"system": "http://loinc.org", "code": "8867-4"},),
        value=value,
        unit=unit,
        visit_id=visit_id,
    )

    new = upcast(old)

    assert isinstance(new, ObservationRecorded)
    assert new.model_dump(exclude={"text", "components", "answer"}) == old.model_dump()
    assert (new.text, new.components, new.answer) == (None, (), ())
