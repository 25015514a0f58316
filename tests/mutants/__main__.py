"""`python -m tests.mutants`: plant each bug in a copy of the tree, and see what turns red.

The big libraries are imported once; each mutant runs in a fork that imports the copy's services.
"""

import compileall
import importlib
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.mutants.table import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
SEEDS = range(1, 33)
ONE_EPISODE = 1
COPIED = ("services", "events", "tests", "pyproject.toml")
LEFT_OUT = ("node_modules", "__pycache__", ".pytest_cache")
LIBRARIES = (
    "aiokafka", "alembic.command", "faust", "orjson", "pydantic", "pytest", "rocksdict",
    "sqlalchemy", "structlog", "prometheus_client", "pydantic_settings", "hypothesis",
)  # fmt: skip
A_BROKEN_MUTANT = ("NameError", "SyntaxError", "ImportError", "IndentationError")


def main() -> int:
    """Run all mutants, or those whose names contain an argument; 1 if one survives."""
    names = sys.argv[1:]
    asked = [one for one in MUTANTS if not names or any(name in one.name for name in names)]
    for library in LIBRARIES:
        importlib.import_module(library)
    begun, survivors, broken = time.monotonic(), [], set()
    with tempfile.TemporaryDirectory(prefix="careloop-mutants-") as folder:
        tree = Path(folder)
        _copy(tree)
        clean = _in_fork(tree, _simulate)
        _say("no bug planted", clean or "nothing", 0.0)
        for mutant in asked:
            started = time.monotonic()
            caught = _caught(tree, mutant)
            _say(mutant.name, caught or "SURVIVES", time.monotonic() - started)
            if not caught or caught.startswith(A_BROKEN_MUTANT):
                survivors.append(mutant.name)
            elif mutant.breaks not in caught:
                survivors.append(f"{mutant.name} breaks {caught}, not {mutant.breaks}")
            broken.add(caught)
    if not names:
        survivors += [f"no bug breaks {one}" for one in sorted(_invariants() - broken)]
    total = time.monotonic() - begun
    sys.stdout.write(f"{len(asked)} bugs planted, {len(survivors)} faults found, {total:.0f} s\n")
    for name in survivors:
        sys.stdout.write(f"survives: {name}\n")
    return 1 if survivors or clean else 0


def _invariants() -> set[str]:
    """Return the names of all that the simulation requires."""
    texts = [path.read_text("utf-8") for path in (ROOT / "tests/simulation").glob("*.py")]
    required = r'(?:require\(|\bname(?:, data)? =)\s*"([a-z]+_[a-z_0-9]+)"'
    return {name for text in texts for name in re.findall(required, text)}


def _say(name: str, caught: str, seconds: float) -> None:
    sys.stdout.write(f"{name:62} {caught[:70]:70} {seconds:5.1f} s\n")
    sys.stdout.flush()


def _copy(tree: Path) -> None:
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns(*LEFT_OUT))
        else:
            shutil.copy2(source, tree / name)
    compileall.compile_dir(tree / "services", quiet=2)
    compileall.compile_dir(tree / "tests" / "simulation", quiet=2)


def _caught(tree: Path, mutant: Mutant) -> str:
    """Plant a bug, see what turns red, and take it out again; empty if nothing does."""
    originals: dict[Path, str] = {}
    for name, old, new in mutant.edits:
        path = tree / name
        text = originals.setdefault(path, path.read_text("utf-8"))
        if text.count(old) != 1:
            return f"NameError: {name} has this text {text.count(old)} times: {old[:30]!r}"
        path.write_text(text.replace(old, new), "utf-8")
    try:
        if mutant.test is not None:
            return _in_fork(tree, _tested(mutant.test))
        return _in_fork(tree, _simulate)
    finally:
        for path, text in originals.items():
            path.write_text(text, "utf-8")


def _simulate() -> str:
    """Run seeds until an invariant breaks; returns which, or nothing."""
    simulate = importlib.import_module("tests.simulation.episode").simulate
    for seed in SEEDS:
        try:
            simulate(seed, ONE_EPISODE)
        except Exception as error:  # noqa: BLE001  # the bug may show in any way
            return _named(error)
    return ""


def _named(error: Exception) -> str:
    name, text = type(error).__name__, str(error)
    broken = re.search(r"BrokenInvariantError\W+(\w+)", f"{name} {text}")
    if broken is not None:
        return broken[1]
    return text if name == "UnexpectedEndError" else f"{name}: {text}"


def _tested(test: str) -> Callable[[], str]:
    def run() -> str:
        pytest = importlib.import_module("pytest")
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        code = pytest.main(["-x", "-q", "-p", "no:cacheprovider", test])
        return test if code == 1 else ""

    return run


def _in_fork(tree: Path, work: Callable[[], str]) -> str:
    """Do the work in a process that imports the services of `tree`; returns what it says."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        answer = "the child failed"
        try:
            _live_in(tree)
            answer = work()
        except BaseException as error:  # noqa: BLE001  # whatever it is, the parent is told
            answer = f"{type(error).__name__}: {error}"
        finally:
            os.write(writer, answer.encode()[:4_000])
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read().decode(errors="replace")
    os.waitpid(child, 0)
    return " ".join(answer.split())


def _live_in(tree: Path) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] in {"services", "tests"}]:
        del sys.modules[name]
    sys.dont_write_bytecode = True
    os.chdir(tree)
    sys.path[:] = [str(tree), *(part for part in sys.path if Path(part or ".").resolve() != ROOT)]


if __name__ == "__main__":
    sys.exit(main())
