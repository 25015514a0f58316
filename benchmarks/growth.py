"""How cost grows: one worker with 10 thousand to a million members, and what that comes to."""

import re
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import report, workload
from benchmarks.decisions import folder_mb
from benchmarks.kafka import Log, broker, processor_topics
from benchmarks.processes import Child
from services.contract.topics import CARE_MILESTONES, HEALTH_EVENTS, PAYMENT_EVENTS, changelog

SIZES = (10_000, 100_000, 1_000_000)
QUICK_SIZES = (2_000, 10_000)
STAGE = "treatment"
GROUP = f"careloop-{STAGE}"
WAIT_S = 900.0


@dataclass(frozen=True, slots=True)
class Size:
    """What one number of members came to. Rates are events a second; memory and disk are MB."""

    members: int
    first_events_s: float
    events_s: float
    us_per_event: float
    cpu_us_per_event: float
    rss_mb: float
    states_mb: float
    changelog_mb: float
    restore_s: float
    restored_rss_mb: float


def main(*, quick: bool, members: tuple[int, ...] = ()) -> None:
    """Measure each size on a broker of its own; draw time, memory and disk against members."""
    load = report.begin()
    visits = 6_000 if quick else 60_000
    chosen = members or (QUICK_SIZES if quick else SIZES)
    sizes = [_size(each, visits) for each in chosen]
    _tell(sizes)
    body = {"stage": STAGE, "visit_events": visits, "sizes": [asdict(each) for each in sizes]}
    report.save("growth", body, quick=quick, load_before=load)
    folder = report.QUICK_RESULTS if quick else report.RESULTS
    draw([asdict(each) for each in sizes], folder / "growth.svg")


def _size(members: int, visits: int) -> Size:
    facts = workload.Facts()
    with broker() as log:
        log.create(HEALTH_EVENTS, *processor_topics(STAGE))
        folder = log.folder.parent / "worker"
        covers = log.fill(HEALTH_EVENTS, workload.covers(facts, members))
        with Child(f"services.{STAGE}", log.servers, folder) as child:
            first_s = _read(log, child, covers)
            ready = list(workload.visits(facts, visits, members))
            more = log.fill(HEALTH_EVENTS, ready)
            begun, cpu = time.monotonic(), child.cpu_s()
            left = covers + more - log.committed(GROUP, HEALTH_EVENTS)
            _read(log, child, covers + more)
            steady_s, cpu_s = time.monotonic() - begun, child.cpu_s() - cpu
            rss_mb = child.rss_mb()
        states_mb = folder_mb(folder)
        shutil.rmtree(folder)
        with Child(f"services.{STAGE}", log.servers, folder) as child:
            restore_s = _restored(child)
            restored_rss_mb = child.rss_mb()
        # What it said shows that all of it was decided: a bill and a milestone for each visit.
        said = log.count(PAYMENT_EVENTS, CARE_MILESTONES)
        if said != more // 3 * 2:
            raise AssertionError(f"{said} outputs of {more // 3} visits")
        size = Size(
            members=members,
            first_events_s=covers / first_s,
            events_s=left / steady_s,
            us_per_event=steady_s / left * 1e6,
            cpu_us_per_event=cpu_s / left * 1e6,
            rss_mb=rss_mb,
            states_mb=states_mb,
            changelog_mb=log.bytes_of(changelog(STAGE)) / 1e6,
            restore_s=restore_s,
            restored_rss_mb=restored_rss_mb,
        )
    print(f"  {members:,} members done", flush=True)
    return size


def _read(log: Log, child: Child, count: int) -> float:
    """Wait until the worker has committed `count` records; returns seconds from its first."""
    begun = None
    deadline = time.monotonic() + WAIT_S
    while True:
        child.check()
        done = log.committed(GROUP, HEALTH_EVENTS)
        if done and begun is None:
            begun = time.monotonic()
        if done >= count:
            return max(0.001, time.monotonic() - (begun or time.monotonic()))
        if time.monotonic() > deadline:
            raise TimeoutError(f"{done} of {count} records read")
        time.sleep(0.1)


def _restored(child: Child) -> float:
    """Return how long the worker says that it took to restore its states."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        child.check()
        found = re.search(r"restore_s.{0,10}?=.{0,10}?(\d+\.\d+)", child.said())
        if found:
            return float(found[1])
        time.sleep(0.1)
    raise TimeoutError(child.said()[-2000:])


def _tell(sizes: list[Size]) -> None:
    head = (
        "members",
        "first ev/s",
        "events/s",
        "us/event",
        "cpu us",
        "RSS MB",
        "states MB",
        "changelog MB",
    )
    rows = [
        (
            f"{each.members:,}",
            each.first_events_s,
            each.events_s,
            each.us_per_event,
            each.cpu_us_per_event,
            each.rss_mb,
            each.states_mb,
            each.changelog_mb,
            each.restore_s,
            each.restored_rss_mb,
        )
        for each in sizes
    ]
    report.table("One worker, by members", (*head, "restore s", "RSS after"), rows)


def draw(sizes: list[dict[str, Any]], path: Path) -> None:
    """Draw time, memory and disk against members, on logarithmic axes."""
    import matplotlib as mpl  # noqa: PLC0415  slow to load, and only a full run draws

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "careloop", "svg.fonttype": "none"})
    from matplotlib import pyplot as plt  # noqa: PLC0415  after the choice of its engine

    members = [each["members"] for each in sizes]
    panels = (
        ("µs per event", (("us_per_event", "wall"), ("cpu_us_per_event", "processor"))),
        ("resident MB", (("rss_mb", "after the visits"), ("restored_rss_mb", "after a restore"))),
        ("MB on disk", (("states_mb", "states (RocksDB)"), ("changelog_mb", "changelog (Kafka)"))),
        ("restore, seconds", (("restore_s", "from the changelog"),)),
    )
    figure, axes = plt.subplots(1, len(panels), figsize=(14, 3.4), layout="constrained")
    for axis, (title, series) in zip(axes, panels, strict=True):
        for name, label in series:
            axis.plot(members, [each[name] for each in sizes], marker="o", label=label)
        axis.set(title=title, xlabel="members", xscale="log")
        if title in {"MB on disk", "restore, seconds"}:
            axis.set(yscale="log")
        else:
            axis.set(ylim=(0, None))
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8, frameon=False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
