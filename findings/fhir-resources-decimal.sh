#!/bin/sh
# fhir.resources 8.3.0 with pydantic 2: Money.value is a Decimal, and yet went through a binary
# fraction when it was read from JSON: digits beyond the sixteenth change, and 1.00 comes out as
# 1.0, though FHIR R4 (datatypes, decimal) counts the zeros.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check fhir.resources==8.3.0 pydantic==2.14.4
cat >"$folder/ask.py" <<'PYTHON'
from fhir.resources.R4B.money import Money

for text in ("9007199254740993.01", "1.00", "0.10"):
    money = Money.model_validate_json('{"value": %s, "currency": "CNY"}' % text)
    print(text, repr(money.value), money.model_dump_json())
PYTHON
cat >"$folder/expected" <<'TEXT'
9007199254740993.01 Decimal('9007199254740994.0') {"value":9007199254740994.0,"currency":"CNY"}
1.00 Decimal('1.0') {"value":1.0,"currency":"CNY"}
0.10 Decimal('0.1') {"value":0.1,"currency":"CNY"}
TEXT
"$folder/venv/bin/python" "$folder/ask.py" | tee "$folder/seen"
diff "$folder/expected" "$folder/seen" || { echo "this is no longer so" >&2; exit 1; }
