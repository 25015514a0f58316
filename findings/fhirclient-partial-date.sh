#!/bin/sh
# fhirclient 4.4.0 (SMART): a birth date known by its year alone is, to a program that asks for
# .date, the first of January, and says nothing of its precision; only as_json still knows. Ages and
# periods reckoned from .date are up to a year off.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check fhirclient==4.4.0
cat >"$folder/ask.py" <<'PYTHON'
from fhirclient.models.patient import Patient
from fhirclient.models.period import Period

patient = Patient({"birthDate": "1962"})
print(patient.birthDate.date, patient.birthDate.as_json())
period = Period({"start": "2026-02", "end": "2026-02"})
print(period.start.datetime if hasattr(period.start, "datetime") else period.start.date, period.end.as_json())
print(sorted(name for name in vars(patient.birthDate) if "precision" in name.lower()))
PYTHON
cat >"$folder/expected" <<'TEXT'
1962-01-01 1962
2026-02-01 00:00:00 2026-02
[]
TEXT
"$folder/venv/bin/python" "$folder/ask.py" | tee "$folder/seen"
diff "$folder/expected" "$folder/seen" || { echo "this is no longer so" >&2; exit 1; }
