"""One run: feed, inject, heal, drain, judge."""

import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import httpx
from kafka.errors import KafkaError

from services.contract.topics import ALL_STAGES
from services.runtime.drain import wait_until_processed
from tests.faults.books import judge_books, judge_disks
from tests.faults.feed import make_feed
from tests.faults.feeding import Feeding
from tests.faults.oracle import Findings, Oracle
from tests.faults.plan import Fault
from tests.faults.poison import poison
from tests.faults.system import CLOCK_COMPRESSION, CLOCK_START, SESSION_TIMEOUT_S, FaultSystem

HOUSEHOLDS = 16
HIT_S_MAX = 60.0
HEAL_S_MAX = 180.0
ASLEEP_S = SESSION_TIMEOUT_S + 3.5
AWAKE_S = 3.0
WEBHOOK_S_MAX = 75.0
"""A webhook whose sender died waits for its claim to run out after 30 s."""

LOOKS_MAX = 6
READY = "] ready "
"""What a worker says whenever it was given partitions and has restored them."""


@dataclass(slots=True)
class Result:
    """What became of one run. hit: of each fault, whether it really happened."""

    name: str
    faults: list[Fault]
    hit: dict[Fault, bool]
    door: str
    facts: int = 0
    wrong: list[str] = field(default_factory=list)
    duplicates: int = 0
    fenced: int = 0
    seconds: float = 0.0
    healed_s: float = 0.0

    @property
    def counts(self) -> bool:
        """Whether every fault that was planned did happen."""
        return all(self.hit.values())

    def line(self) -> str:
        """Return the run in one line."""
        verdict = "WRONG" if self.wrong else "ok" if self.counts else "no fault"
        faults = ", ".join(
            f"{each}{'' if self.hit[each] else ' (not hit)'}" for each in self.faults
        )
        return (
            f"{self.name:>5} {verdict:8} {self.seconds:5.1f} s  {self.door:4} {self.facts} facts,"
            f" {self.duplicates} duplicates, {self.fenced} fenced: {faults}"
        )


class Run:
    """Carries out one plan on a running system."""

    def __init__(
        self, system: FaultSystem, oracle: Oracle, name: str, faults: list[Fault], seed: str
    ) -> None:
        self._system = system
        self._oracle = oracle
        self._chance = random.Random(seed)
        self._faults = faults
        self._later: list[tuple[float, Callable[[], object]]] = []
        self._restarts: dict[str, int] = {}
        door = "http" if faults[0].service == "gateway" else self._chance.choice(("http", "log"))
        self.result = Result(name, faults, dict.fromkeys(faults, False), door)

    def carry_out(self, billed_before: int) -> int:
        """Do it all; returns what all runs so far have billed."""
        begun = time.monotonic()
        system, primary = self._system, self._faults[0]
        system.fault_log = system.folder / f"faults-{self.result.name}.log"
        fenced_before = system.fenced(primary.service)
        at = CLOCK_START + timedelta(seconds=(time.time() - system.began) * CLOCK_COMPRESSION)
        feed = make_feed(self._chance, self.result.name, HOUSEHOLDS, at)
        self.result.facts = len(feed.facts)
        self._arm(primary)
        feeding = Feeding(system, self._chance, feed.facts, self.result.door)
        feeding.start()
        self._inject_all(feeding)
        feeding.join()
        if feeding.error is not None:
            self.result.wrong.append(f"the feed failed: {feeding.error!r}")
            return billed_before + feed.billed
        healing = time.monotonic()
        self._heal(primary)
        self._drain()
        self.result.healed_s = time.monotonic() - healing
        self._judge({fact.event_id for fact in feed.facts}, billed_before + feed.billed)
        system.signal("clock", signal.SIGCONT)
        self.result.fenced = system.fenced(primary.service) - fenced_before
        self.result.seconds = time.monotonic() - begun
        return billed_before + feed.billed

    # -- injecting ------------------------------------------------------------------------------

    def _arm(self, fault: Fault) -> None:
        if fault.kind not in {"point", "restore"}:
            return
        text = f"{fault.point}:{fault.hit}:{fault.action}"
        self._system.launch(fault.service, text, fresh=fault.kind == "restore")
        self._system.wait_until_member(fault.service)

    def _inject_all(self, feeding: Feeding) -> None:
        """Let each fault happen when its time has come; return when all has been done."""
        waiting = list(self._faults)
        deadline = time.monotonic() + HIT_S_MAX
        while feeding.is_alive() or waiting or self._later:
            for fault in list(waiting):
                if self._happens(fault, feeding):
                    waiting.remove(fault)
            now = time.monotonic()
            for due in [each for each in self._later if each[0] <= now]:
                self._later.remove(due)
                due[1]()
            if not feeding.is_alive() and not self._later and now > deadline:
                return  # what was not hit by now does not count
            time.sleep(0.05)

    def _happens(self, fault: Fault, feeding: Feeding) -> bool:
        """Tell whether a fault has now begun, and plan what follows from it."""
        if fault.kind in {"point", "restore"}:
            if not self._system.faults_hit():
                return False
            self.result.hit[fault] = True
            twins = fault.service in ALL_STAGES or fault.service == "ledger"
            if twins and (fault.action == "stop" or self._chance.random() < 0.5):
                self._system.launch(f"{fault.service}-2")
            if fault.action == "stop":
                self._after(ASLEEP_S, lambda: self._wake(fault.service))
            return True
        if feeding.progress < fault.at:
            return False
        if fault.kind == "disk":
            return self._fill(fault, feeding)
        if fault.kind == "rebalance":
            return self._rebalance(fault)
        self.result.hit[fault] = self._do(fault)
        return self.result.hit[fault]

    def _do(self, fault: Fault) -> bool:
        system, service = self._system, fault.service
        match fault.kind:
            case "kill":
                return system.signal(service, signal.SIGKILL)
            case "pause":
                system.launch(f"{service}-2")
                self._after(ASLEEP_S, lambda: self._wake(service))
                return system.signal(service, signal.SIGSTOP)
            case "broker":
                system.kill_broker()
                return True
            case "postgres":
                system.kill_postgres()
                return True
            case "poison":
                poison(system.settings, self.result.name)
                return True
        raise AssertionError(fault.kind)

    def _fill(self, fault: Fault, feeding: Feeding) -> bool:
        """Fill a disk for some seconds; it is hit if a write was refused or a process stopped."""
        service = fault.service
        restarts, refused = self._system.restarts(service), feeding.unacknowledged

        tries = iter(range(4))

        def free() -> None:
            self.result.hit[fault] = (
                self._system.restarts(service) > restarts or feeding.unacknowledged > refused
            )
            if not self.result.hit[fault] and next(tries, None) is not None:
                self._after(3.0, free)
                return
            self._system.free_disk(service)
            self._system.signal(service, signal.SIGKILL)  # what it has acknowledged must be kept

        if not self._system.fill_disk(service):
            return False
        self._after(3.0, free)
        return True

    def _rebalance(self, fault: Fault) -> bool:
        """Let one to three workers join under load; it is hit when one was given partitions."""
        for number in range(2, 2 + self._chance.randint(1, 3)):
            name = f"{fault.service}-{number}"
            self._after(self._chance.uniform(0, 2), lambda name=name: self._join(fault, name))
        return True

    def _join(self, fault: Fault, name: str) -> None:
        """Start a worker; some time after it was given partitions it leaves, dies or stays."""
        system, tries = self._system, iter(range(60))
        ready = system.said(name).count(READY)
        leaving = self._chance.choice(("leave", "die", "stay"))

        def look() -> None:
            if system.said(name).count(READY) == ready:
                if next(tries, None) is not None:
                    self._after(0.3, look)
                return
            self.result.hit[fault] = True
            if leaving == "leave":
                self._after(self._chance.uniform(1, 5), lambda: system.retire(name))
            elif leaving == "die":
                self._after(self._chance.uniform(1, 5), lambda: system.signal(name, signal.SIGKILL))

        system.launch(name)
        self._after(0.3, look)

    def _wake(self, service: str) -> None:
        self._system.signal(service, signal.SIGCONT)
        self._after(AWAKE_S, lambda: None)  # let it do what it would do

    def _after(self, seconds: float, action: Callable[[], object]) -> None:
        self._later.append((time.monotonic() + seconds, action))

    # -- healing and judging --------------------------------------------------------------------

    def _heal(self, primary: Fault) -> None:
        system = self._system
        system.retire(*[name for name in system.supervisor.services if "-" in name])
        if primary.kind in {"point", "restore"} and not self.result.hit[primary]:
            system.launch(primary.service)  # it must not go off in a later run
        system.wait_until_open()
        system.hold("clock")  # or the log would never come to rest

    def _drain(self) -> None:
        deadline = time.monotonic() + HEAL_S_MAX
        while time.monotonic() < deadline:
            try:
                if self._progress()["outbox"] > 0:
                    time.sleep(0.2)
                    continue
                left = deadline - time.monotonic()
                settings = self._system.settings
                if wait_until_processed(
                    settings, lambda: self._progress()["timeline_events"], left
                ):
                    return
            except (httpx.HTTPError, KafkaError):
                time.sleep(0.5)
        self.result.wrong.append(f"not drained within {HEAL_S_MAX:.0f} s")

    def _progress(self) -> dict[str, int]:
        answer = httpx.get(f"{self._system.gateway_url}/progress", timeout=30)
        counts: dict[str, int] = answer.raise_for_status().json()
        return counts

    def _judge(self, fed: set[str], billed: int) -> None:
        """Look until nothing is wrong: what still moves, such as a webhook, gets some time."""
        deadline = time.monotonic() + WEBHOOK_S_MAX
        for number in range(1000):
            findings = Findings()
            self._look(findings, fed, billed)
            only_webhooks = all(each.startswith("webhooks:") for each in findings.wrong)
            if not findings.wrong or time.monotonic() > deadline:
                break
            if number >= LOOKS_MAX and not only_webhooks:
                break
            time.sleep(1.0)
        self.result.wrong += findings.wrong

    def _look(self, findings: Findings, fed: set[str], billed: int) -> None:
        seen = self._oracle.look()
        self.result.duplicates += seen.duplicates
        findings.wrong += seen.wrong
        lost = fed - self._oracle.events.keys()
        findings.check(not lost, f"accepted and lost: {sorted(lost)[:3]}")
        judge_books(self._system, self._oracle, billed, findings)
        judge_disks(self._system, self._oracle, findings)
