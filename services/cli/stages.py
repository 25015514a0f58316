"""The composition of all stages: the one place that knows where each is."""

from importlib import import_module
from typing import Any

from services.contract.topics import ALL_STAGES
from services.runtime.stage import Stage


def all_stages() -> tuple[Stage[Any], ...]:
    """Return every stage of the catalog, in order; their modules are loaded by this call."""
    return tuple(import_module(f"services.{name}.app").STAGE for name in ALL_STAGES)
