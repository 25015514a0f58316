"""Notes which files' functions run in a service, by phase; Python imports this when it starts.

The file `phase` in the folder CARELOOP_TRACED names the phase; each process writes what it saw in
each to a file of its own once the phase is `told`. Functions that run at import are not counted.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

_LOOK_S = 0.02
_folder = Path(os.environ.get("CARELOOP_TRACED", "/nowhere"))
_seen: dict[str, set[CodeType]] = {"starting": set()}
_now = _seen["starting"]


def _note(frame: FrameType, event: str, _: Any) -> None:
    if event == "call":
        _now.add(frame.f_code)


def _follow_phases() -> None:
    global _now  # noqa: PLW0603  # one per process, by design
    sys.setprofile(None)
    phase = ""
    while phase != "told":
        time.sleep(_LOOK_S)
        phase = (_folder / "phase").read_text(encoding="utf-8")
        if phase:
            _now = _seen.setdefault(phase, set())
    found = {name: sorted(set(map(_named, codes))) for name, codes in _seen.items()}
    (_folder / f"{os.getpid()}.json").write_text(json.dumps(found), encoding="utf-8")


def _named(code: CodeType) -> tuple[str, str]:
    return code.co_filename, code.co_qualname


if _folder.is_dir() and any(word.startswith("services.") for word in sys.orig_argv):
    threading.Thread(target=_follow_phases, daemon=True).start()
    threading.setprofile(_note)
    sys.setprofile(_note)
