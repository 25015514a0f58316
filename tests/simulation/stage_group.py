"""The consumer group of one stage: two machines, who owns which partition, and who is asleep."""

from typing import Any

from services.contract.topics import changelog
from services.runtime.stage import Stage
from tests.simulation.kafka import Broker
from tests.simulation.stage_process import Disk, StageProcess

HOSTS = 2
ABOUT_TO_WRITE = ("before outputs", "before changelog", "amid changelog")


class StageGroup:
    """Two machines that share the partitions of a stage."""

    def __init__(self, stage: Stage[Any], broker: Broker, partitions: int) -> None:
        self.stage = stage
        self._broker = broker
        self._partitions = partitions
        self._disks = [
            {n: Disk(broker, changelog(stage.name), n) for n in range(partitions)}
            for _ in range(HOSTS)
        ]
        self._old: list[dict[int, Disk] | None] = [None] * HOSTS
        self.processes: list[StageProcess | None] = [self._start(host) for host in range(HOSTS)]
        self.paused = [False] * HOSTS
        self.generation = 0
        self.unbalanced = True
        self.faults = True
        self.wakes = True
        self._patience = [0] * HOSTS

    def _start(self, host: int) -> StageProcess:
        return StageProcess(self.stage, self._broker, self._disks[host])

    def mend(self, host: int) -> int:
        """Perhaps start a machine's process again, or wake it; returns the steps taken."""
        if self.paused[host] and not self.wakes and not all(self.paused):
            return 0
        if self.faults and self._broker.rng.random() > 0.03:
            return 0
        if self.paused[host]:
            self.wake(host)
        else:
            self.processes[host] = self._start(host)
            self.unbalanced = True
        return 1

    def rebalance(self) -> bool:
        """Share the partitions out anew, as soon as every member is between two batches."""
        members = [
            process
            for host, process in enumerate(self.processes)
            if process is not None and not self.paused[host] and not self.is_zombie(host)
        ]
        if not members or not all(process.is_idle for process in members):
            return False
        self.generation += 1
        first = int(self._broker.rng.random() * len(members))
        for turn, process in enumerate(members):
            mine = [
                number
                for number in range(self._partitions)
                if (number + first) % len(members) == turn
            ]
            process.assign(self.generation, mine)
        self.unbalanced = False
        return True

    def crash(self, host: int) -> str:
        """Kill a machine's process; returns where it stood."""
        process = self.processes[host]
        if process is None:
            return ""
        process.kill()
        self.processes[host] = None
        self.paused[host] = False
        self.unbalanced = True
        return process.where

    def lose_disk(self, host: int) -> None:
        """Kill a process and lose all that its machine held."""
        self.crash(host)
        self._disks[host] = {
            n: Disk(self._broker, changelog(self.stage.name), n) for n in range(self._partitions)
        }

    def note_disk(self, host: int) -> None:
        """Remember a machine's disk as it is, for a power cut."""
        self._old[host] = {number: disk.copy() for number, disk in self._disks[host].items()}

    def cut_power(self, host: int) -> None:
        """Kill a process; its machine comes up with what was synced."""
        self.crash(host)
        old = self._old[host]
        if old is not None:
            self._disks[host] = old
            self._old[host] = None

    def pause(self, host: int) -> str:
        """Stop a process past its session time-out: the other takes its partitions over."""
        process = self.processes[host]
        if process is None or self.paused[host]:
            return ""
        self.paused[host] = True
        self.unbalanced = True
        return process.where

    def pause_amid_a_batch(self) -> None:
        """Let a process fall asleep that is about to write, if there is one."""
        for host, process in enumerate(self.processes):
            if process is not None and process.where in ABOUT_TO_WRITE:
                self.pause(host)
                return

    def wake(self, host: int) -> None:
        """Wake a zombie: it goes on as if nothing had happened, until it learns of its end."""
        self.paused[host] = False
        self._patience[host] = 1 + int(self._broker.rng.random() ** 2 * 60)

    def is_zombie(self, host: int) -> bool:
        """Whether a process works on partitions that are another's by now."""
        process = self.processes[host]
        return (
            process is not None and bool(process.fetched) and process.generation != self.generation
        )

    def learns(self, host: int) -> bool:
        """Whether a zombie is told now, by its next heartbeat, that it is one."""
        self._patience[host] -= 1
        return self._patience[host] < 0

    def owned_disks(self) -> dict[int, Disk]:
        """Return the disk of each partition's owner."""
        found = {}
        for host, process in enumerate(self.processes):
            if process is not None and not self.paused[host] and not self.is_zombie(host):
                found.update({number: process.disks[number] for number in process.fetched})
        return found

    def close(self) -> None:
        """End both processes."""
        for host in range(HOSTS):
            self.crash(host)
