import pytest
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from typer.testing import CliRunner

from services.cli.main import app
from services.contract.topics import ALL_STAGES, CARE_MILESTONES, HEALTH_EVENTS, changelog
from services.runtime.settings import Settings
from services.runtime.topics import TopicsError, check_topics, create_topics, topic_configs


@pytest.fixture
def admin(bootstrap_servers):
    with KafkaAdminClient(bootstrap_servers=bootstrap_servers) as client:
        yield client


def test_created_topics_have_no_problems(kafka_settings):
    assert check_topics(kafka_settings) == []


def test_creating_topics_twice_changes_nothing(kafka_settings):
    assert create_topics(kafka_settings) == []
    assert check_topics(kafka_settings) == []


def test_only_what_is_missing_is_created(kafka_settings, admin):
    admin.delete_topics([CARE_MILESTONES])

    assert check_topics(kafka_settings) == [f"{CARE_MILESTONES}: missing"]
    assert create_topics(kafka_settings) == [CARE_MILESTONES]


def test_every_stage_has_a_compacted_changelog_and_no_event_expires():
    configs = topic_configs()

    for stage in ALL_STAGES:
        assert configs[changelog(stage)]["cleanup.policy"] == "compact"
        assert int(configs[changelog(stage)]["min.compaction.lag.ms"]) >= 86_400_000
    assert configs[HEALTH_EVENTS]["cleanup.policy"] == "delete"
    assert configs[HEALTH_EVENTS]["retention.ms"] == "-1"


def test_another_partition_count_is_a_problem_of_each_topic(kafka_settings):
    other = kafka_settings.model_copy(update={"partitions": 6})

    problems = check_topics(other)

    assert problems == [f"{name}: 4 partitions, not 6" for name in topic_configs()]


def test_a_changed_clean_up_is_a_problem(kafka_settings, admin):
    wrong = {"cleanup.policy": "delete", "min.compaction.lag.ms": "0"}
    name = changelog("treatment")
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, wrong)])

    problems = check_topics(kafka_settings)

    assert problems == [
        f"{name}: cleanup.policy is delete, not compact",
        f"{name}: min.compaction.lag.ms is 0, less than 86400000",
    ]


def test_an_unreachable_cluster_is_reported_with_its_address(monkeypatch):
    monkeypatch.setattr("services.runtime.topics._CONNECT_TIMEOUT_MS", 500)

    with pytest.raises(TopicsError, match=r"Kafka at 127\.0\.0\.1:9:"):
        check_topics(Settings(bootstrap_servers="127.0.0.1:9"))


def test_the_command_line_creates_checks_and_lists_problems(kafka_settings, admin):
    admin.delete_topics([HEALTH_EVENTS])
    where = ["--bootstrap-servers", kafka_settings.bootstrap_servers, "--partitions", "4"]
    command = CliRunner()

    broken = command.invoke(app, ["topics", "check", *where])
    created = command.invoke(app, ["topics", "create", *where])
    healed = command.invoke(app, ["topics", "check", *where])

    assert broken.exit_code == 1
    assert broken.stderr == f"{HEALTH_EVENTS}: missing\n"
    assert created.exit_code == 0
    assert created.stdout == f"created {HEALTH_EVENTS} with 4 partitions\n"
    assert healed.exit_code == 0
