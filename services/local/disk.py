"""How much a folder takes of the disk."""

import os
from pathlib import Path
from typing import Final

_BLOCK_BYTES: Final = 512
"""What `st_blocks` counts, whatever the disk's own blocks are (POSIX stat.h)."""


def folder_bytes(folder: Path) -> int:
    """Return the bytes of all files below a folder; what vanishes meanwhile is passed over.

    Files that are reserved and not yet written, as Kafka's indexes are, count for what they take.
    """
    return sum(
        _bytes_of(Path(parent) / name) for parent, _, names in os.walk(folder) for name in names
    )


def _bytes_of(file: Path) -> int:
    try:
        return file.lstat().st_blocks * _BLOCK_BYTES
    except FileNotFoundError:
        return 0
