"""What a verification found."""

from collections import Counter
from dataclasses import dataclass, field

from services.replay.difference import Difference, Kind


@dataclass(slots=True)
class ProducerReport:
    """Counts of one producer.

    inputs: records of its input topic that were folded. recorded: what the log holds of it, each
    counted once. repeated: byte-identical repeats, as a crash or a paused twin leaves them.
    """

    inputs: int = 0
    recorded: int = 0
    repeated: int = 0
    regenerated: int = 0
    differences: Counter[Kind] = field(default_factory=Counter)


@dataclass(slots=True)
class UnderWay:
    """Outputs that the end of the log lacks: their inputs had not been answered yet."""

    outputs: int = 0
    inputs: int = 0


@dataclass(slots=True)
class Report:
    """What a verification found.

    stages: by name, in the order given. facts: what nobody regenerates, by producer.
    refused: records of no known type that a dead letter answers for.
    shown: the first differences in full, at most one per household, producer and topic.
    under_way: by stage and topic.
    """

    stages: dict[str, ProducerReport]
    facts: dict[str, ProducerReport] = field(default_factory=dict)
    refused: int = 0
    shown: list[Difference] = field(default_factory=list)
    under_way: dict[tuple[str, str], UnderWay] = field(default_factory=dict)

    def producer(self, name: str) -> ProducerReport:
        """Return the counts of a producer, beginning them if there are none."""
        if name in self.stages:
            return self.stages[name]
        return self.facts.setdefault(name, ProducerReport())

    @property
    def differences(self) -> int:
        """How many differences there are, shown or not."""
        reports = (*self.stages.values(), *self.facts.values())
        return sum(report.differences.total() for report in reports)

    @property
    def kinds(self) -> Counter[Kind]:
        """How many differences there are of each kind that occurs."""
        reports = (*self.stages.values(), *self.facts.values())
        return sum((report.differences for report in reports), Counter[Kind]())
