"""Every trick for speed beside the plain way: what a call costs, and what of an event that is."""

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.routing import Route

from benchmarks import report, workload
from benchmarks.whatif import PARTITIONS, Rows, requests
from services.contract import codec, money
from services.contract.codec import Record, decode
from services.ledger.bills import BOOKED
from services.runtime.fold import PartitionFold, Row
from services.runtime.process import collect_garbage_seldom
from services.runtime.stage import Stage
from services.runtime.state_store import MemoryStore
from services.settlement import adjudicate
from services.settlement.app import STAGE as SETTLEMENT
from services.settlement.steps.step import Case
from services.treatment.app import STAGE as TREATMENT

PAYS = 0.03
"""A trick that saves less of an event than this is not worth its lines."""

BATCH = 500
PYTHONS_OWN = (700, 10, 10)
"""How often CPython 3.11 looks for cycles."""


class Trick(NamedTuple):
    """What a call saves, and the owner and name by which it is called, to count the calls."""

    name: str
    saves_ns: float
    place: tuple[Any, str]


def main(*, quick: bool) -> None:
    """Time both ways of each trick, count its calls in a fold, and print what an event saves."""
    load = report.begin()
    collect_garbage_seldom()
    count, households, rounds = (9_000, 1_500, 5) if quick else (30_000, 5_000, 7)
    bills = workload.by_partition(workload.treatment_log(count, households), PARTITIONS)
    asked = workload.by_partition(requests(count, households), PARTITIONS)
    figures = {
        "treatment": _stage(TREATMENT, bills, rounds),
        "settlement": _stage(SETTLEMENT, asked, rounds),
        "elsewhere": {},
    }
    others = [_ledger(asked[0]), _doors(), _garbage(asked, rounds)]
    head = ("trick", "plain us", "us", "saves us")
    report.table("Elsewhere", head, [(*other, other[1] - other[2]) for other in others])
    figures["elsewhere"] = {name: {"plain_us": plain, "us": fast} for name, plain, fast in others}
    report.save("tricks", figures, quick=quick, load_before=load)


def _stage(stage: Stage[Any], log: Rows, rounds: int) -> dict[str, Any]:
    """Print what each trick saves of an event that a stage folds."""
    total = sum(map(len, log.values()))
    event_us = _event_us(stage, log, rounds)
    tricks = list(_tricks(stage, log[0]))
    with _counting(tricks) as calls:
        _fold(stage, log)
    rows, figures = [], {"us_per_event": round(event_us, 1)}
    for trick in tricks:
        per_event = calls[trick.name] / total
        share = per_event * trick.saves_ns / 1000 / event_us
        rows.append(
            (trick.name, trick.saves_ns, per_event, 100 * share, report.goal(share >= PAYS))
        )
        figures[trick.name] = {"saves_ns": round(trick.saves_ns), "share": round(share, 4)}
    head = ("trick", "saves ns", "calls/event", "% of event", f">= {100 * PAYS:.0f}")
    report.table(f"Folding {stage.name}: {event_us:.1f} us an event", head, rows)
    return figures


def _tricks(stage: Stage[Any], some: Sequence[Row]) -> Iterator[Trick]:
    record, said = some[0].record, decode(_said(stage, some)).data
    headers = codec.header_map(record.headers)
    moment = datetime(2026, 3, 1, 8, 0, 0, 120_000, tzinfo=UTC)
    yield Trick(
        "instants by orjson",
        _saved(
            lambda: moment.astimezone(UTC).isoformat(timespec="microseconds")[:-6].encode() + b"Z",
            lambda: codec._instant_bytes(moment),
        ),
        (codec, "_instant_bytes"),
    )
    yield Trick(
        "data by orjson",
        _saved(lambda: said.model_dump_json().encode(), lambda: codec.written(said)),
        (codec, "written"),
    )
    yield Trick(
        "headers decoded in one go",
        _saved(
            lambda: codec._attributes_with_problems(record, headers),
            lambda: codec._attributes(record, headers),
        ),
        (codec, "_attributes"),
    )
    if stage is SETTLEMENT:
        yield from _of_settlement(said)


def _of_settlement(said: Any) -> Iterator[Trick]:
    yield Trick(
        "texts of amounts kept",
        _saved_by_keeping(money.as_text, 1_234_500, "CNY"),
        (Case, "money"),
    )
    yield Trick(
        "parts of a decision as plain dicts",
        _saved(lambda: _of_models(said), lambda: type(said)(**_plain_dicts(said))),
        (adjudicate, "_remainder"),
    )


def _saved(plain: Callable[[], object], fast: Callable[[], object]) -> float:
    return _ns(plain) - _ns(fast)


def _saved_by_keeping(kept: Any, *given: object) -> float:
    """Return what a kept answer saves, by the share of answers that were found until now."""
    found = kept.cache_info()
    hit = found.hits / max(1, found.hits + found.misses)
    return hit * _ns(lambda: kept.__wrapped__(*given)) - _ns(lambda: kept(*given))


def _said(stage: Stage[Any], some: Sequence[Row]) -> Record:
    """Return the largest of what a stage says on some events."""
    outputs = PartitionFold(stage, 0, MemoryStore()).apply(some[:2_000]).outputs
    return max((record for _, record in outputs), key=lambda record: len(record.value))


def _plain_dicts(decided: Any) -> dict[str, Any]:
    said = dict(decided)
    said["parts"] = dict(decided.parts)
    for name in ("shares", "trace"):
        said[name] = tuple(dict(each) for each in said[name])
    return said


def _of_models(decided: Any) -> Any:
    said = _plain_dicts(decided)
    said["parts"] = type(decided.parts)(**said["parts"])
    for name in ("shares", "trace"):
        kinds = [type(each) for each in getattr(decided, name)]
        said[name] = tuple(kind(**each) for kind, each in zip(kinds, said[name], strict=True))
    return type(decided)(**said)


def _ledger(some: Sequence[Row]) -> tuple[str, float, float]:
    """A decision read as the ledger reads it, and whole."""
    record = _said(SETTLEMENT, some)
    models = {data.TYPE: data for data in BOOKED}
    whole, booked = _ns(lambda: decode(record)), _ns(lambda: decode(record, None, models))
    return "the ledger reads what it books", whole / 1000, booked / 1000


def _doors() -> tuple[str, float, float]:
    """A request through FastAPI's route and through Starlette's, to the same endpoint."""
    answer = Response(b"{}")

    async def endpoint(_: Request) -> Response:
        return answer

    router = APIRouter()
    router.post("/events")(endpoint)
    described, straight = FastAPI(), FastAPI()
    described.include_router(router)
    straight.router.routes.append(Route("/events", endpoint, methods=["POST"]))
    return "a door's route only calls", _request_us(described), _request_us(straight)


def _request_us(app: FastAPI) -> float:
    scope = {
        "type": "http", "method": "POST", "path": "/events", "raw_path": b"/events", "headers": [],
        "query_string": b"", "root_path": "", "scheme": "http", "server": ("a", 1),
        "http_version": "1.1", "client": ("b", 2),
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_: Any) -> None:
        """Let it go."""

    def call() -> None:
        request = app(dict(scope), receive, send)
        try:
            request.send(None)  # it waits for nothing, so it ends here
        except StopIteration:
            return

    return _ns(call, 100) / 1000


def _garbage(log: Rows, rounds: int) -> tuple[str, float, float]:
    """A request settled while cycles are looked for as Python does, and seldom."""
    plain, seldom = [], []
    for _ in range(rounds):
        gc.unfreeze()
        gc.set_threshold(*PYTHONS_OWN)
        plain.append(_event_us(SETTLEMENT, log, 1))
        collect_garbage_seldom()
        seldom.append(_event_us(SETTLEMENT, log, 1))
    return "garbage looked for seldom", min(plain), min(seldom)


def _ns(call: Callable[[], object], number: int = 300) -> float:
    """Return the nanoseconds of a call: the least of some rounds, for what disturbs only adds."""
    best = float("inf")
    for _ in range(60):
        begun = time.thread_time_ns()
        for _ in range(number):
            call()
        best = min(best, time.thread_time_ns() - begun)
    return best / number


def _event_us(stage: Stage[Any], log: Rows, rounds: int) -> float:
    """Return what folding an event takes: of each batch the least of some rounds."""
    taken = [_fold(stage, log) for _ in range(rounds)]
    return sum(map(min, zip(*taken, strict=True))) / sum(map(len, log.values())) / 1000


def _fold(stage: Stage[Any], log: Rows) -> list[int]:
    """Fold a log, and return the nanoseconds of each batch."""
    taken = []
    for partition, rows in log.items():
        store = MemoryStore()
        fold = PartitionFold(stage, partition, store)
        for start in range(0, len(rows), BATCH):
            begun = time.thread_time_ns()
            fold.apply(rows[start : start + BATCH])
            store.put(fold.take_changes())
            taken.append(time.thread_time_ns() - begun)
    return taken


@contextmanager
def _counting(tricks: Sequence[Trick]) -> Iterator[dict[str, int]]:
    """Count the calls at each trick's place inside the block."""
    calls = dict.fromkeys([trick.name for trick in tricks], 0)
    places = [(trick.name, *trick.place) for trick in tricks]
    known = [getattr(owner, attribute) for _, owner, attribute in places]
    for (name, owner, attribute), each in zip(places, known, strict=True):
        setattr(owner, attribute, _counted(each, calls, name))
    try:
        yield calls
    finally:
        for (_, owner, attribute), each in zip(places, known, strict=True):
            setattr(owner, attribute, each)


def _counted(known: Any, calls: dict[str, int], name: str) -> Any:
    def count(*args: Any, **kwargs: Any) -> Any:
        calls[name] += 1
        return known(*args, **kwargs)

    return count
