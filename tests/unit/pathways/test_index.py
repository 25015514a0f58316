"""The pathways that are published are those that have a guideline, under the same names."""

import tomllib
from datetime import date
from importlib import resources

import pytest

from services.contract.catalog import events_folder
from services.pathways.index import GUIDELINE, pathways

FOLDERS = sorted(
    folder.name
    for folder in resources.files("services.pathways").iterdir()
    if (folder / GUIDELINE).is_file()
)
PUBLISHED = tomllib.loads((events_folder() / "pathways.toml").read_text("utf-8"))["pathway"]


def test_every_published_pathway_is_a_folder_with_a_guideline_and_every_folder_is_published():
    assert [row["id"] for row in PUBLISHED] == FOLDERS
    assert list(pathways()) == FOLDERS


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: row["id"])
def test_a_pathway_is_published_with_its_title_and_a_sentence(row):
    assert row.keys() == {"id", "title", "sentence"}
    assert row["title"] == pathways()[row["id"]].guideline.title
    assert row["sentence"].endswith(".")


@pytest.mark.parametrize("name", FOLDERS)
def test_a_pathway_has_an_edition_on_every_day_and_names_the_line_that_spoke(name):
    pathway = pathways()[name]

    for day in (date.min, date(2026, 1, 1), date.max):
        edition = pathway.on(day)
        assert pathway.rule(edition, "confirm.severe") == f"{name}@{edition.id}/confirm.severe"
