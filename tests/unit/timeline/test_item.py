"""What happened is said once: in a row, on a page, in an answer and on a screen alike."""

import pytest

from services.contract.catalog import producer_of
from services.contract.clock import ClockTicked
from services.contract.codec import decode
from services.contract.event import Event, EventData
from services.contract.milestones import ScreeningMilestone
from services.contract.payment import PaymentRequested
from services.timeline.happenings import happening
from services.timeline.item import Item, item_of
from services.timeline.tables import TIMELINE
from services.timeline.words import words
from tests.contracts.examples import PATHS, record_by_sdk

EXAMPLES = [decode(record_by_sdk(path)) for path in PATHS if ClockTicked.TYPE not in str(path)]


def test_a_row_is_an_item_behind_its_place() -> None:
    assert TIMELINE.c.keys() == ["position", *Item._fields]


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: event.id)
def test_every_kind_of_event_has_a_sentence_and_a_stage(event: Event[EventData]) -> None:
    shown = item_of(event, 1).shown()

    assert shown["summary"] == words(event.data).sentence
    assert len(shown["summary"]) > 10
    assert shown["stage"] == producer_of(event.type, event.source)


@pytest.mark.parametrize("stage", ["treatment", "rehabilitation"])
def test_the_stage_of_a_type_of_several_is_the_one_of_the_source(stage: str) -> None:
    asked = next(event for event in EXAMPLES if event.type == PaymentRequested.TYPE)

    assert item_of(asked._replace(source=f"/careloop/{stage}"), 1).stage == stage


def test_what_is_worth_a_line_bears_the_sign_of_its_stage() -> None:
    signs = {event.type: told.sign for event in EXAMPLES if (told := happening(event))}

    assert signs == {
        "careloop.visit.admitted.v1": "治",
        "careloop.referral.to-management.v1": "筛",
        "careloop.screening.scheduled.v1": "筛",
        "careloop.management.plan-set.v1": "管",
        "careloop.referral.to-treatment.v1": "管",
        "careloop.referral.to-rehabilitation.v1": "治",
        "careloop.rehabilitation.planned.v1": "康",
        "careloop.rehabilitation.finished.v1": "康",
        "careloop.direct-pay.decided.v1": "付",
    }


def test_the_words_of_a_milestone_tell_pathways_and_insurers_apart() -> None:
    told = {
        words(
            ScreeningMilestone(
                milestone="invited", pathway=pathway, insurers=insurers, episode=None
            )
        ).sentence
        for pathway in ("hypertension", "type_2_diabetes")
        for insurers in ((), ("city-fund",), ("city-fund", "evergreen"))
    }

    assert len(told) == 6
    assert (
        "Milestone of screening, type 2 diabetes: invited (told to city-fund, evergreen)." in told
    )
