#!/bin/sh
# fhirpathpy 2.2.4: round() without a precision, which FHIRPath N1 (section 5.7.9) allows, is
# refused for its arity, and a half is rounded to the even digit: the section asks for the
# traditional way, half away from zero.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check fhirpathpy==2.2.4
cat >"$folder/ask.py" <<'PYTHON'
from fhirpathpy import evaluate

for asked in ("12.345.round(2)", "0.125.round(2)", "0.375.round(2)", "2.5.round(0)", "2.5.round()"):
    try:
        print(asked, evaluate({}, asked))
    except Exception as error:
        print(asked, type(error).__name__, error)
PYTHON
cat >"$folder/expected" <<'TEXT'
12.345.round(2) [Decimal('12.34')]
0.125.round(2) [Decimal('0.12')]
0.375.round(2) [Decimal('0.38')]
2.5.round(0) [Decimal('2')]
2.5.round() Exception round wrong arity: got 0
TEXT
"$folder/venv/bin/python" "$folder/ask.py" | tee "$folder/seen"
diff "$folder/expected" "$folder/seen" || { echo "this is no longer so" >&2; exit 1; }
