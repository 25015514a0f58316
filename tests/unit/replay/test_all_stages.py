"""All stages together: one household's way around the loop, exported, and verified by command."""

import re
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from services.cli.main import app as careloop
from services.cli.stages import all_stages
from services.contract.catalog import catalog
from services.contract.codec import decode
from services.contract.topics import ALL_STAGES, CARE_MILESTONES, EVENT_TOPICS
from services.replay.log_file import export, files_to_write
from services.runtime.inprocess import InProcess
from tests.contracts.examples import PATHS, record_by_sdk
from tests.unit.replay.recorded_run import record_of

HOUSEHOLDS = 3


def facts():
    """The published examples of facts, in the order in which they happened."""
    chosen = [path for path in PATHS if catalog()[path.parent.name].producers == ("gateway",)]
    return sorted((decode(record_by_sdk(path)) for path in chosen), key=lambda event: event.time)


@pytest.fixture(scope="module")
def looped():
    run = InProcess(all_stages(), partitions=2)
    for number in range(HOUSEHOLDS):
        for event in facts():
            run.publish(
                event.data,
                at=event.time,
                member=f"{event.subject}-{number}",
                household=f"home-{number}",
                episode=event.correlation_id,
            )
            run.run()
    for month in range(1, 25):
        run.tick(facts()[-1].time + timedelta(days=30 * month))
        run.run()
    return record_of(run)


@pytest.fixture
def exported(looped, tmp_path):
    path = tmp_path / "log.jsonl"
    export(looped, files_to_write(path, None), lambda _count: None)
    return path


def verify(*arguments):
    return CliRunner().invoke(careloop, ["replay", "verify", *map(str, arguments)])


def row_of(output, producer):
    line = re.search(rf"^{producer} +(.*)$", output, re.MULTILINE)
    assert line is not None, output
    return [int(number.replace(",", "")) for number in line[1].split()]


def test_every_stage_of_the_catalog_is_found_in_order():
    assert tuple(stage.name for stage in all_stages()) == ALL_STAGES


def test_the_example_moves_every_stage_and_nothing_differs(looped, exported):
    result = verify(exported)

    assert result.exit_code == 0, result.output
    assert "0 differences" in result.output
    for stage in ALL_STAGES:
        inputs, recorded, repeated, regenerated, differences = row_of(result.output, stage)
        assert inputs > 0
        assert recorded == regenerated > 0
        assert (repeated, differences) == (0, 0)
    recorded, _, _ = row_of(result.output, "gateway")
    assert recorded == HOUSEHOLDS * len(facts())
    assert sum(looped.manifest.end_offsets[CARE_MILESTONES]) > 0


@pytest.mark.parametrize("topic", EVENT_TOPICS)
def test_a_byte_changed_in_the_file_turns_the_command_red_and_is_shown(topic, exported):
    lines = exported.read_bytes().splitlines(keepends=True)
    derived = next(
        number
        for number, line in enumerate(lines)
        if line.startswith(b'{"topic":"%s"' % topic.encode())
        and b'["ce_source","/careloop/' in line
        and b'["ce_source","/careloop/clock"' not in line
    )
    lines[derived] = lines[derived].replace(b'["ce_specversion","1.0"]', b'["ce_specversion","1"]')
    exported.write_bytes(b"".join(lines))

    result = verify(exported)

    assert result.exit_code == 1
    assert "different: " in result.output
    assert "-ce_specversion: 1\n+ce_specversion: 1.0\n" in result.output


def test_a_line_taken_out_of_the_file_turns_the_command_red(exported):
    lines = exported.read_bytes().splitlines(keepends=True)
    exported.write_bytes(b"".join(lines[:-1]))

    result = verify(exported)

    assert result.exit_code == 1
    assert "1 broken offsets" in result.output


def test_only_so_many_differences_are_shown_as_one_asks_for(exported):
    text = exported.read_bytes().replace(b'["ce_specversion","1.0"]', b'["ce_specversion","1"]')
    exported.write_bytes(text)

    result = verify(exported, "--show", 1)

    assert result.exit_code == 1
    assert len(re.findall(r"^(different|not ).*: .* on ", result.output, re.MULTILINE)) == 1
    assert "differences more (--show N shows more households)" in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["log.jsonl", "--bootstrap-servers", "127.0.0.1:1"],
        ["--data-dir", "x", "--bootstrap-servers", "127.0.0.1:1"],
    ],
)
def test_it_must_be_clear_which_log_to_verify(arguments):
    result = verify(*arguments)

    assert result.exit_code == 2
    assert "give one of" in result.output


@pytest.mark.parametrize("arguments", [[], ["--data-dir", "x", "--bootstrap-servers", "y:1"]])
def test_it_must_be_clear_which_log_to_export(arguments):
    result = CliRunner().invoke(careloop, ["replay", "export", "out.jsonl", *arguments])

    assert result.exit_code == 2
    assert "give either" in result.output


def test_a_directory_in_which_nothing_ran_is_left_as_it_is(tmp_path):
    result = CliRunner().invoke(
        careloop, ["replay", "export", str(tmp_path / "o.jsonl"), "--data-dir", str(tmp_path)]
    )

    assert result.exit_code == 2
    assert "is not the data directory of a run" in result.output
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_there_is_named(tmp_path):
    result = verify(tmp_path / "none.parquet")

    assert result.exit_code == 2
    assert "none.parquet: there is no such file" in result.output.replace("\n", "")
