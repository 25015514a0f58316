"""Create the topics, and check that a shared cluster has them as the services need them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import KafkaError, TopicAlreadyExistsError

from services.contract.topics import ALL_STAGES, DEAD_LETTERS, EVENT_TOPICS, changelog
from services.runtime.settings import Settings

# Compaction must not drop a newer state that a stale one follows before somebody has healed it.
_COMPACTION_LAG_MS_MIN: Final = 86_400_000
_CONNECT_TIMEOUT_MS: Final = 15_000

RECORD_BYTES_MAX: Final = 16 << 20
"""What every topic takes at least. The largest record is the state of a household; what the gateway
accepts and what is refused are far smaller. Kafka's default, 1 MiB, would stop a stage for good."""

_LOG: Final = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "max.message.bytes": str(RECORD_BYTES_MAX),
}
_CHANGELOG: Final = {
    "cleanup.policy": "compact",
    "min.compaction.lag.ms": str(_COMPACTION_LAG_MS_MIN),
    "max.message.bytes": str(RECORD_BYTES_MAX),
    # The segment being written is never compacted, so a large one would never be.
    "segment.bytes": str(64 << 20),
}
_EXACT: Final = ("cleanup.policy", "retention.ms", "retention.bytes")
_AT_LEAST: Final = ("min.compaction.lag.ms", "max.message.bytes", "min.insync.replicas")


class TopicsError(RuntimeError):
    """The cluster cannot be reached, or refuses; the message says which and why."""


def topic_configs() -> dict[str, dict[str, str]]:
    """Return every topic of the system with its Kafka settings."""
    logs = {topic: dict(_LOG) for topic in (*EVENT_TOPICS, DEAD_LETTERS)}
    return logs | {changelog(stage): dict(_CHANGELOG) for stage in ALL_STAGES}


def create_topics(settings: Settings) -> list[str]:
    """Create the missing topics and return their names; existing ones are left as they are.

    Raises TopicsError if the cluster cannot be reached or refuses.
    """
    with _admin(settings) as admin:
        existing = set(admin.list_topics())
        missing = {name: each for name, each in topic_configs().items() if name not in existing}
        for name, configs in missing.items():
            try:
                admin.create_topics({name: _new_topic(settings, configs)}, wait_for_metadata=True)
            except TopicAlreadyExistsError:
                continue  # another process creates them at the same time
        return list(missing)


def check_topics(settings: Settings) -> list[str]:
    """Return one sentence per problem: missing, or with other settings than the services need.

    Raises TopicsError if the cluster cannot be reached or refuses.
    """
    wanted = topic_configs()
    with _admin(settings) as admin:
        existing = set(admin.list_topics())
        present = [name for name in wanted if name in existing]
        partitions = {each["name"]: each["partitions"] for each in _describe(admin, present)}
        found = _configs(admin, present)
    problems = [f"{name}: missing" for name in wanted if name not in existing]
    for name in present:
        replicas = min(len(each["replica_nodes"]) for each in partitions[name])
        if len(partitions[name]) != settings.partitions:
            problems.append(
                f"{name}: {len(partitions[name])} partitions, not {settings.partitions}"
                " (CARELOOP_PARTITIONS)"
            )
        if replicas < settings.replication_factor:
            problems.append(f"{name}: {replicas} replicas, less than {settings.replication_factor}")
        problems += _config_problems(name, wanted[name] | _durable(replicas), found[name])
    return problems


def _config_problems(name: str, wanted: dict[str, str], found: dict[str, str]) -> Iterator[str]:
    for key in _EXACT:
        if key in wanted and found[key] != wanted[key]:
            yield f"{name}: {key} is {found[key]}, not {wanted[key]}"
    for key in _AT_LEAST:
        if key in wanted and int(found[key]) < int(wanted[key]):
            yield f"{name}: {key} is {found[key]}, less than {wanted[key]}"


def _durable(replicas: int) -> dict[str, str]:
    """Return what makes an acknowledged record survive the loss of any one broker."""
    return {"min.insync.replicas": str(max(1, replicas - 1))}


def _new_topic(settings: Settings, configs: dict[str, str]) -> dict[str, Any]:
    return {
        "num_partitions": settings.partitions,
        "replication_factor": settings.replication_factor,
        "configs": configs | _durable(settings.replication_factor),
    }


def _describe(admin: KafkaAdminClient, names: list[str]) -> list[dict[str, Any]]:
    # Without names Kafka describes every topic of the cluster.
    described: list[dict[str, Any]] = admin.describe_topics(names) if names else []
    return described


def _configs(admin: KafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    wanted = dict.fromkeys((*_EXACT, *_AT_LEAST), "")
    resources = [ConfigResource(ConfigResourceType.TOPIC, name, wanted) for name in names]
    answer = admin.describe_configs(resources, config_filter="all")["topic"]
    return {
        name: {key: str(config["value"]) for key, config in configs.items()}
        for name, configs in answer.items()
    }


@contextmanager
def _admin(settings: Settings) -> Iterator[KafkaAdminClient]:
    try:
        with KafkaAdminClient(
            bootstrap_servers=settings.bootstrap_servers,
            bootstrap_timeout_ms=_CONNECT_TIMEOUT_MS,
        ) as admin:
            yield admin
    except KafkaError as error:
        message = f"Kafka at {settings.bootstrap_servers}: {error}"
        raise TopicsError(message) from error
