"""A stand-in for Telegram's Bot API over HTTP: keeps what it is sent, enforces the real limits.

Run by tests and in a pod from a ConfigMap, so the standard library alone and one file:

    python telegram_stand_in.py --port 8081 --token 100000001:stand-in

Clients use http://<host>:<port> as the API's root. `GET /received` lists the messages, oldest
first (a picture as its length in `photo_bytes`, the file under `/photo/<message_id>`); `POST /say`
with `{"chat_id": 1, "text": "/status"}` and `POST /press` with `{"chat_id": 1, "message_id": 2,
"data": "…"}` are what people do, handed out by getUpdates; `POST /update` hands out a document as
it is. `GET /confirmed` is the highest update that the bot has confirmed; `GET /answered` lists the
answers to presses. `POST /fail` with `["500:2", "drop:1"]` makes the next calls fail.

Failures, each `[<method>/]<kind>:<times>`, of sendMessage if no method is named: an HTTP status
(400, 401, 403, 409, 429, 500, 502, …); `drop` closes the connection without an answer; `lost` keeps
the message and then drops, as when the answer is lost on the way; `hang` answers only after 60 s;
`slow` after 1.5 s; `garbage` answers with no JSON, `odd` with JSON of another shape; `migrated`
says that the chat has become a supergroup.
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
CAPTION_LIMIT = 1024
GROUP_PER_MINUTE = 20
CALLBACK_DATA_LIMIT = 64
HANG_SECONDS = 60
AHEAD = 10
SLOW_SECONDS = 1.5
PNG = b"\x89PNG\r\n\x1a\n"
MARKDOWN_SIGNS = re.compile(r"(?<!\\)[_*\[\]()~`>#+=|{}.!-]")
HTML_TAG = re.compile(r"</?(b|i|u|s|code|pre|a|tg-spoiler|blockquote)(\s[^<>]*)?>")
LARGEST_BODY = 10_000_000
METHOD = re.compile(r"^/bot(?P<token>[^/]+)/(?P<method>[A-Za-z]+)$")
WELL_FORMED_TOKEN = re.compile(r"^[0-9]+:[A-Za-z0-9_-]+$")
DEFAULT_TOKEN = "100000001:stand-in"
KINDS = ("drop", "lost", "hang", "slow", "garbage", "odd", "migrated")
DESCRIPTIONS = {
    400: "Bad Request: made to fail",
    401: "Unauthorized",
    403: "Forbidden: bot was blocked by the user",
    409: "Conflict: terminated by other getUpdates request; make sure that only one bot instance "
    "is running",
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
        self._pictures = {}
        self._failures = {}
        self._limits = limits
        self._chats = chats
        self._now = now
        self._recent = deque()
        self._allowances = {}
        self._of_group = {}
        self.fail_next(failures)

    def fail_next(self, failures):
        with self._lock:
            for failure in failures:
                method, kind, times = parse_failure(failure)
                self._failures.setdefault(method, deque()).extend([kind] * times)

    def next_failure(self, method):
        with self._lock:
            waiting = self._failures.get(method)
            return waiting.popleft() if waiting else None

    def received(self):
        with self._lock:
            return [dict(each) for each in self._received]

    def forget(self):
        with self._lock:
            self._received.clear()

    def picture(self, message_id):
        with self._lock:
            return self._pictures.get(message_id)

    def accept(self, parameters):
        """Checks and keeps one message; returns it as the Bot API does."""
        return self._keep(parameters, parameters.get("text"), TEXT_LIMIT, "message text", None)

    def accept_picture(self, parameters):
        picture = parameters.get("photo")
        if not isinstance(picture, bytes) or not picture.startswith(PNG):
            raise Refusal(400, "Bad Request: IMAGE_PROCESS_FAILED")
        return self._keep(parameters, parameters.get("caption"), CAPTION_LIMIT, "caption", picture)

    def _keep(self, parameters, text, limit, what, picture):
        chat = str(parameters.get("chat_id", ""))
        with self._lock:
            self._check(chat, text, limit, what, optional=picture is not None)
            check_entities(text or "", parameters.get("parse_mode"))
            if self._limits:
                self._check_limits(chat)
            message = {
                "message_id": len(self._received) + 1,
                "date": int(time.time()),
                "chat": chat_document(chat),
            }
            message |= {"text": text} if picture is None else {"caption": text, "photo": []}
            kept = {"chat_id": chat, "parse_mode": parameters.get("parse_mode"), **message}
            kept["buttons"] = buttons_of(parameters)
            kept["at"] = self._now()
            if picture is not None:
                kept |= {"photo_bytes": len(picture), "text": ""}
                self._pictures[message["message_id"]] = picture
            self._received.append(kept)
            return message

    def edit(self, parameters):
        chat, number = str(parameters.get("chat_id", "")), int(parameters.get("message_id", 0))
        text = parameters.get("text")
        with self._lock:
            self._check(chat, text, TEXT_LIMIT, "message text", optional=False)
            if not 1 <= number <= len(self._received):
                raise Refusal(400, "Bad Request: message to edit not found")
            message = self._received[number - 1]
            if message["text"] == text:
                raise Refusal(400, "Bad Request: message is not modified")
            if self._limits:
                self._check_limits(chat)
            message |= {"text": text, "edited": True, "buttons": buttons_of(parameters)}
            shown = ("message_id", "date", "chat", "text")
            return {name: message[name] for name in shown}

    def _check(self, chat, text, limit, what, optional):
        if not chat:
            raise Refusal(400, "Bad Request: chat_id is empty")
        if self._chats and chat not in self._chats:
            raise Refusal(400, "Bad Request: chat not found")
        if optional and text is None:
            return
        if not isinstance(text, str) or not text.strip():
            raise Refusal(400, f"Bad Request: {what} is empty")
        if len(text.encode("utf-16-le")) // 2 > limit:
            too_long = "message is too long" if what == "message text" else f"{what} is too long"
            raise Refusal(400, f"Bad Request: {too_long}")

    def _check_limits(self, chat):
        now = self._now()
        while self._recent and now - self._recent[0] >= 1:
            self._recent.popleft()
        tokens, since = self._allowances.get(chat, (CHAT_BURST, now))
        tokens = min(CHAT_BURST, tokens + (now - since) * CHAT_PER_SECOND)
        if len(self._recent) >= TOTAL_PER_SECOND or tokens < 1:
            self._allowances[chat] = (tokens, now)
            raise Refusal(429, "Too Many Requests: retry after 1", {"retry_after": 1})
        if not chat.isdigit():
            sent = self._of_group.setdefault(chat, deque())
            while sent and now - sent[0] >= 60:
                sent.popleft()
            if len(sent) >= GROUP_PER_MINUTE:
                pause = int(60 - (now - sent[0])) + 1
                raise Refusal(
                    429, f"Too Many Requests: retry after {pause}", {"retry_after": pause}
                )
            sent.append(now)
        self._recent.append(now)
        self._allowances[chat] = (tokens - 1, now)


class Updates:
    """What people did, until the bot has confirmed it. Of two who wait the older one is ended."""

    def __init__(self):
        self._condition = threading.Condition()
        self._waiting = []
        self._next = 1000
        self._poller = 0
        self._answers = []
        self.confirmed = 0

    def push(self, document):
        with self._condition:
            number = self._next
            self._next += 1
            self._waiting.append({"update_id": number, **document})
            self._condition.notify_all()
            return number

    def poll(self, offset, seconds, limit=100):
        deadline = time.monotonic() + seconds
        with self._condition:
            self._poller += 1
            mine = self._poller
            self._condition.notify_all()
            if offset > self._next + AHEAD:
                offset = 0  # not in the queue: the oldest is given, and nothing is confirmed
            if offset > 0:
                self.confirmed = max(self.confirmed, offset - 1)
                self._waiting = [each for each in self._waiting if each["update_id"] >= offset]
            while not self._waiting:
                left = deadline - time.monotonic()
                if left <= 0:
                    return []
                self._condition.wait(left)
                if self._poller != mine:
                    raise Refusal(409, DESCRIPTIONS[409])
            return list(self._waiting[:limit])

    def number_anew(self, number):
        """As Telegram does after a week without an update."""
        with self._condition:
            self._next, self.confirmed = number, 0

    def answer(self, parameters):
        with self._condition:
            self._answers.append(parameters.get("text", ""))

    def answered(self):
        with self._condition:
            return list(self._answers)


def parse_failure(text):
    """`500:3` → ("sendmessage", "500", 3); a kind alone counts once."""
    method, _, rest = text.rpartition("/")
    kind, _, times = rest.partition(":")
    if not (kind in KINDS or (kind.isdigit() and 400 <= int(kind) <= 599)):
        raise ValueError(f"{kind!r} is no failure; expected a status or {', '.join(KINDS)}")
    return method.lower() or "sendmessage", kind, int(times or 1)


def check_entities(text, parse_mode):
    """Roughly what the Bot API demands of marked-up text: everything else escaped."""
    mode = (parse_mode or "").lower()
    left = HTML_TAG.sub("", text)
    if (mode == "html" and re.search(r"[<>]|&(?!(lt|gt|amp|quot);)", left)) or (
        mode == "markdownv2" and MARKDOWN_SIGNS.search(text)
    ):
        raise Refusal(400, "Bad Request: can't parse entities")


def buttons_of(parameters):
    """The callback data of the inline keyboard, row by row in one list."""
    markup = parameters.get("reply_markup") or {}
    if isinstance(markup, str):
        markup = json.loads(markup)
    buttons = [each for row in markup.get("inline_keyboard", []) for each in row]
    if any(
        not 1 <= len(each.get("callback_data", "").encode()) <= CALLBACK_DATA_LIMIT
        for each in buttons
    ):
        raise Refusal(400, "Bad Request: BUTTON_DATA_INVALID")
    return {each["text"]: each["callback_data"] for each in buttons}


def chat_document(chat):
    number = chat_number(chat)
    kind = "private" if number > 0 else "group"
    return {"id": number, "type": kind, "first_name": "Chat"}


def person(document):
    return {
        "id": int(document.get("from", document["chat_id"])),
        "is_bot": False,
        "first_name": document.get("first_name", "Person"),
        **({"username": document["username"]} if "username" in document else {}),
    }


def said(document):
    """The update of a person's message."""
    message = {
        "message_id": 1,
        "date": document.get("date", int(time.time())),
        "chat": chat_document(str(document["chat_id"])),
        "from": person(document),
        "text": document["text"],
    }
    return {"message": message}


def pressed(document):
    """The update of a press on a button below one of the bot's messages."""
    message = {
        "message_id": document["message_id"],
        "date": int(time.time()),
        "chat": chat_document(str(document["chat_id"])),
    }
    query = {"id": str(time.monotonic_ns()), "from": person(document), "message": message}
    return {"callback_query": {**query, "data": document["data"], "chat_instance": "1"}}


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
            part.get_param("name", header="content-disposition"): (
                part.get_payload(decode=True)
                if part.get_filename()
                else part.get_payload(decode=True).decode()
            )
            for part in parts.iter_parts()
        }
    return dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))


class Handler(BaseHTTPRequestHandler):
    """One connection; the class attributes are set by `make_server`."""

    protocol_version = "HTTP/1.1"
    server_version = "telegram-stand-in"
    timeout = 120
    messages: Messages
    updates: Updates
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
        elif path in ("/say", "/press", "/update") and self.command == "POST":
            make = {"/say": said, "/press": pressed, "/update": dict}[path]
            self._answer(200, {"update_id": self.updates.push(make(json.loads(body)))})
        elif path == "/confirmed":
            self._answer(200, self.updates.confirmed)
        elif path == "/answered":
            self._answer(200, self.updates.answered())
        elif path.startswith("/photo/"):
            picture = self.messages.picture(int(path.removeprefix("/photo/")))
            self._send(404 if picture is None else 200, "image/png", picture or b"")
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
        return self._done(method, parameters)

    def _done(self, method, parameters):
        actions = {
            "getupdates": lambda: self.updates.poll(
                int(parameters.get("offset") or 0),
                min(float(parameters.get("timeout") or 0), HANG_SECONDS),
            ),
            "sendmessage": lambda: self.messages.accept(parameters),
            "sendphoto": lambda: self.messages.accept_picture(parameters),
            "editmessagetext": lambda: self.messages.edit(parameters),
            "answercallbackquery": lambda: self.updates.answer(parameters) or True,
            "setmycommands": lambda: True,
        }
        if method not in actions:
            raise Refusal(404, "Not Found")
        failure = self.messages.next_failure(method)
        if failure is not None:
            self._fail(failure, actions[method])
        return actions[method]()

    def _fail(self, failure, action):
        """Raises what the failure is; returns only for one that is merely slow."""
        if failure == "slow":
            time.sleep(SLOW_SECONDS)
            return
        if failure == "hang":
            time.sleep(HANG_SECONDS)
            raise ConnectionAbortedError
        if failure == "lost":
            action()
        if failure in ("drop", "lost"):
            raise ConnectionAbortedError
        if failure == "garbage":
            self._send(200, "text/html", b"<html>not the Bot API</html>")
            raise ConnectionAbortedError
        if failure == "odd":
            self._send(200, "application/json", b'{"ok": true, "answer": [1, null]}')
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


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that hangs up during a long poll is no event."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def make_server(host, port, *, tokens=(DEFAULT_TOKEN,), failures=(), limits=True, chats=()):
    """A server that is bound and answers once its `serve_forever` runs."""
    handler = type(
        "BoundHandler",
        (Handler,),
        {
            "messages": Messages(failures, limits, frozenset(chats)),
            "updates": Updates(),
            "tokens": tuple(tokens),
        },
    )
    return QuietServer((host, port), handler)


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
