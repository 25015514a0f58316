"""What the live view and the summary count, against SQL over the log's tables."""

import re
from pathlib import Path

import pytest

from services.cli.live_view import STAGES, members
from services.contract.topics import DEAD_LETTERS, EVENT_TOPICS
from services.replay.log import Manifest
from services.replay.tables import write_tables
from services.timeline.tally import Tally
from tests.figures import MEMBERS, WHOLE_AND_PART, Figures
from tests.unit.simulator.city_fixtures import city
from tests.unit.simulator.test_city_and_stages import CityOnStages

ROOT = Path(__file__).parents[3]
DAYS = 300


class _Log:
    """The one partition of a run without a broker."""

    def __init__(self, run):
        self._run = run
        topics = (*EVENT_TOPICS, DEAD_LETTERS)
        ends = {topic: (sum(1 for _ in run.log.rows(topic, 0)),) for topic in topics}
        self.manifest = Manifest(ends, "2026-03-02T00:00:00+00:00")

    def rows(self, topic, partition, begin=0):
        return (row for row in self._run.log.rows(topic, partition) if row.offset >= begin)


@pytest.fixture(scope="module")
def counted(tmp_path_factory) -> tuple[Tally, Figures]:
    """A city of 60 households' members, for ten months: counted live, and as tables."""
    lived = CityOnStages(city(members=150))
    lived.live(DAYS)
    folder = tmp_path_factory.mktemp("tables")
    write_tables(_Log(lived.running), folder, lambda _count: None)
    return lived.tally(), Figures(folder)


def test_every_line_of_the_funnel_is_what_sql_counts(counted):
    tally, figures = counted
    found = figures.members()

    shown = {label: members(tally, step) for *_, steps in STAGES for label, step in steps}

    assert shown == {name: len(who) for name, who in found.items()}
    assert sum(count > 0 for count in shown.values()) >= 12, shown


def test_no_count_exceeds_what_it_is_a_part_of(counted):
    found = counted[1].members()

    for whole, part in WHOLE_AND_PART:
        assert found[part] <= found[whole], (part, whole)


def test_the_summary_is_what_sql_counts(counted):
    tally, figures = counted
    shown = tally.summary()
    shown.pop("decision_latency_ms")

    assert shown == figures.summary()
    ended = shown["rehabilitations"]
    assert 0 < shown["loops_completed"] <= ended["goal_reached"] + ended["plateau"]
    assert shown["members_overdue"] > 0


def test_every_figure_has_its_definition():
    text = (ROOT / "docs/run.md").read_text("utf-8")
    on_screen = set(re.findall(r"^\| ([a-z][a-z /,0-9-]*) \|", text, re.MULTILINE))
    in_summary = " ".join(re.findall(r"^\| (`.*?`) \|", text, re.MULTILINE))

    labels = [label for *_, steps in STAGES for label, _ in steps]
    assert labels == list(MEMBERS)
    assert set(labels) <= on_screen
    for key in Tally().summary():
        assert f"`{key}" in in_summary, key
