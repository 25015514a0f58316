#!/bin/sh
# fhirpathpy 2.2.4: a day later than 01:30-05:00 is written 06:30 of the next day, without an
# offset: the instant was turned into UTC and then lost its Z. Whoever reads it in local time, as
# FHIRPath does with such a literal, is five hours off; from 20:00-05:00 on the day is another one
# too.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check fhirpathpy==2.2.4
cat >"$folder/ask.py" <<'PYTHON'
from fhirpathpy import evaluate

for asked in (
    "@2026-03-10T01:30:00-05:00 + 1 day",
    "@2026-03-10T20:00:00-05:00 + 1 day",
    "@2026-03-10T10:00:00Z + 1 day",
):
    print(asked, evaluate({}, asked))
PYTHON
cat >"$folder/expected" <<'TEXT'
@2026-03-10T01:30:00-05:00 + 1 day ['2026-03-11T06:30:00']
@2026-03-10T20:00:00-05:00 + 1 day ['2026-03-12T01:00:00']
@2026-03-10T10:00:00Z + 1 day ['2026-03-11T10:00:00.000+00:00']
TEXT
"$folder/venv/bin/python" "$folder/ask.py" | tee "$folder/seen"
diff "$folder/expected" "$folder/seen" || { echo "this is no longer so" >&2; exit 1; }
