#!/bin/sh
# ucumvert 0.3.2: {score}, a valid UCUM unit (an annotation alone, which is the unity; UCUM section
# 6) and the usual unit of scores in FHIR, gives a token of the parser and no quantity, so that
# .to() and .magnitude fail only where the unit is used. With anything before the annotation all is
# well.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ucumvert==0.3.2 pint==0.25.3
cat >"$folder/ask.py" <<'PYTHON'
from ucumvert import PintUcumRegistry

units = PintUcumRegistry()
for code in ("{score}", "1", "1{score}", "/{score}", "ug/g{creat}"):
    print(code, type(units.from_ucum(code)).__name__)
PYTHON
cat >"$folder/expected" <<'TEXT'
{score} Token
1 Quantity
1{score} Quantity
/{score} Quantity
ug/g{creat} Quantity
TEXT
"$folder/venv/bin/python" "$folder/ask.py" | tee "$folder/seen"
diff "$folder/expected" "$folder/seen" || { echo "this is no longer so" >&2; exit 1; }
