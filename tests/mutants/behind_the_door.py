"""Planted bugs in what senders are told of accepted facts."""

from typing import Final

from tests.mutants.bug import bug

ACCEPTANCE: Final = "services/gateway/acceptance"
ANSWER: Final = "services/gateway/answer"
ALIKE: Final = "tests/properties/test_waiting_at_the_door.py"
LISTED: Final = "tests/unit/gateway/test_behind_the_door.py"
WAITED: Final = "tests/unit/gateway/test_answers_that_wait.py"
UNBILLED: Final = "tests/unit/treatment/test_unbilled.py"

BEHIND: Final = (
    bug("a bill of a visit that nobody told of is not doubted", f"{ACCEPTANCE}/awaiting.py",
        "    missing = sent.mentions if unknown else waits.awaits\n",
        "    return None\n", LISTED),
    bug("a withdrawal that came first waits for ever", f"{ACCEPTANCE}/awaiting.py",
        "        self._end(lambda each: each.about_id == cancellation)\n", "", ALIKE),
    bug("a void that waits does not meet its charge", f"{ACCEPTANCE}/awaiting.py",
        "if self._end(lambda each: _withdraws(each, name) and each.about_id != cancellation):",
        "if name == cancellation:", ALIKE),
    bug("a discharge that was cancelled since stands", f"{ACCEPTANCE}/awaiting.py",
        "        if self._meets_cancellation(member, thing, when):\n            return False\n",
        "        self._meets_cancellation(member, thing, when)\n", ALIKE),
    bug("a cancelled visit leaves its bills waiting", f"{ACCEPTANCE}/awaiting.py",
        "each.about_id == about or each.within_id in names", "each.about_id == about", ALIKE),
    bug("what is refused waits on", "services/gateway/app.py",
        "    awaiting_store.end(connection, [each.event_id for each in refused])", "    pass", LISTED),
    bug("an unknown provider passes in silence", f"{ACCEPTANCE}/doubts.py",
        "provider is not None and provider.id not in self.providers", "provider is self.providers",
        LISTED),
    bug("what has happened may be dated in the far future", f"{ACCEPTANCE}/doubts.py",
        "if fact.time <= clock + AHEAD_MAX:", "if fact.time >= AHEAD_MAX + clock or not heard:",
        LISTED),
    bug("the log's clock may not run ahead of ours", f"{ACCEPTANCE}/doubts.py",
        "clock = max(now, heard or now)", "clock = now", LISTED),
    bug("a sender is shown what others were refused", "services/timeline/refusals.py",
        "query = query.where(REFUSAL.c.source == source)", "query = query.where(True)", LISTED),
    bug("what was driven again and refused again counts as mended", "services/timeline/refusals.py",
        "return stands & ~exists().where(refused.c.event_id == REFUSAL.c.driven_as)",
        "return stands & exists().where(refused.c.event_id != '')", LISTED),
    bug("a refusal of what was derived is nobody's", "services/timeline/refusals.py",
        "        source, cause = rows[0].source, rows[0].causation_id\n",
        "        cause = rows[0].causation_id\n", LISTED),
    bug("the first decision is the answer", f"{ANSWER}/waiting.py",
        "requests_after(taken[-1], visit[0]) if taken else None", "None", WAITED),
    bug("a visit of which all was refused is waited for", f"{ANSWER}/intake.py",
        " and not (facts and expectation.refused.keys() >= {*facts})", "", WAITED),
    bug("a cancelled visit is waited for", f"{ACCEPTANCE}/awaiting.py",
        '            return "it was cancelled"\n', "            return None\n", WAITED),
    bug("a visit without a charge is waited for", f"{ACCEPTANCE}/awaiting.py",
        'return None if self.billed else "no charge of it is in force"', "return None", WAITED),
    bug("a bill waits for ever", "services/treatment/waiting.py",
        "    return Step(changed(after, wake_at=due), step.outputs)\n", "    return step\n", UNBILLED),
    bug("a bill that is given up is given up in silence", "services/treatment/waiting.py",
        "for row in visit.unbilled if row.fact not in left]",
        "for row in visit.unbilled if row.fact in left]", UNBILLED),
    bug("a bill that was given up is still billed", "services/treatment/unbilled.py",
        "return visit._replace(charges=left, unbilled=())", "return visit._replace(unbilled=())",
        UNBILLED),
    bug("what a stage refuses does not change the exit status", "services/cli/publish.py",
        "if refused or (behind is not None and behind.refused):", "if refused:",
        "tests/unit/cli/test_publish.py"),
)  # fmt: skip
