"""What `careloop run` shows while it runs: the funnel, the money, the pulse, the processes.

`render` is pure: a snapshot in, something to draw out. `LiveView` draws it on a terminal, and
writes a plain line now and then anywhere else.
"""

from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Final, Literal, Self

from rich import box
from rich.align import Align
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.layout import Layout
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from services.contract.money import as_text
from services.timeline.happenings import Happening
from services.timeline.tally import PAYERS, Tally

Health = Literal["starting", "running", "restarting", "stopped"]

LINE_EVERY_S: Final = 5.0
"""Seconds between two lines where there is no terminal."""

BEHIND_DAYS_MIN: Final = 3.0
"""City days, half a second at a year a minute: less is the time that any message takes."""

OVERDUE_NOW: Final = "management.overdue_now"
STAGES: Final = (
    ("筛 Screen", "cyan", (("known", "screening.known"),
                          ("invited", "screening.invited"),
                          ("stratified", "screening.risk_stratified"))),
    ("管 Manage", "green", (("enrolled", "management.enrolled"),
                           ("target met", "management.target_met"),
                           ("overdue now", OVERDUE_NOW))),
    ("治 Treat", "yellow", (("visited", "treatment.visited"),
                           ("admitted", "treatment.admitted"),
                           ("readmitted", "treatment.readmitted"))),
    ("康 Rehabilitate", "magenta", (("started", "rehabilitation.started"),
                                   ("at goal", "rehabilitation.goal_reached"),
                                   ("ended", "rehabilitation.ended"))),
    ("筛 again", "bright_cyan", (("loops closed", "screening.loop_closed"),
                                ("lost", "rehabilitation.lost"))),
)  # fmt: skip
"""Title, style, and what is counted: of each but the last, the first count is the whole of which
the others are parts; so is `started` of the last, and `known` of all."""
_PAYER_STYLES: Final = {
    "social_insurance": "blue",
    "insurer": "cyan",
    "subsidy": "green",
    "member": "yellow",
    "written_off": "red",
}
_HEALTH_STYLES: Final[dict[Health, str]] = {
    "starting": "yellow",
    "running": "green",
    "restarting": "red",
    "stopped": "dim",
}
_BARS: Final = " ▁▂▃▄▅▆▇█"
_SPARK_WIDTH: Final = 32
_PROCESS_COLUMNS: Final = 2
_MONEY_BAR_WIDTH: Final = 20
_FUNNEL_BAR_WIDTH: Final = 16


@dataclass(frozen=True, slots=True)
class Process:
    """One process of the run. restarts: so far. lag: events not yet read; None if it reads none."""

    name: str
    health: Health
    restarts: int = 0
    lag: int | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment of a run.

    running_s: real seconds since the start. doors: name and address. history: facts per second,
    oldest first. behind_days: by how many city days the city is late. note: a sentence on what is going on, such as "draining".
    """

    tally: Tally
    running_s: float
    facts_per_s: float = 0.0
    decisions_per_s: float = 0.0
    history: tuple[float, ...] = ()
    processes: tuple[Process, ...] = ()
    happenings: tuple[Happening, ...] = ()
    doors: tuple[tuple[str, str], ...] = ()
    behind_days: float = 0.0
    note: str = "Ctrl-C stops cleanly"


@dataclass(frozen=True, slots=True)
class _Screen:
    """The whole screen. Its top is as high as the addresses need: an address is never cut."""

    snapshot: Snapshot

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        header = _header(self.snapshot)
        lines = console.render_lines(header, options.update(height=None))
        yield _layout(self.snapshot, header, len(lines))


def render(snapshot: Snapshot) -> RenderableType:
    """Return the whole screen; made for 100 columns by 30 lines, and fit for larger ones."""
    return _Screen(snapshot)


def _layout(snapshot: Snapshot, header: Panel, header_lines: int) -> Layout:
    screen = Layout()
    screen.split_column(
        Layout(header, name="header", size=header_lines),
        Layout(_funnel(snapshot.tally), name="funnel", size=7),
        Layout(name="middle", size=8),
        Layout(name="bottom", minimum_size=7),
    )
    screen["middle"].split_row(
        Layout(_money(snapshot.tally), name="money", ratio=3),
        Layout(_pulse(snapshot), name="pulse", ratio=2),
    )
    screen["bottom"].split_row(
        Layout(_news(snapshot.happenings), name="news", ratio=11),
        Layout(_processes(snapshot), name="processes", ratio=9),
    )
    return screen


def plain_line(snapshot: Snapshot) -> str:
    """Return the snapshot in one line of text."""
    tally = snapshot.tally
    money = ", ".join(
        f"{as_text(amounts['billed'], currency)} billed, members pay"
        f" {as_text(amounts['member'], currency)}"
        for currency, amounts in sorted(tally.amounts.items())
    )
    parts = [
        f"{_elapsed(snapshot.running_s)}",
        f"city {_day(tally.city_time)}{_behind(snapshot)}",
        f"{tally.facts:,} facts ({snapshot.facts_per_s:.0f}/s)",
        f"{sum(tally.decisions.values()):,} decisions",
        f"loops closed: {tally.members_at('screening.loop_closed'):,}",
        money or "nothing billed yet",
        snapshot.note,
    ]
    return " · ".join(parts)


class LiveView:
    """Shows snapshots as they come: a full screen on a terminal, lines elsewhere.

    Use it as a context manager; `update` as often as you like, a few times a second is plenty.
    """

    def __init__(self, console: Console | None = None) -> None:
        """Draw on `console`, by default the terminal of the process."""
        self._console = console or Console()
        self._live: Live | None = None
        self._next_line_s = 0.0

    def __enter__(self) -> Self:
        """Take over the screen, if there is one."""
        if self._console.is_terminal:
            self._live = Live(console=self._console, screen=True, auto_refresh=False)
            self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the screen back as it was."""
        if self._live is not None:
            self._live.__exit__(kind, error, traceback)
            self._live = None

    def update(self, snapshot: Snapshot) -> None:
        """Show a newer snapshot."""
        if self._live is not None:
            self._live.update(render(snapshot), refresh=True)
        elif snapshot.running_s >= self._next_line_s:
            self._next_line_s = snapshot.running_s + LINE_EVERY_S
            self._console.print(plain_line(snapshot), soft_wrap=True, highlight=False)


def _header(snapshot: Snapshot) -> Panel:
    left = Text.assemble(
        ("Careloop ", "bold"),
        ("  city time ", "dim"),
        (_day(snapshot.tally.city_time), "bold cyan"),
        (_behind(snapshot), "bold red"),
        ("  running ", "dim"),
        _elapsed(snapshot.running_s),
    )
    line = Table.grid(expand=True)
    line.add_column(no_wrap=True)
    line.add_column(justify="right", no_wrap=True)
    line.add_row(left, Text(snapshot.note, style="dim"))
    doors = [
        Text.assemble((f"{name} ", "dim"), (address, "bold cyan"), overflow="fold")
        for name, address in snapshot.doors
    ]
    return Panel(Group(line, *doors), box=box.ROUNDED, border_style="cyan")


def _funnel(tally: Tally) -> Panel:
    table = Table.grid(expand=True, padding=(0, 1))
    for _ in STAGES:
        table.add_column(ratio=1, no_wrap=True)
    table.add_row(*(_stage(tally, *stage) for stage in STAGES))
    return Panel(table, title="members, once each: 筛 → 管 → 治 → 康 → 筛", box=box.ROUNDED)


def members(tally: Tally, step: str) -> int:
    """Return how many members one line of the funnel counts."""
    return tally.members_overdue if step == OVERDUE_NOW else tally.members_at(step)


def _stage(
    tally: Tally, title: str, style: str, steps: tuple[tuple[str, str], ...]
) -> RenderableType:
    lines = [Text(title, style=f"bold {style}")]
    for label, step in steps:
        lines.append(Text.assemble((f"{members(tally, step):>6,} ", style), (label, "dim")))
    known = tally.members_at("screening.known")
    here = tally.members_at(steps[0][1])
    # The topics are read side by side: for a moment a step may be known before its member.
    share = min(1.0, here / known) if known else 0.0
    lines.append(Text("━" * round(share * _FUNNEL_BAR_WIDTH), style=style))
    return Group(*lines)


def _money(tally: Tally) -> Panel:
    if not tally.amounts:
        body: RenderableType = Align.center(Text("no bill decided yet", style="dim"))
    else:
        # One currency by far is the rule; the one with most bills is shown in full.
        currency = max(tally.amounts, key=lambda each: tally.amounts[each]["billed"])
        body = _who_pays(tally, currency)
    currencies = ", ".join(sorted(tally.amounts))
    title = f"who pays: {currencies}" if currencies else "who pays"
    return Panel(body, title=title, box=box.ROUNDED)


def _who_pays(tally: Tally, currency: str) -> Table:
    amounts = tally.amounts[currency]
    billed = amounts["billed"]
    table = Table.grid(expand=True, padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_row(Text("billed", style="bold"), Text(as_text(billed, currency), style="bold"), "")
    for payer in PAYERS:
        share = amounts[payer] / billed if billed else 0.0
        style = _PAYER_STYLES[payer]
        bar = Text.assemble(
            ("█" * round(share * _MONEY_BAR_WIDTH), style), (f" {share:.0%}", "dim")
        )
        table.add_row(payer.replace("_", " "), as_text(amounts[payer], currency), bar)
    return table


def _pulse(snapshot: Snapshot) -> Panel:
    tally = snapshot.tally
    table = Table.grid(expand=True, padding=(0, 1))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_row("facts per second", f"{snapshot.facts_per_s:,.0f}")
    table.add_row("decisions per second", f"{snapshot.decisions_per_s:,.1f}")
    table.add_row("decided after, p50", _milliseconds(tally.latency_ms(50)))
    table.add_row("decided after, p99", _milliseconds(tally.latency_ms(99)))
    direct_pay, claims = tally.requests["direct_pay"], tally.requests["claim"]
    table.add_row("direct pay / claim", f"{direct_pay:,} / {claims:,}")
    spark = Text(_spark(snapshot.history), style="cyan", no_wrap=True)
    return Panel(Group(table, spark), title="pulse", box=box.ROUNDED)


def _news(happenings: tuple[Happening, ...]) -> Panel:
    table = Table.grid(expand=True, padding=(0, 1))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, ratio=1, overflow="ellipsis")
    for line in reversed(happenings):
        words = Text.assemble((line.member, "bold"), " ", line.words)
        table.add_row(f"{line.time:%d %b}", line.sign, words)
    return Panel(table, title="just now", box=box.ROUNDED)


def _processes(snapshot: Snapshot) -> Panel:
    table = Table.grid(expand=True, padding=(0, 1))
    for _ in range(_PROCESS_COLUMNS):
        table.add_column(no_wrap=True, ratio=1, overflow="ellipsis")
    cells = [_process(process) for process in snapshot.processes]
    for first in range(0, len(cells), _PROCESS_COLUMNS):
        table.add_row(*cells[first : first + _PROCESS_COLUMNS])
    return Panel(table, title="processes (events behind)", box=box.ROUNDED)


def _process(process: Process) -> Text:
    cell = Text.assemble(("● ", _HEALTH_STYLES[process.health]), process.name)
    if process.restarts:
        cell.append(f" {process.restarts}↻", style="red")
    if process.lag:
        cell.append(f" {process.lag:,}", style="dim")
    return cell


def _spark(history: tuple[float, ...]) -> str:
    shown = history[-_SPARK_WIDTH:]
    most = max(shown, default=0.0)
    if most <= 0:
        return ""
    return "".join(_BARS[round(value / most * (len(_BARS) - 1))] for value in shown)


def _elapsed(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes:02d}:{rest:02d}"


def _day(moment: datetime | None) -> str:
    return "not started" if moment is None else f"{moment:%d %b %Y}"


def _behind(snapshot: Snapshot) -> str:
    if snapshot.behind_days < BEHIND_DAYS_MIN:
        return ""
    return f" ({snapshot.behind_days:,.0f} days behind its clock)"


def _milliseconds(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f} ms"
