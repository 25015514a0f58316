"""Every figure of the live view and of the summary once more, in SQL over an exported log.

The definitions are those of docs/run.md. DuckDB and the fold that counts live share nothing.
"""

from pathlib import Path
from typing import Any, Final

import duckdb

_MILESTONES: Final = """
    SELECT split_part(kind, '.', 2) AS stage, *
    FROM (
        SELECT 'careloop.screening' AS kind, member, pathway, milestone, log_offset
        FROM "careloop.screening.milestone-reached.v1"
        UNION ALL SELECT 'careloop.management', member, pathway, milestone, log_offset
        FROM "careloop.management.milestone-reached.v1"
        UNION ALL SELECT 'careloop.treatment', member, pathway, milestone, log_offset
        FROM "careloop.treatment.milestone-reached.v1"
        UNION ALL SELECT 'careloop.rehabilitation', member, pathway, milestone, log_offset
        FROM "careloop.rehabilitation.milestone-reached.v1"
    )
"""
_OVERDUE: Final = """
    SELECT DISTINCT member FROM (
        SELECT member, arg_max(milestone, log_offset) AS said FROM milestones
        WHERE stage = 'management' AND milestone IN ('overdue', 'resumed', 'left')
        GROUP BY member, pathway
    ) WHERE said = 'overdue'
"""
_MEASURED: Final = "outcome <> 'lost_to_follow_up'"


def _reached(stage: str, milestone: str) -> str:
    return (
        f"SELECT DISTINCT member FROM milestones WHERE stage = '{stage}'"  # noqa: S608  # ours
        f" AND milestone = '{milestone}'"
    )


MEMBERS: Final = {
    "known": 'SELECT DISTINCT member FROM "careloop.member.registered.v1"',
    "invited": _reached("screening", "invited"),
    "stratified": _reached("screening", "risk_stratified"),
    "enrolled": _reached("management", "enrolled"),
    "target met": _reached("management", "target_met"),
    "overdue now": _OVERDUE,
    "visited": 'SELECT DISTINCT member FROM "careloop.visit.registered.v1"',
    "admitted": _reached("treatment", "admitted"),
    "readmitted": _reached("treatment", "readmitted"),
    "started": _reached("rehabilitation", "started"),
    "at goal": _reached("rehabilitation", "goal_reached"),
    "ended": f'SELECT DISTINCT member FROM "careloop.rehabilitation.finished.v1" WHERE {_MEASURED}',  # noqa: S608  # ours
    "loops closed": 'SELECT DISTINCT member FROM "careloop.screening.scheduled.v1" WHERE closes_loop',
    "lost": f'SELECT DISTINCT member FROM "careloop.rehabilitation.finished.v1" WHERE NOT {_MEASURED}',  # noqa: S608  # ours
}
"""What a line of the funnel says -> the members whom it counts."""

WHOLE_AND_PART: Final = (
    *(("known", name) for name in MEMBERS),
    ("enrolled", "target met"),
    ("enrolled", "overdue now"),
    ("visited", "admitted"),
    ("admitted", "readmitted"),
    ("started", "at goal"),
    ("started", "ended"),
    ("started", "lost"),
    ("ended", "loops closed"),
)
"""A whole and a part of it."""


class Figures:
    """The tables of a log, to be asked."""

    def __init__(self, folder: Path) -> None:
        """Open what `careloop replay tables` wrote."""
        self._database = duckdb.connect()
        for file in folder.glob("*.parquet"):
            self._database.execute(f"CREATE VIEW \"{file.stem}\" AS FROM '{file}'")
        self._database.execute(f"CREATE VIEW milestones AS {_MILESTONES}")
        self._events = [
            file.stem for file in folder.glob("*.parquet") if "clock.ticked" not in file.stem
        ]

    def members(self) -> dict[str, set[str]]:
        """Return the members whom each line of the funnel counts."""
        return {name: {row[0] for row in self._rows(query)} for name, query in MEMBERS.items()}

    def summary(self) -> dict[str, Any]:
        """Return what of a run's summary follows from the log."""
        requested = self._counts(
            'SELECT way, count(*) FROM "careloop.payment.requested.v1" GROUP BY way'
        )
        stages = self._counts("SELECT stage, count(*) FROM milestones GROUP BY stage")
        ended = self._counts(
            'SELECT outcome, count(*) FROM "careloop.rehabilitation.finished.v1" GROUP BY outcome'
        )
        [(visits,)] = self._rows(
            'SELECT count(DISTINCT visit_id) FROM "careloop.visit.registered.v1"'
        )
        [(closed,)] = self._rows(
            'SELECT count(DISTINCT cause) FROM "careloop.screening.scheduled.v1" WHERE closes_loop'
        )
        return {
            "visits": visits,
            "payment_requests": {way: requested.get(way, 0) for way in ("direct_pay", "claim")},
            "decisions": self._decisions(),
            "amounts": self._amounts(),
            "milestones": {
                stage: stages.get(stage, 0)
                for stage in ("screening", "management", "treatment", "rehabilitation")
            },
            "members_overdue": len(self._rows(_OVERDUE)),
            "rehabilitations": {
                name: ended.get(name, 0)
                for name in ("goal_reached", "plateau", "lost_to_follow_up")
            },
            "loops_completed": closed,
            "log_counts": self._log_counts(),
        }

    def latencies_ms(self) -> tuple[float, float]:
        """Return p50 and p99 by nearest rank."""
        query = """
            SELECT quantile_disc(ms, 0.5), quantile_disc(ms, 0.99) FROM (
                SELECT greatest(0, date_diff('microsecond', accepted_at, stored_at)) / 1000 AS ms
                FROM (FROM (SELECT accepted_at, stored_at FROM "careloop.direct-pay.decided.v1")
                      UNION ALL SELECT accepted_at, stored_at FROM "careloop.claim.decided.v1")
            )
        """
        [found] = self._rows(query)
        return found

    def _decisions(self) -> dict[str, int]:
        return self._counts("""
            SELECT outcome, count(*) FROM (
                SELECT outcome FROM "careloop.direct-pay.decided.v1"
                UNION ALL SELECT outcome FROM "careloop.claim.decided.v1"
                UNION ALL SELECT 'reversed' FROM "careloop.payment.reversed.v1"
            ) GROUP BY outcome ORDER BY outcome
        """)

    def _amounts(self) -> dict[str, dict[str, int]]:
        payers = ("social_insurance", "insurer", "subsidy", "member", "written_off")
        sums = ", ".join(f"sum(sign * parts.{payer})::BIGINT" for payer in payers)
        rows = self._rows(f"""
            SELECT currency, sum(sign * billed)::BIGINT, {sums} FROM (
                SELECT 1 AS sign, currency, billed, parts FROM "careloop.direct-pay.decided.v1"
                UNION ALL SELECT 1, currency, billed, parts FROM "careloop.claim.decided.v1"
                UNION ALL SELECT -1, currency, billed, parts FROM "careloop.payment.reversed.v1"
            ) GROUP BY currency ORDER BY currency
        """)  # noqa: S608  # ours
        return {
            currency: dict(zip(("billed", *payers), amounts, strict=True))
            for currency, *amounts in rows
        }

    def _log_counts(self) -> dict[str, int]:
        counts = {name: self._rows(f'SELECT count(*) FROM "{name}"')[0][0] for name in self._events}  # noqa: S608  # ours
        return {name: count for name, count in sorted(counts.items()) if count}

    def _counts(self, query: str) -> dict[str, int]:
        return dict(self._rows(query))

    def _rows(self, query: str) -> list[Any]:
        return self._database.execute(query).fetchall()
