"""A scorer in Python that answers like the real one, or with a chosen fault.

`write(path, mode)` writes it as an executable file. It has no model: a row's `probability` is `x / 1000`.
Modes: good, skew (row 700 is off), nan, missing (one row short), no_probability, crash (dies at row 700), silent (never
ready), dead (ends at once), strict (rejects nulls), stranger (names another model), slow_to_start (takes 0.3 s).
"""

import sys
from pathlib import Path

MODEL_ID = "2026-03-01-0123456789ab"

SOURCE = """#!{python} -IS
import json, os, sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer

MODE = {mode!r}
assert sys.argv[1:3] == ["serve", sys.argv[2]] and os.path.isfile(sys.argv[2]), sys.argv
assert set(os.environ) <= {{"PORT", "LC_CTYPE"}}, os.environ

def row(features):
    [x] = features.values()
    if x == 700 and MODE == "crash":
        os._exit(3)
    if x == 700 and MODE == "skew":
        x += 1
    p = float("nan") if x == 700 and MODE == "nan" else x / 1000
    return {{}} if x == 700 and MODE == "no_probability" else {{"probability": [1 - p, p]}}

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet per response
    def answer(self, value, status=200):
        body = json.dumps(value).encode()
        self.send_response_only(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        name = "another" if MODE == "stranger" else {model!r}
        self.answer({{"model": name, "inputs": [{{"name": "x", "type": "double"}}]}}, 503 if MODE == "silent" else 200)
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if MODE == "strict" and any(None in r.values() for r in body["rows"]):
            return self.answer({{"error": "x is null"}}, 400)
        rows = [row(r) for r in body["rows"]]
        self.answer({{"model": {model!r}, "rows": rows[1:] if MODE == "missing" else rows}})
    def log_message(self, *args):
        pass

if MODE == "dead":
    sys.exit("the bundle is cut in half")
if MODE == "slow_to_start":
    time.sleep(0.3)
HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def write(path: Path, mode: str = "good") -> Path:
    """Write the scorer and return `path`."""
    path.write_text(SOURCE.format(python=sys.executable, mode=mode, model=MODEL_ID))
    path.chmod(0o755)
    return path
