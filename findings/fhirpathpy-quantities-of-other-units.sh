#!/bin/sh
# fhirpathpy 2.2.4: two quantities of one dimension are unequal when their UCUM units differ, even
# by a power of ten, while calendar words and UCUM codes of time are converted. FHIRPath N1 (section
# 6.1.1) compares after conversion, and answers nothing where a system cannot convert.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check fhirpathpy==2.2.4
cat >"$folder/ask.py" <<'PYTHON'
from fhirpathpy import evaluate

for asked in ("10 'kPa' = 10000 'Pa'", "1 'mmol/L' = 1000 'umol/L'", "1 week = 7 days", "1 'a' = 1 year"):
    print(asked, evaluate({}, asked))
PYTHON
cat >"$folder/expected" <<'TEXT'
10 'kPa' = 10000 'Pa' [False]
1 'mmol/L' = 1000 'umol/L' [False]
1 week = 7 days [True]
1 'a' = 1 year [True]
TEXT
"$folder/venv/bin/python" "$folder/ask.py" | tee "$folder/seen"
diff "$folder/expected" "$folder/seen" || { echo "this is no longer so" >&2; exit 1; }
