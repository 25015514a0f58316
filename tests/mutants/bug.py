"""What a planted bug is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """A planted bug.

    test: what must turn red where the simulation cannot see it.
    breaks: the invariant that must be the one to break, where it matters which.
    """

    name: str
    edits: tuple[tuple[str, str, str], ...]
    test: str | None = None
    breaks: str = ""


def bug(
    name: str, path: str, old: str, new: str, test: str | None = None, *, breaks: str = ""
) -> Mutant:
    """Return a bug of one edit: `old` stands once in the file, and `new` takes its place."""
    return Mutant(name, ((path, old, new),), test, breaks)
