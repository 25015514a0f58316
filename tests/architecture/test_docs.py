"""The pages say what is there: links lead somewhere, named code exists, settings are mentioned."""

import importlib
import re
from pathlib import Path

import pytest

from services.runtime.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page.relative_to(ROOT).as_posix()
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
)
LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)]*)?\)")
METRIC = re.compile(r'(?:Counter|Gauge|Histogram)\(\s*"(careloop_[a-z_]+)"')
NAME = re.compile(r"`(services(?:\.\w+)+)`")


def missing_links(page: str) -> list[str]:
    text = re.sub(
        r"^```.*?^```$", "", (ROOT / page).read_text("utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    local = (link for link in LINK.findall(text) if "://" not in link)
    return [link for link in local if not ((ROOT / page).parent / link).exists()]


def exists(name: str) -> bool:
    """Tell whether a dotted name is a module, or something inside one."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_that_exists(page: str) -> None:
    assert missing_links(page) == []


@pytest.mark.parametrize("page", PAGES)
def test_every_module_and_function_that_is_named_exists(page: str) -> None:
    names = NAME.findall((ROOT / page).read_text("utf-8"))

    assert [name for name in names if not exists(name)] == []


def test_a_name_that_is_gone_would_be_noticed() -> None:
    assert exists("services.runtime.fold.PartitionFold.apply")
    assert not exists("services.runtime.fold.PartitionFold.applied")
    assert not exists("services.runtime.folds")


def test_every_setting_is_in_the_operations_page() -> None:
    text = (ROOT / "docs/operations.md").read_text("utf-8")
    names = [f"CARELOOP_{name.upper()}" for name in Settings.model_fields]

    assert [name for name in names if f"`{name}`" not in text] == []


def test_every_metric_is_in_the_operations_page() -> None:
    text = (ROOT / "docs/operations.md").read_text("utf-8")
    found: set[str] = set()
    for module in (ROOT / "services").rglob("*.py"):
        found |= set(METRIC.findall(module.read_text("utf-8")))

    assert "careloop_consumer_lag" in found
    assert sorted(name for name in found if f"`{name}`" not in text) == []
