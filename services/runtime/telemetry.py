"""What a process says about itself: structured logs and Prometheus metrics."""

import logging
import os
import sys
from typing import Final

import structlog
import structlog.tracebacks
from prometheus_client import Counter, Gauge, Histogram, start_http_server
from structlog.typing import Processor

from services.runtime.settings import Settings

_QUIET: Final = {
    # The clients warn about every rebalance and reconnection, which the worker reports itself.
    "aiokafka": logging.ERROR,
    "faust": logging.WARNING,
    "mode": logging.WARNING,
    "alembic": logging.WARNING,
    "kafka": logging.ERROR,
    "httpx": logging.WARNING,
    "uvicorn.access": logging.WARNING,
}

events_processed = Counter("careloop_events_processed_total", "Events applied.", ["service"])
dead_letters = Counter(
    "careloop_dead_letters_total", "Events refused, by reason.", ["service", "reason"]
)
refused_behind_the_door = Counter(
    "careloop_refused_behind_the_door_total",
    "What the gateway had accepted and a stage refused, or gave up.",
    ["refused_by"],
)
consumer_lag = Gauge(
    "careloop_consumer_lag",
    "Records behind the end of the partition.",
    ["service", "partition"],
)
batch_size = Histogram(
    "careloop_batch_size",
    "Events decided together.",
    ["service"],
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000),
)
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
batch_seconds = Histogram(
    "careloop_batch_seconds",
    "From taking a batch to having its outputs under way.",
    ["service"],
    buckets=_SECONDS,
)
checkpoint_seconds = Histogram(
    "careloop_checkpoint_seconds",
    "From the last outputs to the acknowledgement of the batches that led to them.",
    ["service"],
    buckets=_SECONDS,
)
decision_latency_seconds = Histogram(
    "careloop_decision_latency_seconds",
    "From recording the request to recording its decision.",
    ["service"],
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60),
)
parked_events = Counter(
    "careloop_parked_events_total",
    "Events set aside until a missing predecessor comes.",
    ["service"],
)
restarts = Counter("careloop_restarts_total", "Restarts after a failure.", ["service"])


def configure(service: str, settings: Settings) -> None:
    """Set up the logs of this process and serve its metrics; call it once, first."""
    configure_logging(service, settings, settings.log_level)
    serve_metrics(settings)


def configure_logging(service: str, settings: Settings, level: str) -> None:
    """Send the logs of this process, from `level` on, to standard error, one line each.

    Lines of the libraries come in the same form. Each carries the service's name and the
    process id; times are UTC, ISO 8601.
    """
    structlog.contextvars.clear_contextvars()
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _names(service),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(settings),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(max(least, root.level))


def serve_metrics(settings: Settings) -> None:
    """Answer /metrics on the settings' host and port, from a thread; does nothing on port 0."""
    if settings.metrics_port:
        start_http_server(settings.metrics_port, addr=settings.metrics_host)


def _names(service: str) -> Processor:
    def add(
        _logger: object, _method: str, event: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        # Read for each line: a child process that was forked has another id.
        event["service"] = service
        event["pid"] = os.getpid()
        return event

    return add


def _renderers(settings: Settings) -> list[Processor]:
    # No local variables in a traceback: they hold what members are treated for, and to write them
    # all down keeps a process that must stop at once busy for a minute.
    if settings.log_format == "json":
        return [
            structlog.processors.ExceptionRenderer(
                structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
            ),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    return [
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    ]
