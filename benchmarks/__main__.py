"""`python -m benchmarks [name …] [--quick]`: run the benchmarks, one after the other."""

import argparse
import importlib
import signal
import sys
import time

from benchmarks import machine

NAMES = (
    "throughput",
    "latency",
    "decisions",
    "books",
    "doors",
    "whatif",
    "growth",
    "tricks",
    "profiles",
)
ON_REQUEST = ("against", "against.instructions")
"""Those that need more than the machine: here a second build."""


def main() -> int:
    """Run what was asked for; returns how many failed."""
    words = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    words.add_argument(
        "names",
        nargs="*",
        metavar="name",
        help=f"of {', '.join(NAMES + ON_REQUEST)}; none: all but the last two",
    )
    words.add_argument("--base", metavar="commit", help="what `against` compares this tree with")
    words.add_argument("--quick", action="store_true", help="small sizes, under three minutes")
    given = words.parse_args()
    unknown = set(given.names) - {*NAMES, *ON_REQUEST}
    if unknown:
        words.error(f"no benchmark is named {', '.join(sorted(unknown))}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does: in order
    print("machine: " + ", ".join(f"{k} {v}" for k, v in machine.describe().items()))
    failed = 0
    for name in given.names or NAMES:
        begun = time.monotonic()
        print(f"\n== {name} (load {machine.load()})", flush=True)
        try:
            options = {"base": given.base} if name in ON_REQUEST and given.base else {}
            importlib.import_module(f"benchmarks.{name}").main(quick=given.quick, **options)
        except Exception as error:  # noqa: BLE001  # the other benchmarks still run
            failed += 1
            print(f"{name} failed: {error!r}", file=sys.stderr)
        print(f"   took {time.monotonic() - begun:.0f} s", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
