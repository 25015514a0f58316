#!/bin/sh
# py-moneyed 3.0: the digits shown are those of CLDR and not of ISO 4217, which the same package
# holds: 12.345 Iraqi dinars are shown as 12 though sub_unit is 1000, and rials and kip lose their
# two digits. The rest is cut without a word.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check py-moneyed==3.0 babel==2.17.0
cat >"$folder/ask.py" <<'PYTHON'
from moneyed import Money, get_currency
from moneyed.l10n import format_money

for code in ("KWD", "IQD", "IRR", "HUF", "LAK", "CLF", "JPY"):
    print(code, get_currency(code).sub_unit, format_money(Money("12.345", code), locale="en_US"))
PYTHON
cat >"$folder/expected" <<'TEXT'
KWD 1000 KWD12.345
IQD 1000 IQD12
IRR 100 IRR12
HUF 100 HUF12.34
LAK 100 LAK12
CLF 10000 CLF12.3450
JPY 1 ¥12
TEXT
"$folder/venv/bin/python" "$folder/ask.py" | tee "$folder/seen"
diff "$folder/expected" "$folder/seen" || { echo "this is no longer so" >&2; exit 1; }
