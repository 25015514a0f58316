#!/bin/sh
# fhirpathpy 2.2.4: a day and an instant on it are said to be different, while a month and a day in
# it give nothing. FHIRPath N1 (section 6.1.1) asks for nothing (empty) where one is known more
# precisely than the other, which is what this package answers to "less than". So "not equal" is
# true of what may well be the same.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check fhirpathpy==2.2.4
cat >"$folder/ask.py" <<'PYTHON'
from fhirpathpy import evaluate

for asked in (
    "@2026-03-02 < @2026-03-02T10:00:00Z",
    "@2026-03-02 = @2026-03-02T10:00:00Z",
    "@2026-03-02 != @2026-03-02T10:00:00Z",
    "@2026-03 = @2026-03-02",
):
    print(asked, evaluate({}, asked))
PYTHON
cat >"$folder/expected" <<'TEXT'
@2026-03-02 < @2026-03-02T10:00:00Z []
@2026-03-02 = @2026-03-02T10:00:00Z [False]
@2026-03-02 != @2026-03-02T10:00:00Z [True]
@2026-03 = @2026-03-02 []
TEXT
"$folder/venv/bin/python" "$folder/ask.py" | tee "$folder/seen"
diff "$folder/expected" "$folder/seen" || { echo "this is no longer so" >&2; exit 1; }
