#!/bin/sh
# cloudevents 2.2.0 (the CNCF SDK): an event whose data are a dict, made without datacontenttype, is
# sent in binary mode as JSON without any Content-Type, while structured mode names its own. A
# receiver that asks for a media type refuses the first and takes the second, from the same program.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check cloudevents==2.2.0
cat >"$folder/ask.py" <<'PYTHON'
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

event = CloudEvent(
    {"specversion": "1.0", "id": "1", "source": "urn:h", "type": "t"}, {"amount": 1}
)
for message in (to_binary_event(event), to_structured_event(event)):
    names = {name.lower(): value for name, value in message.headers.items()}
    print(names.get("content-type"), type(message.body).__name__)
print(to_binary_event(event).body)
PYTHON
cat >"$folder/expected" <<'TEXT'
None bytes
application/cloudevents+json bytes
b'{"amount": 1}'
TEXT
"$folder/venv/bin/python" "$folder/ask.py" | tee "$folder/seen"
diff "$folder/expected" "$folder/seen" || { echo "this is no longer so" >&2; exit 1; }
