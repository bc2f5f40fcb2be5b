"""An API server on loopback that stores documents, watches, and answers as a test tells it to.

Used by the operator's tests and bench, in place of a cluster: what the operator sends and reads are
real requests over real sockets, and what docs/security.md does not list among the operator's rights
is forbidden. `Fault` says which request gets which answer; `before` and `after` are called around
every write, with the server's lock released.
"""

import copy
import json
import queue
import re
import ssl
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml
from tests.charts.accounts import Rights, documented

Document = dict[str, Any]
PATH = re.compile(
    r"^/(?:api/(?P<core>v1)|apis/(?P<group>[^/]+/[^/]+))/namespaces/(?P<namespace>[^/]+)"
    r"/(?P<plural>[a-z]+)(?:/(?P<name>[^/]+))?(?:/(?P<sub>[a-z]+))?$"
)
DIGEST = "tradinglab.dev/artifact-digest"
RESOURCES = {
    "v1": (("events", "Event"), ("pods", "Pod"), ("namespaces", "Namespace")),
    "apiextensions.k8s.io/v1": (("customresourcedefinitions", "CustomResourceDefinition"),),
    "batch/v1": (("jobs", "Job"),),
    "apps/v1": (("deployments", "Deployment"), ("replicasets", "ReplicaSet")),
    "tradinglab.dev/v1alpha1": (("tradingmodels", "TradingModel"),),
}
GROUPS = {
    plural: version.partition("/")[0] if "/" in version else ""
    for version, resources in RESOURCES.items()
    for plural, _ in resources
}
VERBS = {"POST": "create", "PATCH": "patch", "DELETE": "delete"}
RIGHTS = documented("operator")


@dataclass(frozen=True)
class Call:
    method: str
    plural: str
    name: str = ""
    sub: str = ""
    watch: bool = False

    @property
    def is_write(self) -> bool:
        return self.method != "GET"

    @property
    def right(self) -> tuple[str, str]:
        """What RBAC calls it: (resource, verb)."""
        group = GROUPS.get(self.plural, "")
        resource = self.plural + (f"/{self.sub}" if self.sub else "") + (group and f".{group}")
        if self.method == "GET":
            return resource, "get" if self.name else "watch" if self.watch else "list"
        return resource, VERBS[self.method]


@dataclass
class Fault:
    """Answers `times` requests that `when` picks. `committed`: after the write was stored. A
    status of 0 closes the connection without an answer; `document` is a whole other answer."""

    when: Callable[[Call], bool]
    status: int = 500
    times: int = 1
    committed: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    document: Document | None = None
    delay: float = 0.0


class Server(ThreadingHTTPServer):
    request_queue_size = 64

    def handle_error(self, *_: Any) -> None:
        """A client that was killed is no error here."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(*_)


class FakeApi:
    """One namespace, `lab`. Use as a context manager. Who asks has `rights`, or all."""

    def __init__(
        self,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        tls: ssl.SSLContext | None = None,
        rights: Rights | None = RIGHTS,
    ) -> None:
        self.clock = clock
        self.rights = rights
        self.tokens: set[str | None] = set()
        self.store: dict[tuple[str, str], Document] = {}
        self.faults: list[Fault] = []
        self.calls: list[Call] = []
        self.writes: list[Call] = []
        self.before: Callable[[Call], None] = lambda _: None
        self.after: Callable[[Call], None] = lambda _: None
        self.lock = threading.RLock()
        self.watchers: list[tuple[str, queue.Queue[Document | None]]] = []
        self.distort: Callable[[Document], list[Document]] = lambda event: [event]
        self._version = 0
        self._uids = 0
        self._server = Server(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    def __enter__(self) -> "FakeApi":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for _, events in list(self.watchers):
            events.put(None)
        self._server.shutdown()
        self._server.server_close()

    # --- what a person, a controller or a test does

    def put(self, plural: str, document: Document) -> Document:
        """`kubectl apply`: a new uid for a new name, a new generation for another spec."""
        with self.lock:
            name = document["metadata"]["name"]
            before = self.store.get((plural, name))
            new = copy.deepcopy(document)
            metadata = new["metadata"]
            if before is None:
                self._uids += 1
                metadata.setdefault("uid", f"{self._uids:08d}-0000-4000")
                metadata.setdefault("generation", 1)
                metadata.setdefault("creationTimestamp", stamp(self.clock()))
            else:
                old = before["metadata"]
                grown = int(old["generation"]) + (before.get("spec") != new.get("spec"))
                kept = {key: old[key] for key in ("uid", "creationTimestamp")}
                metadata.update(kept, generation=grown)
                if "status" in before:
                    new.setdefault("status", before["status"])
            return self._stored(plural, new, "ADDED" if before is None else "MODIFIED")

    def _stored(self, plural: str, document: Document, kind: str) -> Document:
        self._version += 1
        metadata = document["metadata"]
        metadata.update(namespace="lab", resourceVersion=str(self._version))
        self.store[plural, metadata["name"]] = document
        self._told(plural, kind, document)
        return document

    def _told(self, plural: str, kind: str, document: Document) -> None:
        for event in self.distort({"type": kind, "object": copy.deepcopy(document)}):
            for of, events in self.watchers:
                if of == plural:
                    events.put(event)

    def remove(self, plural: str, name: str) -> None:
        """With what it owns, as the garbage collector does."""
        with self.lock:
            gone = self.store.pop((plural, name), None)
            if gone is None:
                return
            self._version += 1
            self._told(plural, "DELETED", gone)
            for (kind, owned), document in list(self.store.items()):
                owners = document["metadata"].get("ownerReferences") or []
                if any(each.get("uid") == gone["metadata"]["uid"] for each in owners):
                    self.remove(kind, owned)

    def get(self, plural: str, name: str) -> Document:
        with self.lock:
            return copy.deepcopy(self.store[plural, name])

    def names(self, plural: str) -> list[str]:
        with self.lock:
            return sorted(name for kind, name in self.store if kind == plural)

    def set_status(self, plural: str, name: str, **status: Any) -> None:
        """What a controller writes."""
        with self.lock:
            document = copy.deepcopy(self.store[plural, name])
            document["status"] = {**document.get("status", {}), **status}
            self._stored(plural, document, "MODIFIED")

    def add_deployment(self, name: str = "tradinglab-api") -> None:
        self.put(
            "deployments",
            {
                "metadata": {"name": name},
                "spec": {
                    "replicas": 1,
                    "selector": {"matchLabels": {"app": name}},
                    "template": {"metadata": {"annotations": {}}},
                },
                "status": {},
            },
        )

    def annotate(self, name: str, digest: str | None) -> None:
        """As `kubectl annotate` or `rollout undo` leave the pod template."""
        with self.lock:
            document = copy.deepcopy(self.store["deployments", name])
            document["spec"]["template"]["metadata"]["annotations"] = (
                {DIGEST: digest} if digest else {}
            )
            document["metadata"]["generation"] += 1
            self._stored("deployments", document, "MODIFIED")
            self._revise(document)

    def _revise(self, deployment: Document) -> None:
        annotations = deployment["spec"]["template"]["metadata"].get("annotations") or {}
        owner = {"uid": deployment["metadata"]["uid"]}
        name = f"{deployment['metadata']['name']}-{annotations.get(DIGEST, 'none')[-8:]}"
        template = {"metadata": {"annotations": annotations}}
        self.put(
            "replicasets",
            {
                "metadata": {"name": name, "ownerReferences": [owner]},
                "spec": {"template": template},
            },
        )

    def roll(self, name: str = "tradinglab-api") -> None:
        """Every pod of the present template becomes ready."""
        generation = self.get("deployments", name)["metadata"]["generation"]
        self.set_status(
            "deployments",
            name,
            observedGeneration=generation,
            replicas=1,
            updatedReplicas=1,
            availableReplicas=1,
        )

    def served(self, name: str = "tradinglab-api") -> str | None:
        annotations = self.get("deployments", name)["spec"]["template"]["metadata"]["annotations"]
        return (annotations or {}).get(DIGEST)

    def writes_of(self, plural: str, method: str = "") -> list[Call]:
        return [
            each for each in self.writes if each.plural == plural and method in ("", each.method)
        ]

    # --- what the server does with a request

    def answer(self, call: Call, labels: str, body: Any, kind: str) -> tuple[int, Document]:
        match call.method:
            case "GET" if not call.name:
                return 200, self._list(call.plural, labels)
            case "GET":
                with self.lock:
                    found = self.store.get((call.plural, call.name))
                    return (200, copy.deepcopy(found)) if found else missing(call)
            case "POST":
                return self._create(call, body)
            case "DELETE":
                with self.lock:
                    if (call.plural, call.name) not in self.store:
                        return missing(call)
                    self.remove(call.plural, call.name)
                    return 200, status_of(200, "deleted")
            case _:
                return self._patch(call, body, kind)

    def _list(self, plural: str, labels: str) -> Document:
        with self.lock:
            items = [
                copy.deepcopy(document)
                for (kind, _), document in sorted(self.store.items())
                if kind == plural and (not labels or fits(document, labels))
            ]
            metadata = {"resourceVersion": str(self._version)}
            return {"apiVersion": "v1", "kind": "List", "metadata": metadata, "items": items}

    def _create(self, call: Call, body: Document) -> tuple[int, Document]:
        with self.lock:
            name = body["metadata"]["name"]
            if (call.plural, name) in self.store:
                return 409, status_of(409, f'{call.plural} "{name}" already exists')
            return 201, copy.deepcopy(self.put(call.plural, body))

    def _patch(self, call: Call, body: Any, kind: str) -> tuple[int, Document]:
        with self.lock:
            before = self.store.get((call.plural, call.name))
            if before is None:
                return missing(call)
            document = copy.deepcopy(before)
            if "json-patch" in kind:
                for each in body:
                    *parents, last = each["path"].strip("/").split("/")
                    place = document
                    for part in parents:
                        place = place[part]
                    if each["op"] == "test" and place.get(last) != each["value"]:
                        return 422, status_of(422, f"test of {each['path']} failed")
                    if each["op"] != "test":
                        place[last] = each["value"]
            else:
                merge(document, body)
            if document == before:
                return 200, copy.deepcopy(before)
            if document.get("spec") != before.get("spec"):
                document["metadata"]["generation"] += 1
            self._stored(call.plural, document, "MODIFIED")
            if call.plural == "deployments":
                self._revise(document)
            return 200, copy.deepcopy(document)


def stamp(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def status_of(code: int, message: str) -> Document:
    return {"kind": "Status", "apiVersion": "v1", "code": code, "message": message}


def missing(call: Call) -> tuple[int, Document]:
    return 404, status_of(404, f'{call.plural} "{call.name}" not found')


def merge(document: Document, changes: Document) -> None:
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(document.get(key), dict):
            merge(document[key], value)
        else:
            document[key] = value


def fits(document: Document, labels: str) -> bool:
    found = document["metadata"].get("labels") or {}
    for each in labels.split(","):
        key, _, value = each.partition("=")
        if key not in found or (value and found[key] != value):
            return False
    return True


def _handler(api: FakeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_: object) -> None:
            pass

        def _send(self, status: int, document: Document, **headers: str) -> None:
            content = json.dumps(document).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(content)))
            with suppress(OSError):  # the client gave up
                self.end_headers()
                self.wfile.write(content)

        def _handle(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = yaml_or_json(self.rfile.read(length)) if length else None
            parts = urlsplit(self.path)
            found = PATH.match(parts.path)
            if found is None:
                self._send(*discovery(parts.path))
                return
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            name, sub = found["name"] or "", found["sub"] or ""
            call = Call(self.command, found["plural"], name, sub, "watch" in query)
            api.calls.append(call)
            api.tokens.add(self.headers.get("Authorization"))
            if api.rights is not None and call.right not in api.rights:
                self._send(403, status_of(403, f"the operator has no right to {call.right}"))
                return
            try:
                if call.is_write:
                    api.before(call)
            except ConnectionAbortedError:  # who asked is dead, and the request is lost
                self.close_connection = True
                return
            fault = next((each for each in api.faults if each.times and each.when(call)), None)
            if fault is not None:
                fault.times -= 1
                time.sleep(fault.delay)
                if fault.committed:
                    self._commit(call, query, body)
                if fault.status == 0:
                    self.close_connection = True
                    return
                told = fault.document or status_of(fault.status, "injected")
                self._send(fault.status, told, **fault.headers)
                return
            if call.watch:
                self._watch(call, int(query.get("timeoutSeconds", "600")))
                return
            status, document = self._commit(call, query, body)
            if call.is_write:
                api.after(call)
            self._send(status, document)

        def _commit(self, call: Call, query: dict[str, str], body: Any) -> tuple[int, Document]:
            kind = self.headers.get("Content-Type") or ""
            status, document = api.answer(call, query.get("labelSelector", ""), body, kind)
            if call.is_write and status < 300:
                name = call.name or body["metadata"]["name"]
                api.writes.append(replace(call, name=name))
            return status, document

        def _watch(self, call: Call, seconds: int) -> None:
            events: queue.Queue[Document | None] = queue.Queue()
            entry = (call.plural, events)
            api.watchers.append(entry)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            with suppress(queue.Empty, OSError):
                while (event := events.get(timeout=seconds)) is not None:
                    self.wfile.write(json.dumps(event).encode() + b"\n")
                    self.wfile.flush()
            api.watchers.remove(entry)

        do_GET = do_POST = do_PATCH = do_DELETE = _handle  # noqa: N815

    return Handler


def yaml_or_json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return yaml.safe_load(content)


def discovery(path: str) -> tuple[int, Document]:
    """What kopf asks before it watches."""
    version = path.removeprefix("/apis/").removeprefix("/api/").strip("/")
    if path == "/version":
        return 200, {"major": "1", "minor": "34", "gitVersion": "v1.34.0"}
    if path == "/api":
        return 200, {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        groups = []
        for each in RESOURCES:
            if "/" in each:
                name = each.split("/")[0]
                entry = {"groupVersion": each, "version": each.split("/")[1]}
                groups.append({"name": name, "versions": [entry], "preferredVersion": entry})
        return 200, {"kind": "APIGroupList", "groups": groups}
    if version in RESOURCES:
        resources = [
            {
                "name": plural,
                "singularName": kind.lower(),
                "kind": kind,
                "namespaced": plural not in ("namespaces", "customresourcedefinitions"),
                "verbs": ["get", "list", "watch", "create", "patch", "delete"],
            }
            for plural, kind in RESOURCES[version]
        ]
        return 200, {"kind": "APIResourceList", "groupVersion": version, "resources": resources}
    return 404, status_of(404, f"{path} not found")
