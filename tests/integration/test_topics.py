import pytest
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from typer.testing import CliRunner

from services.cli.main import app
from services.contract.topics import ALL_STAGES, CARE_MILESTONES, HEALTH_EVENTS, changelog
from services.runtime.settings import Settings
from services.runtime.topics import (
    TopicsError,
    _config_problems,
    _durable,
    check_topics,
    create_topics,
    topic_configs,
)
from tests.workers import delete_topics, wait_for


@pytest.fixture
def admin(bootstrap_servers):
    with KafkaAdminClient(bootstrap_servers=bootstrap_servers) as client:
        yield client


def alter(admin, topic, **settings):
    """Set a topic's settings, their dots written as underscores; the broker shows them a little later."""
    wanted = {name.replace("_", "."): value for name, value in settings.items()}
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, wanted)])
    asked = ConfigResource(ConfigResourceType.TOPIC, topic, dict.fromkeys(wanted, ""))

    def shown():
        configs = admin.describe_configs([asked], config_filter="all")["topic"][topic]
        return {name: configs[name]["value"] for name in wanted} == wanted

    wait_for(shown, f"{topic} to be altered")


def test_created_topics_have_no_problems(kafka_settings):
    assert check_topics(kafka_settings) == []


def test_creating_topics_twice_changes_nothing(kafka_settings):
    assert create_topics(kafka_settings) == []
    assert check_topics(kafka_settings) == []


def test_only_what_is_missing_is_created(kafka_settings, admin):
    delete_topics(admin, CARE_MILESTONES)

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

    assert problems == [
        f"{name}: 4 partitions, not 6 (CARELOOP_PARTITIONS)" for name in topic_configs()
    ]


def test_a_changed_clean_up_is_a_problem(kafka_settings, admin):
    name = changelog("treatment")
    alter(admin, name, cleanup_policy="delete", min_compaction_lag_ms="0")

    problems = check_topics(kafka_settings)

    assert problems == [
        f"{name}: cleanup.policy is delete, not compact",
        f"{name}: min.compaction.lag.ms is 0, less than 86400000",
    ]


def test_a_log_that_forgets_is_a_problem(kafka_settings, admin):
    alter(admin, HEALTH_EVENTS, retention_ms="604800000", retention_bytes="1073741824")

    problems = check_topics(kafka_settings)

    assert problems == [
        f"{HEALTH_EVENTS}: retention.ms is 604800000, not -1",
        f"{HEALTH_EVENTS}: retention.bytes is 1073741824, not -1",
    ]


def test_a_topic_that_does_not_take_a_large_state_is_a_problem(kafka_settings, admin):
    name = changelog("treatment")
    alter(admin, name, max_message_bytes="1048588")

    assert check_topics(kafka_settings) == [
        f"{name}: max.message.bytes is 1048588, less than 16777216"
    ]


def test_what_was_acknowledged_must_be_on_as_many_brokers_as_was_asked_for(kafka_settings):
    three = kafka_settings.model_copy(update={"replication_factor": 3})

    problems = check_topics(three)

    assert problems == [f"{name}: 1 replicas, less than 3" for name in topic_configs()]


@pytest.mark.parametrize(("replicas", "in_sync"), [(1, "1"), (2, "1"), (3, "2")])
def test_a_topic_answers_when_all_but_one_of_its_replicas_have_the_record(replicas, in_sync):
    wanted = _durable(replicas)

    assert wanted == {"min.insync.replicas": in_sync}
    assert not list(_config_problems("log", wanted, {"min.insync.replicas": in_sync}))
    assert list(_config_problems("log", wanted, {"min.insync.replicas": "0"})) == [
        f"log: min.insync.replicas is 0, less than {in_sync}"
    ]


def test_an_unreachable_cluster_is_reported_with_its_address(monkeypatch):
    monkeypatch.setattr("services.runtime.topics._CONNECT_TIMEOUT_MS", 500)

    with pytest.raises(TopicsError, match=r"Kafka at 127\.0\.0\.1:9:"):
        check_topics(Settings(bootstrap_servers="127.0.0.1:9"))


def test_the_command_line_creates_checks_and_lists_problems(kafka_settings, admin):
    delete_topics(admin, HEALTH_EVENTS)
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
