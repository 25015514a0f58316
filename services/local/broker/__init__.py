"""A real Apache Kafka as a child process: one broker per data directory, loopback only."""

from services.local.broker.errors import BrokerError
from services.local.broker.server import EmbeddedKafka

__all__ = ["BrokerError", "EmbeddedKafka"]
