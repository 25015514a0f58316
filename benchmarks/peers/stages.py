"""The stages that are measured, by name, and what a peer process is told."""

import os
from importlib import import_module
from typing import Any

from services.runtime.stage import Stage

MODULES = {"counting": "benchmarks.counting", "treatment": "services.treatment.app"}


def stage_named(name: str) -> Stage[Any]:
    """Return a stage of the benchmarks."""
    stage: Stage[Any] = import_module(MODULES[name]).STAGE
    return stage


def given() -> tuple[Stage[Any], str]:
    """Return the stage and the broker that this process was started for."""
    return stage_named(os.environ["BENCH_STAGE"]), os.environ["CARELOOP_BOOTSTRAP_SERVERS"]
