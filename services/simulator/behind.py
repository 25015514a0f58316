"""How late the city is, told through a file to whoever started it."""

from pathlib import Path


def write_behind(file: Path, seconds: float) -> None:
    """Say by how many city seconds the city is behind its clock now."""
    fresh = file.with_name(f"{file.name}.new")
    fresh.write_text(f"{seconds:.0f}\n")
    fresh.replace(file)


def read_behind(file: Path) -> float:
    """Return what was said last; 0 where nothing was."""
    try:
        return float(file.read_text())
    except (OSError, ValueError):
        return 0.0
