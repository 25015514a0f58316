"""Planted bugs of the door for FHIR: what is read of a request, and what is found of it."""

from typing import Final

from tests.mutants.bug import bug

REFERENCES: Final = "services/gateway/doors/fhir/references.py"
REQUESTS: Final = "services/gateway/doors/fhir/requests.py"
IDENTITIES: Final = "services/gateway/acceptance/identities.py"
OF_REFERENCES: Final = "tests/unit/gateway/test_references.py"
OF_REQUESTS: Final = "tests/unit/gateway/test_entry_requests.py"

FHIR: Final = (
    bug("an address that names nothing becomes an id", REFERENCES,
         "        if found is None:\n            raise UnresolvedError(\n",
         "        if found is None:\n            return Target(wanted, text.rpartition('/')[2])\n"
         "            raise UnresolvedError(\n",
         OF_REFERENCES),
    bug("a reference keeps its version", REFERENCES,
         '(?:/_history/[^\\s/?#]+)?"', '"',
         OF_REFERENCES),
    bug("a reference may name another type", "services/gateway/doors/fhir/reader.py",
         "        if target.type in wanted:", "        if target.type:",
         OF_REFERENCES),
    bug("an identifier is found for every sender", IDENTITIES,
         '"\\0".join((namespace, *self))', '"\\0".join(self)',
         OF_REFERENCES),
    bug("a conditional create makes a second one", REQUESTS,
         "_found(bare, entry, condition, known.get(condition, ()), source)",
         "_found(bare, entry, condition, (), source)",
         OF_REQUESTS),
    bug("two creates at one moment both find nobody", IDENTITIES,
         "        if each.only_one\n", "        if False\n",
         OF_REQUESTS),
    bug("a request may be about another resource", REQUESTS,
         "    if match is None or match[1] != kind or not fits", "    if match is None or not fits",
         OF_REQUESTS),
    bug("a request without entries is all well", "services/gateway/doors/fhir/bundle.py",
         "    if not bundle.entry:", "    if bundle.entry is None:",
         OF_REQUESTS),
)  # fmt: skip
