"""What the figures were taken on, without naming the machine."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from services.local.broker.jars import KAFKA_VERSION

PACKAGES = (
    "aiokafka",
    "confluent-kafka",
    "faust-streaming",
    "orjson",
    "pydantic",
    "quixstreams",
    "rocksdict",
    "SQLAlchemy",
)


def describe() -> dict[str, Any]:
    """Return cores, memory, kernel and versions; no host names, no paths."""
    return {
        "cores": psutil.cpu_count(),
        "processor": _processor(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "kernel": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "kafka": KAFKA_VERSION,
        **{name: _version(name) for name in PACKAGES},
    }


def load() -> float:
    """Return the mean number of runnable threads over the last minute."""
    return round(os.getloadavg()[0], 1)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
