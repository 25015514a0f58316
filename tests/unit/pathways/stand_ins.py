"""Which pathways screening and management know, while a test runs."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from services.management import programme
from services.pathways.index import Pathway, pathways
from services.screening import case


@contextmanager
def only(*found: Pathway) -> Iterator[None]:
    """Let screening and management know these pathways and no others."""
    known = {one.id: one for one in found}
    with pytest.MonkeyPatch.context() as patch:
        for reader in (case, programme):
            patch.setattr(reader, "pathways", lambda: known)
        _forget_days()
        yield
    _forget_days()


def _forget_days() -> None:
    """Forget what was gathered for each day."""
    case.screened_on.cache_clear()
    programme.managed_on.cache_clear()


def hypertension() -> Pathway:
    """The pathway of that folder."""
    return pathways()["hypertension"]
