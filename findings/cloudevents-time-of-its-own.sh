#!/bin/sh
# cloudevents 2.2.0 (the CNCF SDK): an event made without the optional attribute time gets the clock
# of the machine as its time. A sender that makes the same event again to repeat a request that
# timed out sends other content under the same id.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check cloudevents==2.2.0
cat >"$folder/ask.py" <<'PYTHON'
import time

from cloudevents.core.v1.event import CloudEvent

given = {"specversion": "1.0", "id": "1", "source": "urn:h", "type": "t"}
first = CloudEvent(dict(given), {"amount": 1})
time.sleep(0.01)
again = CloudEvent(dict(given), {"amount": 1})
print("time" in given, first.get_time() is not None, first.get_time() == again.get_time())
PYTHON
cat >"$folder/expected" <<'TEXT'
False True False
TEXT
"$folder/venv/bin/python" "$folder/ask.py" | tee "$folder/seen"
diff "$folder/expected" "$folder/seen" || { echo "this is no longer so" >&2; exit 1; }
