"""The summary of a run, in a documented and stable form (`docs/run.md`)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from services.contract.money import as_text
from services.ledger import store
from services.ledger.app import MIGRATIONS, Ledger
from services.runtime.database import open_database, reading
from services.runtime.settings import Settings
from services.timeline.counted import counted
from services.timeline.tally import PAYERS, Tally


def summarise(
    settings: Settings, tally: Tally, doors: Mapping[str, int], dead_lettered: int
) -> dict[str, Any]:
    """Return the summary: what happened from the log, money from the ledger, doors as counted.

    doors: the gateway's `accepted`, `duplicates` and `refused`. All amounts are minor units.
    """
    ledger = open_database(settings, Ledger.name, MIGRATIONS)
    with reading(ledger).connect() as connection:
        amounts = store.totals(connection)
        imbalance = store.imbalance(connection)
    parts = tally.summary()
    return {
        "events": {
            "accepted": doors["accepted"],
            "duplicates": doors["duplicates"],
            "refused": doors["refused"],
            "dead_lettered": dead_lettered,
        },
        "visits": parts["visits"],
        "payment_requests": parts["payment_requests"],
        "decisions": parts["decisions"],
        "amounts": amounts,
        "milestones": parts["milestones"],
        "members_overdue": parts["members_overdue"],
        "rehabilitations": parts["rehabilitations"],
        "loops_completed": parts["loops_completed"],
        "ledger_imbalance": imbalance,
        "decision_latency_ms": parts["decision_latency_ms"],
        "log_counts": parts["log_counts"],
    }


def write_summary(summary: Mapping[str, Any], file: Path) -> None:
    """Write the summary as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(orjson.dumps(summary, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def show_summary(summary: Mapping[str, Any], console: Console) -> None:
    """Print what one wants to know at the end of a run."""
    table = Table(title="What happened", show_header=False, box=None, title_justify="left")
    table.add_column(style="dim")
    table.add_column()
    events = summary["events"]
    table.add_row("facts", ", ".join(f"{count:,} {name}" for name, count in events.items()))
    requests = summary["payment_requests"]
    table.add_row(
        "visits",
        f"{summary['visits']:,}, with {counted(requests['direct_pay'], 'direct-pay request')} and "
        f"{counted(requests['claim'], 'claim')} (therapy sessions among them)",
    )
    table.add_row("decisions", _counts(summary["decisions"]))
    table.add_row("milestones", _counts(summary["milestones"]))
    table.add_row("overdue now", counted(summary["members_overdue"], "member"))
    table.add_row("rehabilitations ended", _counts(summary["rehabilitations"]))
    table.add_row("loops closed", f"{summary['loops_completed']:,}")
    for currency, amounts in summary["amounts"].items():
        shares = ", ".join(
            f"{payer.replace('_', ' ')} {as_text(amounts[payer], currency)}" for payer in PAYERS
        )
        table.add_row("billed", f"{as_text(amounts['billed'], currency)} = {shares}")
    table.add_row("ledger imbalance", _counts(summary["ledger_imbalance"]) or "0")
    latency = summary["decision_latency_ms"]
    if latency["p50"] is not None:
        table.add_row("decision latency", f"p50 {latency['p50']} ms, p99 {latency['p99']} ms")
    console.print(table)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items())
