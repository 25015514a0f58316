"""Two builds side by side: this working tree, and a commit, each on the packages of its own lock."""

import hashlib
import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".venv-bench" / "against"
BASE = "4c3f439"
STAGES = ("screening", "treatment", "settlement")
"""Those whose folds are compared."""
REQUESTS = ROOT / "tests" / "golden" / "recorded" / "city.requests.jsonl.xz"
DRIVER = ROOT / "benchmarks" / "against" / "driver.py"


@dataclass(frozen=True, slots=True)
class Build:
    """A tree of sources, and the interpreter that has the packages of its lock."""

    name: str
    root: Path
    python: Path

    def drive(self, *words: str, under: Sequence[str] = ()) -> "subprocess.Popen[str]":
        """Start the driver on this build: its code comes first, whatever else is installed.

        under: a program that runs it, such as a profiler.
        """
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("CARELOOP_")}
        return subprocess.Popen(
            [*under, str(self.python), "-P", str(DRIVER), *words],
            cwd=self.root,
            env={**inherited, "PYTHONPATH": str(self.root), "PYTHONHASHSEED": "0"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )


def builds(commit: str) -> tuple[Build, Build]:
    """Return the build of a commit and that of this tree; what is there already is used again."""
    base = _checked_out(commit)
    return (
        Build(commit, base, _interpreter(base)),
        Build("this tree", ROOT, _interpreter(ROOT)),
    )


def _checked_out(commit: str) -> Path:
    named = _git("rev-parse", "--verify", f"{commit}^{{commit}}").decode().strip()
    folder = CACHE / named[:12]
    if not folder.exists():
        part = folder.with_name(f"{folder.name}.part")
        with tarfile.open(fileobj=io.BytesIO(_git("archive", named))) as archive:
            archive.extractall(part, filter="data")
        part.rename(folder)
    return folder


def _interpreter(root: Path) -> Path:
    """Return a Python with exactly the locked packages; equal locks share one."""
    lock = root / "requirements.lock"
    folder = CACHE / f"venv-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    python, done = folder / "bin" / "python", folder / ".installed"
    if not done.exists():
        print(f"installing {lock.name} of {root.name} into {folder.relative_to(ROOT)}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        pip: list[Any] = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--require-hashes", "--requirement", lock], check=True)
        done.touch()
    return python


def _git(*words: str) -> bytes:
    return subprocess.run(["git", "-C", str(ROOT), *words], check=True, capture_output=True).stdout
