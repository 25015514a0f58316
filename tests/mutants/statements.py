"""Planted bugs in what is only planned, and in what may be said again with another content."""

from typing import Final

from tests.mutants.bug import bug

TREATMENT: Final = "services/treatment"

STATEMENTS: Final = (
    bug("a proposed medicine counts as prescribed", "services/gateway/doors/fhir/statuses.py",
         'return intended if intended != "fact" else standing', "return standing",
         "tests/unit/gateway/test_plans.py"),
    bug("a planned visit begins when it is planned", "services/gateway/doors/fhir/statuses.py",
         '"planned": "plan"', '"planned": "fact"', "tests/properties/test_plans.py"),
    bug("a planned visit that is called off is unheard of", f"{TREATMENT}/withdrawals.py",
         "is_planned = visit.visit_id in state.planned", "is_planned = False",
         "tests/unit/treatment/test_plans.py"),
    bug("every bill is decided anew when a cover is renewed", "services/member/covers.py",
         "[Cover(*cover[:4], None) for cover in in_force]", "[cover for cover in in_force]",
         "tests/unit/treatment/test_cover_updates.py"),
    bug("an end that was told too early stays", "services/member/covers.py",
         "last_day if agreed is None else min(agreed, last_day))",
         "last_day if cover.valid_to is None else min(cover.valid_to, last_day))",
         "tests/unit/member/test_covers.py"),
    bug("a birth date known by its year is blurred again", "services/gateway/acceptance/persons.py",
         'if birth_date is None or (known.birth_date or "").startswith(birth_date):',
         "if birth_date is None:", "tests/unit/gateway/test_persons.py"),
    bug("an old registration sent again corrects what was corrected",
         "services/gateway/acceptance/decide.py",
         "                heard.append((fact.id, outcome.fingerprint))\n", "                pass\n",
         "tests/unit/gateway/test_persons.py"),
    bug("a member known by the year counts by the first of January", "services/member/age.py",
         "return Age(most if first == last else age_on(last, day), most)",
         "return Age(most, most)", "tests/unit/member/test_age.py"),
    bug("who is no child after all is not judged", "services/screening/decide.py",
         "partial(_learnt, reading=case.seen.latest))", "lambda case: Told(case.row))",
         "tests/properties/test_screening_management.py"),
    bug("the age that becomes known changes no plan", "services/management/decide.py",
         "shown = with_stratum(one, enrolment, stratum_of(one))\n"
         "            step = _kept(state, enrolment, replanned(one, shown, enrolment))",
         "step = Step(state)", "tests/properties/test_screening_management.py"),
    bug("a plan that moves is a contradiction", "services/gateway/acceptance/decide.py",
         "if before is not None and (fact.id in fresh or not fact.restated):",
         "if before is not None:", "tests/unit/gateway/test_plans.py"),
    bug("a plan that moves back is taken for known", "services/gateway/acceptance/inbox.py",
         "    _RESTATE.run(connection, *((fingerprint, event_id) for event_id, fingerprint in restated))\n",
         "", "tests/unit/gateway/test_plans.py"),
    bug("an insurer is told of an invitation with every cover", "services/screening/due.py",
         "for name in case.insurers(now) if name not in case.row.told]",
         "for name in case.insurers(now)]", "tests/properties/test_screening_management.py"),
)  # fmt: skip
