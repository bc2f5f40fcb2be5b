"""The API as child processes: what a Deployment is to a cluster.

Used by the local adapter. The supervisor owns the listening socket and hands it to every API
child, so that no request is refused while one artifact takes over from another.
"""

import contextlib
import http.client
import json
import socket
import time
from dataclasses import dataclass, field

from tradinglab_operator.local.child import Child
from tradinglab_operator.local.home import Home
from tradinglab_operator.local.story import Story
from tradinglab_operator.situation import Serving

LONGEST_PAUSE_SECONDS = 30.0
PROBE_SECONDS = 1.0
KEPT_REVISIONS = 3
STATE = "serving.json"


def free_port() -> int:
    """A port of the loopback interface that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class ApiChild:
    digest: str
    port: int
    child: Child
    ready: bool = False


@dataclass
class LocalServing:
    """`model` is <namespace>/<name>; `listener` the one address that the bot knows."""

    home: Home
    model: str
    story: Story
    listener: socket.socket
    _children: list[ApiChild] = field(default_factory=list)
    _leaving: list[ApiChild] = field(default_factory=list)
    _crashes: int = 0
    _next_start: float = 0.0
    _message: str = ""

    @property
    def address(self) -> str:
        host, port = self.listener.getsockname()
        return f"{host}:{port}"

    def _revisions(self) -> list[str]:
        state = self.home.read(STATE) or {}
        return [str(each) for each in state.get("revisions", [])]

    def ask_for(self, digest: str) -> None:
        """Remembered on disk first; the next step carries it out."""
        older = [each for each in self._revisions() if each != digest]
        self.home.write(STATE, {"revisions": [*older, digest][-KEPT_REVISIONS:]})
        self._crashes, self._next_start, self._message = 0, 0.0, ""

    def step(self) -> None:
        """Starts, probes and retires children until just the wanted one is left."""
        revisions = self._revisions()
        wanted = revisions[-1] if revisions else None
        self._bury()
        for each in self._children:
            if not each.ready:
                each.ready = self._answers(each)
        current = [each for each in self._children if each.digest == wanted]
        if wanted and not current and time.monotonic() >= self._next_start:
            self._start(wanted)
        if any(each.ready for each in current):
            self._crashes = 0
            self._retire([each for each in self._children if each.digest != wanted])
        else:  # a child that was wanted for a moment only, and never served
            unwanted = [each for each in self._children if each.digest != wanted and not each.ready]
            self._retire(unwanted)

    def _start(self, digest: str) -> None:
        port = free_port()
        child = Child(
            "api",
            ("-m", "tradinglab_api.main"),
            {
                "VOLUME": self.home.volume.resolve(),
                "MODEL": self.model,
                "DIGEST": digest,
                "LISTEN": f"127.0.0.1:{port}",
                "LISTEN_FD": self.listener.fileno(),
            },
            self.story,
            self.home.logs,
            pass_descriptors=(self.listener.fileno(),),
        )
        self._children.append(ApiChild(digest, port, child))

    def _retire(self, children: list[ApiChild]) -> None:
        for each in children:
            each.child.ask_to_end()
            self._children.remove(each)
            self._leaving.append(each)

    def _bury(self) -> None:
        for each in [each for each in self._leaving if each.child.exit_status() is not None]:
            each.child.end()
            self._leaving.remove(each)
        for each in list(self._children):
            status = each.child.exit_status()
            if status is None:
                continue
            each.child.end()
            self._children.remove(each)
            self._crashes += 1
            pause = min(LONGEST_PAUSE_SECONDS, 2.0 ** (self._crashes - 1))
            self._next_start = time.monotonic() + pause
            last = each.child.last_error
            self._message = f"the API ended with status {status}" + (f": {last}" if last else "")
            self.story.line("operator", f"{self._message}; restarted in {pause:.0f} s", "WARNING")

    def _answers(self, each: ApiChild) -> bool:
        """Ready means: it answers, and with the digest that it was started for."""
        connection = http.client.HTTPConnection("127.0.0.1", each.port, timeout=PROBE_SECONDS)
        try:
            connection.request("GET", "/readyz")
            answer = connection.getresponse()
            document = json.loads(answer.read(10_000)) if answer.status == 200 else {}
        except (OSError, http.client.HTTPException, ValueError):
            return False
        finally:
            connection.close()
        return isinstance(document, dict) and document.get("digest") == each.digest

    def serving(self) -> Serving:
        revisions = self._revisions()
        wanted = revisions[-1] if revisions else None
        ready = [each for each in self._children if each.ready]
        alone = len(self._children) == 1 and not self._leaving
        return Serving(
            digest=wanted,
            complete=alone and bool(ready) and ready[0].digest == wanted,
            replicas=1,
            available=bool(ready),
            revision_digests=frozenset(revisions),
            message=self._message or ("" if ready else "the API is not ready yet"),
        )

    def children(self) -> list[Child]:
        return [each.child for each in (*self._children, *self._leaving)]

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.listener.close()
