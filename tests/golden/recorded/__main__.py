"""`python -m tests.golden.recorded [--write] [--requests]`: what is recorded, beside what is so now.

Prints each difference by kind. Read them all before `--write` takes them for what is expected.
`--requests` plans the requests anew from simulator and examples; otherwise the recorded ones are
sent again.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path

from services.runtime.settings import Settings
from tests.golden.recorded import files, planned
from tests.golden.recorded.differences import compare, told
from tests.golden.recorded.files import Row
from tests.golden.recorded.life import SYNTHEA, Life, live, live_synthea
from tests.golden.recorded.rows import rows

_PLANS = {"city": planned.city_requests, "examples": planned.example_requests}


def main() -> None:
    """Live everything that is recorded, and show or write what has changed."""
    words = argparse.ArgumentParser(prog="python -m tests.golden.recorded", description=__doc__)
    words.add_argument("--write", action="store_true", help="expect from now on what is so now")
    words.add_argument("--requests", action="store_true", help="plan the requests anew")
    given = words.parse_args()
    for name, plan in _PLANS.items():
        requests = list(plan()) if given.requests else files.read_requests(name)
        life = _lived(partial(live, requests))
        _show(name, rows(life.records()), write=given.write)
        if given.write:
            files.write_requests(name, life.answers)
    if SYNTHEA.is_dir():
        _show("synthea", rows(_lived(live_synthea).records()), write=given.write)


def _lived(life: Callable[[Settings], Coroutine[None, None, Life]]) -> Life:
    with tempfile.TemporaryDirectory(prefix="careloop-recorded-") as folder:
        return asyncio.run(life(Settings(data_dir=Path(folder))))


def _show(name: str, found: list[Row], *, write: bool) -> None:
    differences = compare(files.read_rows(name), found)
    sys.stdout.write(f"{name}: {len(found)} rows\n{told(differences) or 'no differences'}\n")
    if write:
        files.write_rows(name, found)


if __name__ == "__main__":
    main()
