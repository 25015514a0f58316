"""A city, a household and real patients are decided today as they were when they were recorded."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pytest

from services.runtime.settings import Settings
from tests.golden.recorded import files
from tests.golden.recorded.differences import Count, Differences, compare, told
from tests.golden.recorded.life import SYNTHEA, Life, live, live_synthea
from tests.golden.recorded.rows import rows


class Known(NamedTuple):
    """A difference that is meant: how many rows of a kind, in one recording, and why."""

    recording: str
    kind: str
    count: Count
    why: str


_DAY = "a business day: where it happened, and no longer that of UTC"
_MIDNIGHT = "a deadline falls at midnight in the scheme's zone, and no longer in UTC"
_ONCE = "an insurer is told once of an invitation: also the second one, and by the registration"
_LATER_END = "a cover that ends after a visit paid the same, and nothing is asked anew"
_DAY_AND_END = f"{_DAY}; {_LATER_END}"
_BARE = (
    "a date without a time of day is the whole day where its sender is, and no longer noon in UTC"
)
_MIDNIGHT_ONCE = f"{_MIDNIGHT}; {_ONCE}"
_RESUMED = "it is said when a member is seen again after a missed follow-up, or leaves"

KNOWN_DIFFERENCES: tuple[Known, ...] = (
    Known("city", "door: cover activated", Count(gone=686, new=686), _BARE),
    Known("city", "door: member registered", Count(gone=393, new=393), _BARE),
    Known("city", "screening: milestone", Count(changed=155, gone=531, new=228), _MIDNIGHT_ONCE),
    Known("city", "screening: scheduled", Count(changed=212, gone=114, new=114), _DAY),
    Known("city", "screening: referral to management", Count(changed=37), _DAY),
    Known(
        "city",
        "management: milestone",
        Count(gone=179, new=674),
        f"{_MIDNIGHT}; and {_RESUMED}",
    ),
    Known("city", "treatment: payment request", Count(changed=432), _DAY),
    Known("city", "treatment: referral to rehabilitation", Count(changed=12), _DAY),
    Known("city", "rehabilitation: payment request", Count(changed=336), _DAY),
    Known("city", "settlement: decision", Count(changed=772), _DAY),
    Known("examples", "door: cover activated", Count(gone=3, new=3), _BARE),
    Known("examples", "door: member registered", Count(gone=2, new=2), _BARE),
    Known("examples", "door: charge posted", Count(gone=1, new=1), _BARE),
    Known("examples", "screening: milestone", Count(changed=1, gone=3, new=2), f"{_ONCE}; {_BARE}"),
    Known("examples", "screening: scheduled", Count(gone=1, new=1), f"{_DAY}; {_BARE}"),
    Known("examples", "treatment: payment request", Count(changed=5, gone=1), _DAY_AND_END),
    Known("examples", "treatment: reversal request", Count(gone=1), _LATER_END),
    Known("examples", "management: milestone", Count(new=1), _RESUMED),
    Known("examples", "settlement: decision", Count(changed=5, gone=1), _DAY_AND_END),
    Known("examples", "settlement: reversal", Count(gone=1), _LATER_END),
    Known(
        "examples",
        "screening: stratified",
        Count(changed=1),
        "an answer in words counts as a whole: `No current tobacco use` makes no smoker",
    ),
    Known(
        "examples",
        "management: plan",
        Count(gone=1),
        "a diagnosis leads to one plan, in the stratum that the record shows, and not to two",
    ),
    Known("synthea", "screening: scheduled", Count(changed=8), _DAY),
    Known("synthea", "treatment: payment request", Count(changed=14), _DAY),
    Known("synthea", "settlement: decision", Count(changed=14), _DAY),
)
"""Empties whenever `python -m tests.golden.recorded --write` records anew what has been read."""


def unexplained(
    recording: str, found: dict[str, Differences], known: Iterable[Known] = KNOWN_DIFFERENCES
) -> str:
    """Return what differs in other kinds or numbers than are known, as text; empty if nothing."""
    counts = {each.kind: each.count for each in known if each.recording == recording}
    unknown = {kind: each for kind, each in found.items() if counts.get(kind) != each.count}
    mended = [
        f"{kind}: as recorded, no longer a known difference" for kind in counts.keys() - found
    ]
    return "\n".join(filter(None, [told(unknown), *mended]))


def assert_as_recorded(name: str, life: Life) -> None:
    left = unexplained(name, compare(files.read_rows(name), rows(life.records())))
    if left:
        pytest.fail(f"{name} is not as recorded:\n{left}", pytrace=False)


@pytest.mark.parametrize("name", ["city", "examples"])
def test_every_request_is_answered_and_decided_as_recorded(name: str, settings: Settings) -> None:
    requests = files.read_requests(name)

    life = asyncio.run(live(requests, settings))

    answers = zip(requests, life.answers, strict=True)
    assert [(new, old.status) for old, new in answers if old.status != new.status] == []
    assert_as_recorded(name, life)


@pytest.mark.skipif(
    not SYNTHEA.is_dir(), reason="needs the folder of test data; name it in CARELOOP_TESTDATA"
)
def test_synthea_patients_are_decided_as_recorded(settings: Settings) -> None:
    life = asyncio.run(live_synthea(settings))

    assert_as_recorded("synthea", life)


def test_a_row_that_says_something_else_is_told_apart_from_one_that_is_gone() -> None:
    place = ["m1", "management", "plan", "2026-01-01T00:00:00+00:00", None]
    high, low = [*place, {"stratum": "high"}], [*place, {"stratum": "low"}]
    other = ["m2", *place[1:], {"stratum": "low"}]

    differences = compare([high, other], [low])

    assert differences["management: plan"].count == Count(changed=1, gone=1)
    assert 'stratum: "high"' in told(differences)
    assert compare([high, other], [other, high]) == {}


def test_a_difference_is_known_by_its_kind_and_number_and_only_while_it_is_there() -> None:
    place = ["m1", "management", "plan", "2026-01-01T00:00:00+00:00", None]
    differences = compare([[*place, {"stratum": "high"}]], [[*place, {"stratum": "low"}]])
    one = Known("city", "management: plan", Count(changed=1), "Set once, as it should be.")
    two = one._replace(count=Count(changed=2))

    assert unexplained("city", differences, [one]) == ""
    assert "1 changed" in unexplained("city", differences, [two])
    assert "1 changed" in unexplained("examples", differences, [one])
    assert "as recorded" in unexplained("city", {}, [one])


def test_the_recordings_stay_small() -> None:
    sizes = {path.name: path.stat().st_size for path in Path(files.FOLDER).glob("*.xz")}

    assert len(sizes) == 5
    assert sum(sizes.values()) < 1_200_000
