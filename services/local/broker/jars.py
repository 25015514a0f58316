"""The broker's jars: resolved once, checked against published digests, kept in a cache folder."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Final

import stamina

from services.local.broker.errors import BrokerError

KAFKA_VERSION: Final = "4.3.0"
_ENDPOINT: Final = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}+org.slf4j:slf4j-simple:1.7.36"

ReportProgress = Callable[[str, int, int], None]
"""Called with (jar's file name, its number from 1, how many there are) before each download."""


def jar_folder(cache_dir: Path) -> Path:
    """Return the folder that holds the jars of this version."""
    return cache_dir / f"kafka-{KAFKA_VERSION}"


def expected_digests() -> dict[str, str]:
    """Return the SHA-256 digest, in hexadecimal, of each jar by file name."""
    text = files(__package__).joinpath("jars.sha256").read_text(encoding="ascii")
    pairs = (line.split() for line in text.splitlines())
    return {name: digest for digest, name in pairs}


def broken_jars(folder: Path, digests: dict[str, str]) -> list[str]:
    """Return the names of the jars that are missing from `folder` or differ from their digest."""
    return [name for name, digest in digests.items() if _digest(folder / name) != digest]


def class_path(cache_dir: Path) -> str:
    """Return Java's class path for the broker; raises BrokerError if the jars are not there."""
    folder = jar_folder(cache_dir)
    missing = [name for name in expected_digests() if not (folder / name).is_file()]
    if missing:
        message = (
            f"Apache Kafka {KAFKA_VERSION} is not in {folder} ({len(missing)} jars missing);"
            " fetch it with `python -m services.local.broker fetch`"
        )
        raise BrokerError(message)
    return str(folder / "*")


def fetch_jars(cache_dir: Path, progress: ReportProgress) -> Path:
    """Bring the jars into the cache and return their folder; does nothing if all are right.

    A folder is put in place only when every digest is right, so a cut connection leaves
    nothing half done. Raises BrokerError if the jars cannot be had or are not the right ones.
    """
    digests = expected_digests()
    folder = jar_folder(cache_dir)
    if not broken_jars(folder, digests):
        return folder
    cache_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache_dir, prefix="fetch-") as scratch:
        staged = Path(scratch) / "jars"
        staged.mkdir()
        for jar in _download(Path(scratch), len(digests), progress):
            if jar.name in digests:
                shutil.copyfile(jar, staged / jar.name)
        broken = broken_jars(staged, digests)
        if broken:
            message = f"these jars are missing or not the published ones: {', '.join(broken)}"
            raise BrokerError(message)
        shutil.rmtree(folder, ignore_errors=True)
        try:
            staged.rename(folder)
        except OSError as error:
            # Another process may have put the same jars there meanwhile.
            if broken_jars(folder, digests):
                message = f"cannot put the jars into {folder}: {error}"
                raise BrokerError(message) from error
    return folder


def _digest(path: Path) -> str | None:
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(scratch: Path, total: int, progress: ReportProgress) -> list[Path]:
    try:
        import requests  # noqa: PLC0415  only a fetch needs it and the resolver, and both are slow
        from jgo.env import EnvironmentBuilder, LinkStrategy  # noqa: PLC0415
        from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415
    except ImportError as error:
        message = f"to fetch Apache Kafka {KAFKA_VERSION}, install careloop[local]"
        raise BrokerError(message) from error

    resolver = PythonResolver(progress_callback=_counting(total, progress))
    try:
        for attempt in stamina.retry_context(on=requests.RequestException, attempts=4):
            with attempt:
                # A download that broke off leaves a partial file, so each attempt starts clean.
                place = scratch / f"attempt-{attempt.num}"
                builder = EnvironmentBuilder(
                    context=MavenContext(repo_cache=place / "repository", resolver=resolver),
                    cache_dir=place / "environment",
                    link_strategy=LinkStrategy.HARD,
                )
                return builder.from_endpoint(_ENDPOINT).all_jars
    except (requests.RequestException, RuntimeError, OSError) as error:
        message = f"cannot fetch Apache Kafka {KAFKA_VERSION}: {error}"
        raise BrokerError(message) from error
    raise AssertionError


def _counting(
    total: int, progress: ReportProgress
) -> Callable[[str, int], AbstractContextManager[Callable[[int], None]]]:
    begun: list[str] = []

    @contextmanager
    def report(name: str, _size: int) -> Iterator[Callable[[int], None]]:
        if name.endswith(".jar"):
            begun.append(name)
            progress(name, min(len(begun), total), total)
        yield lambda _count: None

    return report
