"""Stands in for the API: ready with its digest once the test has allowed that digest.

Started by the local adapter under the API's module name.
"""

import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        digest = os.environ["TRADINGLAB_DIGEST"]
        allowed = Path(os.environ["TRADINGLAB_VOLUME"]) / "ready"
        content = json.dumps({"digest": digest}).encode()
        is_ready = allowed.exists() and digest in allowed.read_text()
        self.send_response(200 if is_ready else 503)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


if __name__ == "__main__":
    host, _, port = os.environ["TRADINGLAB_LISTEN"].rpartition(":")
    HTTPServer((host, int(port)), Handler).serve_forever()
