#!/bin/sh
# httpx-sse 0.4.3: once an event has had an id, a keep-alive comment that is followed by an empty
# line comes out as an event without data (the HTML standard, section 9.2.6, dispatches none when
# the data buffer is empty). A reader that decodes the data of each event fails at the first quiet
# moment. A comment line without the empty line does no harm.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check httpx==0.28.1 httpx-sse==0.4.3
cat >"$folder/ask.py" <<'PYTHON'
import httpx
from httpx_sse import connect_sse


def events(body):
    answer = httpx.Response(200, headers={"content-type": "text/event-stream"}, content=body)
    with httpx.Client(transport=httpx.MockTransport(lambda request: answer)) as client:
        with connect_sse(client, "GET", "http://test/") as source:
            return [(event.id, event.data) for event in source.iter_sse()]


print(events(b"id: 1\ndata: a\n\n: still here\n\nid: 2\ndata: b\n\n"))
print(events(b"id: 1\ndata: a\n\n: still here\nid: 2\ndata: b\n\n"))
PYTHON
cat >"$folder/expected" <<'TEXT'
[('1', 'a'), ('1', ''), ('2', 'b')]
[('1', 'a'), ('2', 'b')]
TEXT
"$folder/venv/bin/python" "$folder/ask.py" | tee "$folder/seen"
diff "$folder/expected" "$folder/seen" || { echo "this is no longer so" >&2; exit 1; }
