"""A real Apache Kafka as a child process: one broker per data directory, loopback only."""

from services.runtime.broker.errors import BrokerError
from services.runtime.broker.server import EmbeddedKafka

__all__ = ["BrokerError", "EmbeddedKafka"]
