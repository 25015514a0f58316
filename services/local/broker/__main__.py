"""`python -m services.local.broker fetch`: bring the broker's jars into the cache."""

import sys

from services.local.broker.errors import BrokerError
from services.local.broker.jars import KAFKA_VERSION, fetch_jars
from services.runtime.settings import SettingsError, load_settings


def main(arguments: list[str]) -> int:
    """Return the exit status: 0 if the jars are there, 1 if not, 2 for wrong arguments."""
    if arguments != ["fetch"]:
        sys.stderr.write("usage: python -m services.local.broker fetch\n")
        return 2
    try:
        folder = fetch_jars(load_settings().cache_dir, _show)
    except (BrokerError, SettingsError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"Apache Kafka {KAFKA_VERSION} is ready in {folder}\n")
    return 0


def _show(name: str, number: int, total: int) -> None:
    if sys.stdout.isatty():
        end = "\n" if number == total else ""
        sys.stdout.write(
            f"\r\x1b[KFetching Apache Kafka {KAFKA_VERSION}: {number}/{total} {name}{end}"
        )
    elif number == 1:
        sys.stdout.write(f"Fetching Apache Kafka {KAFKA_VERSION}: {total} jars\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
