"""A stand-in for Telegram's Bot API over HTTP: keeps what it is sent, enforces the real limits.

Run by tests and in a pod from a ConfigMap, so the standard library alone and one file:

    python telegram_stand_in.py --port 8081 --token 100000001:stand-in

Clients use http://<host>:<port> as the API's root. `GET /received` lists the messages, oldest
first; `POST /fail` with `["500:2", "drop:1"]` makes the next calls of sendMessage fail.

Failures, each `<kind>:<times>`: an HTTP status (400, 401, 403, 429, 500, 502, …); `drop` closes
the connection without an answer; `lost` keeps the message and then drops, as when the answer is
lost on the way; `hang` answers only after 60 s; `garbage` answers with no JSON; `migrated` says
that the chat has become a supergroup.
"""

import argparse
import email.parser
import email.policy
import json
import re
import signal
import sys
import threading
import time
import urllib.parse
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TEXT_LIMIT = 4096
TOTAL_PER_SECOND = 30
CHAT_BURST, CHAT_PER_SECOND = 3, 1.0
HANG_SECONDS = 60
LARGEST_BODY = 10_000_000
METHOD = re.compile(r"^/bot(?P<token>[^/]+)/(?P<method>[A-Za-z]+)$")
WELL_FORMED_TOKEN = re.compile(r"^[0-9]+:[A-Za-z0-9_-]+$")
DEFAULT_TOKEN = "100000001:stand-in"
KINDS = ("drop", "lost", "hang", "garbage", "migrated")
DESCRIPTIONS = {
    400: "Bad Request: made to fail",
    401: "Unauthorized",
    403: "Forbidden: bot was blocked by the user",
    429: "Too Many Requests: retry after 2",
    500: "Internal Server Error",
    502: "Bad Gateway",
}


class Refusal(Exception):
    """An answer that is not ok, as the Bot API words it."""

    def __init__(self, status, description, parameters=None):
        super().__init__(description)
        self.status, self.description, self.parameters = status, description, parameters


class Messages:
    """What was received and what is to fail next; shared by all connections."""

    def __init__(self, failures, limits, chats, now=time.monotonic):
        self._lock = threading.Lock()
        self._received = []
        self._failures = deque()
        self._limits = limits
        self._chats = chats
        self._now = now
        self._recent = deque()
        self._allowances = {}
        self.fail_next(failures)

    def fail_next(self, failures):
        with self._lock:
            for failure in failures:
                kind, times = parse_failure(failure)
                self._failures.extend([kind] * times)

    def next_failure(self):
        with self._lock:
            return self._failures.popleft() if self._failures else None

    def received(self):
        with self._lock:
            return list(self._received)

    def forget(self):
        with self._lock:
            self._received.clear()

    def accept(self, parameters):
        """Checks and keeps one message; returns it as the Bot API does."""
        chat, text = str(parameters.get("chat_id", "")), parameters.get("text")
        with self._lock:
            if not chat:
                raise Refusal(400, "Bad Request: chat_id is empty")
            if self._chats and chat not in self._chats:
                raise Refusal(400, "Bad Request: chat not found")
            if not isinstance(text, str) or not text.strip():
                raise Refusal(400, "Bad Request: message text is empty")
            if len(text.encode("utf-16-le")) // 2 > TEXT_LIMIT:
                raise Refusal(400, "Bad Request: message is too long")
            if self._limits:
                self._check_limits(chat)
            message = {
                "message_id": len(self._received) + 1,
                "date": int(time.time()),
                "chat": {"id": chat_number(chat), "type": "private", "first_name": "Chat"},
                "text": text,
            }
            kept = {"chat_id": chat, "parse_mode": parameters.get("parse_mode"), **message}
            self._received.append(kept)
            return message

    def _check_limits(self, chat):
        now = self._now()
        while self._recent and now - self._recent[0] >= 1:
            self._recent.popleft()
        tokens, since = self._allowances.get(chat, (CHAT_BURST, now))
        tokens = min(CHAT_BURST, tokens + (now - since) * CHAT_PER_SECOND)
        if len(self._recent) >= TOTAL_PER_SECOND or tokens < 1:
            self._allowances[chat] = (tokens, now)
            raise Refusal(429, "Too Many Requests: retry after 1", {"retry_after": 1})
        self._recent.append(now)
        self._allowances[chat] = (tokens - 1, now)


def parse_failure(text):
    """`500:3` → ("500", 3); a kind alone counts once."""
    kind, _, times = text.partition(":")
    if not (kind in KINDS or (kind.isdigit() and 400 <= int(kind) <= 599)):
        raise ValueError(f"{kind!r} is no failure; expected a status or {', '.join(KINDS)}")
    return kind, int(times or 1)


def chat_number(chat):
    return int(chat) if re.fullmatch(r"-?[0-9]+", chat) else 1


def parameters_of(content_type, body):
    """The parameters of a call, sent as form, JSON or multipart."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        document = json.loads(body or b"{}")
        return document if isinstance(document, dict) else {}
    if kind == "multipart/form-data":
        head = f"Content-Type: {content_type}\r\n\r\n".encode()
        parts = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
        return {
            part.get_param("name", header="content-disposition"): part.get_payload(
                decode=True
            ).decode()
            for part in parts.iter_parts()
        }
    return dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))


class Handler(BaseHTTPRequestHandler):
    """One connection; the class attributes are set by `make_server`."""

    protocol_version = "HTTP/1.1"
    server_version = "telegram-stand-in"
    timeout = 120
    messages: Messages
    tokens: tuple

    def do_GET(self):
        self._route()

    def do_POST(self):
        self._route()

    def do_DELETE(self):
        self._route()

    def log_message(self, *_):
        """The path holds the token: nothing of it is logged."""

    def _route(self):
        path, _, query = self.path.partition("?")
        body = self._body()
        if body is None:
            return
        if path == "/healthz":
            self._answer(200, {"status": "ok"})
        elif path == "/received" and self.command == "GET":
            self._answer(200, self.messages.received())
        elif path == "/received" and self.command == "DELETE":
            self.messages.forget()
            self._answer(200, [])
        elif path == "/fail" and self.command == "POST":
            self._fail_next(body)
        else:
            self._call(path, query, body)

    def _body(self):
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST_BODY:
            self.close_connection = True
            self._answer(413, {"ok": False, "error_code": 413, "description": "too large"})
            return None
        return self.rfile.read(length)

    def _fail_next(self, body):
        try:
            self.messages.fail_next(json.loads(body))
        except (ValueError, TypeError) as error:
            self._answer(400, {"error": str(error)})
        else:
            self._answer(200, {"ok": True})

    def _call(self, path, query, body):
        try:
            result = self._result(path, query, body)
        except Refusal as refusal:
            document = {
                "ok": False,
                "error_code": refusal.status,
                "description": refusal.description,
            }
            if refusal.parameters:
                document["parameters"] = refusal.parameters
            self._answer(refusal.status, document)
        except ConnectionAbortedError:
            self.close_connection = True
        else:
            self._answer(200, {"ok": True, "result": result})

    def _result(self, path, query, body):
        found = METHOD.match(urllib.parse.unquote(path))
        if not found or not WELL_FORMED_TOKEN.match(found["token"]):
            raise Refusal(404, "Not Found")
        if found["token"] not in self.tokens:
            raise Refusal(401, "Unauthorized")
        try:
            sent = parameters_of(self.headers.get("Content-Type", ""), body)
        except (ValueError, UnicodeDecodeError):
            raise Refusal(400, "Bad Request: can't parse the parameters") from None
        parameters = dict(urllib.parse.parse_qsl(query)) | sent
        method = found["method"].lower()
        if method == "getme":
            number = int(found["token"].partition(":")[0])
            return {"id": number, "is_bot": True, "first_name": "Stand-in", "username": "stand_bot"}
        if method == "getupdates":
            time.sleep(min(float(parameters.get("timeout") or 0), HANG_SECONDS))
            return []
        if method == "sendmessage":
            return self._message(parameters)
        raise Refusal(404, "Not Found")

    def _message(self, parameters):
        failure = self.messages.next_failure()
        if failure is None:
            return self.messages.accept(parameters)
        if failure == "hang":
            time.sleep(HANG_SECONDS)
            raise ConnectionAbortedError
        if failure == "lost":
            self.messages.accept(parameters)
        if failure in ("drop", "lost"):
            raise ConnectionAbortedError
        if failure == "garbage":
            self._send(200, "text/html", b"<html>not the Bot API</html>")
            raise ConnectionAbortedError
        if failure == "migrated":
            raise Refusal(
                400,
                "Bad Request: group chat was upgraded to a supergroup chat",
                {"migrate_to_chat_id": -1001},
            )
        status = int(failure)
        parameters = {"retry_after": 2} if status == 429 else None
        raise Refusal(status, DESCRIPTIONS.get(status, "Made to fail"), parameters)

    def _answer(self, status, document):
        self._send(status, "application/json", json.dumps(document).encode())

    def _send(self, status, content_type, content):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def make_server(host, port, *, tokens=(DEFAULT_TOKEN,), failures=(), limits=True, chats=()):
    """A server that is bound and answers once its `serve_forever` runs."""
    handler = type(
        "BoundHandler",
        (Handler,),
        {"messages": Messages(failures, limits, frozenset(chats)), "tokens": tuple(tokens)},
    )
    server = ThreadingHTTPServer((host, port), handler)
    server.daemon_threads = True
    return server


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8081, help="0 takes a free one")
    parser.add_argument(
        "--token", action="append", help=f"accepted; repeatable (default {DEFAULT_TOKEN})"
    )
    parser.add_argument("--chat", action="append", help="known chat; repeatable (default: any)")
    parser.add_argument("--fail", action="append", default=[], help="<kind>:<times>; repeatable")
    parser.add_argument("--no-limits", action="store_true", help="no 30/s, no 1/s per chat")
    given = parser.parse_args(arguments)
    try:
        server = make_server(
            given.host,
            given.port,
            tokens=given.token or (DEFAULT_TOKEN,),
            failures=given.fail,
            limits=not given.no_limits,
            chats=given.chat or (),
        )
    except (ValueError, OSError) as error:
        parser.error(str(error))

    def stop(number, frame):
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    host, port = server.server_address[:2]
    print(f"listening on http://{host}:{port}", flush=True)
    server.serve_forever(poll_interval=0.1)
    server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
