"""Planted bugs by which the order of facts would matter."""

from typing import Final

from tests.mutants.bug import bug as _bug

TREATMENT: Final = "services/treatment"
REHABILITATION: Final = "services/rehabilitation"

ORDER: Final = (
    _bug("a void does not wait for its charge", f"{TREATMENT}/withdrawals.py",
         "return None if void is None or void.waits_until is None else void", "return None",
         breaks="the_ledger_total_is_that_of_the_facts"),
    _bug("a cancelled discharge does not wait for it", f"{TREATMENT}/withdrawals.py",
         "return None if undone is None or undone.time < when else undone", "return None",
         "tests/unit/treatment/test_withdrawals.py"),
    _bug("a cancelled discharge cancels a later one", f"{TREATMENT}/visit.py",
         "    if visit.discharged is None or when < visit.discharged:\n",
         "    if visit.discharged is None:\n", "tests/unit/treatment/test_withdrawals.py"),
    _bug("a stay that went on ends at the discharge that came last", f"{TREATMENT}/visit.py",
         "visit.discharged is not None and visit.discharged >= when:",
         "visit.discharged is not None and visit.discharged == when:",
         "tests/unit/treatment/test_bills.py"),
    _bug("what a cancelled visit was overtaken by is refused", f"{TREATMENT}/withdrawals.py",
         "return cancelled if when <= cancelled.time else None", "return None",
         "tests/unit/treatment/test_withdrawals.py"),
    _bug("a withdrawal that met what it withdraws waits on", f"{TREATMENT}/withdrawals.py",
         "(*_others(state, row), row._replace(waits_until=None))", "state.withdrawals",
         "tests/unit/treatment/test_withdrawals.py"),
    _bug("a withdrawal waits for ever", f"{TREATMENT}/waiting.py",
         "return changed(state, wake_at=start_of_day_after(min(days)) if days else None)",
         "return state", "tests/unit/treatment/test_withdrawals.py"),
    _bug("any number of withdrawals may wait", f"{TREATMENT}/withdrawals.py",
         "len(waiting) >= WAITING_MAX:", "len(waiting) < 0:",
         "tests/unit/treatment/test_withdrawals.py"),
    _bug("the end of a cover does not wait for its start", "services/member/covers.py",
         "cover if end.waits_until < today else _until(cover, end.last_day)", "cover",
         breaks="milestones_go_to_insurers_with_a_cover_in_force"),
    _bug("a stay that goes on is referred as of its first end", f"{TREATMENT}/decide.py",
         "    return after._replace(needs=undone.needs), withdrawal\n", "    return after, ()\n",
         "tests/unit/treatment/test_withdrawals.py"),
    _bug("a session is not asked anew when its cover is learnt of", f"{REHABILITATION}/sessions.py",
         "if covers_at(covers[0], session.time) == covers_at(covers[1], session.time):",
         "if covers_at(covers[0], session.time) is not None:",
         "tests/unit/rehabilitation/test_paid_sessions.py"),
)  # fmt: skip
