"""Who is told of which milestone, under which number."""

from collections import defaultdict
from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contract.event import Event
from services.contract.milestones import ScreeningMilestone, TreatmentMilestone
from services.subscriptions.matching import (
    KINDS,
    Follower,
    Noted,
    assign,
    kinds_of,
    note,
    shown_to,
)

AT = datetime(2026, 3, 1, tzinfo=UTC)
INSURERS = ("insurer-a", "insurer-b", "insurer-c")
CHOICES = ("treatment.admitted", "treatment.discharged", "screening.screened")


def _event(data):
    return Event("event-1", "/careloop/treatment", "member-1", "home-1", AT, AT, 7, data)


def test_an_insurer_does_not_learn_who_else_insures_or_shares_the_household():
    milestone = TreatmentMilestone(
        pathway=None, insurers=("insurer-a", "insurer-b"), episode="visit-1", milestone="discharged"
    )

    noted = note(_event(milestone))
    shown = shown_to("insurer-a", "sub_1", 3, noted.document)

    assert noted.kind == "treatment.discharged"
    assert noted.insurers == ("insurer-a", "insurer-b")
    assert shown["data"] == {
        "pathway": None,
        "insurers": ["insurer-a"],
        "episode": "visit-1",
        "milestone": "discharged",
    }
    assert shown["subject"] == "member-1"
    assert (shown["number"], shown["subscription"]) == (3, "sub_1")
    told = orjson.dumps(shown)
    assert b"insurer-b" not in told
    assert b"home-1" not in told


def test_what_is_shown_is_the_milestone_that_was_published():
    milestone = ScreeningMilestone(
        pathway="hypertension", insurers=("insurer-a",), episode=None, milestone="screened"
    )

    shown = shown_to("insurer-a", "sub_1", 1, note(_event(milestone)).document)

    assert ScreeningMilestone.model_validate_json(orjson.dumps(shown["data"])) == milestone
    assert shown["type"] == milestone.TYPE
    assert shown["specversion"] == "1.0"


def test_a_stage_stands_for_all_its_kinds():
    chosen = kinds_of(["treatment", "screening.screened"])

    assert "treatment.readmitted" in chosen
    assert "screening.screened" in chosen
    assert "screening.invited" not in chosen
    assert kinds_of(["screening", "management", "treatment", "rehabilitation"]) == KINDS


@pytest.mark.parametrize("name", ["treatment.died", "Treatment", "", "treatment.", "*"])
def test_a_milestone_that_does_not_exist_cannot_be_chosen(name):
    with pytest.raises(ValueError, match=r"treatment\.discharged"):
        kinds_of([name])


_noted = st.builds(
    lambda kind, insurers: (kind, tuple(insurers)),
    st.sampled_from(CHOICES),
    st.sets(st.sampled_from(INSURERS)),
)
_followers = st.lists(
    st.tuples(
        st.sampled_from(INSURERS),
        st.none() | st.frozensets(st.sampled_from(CHOICES)),
        st.integers(0, 5),
    ),
    max_size=5,
)


@given(st.lists(st.lists(_noted, max_size=6), max_size=5), _followers)
def test_numbers_are_gapless_and_only_for_what_is_theirs_however_batches_are_cut(batches, wishes):
    start = {f"sub_{n}": last for n, (_, _, last) in enumerate(wishes)}
    last = dict(start)
    told = defaultdict(list)
    milestones = {}

    for number, batch in enumerate(batches):
        noted = [
            Noted(f"event-{number}-{n}", kind, insurers, "{}")
            for n, (kind, insurers) in enumerate(batch)
        ]
        milestones |= {each.event_id: each for each in noted}
        followers = [
            Follower(f"sub_{n}", insurer, kinds, last[f"sub_{n}"])
            for n, (insurer, kinds, _) in enumerate(wishes)
        ]
        for each in assign(followers, noted):
            told[each.subscription_id].append((each.number, each.event_id))
            last[each.subscription_id] = each.number

    for n, (insurer, kinds, _) in enumerate(wishes):
        theirs = [
            each.event_id
            for each in milestones.values()
            if insurer in each.insurers and (kinds is None or each.kind in kinds)
        ]
        first = start[f"sub_{n}"] + 1
        assert told[f"sub_{n}"] == list(enumerate(theirs, start=first))
