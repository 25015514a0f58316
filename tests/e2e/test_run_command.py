"""`careloop run` from its first start to the end of its data: what it says, keeps and leaves."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.e2e.people import SOURCE, bundle, claim, encounter, patient
from tests.e2e.running import (
    PARTS,
    Run,
    assert_gapless,
    assert_one_decision_per_request,
    careloop,
    exported,
    post_fhir,
    progress,
    timeline,
    wait_for,
)
from tests.figures import WHOLE_AND_PART, Figures

CITY_S = 25
CITY = "members=300,rate=150,seed=11"
STAGES = ("筛", "管", "治", "康", "筛")


@dataclass(frozen=True)
class Ended:
    """A run that has ended: exit code, output, its processes still alive, its summary."""

    code: int
    said: str
    left: list[Any]
    summary: dict[str, Any]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept") / "data"


def _run_for(data_dir: Path, seconds: int, *options: object) -> Ended:
    file = data_dir.parent / f"summary-{seconds}.json"
    output = data_dir.parent / f"output-{seconds}"
    words = ("--data-dir", data_dir, "--for", seconds, "--summary", file, *options)
    with Run(output, *words) as run:
        run.wait_open()
        code = run.wait(seconds + 150)
        return Ended(code, run.said, run.alive(), json.loads(file.read_text()))


@pytest.fixture(scope="module")
def city(data_dir: Path) -> Ended:
    """The first run: a city of a few hundred, for half a minute."""
    return _run_for(data_dir, CITY_S, "--city", CITY)


@pytest.fixture(scope="module")
def log(city: Ended, data_dir: Path) -> Path:
    """The log of the first run, exported."""
    assert city.code == 0, city.said
    file = data_dir.parent / "log.jsonl"
    done = careloop("replay", "export", file, "--data-dir", data_dir)
    assert done.returncode == 0, done.stdout
    return file


def test_a_run_ends_by_itself_with_a_summary_of_the_documented_form(city: Ended) -> None:
    assert city.code == 0, city.said
    assert city.left == []
    found = city.summary
    assert list(found) == [
        "events",
        "visits",
        "payment_requests",
        "decisions",
        "amounts",
        "milestones",
        "members_overdue",
        "rehabilitations",
        "loops_completed",
        "ledger_imbalance",
        "decision_latency_ms",
        "log_counts",
    ]
    assert set(found["events"]) == {"accepted", "duplicates", "refused", "dead_lettered"}
    assert set(found["payment_requests"]) == {"direct_pay", "claim"}
    assert set(found["milestones"]) == {"screening", "management", "treatment", "rehabilitation"}
    assert set(found["decision_latency_ms"]) == {"p50", "p99"}
    counts = [found["visits"], found["members_overdue"], found["loops_completed"]]
    for name in (
        "events", "payment_requests", "decisions", "milestones", "rehabilitations", "log_counts",
    ):  # fmt: skip
        counts += found[name].values()
    counts += [amount for amounts in found["amounts"].values() for amount in amounts.values()]
    assert all(type(count) is int and count >= 0 for count in counts)


def test_the_books_of_a_run_are_balanced_and_its_bills_are_borne_in_full(city: Ended) -> None:
    amounts = city.summary["amounts"]

    assert set(amounts) == {"CNY"}
    assert city.summary["ledger_imbalance"] == {"CNY": 0}
    assert set(amounts["CNY"]) == {"billed", *PARTS}
    assert amounts["CNY"]["billed"] == sum(amounts["CNY"][part] for part in PARTS) > 0


def test_every_decision_of_a_run_answers_a_request_and_the_counts_are_those_of_the_log(
    city: Ended, log: Path
) -> None:
    events = exported(log)

    assert_one_decision_per_request(events)
    assert_gapless(events)
    distinct = {event["ce_id"]: event["ce_type"] for event in events if "ce_id" in event}
    kinds = [kind for kind in distinct.values() if kind != "careloop.clock.ticked.v1"]
    assert city.summary["log_counts"] == {kind: kinds.count(kind) for kind in sorted(set(kinds))}
    outcomes = city.summary["decisions"]
    requests = city.summary["payment_requests"]
    assert sum(outcomes.values()) - outcomes.get("reversed", 0) == sum(requests.values())


def test_every_figure_of_the_summary_is_what_sql_counts_over_the_export(
    city: Ended, data_dir: Path, tmp_path: Path
) -> None:
    file = tmp_path / "log.parquet"
    for words in (("export", file, "--data-dir", data_dir), ("tables", file, tmp_path / "tables")):
        done = careloop("replay", *words)
        assert done.returncode == 0, done.stdout
    figures = Figures(tmp_path / "tables")
    letters = duckdb.execute(
        "SELECT count(*) FROM read_parquet(?) WHERE topic = 'dead-letters'", [str(file)]
    ).fetchall()
    facts = [kind for kind in city.summary["log_counts"] if _is_fact(kind)]

    counted = figures.summary()

    assert {name: city.summary[name] for name in counted} == counted
    assert city.summary["events"]["dead_lettered"] == letters[0][0]
    assert city.summary["events"]["accepted"] == sum(counted["log_counts"][kind] for kind in facts)
    latency = city.summary["decision_latency_ms"]
    assert (latency["p50"], latency["p99"]) == pytest.approx(figures.latencies_ms(), abs=0.06)
    members = figures.members()
    assert all(members[part] <= members[whole] for whole, part in WHOLE_AND_PART)


def test_another_shell_reads_where_the_doors_were(city: Ended, data_dir: Path) -> None:
    said = subprocess.run(
        ["sh", "-c", f'. {data_dir}/env.sh && echo "$GATEWAY $INSURERS_DOOR"'],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    assert all(address in city.said for address in said)
    assert len(said) == 2


def test_the_log_of_a_run_follows_from_its_facts(log: Path) -> None:
    done = careloop("replay", "verify", log)

    assert done.returncode == 0, done.stdout
    assert "0 differences" in done.stdout


def test_a_member_goes_around_the_loop(city: Ended, log: Path) -> None:
    stations = {
        "careloop.referral.to-management.v1": "筛",
        "careloop.management.plan-set.v1": "管",
        "careloop.referral.to-rehabilitation.v1": "治",
        "careloop.rehabilitation.finished.v1": "康",
    }
    around: dict[str, list[str]] = {}
    for event in exported(log):
        sign = stations.get(event.get("ce_type", ""))
        if event.get("ce_type") == "careloop.screening.scheduled.v1":
            sign = "筛" if event["data"]["closes_loop"] else None
        course = around.setdefault(event.get("ce_subject", ""), [])
        if sign is not None and course[-1:] != [sign]:
            course.append(sign)

    closed = [member for member, course in around.items() if _goes_around(course)]

    assert city.summary["loops_completed"] >= 1
    assert closed, around


def _goes_around(course: list[str]) -> bool:
    rest = iter(course)
    return all(sign in rest for sign in STAGES)


@dataclass(frozen=True)
class Life:
    """What was seen of the same data at its second, third and fourth start."""

    carried_on: dict[str, Any]
    accepted_before_the_kill: int
    left_after_the_kill: list[Any]
    after_the_kill: Ended
    members: set[str]


@pytest.fixture(scope="module")
def killed(city: Ended, data_dir: Path) -> Iterator[tuple[Run, dict[str, Any]]]:
    """The second start, killed while it still had work to do."""
    assert city.code == 0, city.said
    with Run(data_dir.parent / "output-killed", "--no-city", "--data-dir", data_dir) as run:
        run.wait_open()
        seen = {"progress": progress(run.gateway)}
        for number in range(40):
            member = f"before-the-kill-{number}"
            stay = bundle(
                patient(member), encounter(member, member), claim(member, member, 100 + number)
            )
            assert post_fhir(run.gateway, stay, careloop_source=SOURCE).status_code == 200
        seen["accepted"] = progress(run.gateway)["accepted"]
        run.remember_family()
        os.kill(run.process.pid, signal.SIGKILL)
        run.wait(10)
        yield run, seen


@pytest.fixture(scope="module")
def mended(killed: tuple[Run, dict[str, Any]], data_dir: Path) -> Iterator[tuple[Run, Path]]:
    """The third start, with everything processed that was accepted before the kill."""
    file = data_dir.parent / "summary-mended.json"
    words = ("--no-city", "--data-dir", data_dir, "--summary", file)
    wait_for(lambda: not killed[0].alive(), "the killed run's processes to end", 40)
    with Run(data_dir.parent / "output-mended", *words) as run:
        yield run.wait_open(), file


def test_a_second_start_carries_on_with_what_the_first_counted(
    city: Ended, killed: tuple[Run, dict[str, Any]]
) -> None:
    _, seen = killed

    counted = {name: seen["progress"][name] for name in ("accepted", "duplicates", "refused")}
    expected = city.summary["events"]
    assert counted == {name: expected[name] for name in counted}


def test_a_killed_run_leaves_no_process_behind(killed: tuple[Run, dict[str, Any]]) -> None:
    run, _ = killed

    assert len(run.family) >= 10
    wait_for(lambda: not run.alive(), "the killed run's processes to end", 40)


def test_what_was_accepted_before_the_kill_is_decided_after_the_next_start(
    city: Ended, killed: tuple[Run, dict[str, Any]], mended: tuple[Run, Path]
) -> None:
    _, seen = killed
    run, file = mended
    # The timeline joins its group anew, which waits for the killed member's session to end.
    wait_for(lambda: _is_discharged(run, "before-the-kill-39"), "the timeline of the last stay")

    code = run.stop(signal.SIGTERM)

    assert code == 0, run.said
    assert run.alive() == []
    summary = json.loads(file.read_text())
    before, after = city.summary, summary
    assert after["events"]["accepted"] == seen["accepted"] == before["events"]["accepted"] + 40 * 5
    assert after["payment_requests"]["direct_pay"] == before["payment_requests"]["direct_pay"] + 40
    billed = sum((100 + number) * 100 for number in range(40))
    assert after["amounts"]["CNY"]["billed"] == before["amounts"]["CNY"]["billed"] + billed
    assert after["amounts"]["CNY"]["member"] == before["amounts"]["CNY"]["member"] + billed
    assert after["ledger_imbalance"] == {"CNY": 0}


def _is_discharged(run: Run, member: str) -> bool:
    kinds = [event["type"] for event in timeline(run.gateway, member)]
    return "careloop.visit.discharged.v1" in kinds


def test_a_start_without_new_facts_changes_nothing(
    mended: tuple[Run, Path], data_dir: Path
) -> None:
    before = json.loads(mended[1].read_text())

    again = _run_for(data_dir, 3, "--no-city")

    assert again.code == 0, again.said
    for name in ("events", "amounts", "decisions", "visits", "loops_completed", "log_counts"):
        assert again.summary[name] == before[name], name


def test_a_throwaway_run_says_so_and_leaves_nothing_when_interrupted(tmp_path: Path) -> None:
    file = tmp_path / "summary.json"
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    city = ("--city", "members=50,rate=50,seed=1")
    with Run(tmp_path / "output", *city, "--summary", file, TMPDIR=str(temporary)) as run:
        run.wait_open()
        assert "temporary folder, removed at the end" in run.said
        assert list(temporary.glob("careloop-*/"))
        wait_for(lambda: progress(run.gateway)["accepted"] > 20, "facts of the city")

        code = run.stop(signal.SIGINT)

        assert code == 0, run.said
        assert run.alive() == []
        assert list(temporary.glob("careloop-*/")) == []
        summary = json.loads(file.read_text())
        assert summary["log_counts"]["careloop.member.registered.v1"] > 0
        assert "Stopped before everything was processed" not in run.said
        assert (
            sum(number for kind, number in summary["log_counts"].items() if _is_fact(kind))
            == summary["events"]["accepted"]
        )


def _is_fact(kind: str) -> bool:
    from services.contract.catalog import catalog

    return catalog()[kind].producers == ("gateway",)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--city", "members=x"), ("--city", "members")),
        (("--bootstrap-servers", "127.0.0.1:1", "--no-city"), ("Kafka at 127.0.0.1:1",)),
    ],
)
def test_an_option_that_cannot_be_used_ends_with_a_readable_message(
    options, words, tmp_path: Path
) -> None:
    done = careloop("run", "--for", 1, *options, TMPDIR=str(tmp_path))

    assert done.returncode not in {0, None}, done.stdout
    assert "Traceback" not in done.stdout, done.stdout
    assert all(word in done.stdout for word in words), done.stdout
    assert list(tmp_path.glob("careloop-*/")) == []


@pytest.mark.parametrize("option", ["--http-port", "--subscriptions-port"])
def test_a_port_in_use_is_named(option: str) -> None:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        port = stranger.getsockname()[1]

        done = careloop("run", "--no-city", "--for", 1, option, port)

    assert done.returncode != 0
    assert f"port {port} is in use" in done.stdout
    assert option in done.stdout
    assert "Traceback" not in done.stdout
