"""A cluster seen through kubectl and helm, as a person would use it.

Called by the end-to-end tests. Every wait is bounded and says what it waited for.
"""

import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

ROOT = Path(__file__).parents[2]
HERE = ROOT / "tests" / "cluster"
CHART = ROOT / "charts" / "tradinglab"
IMAGE_VALUES = ROOT / ".tools" / "images" / "values.yaml"
Document = dict[str, Any]
ResultT = TypeVar("ResultT")


class CommandFailed(AssertionError):
    """A command's exit status was not 0."""


def run(*command: str, seconds: float = 120, given: bytes | None = None, **environment: str) -> str:
    """Its standard output; raises CommandFailed with what it printed."""
    ended = subprocess.run(
        command,
        input=given,
        capture_output=True,
        timeout=seconds,
        env=os.environ | environment,
        check=False,
    )
    if ended.returncode != 0:
        said = (ended.stderr.decode() or ended.stdout.decode())[-3000:]
        raise CommandFailed(f"{' '.join(command)[:200]} → {ended.returncode}: {said}")
    return ended.stdout.decode()


def wait_for(
    what: str, seconds: float, look: Callable[[], ResultT | None], every: float = 0.5
) -> ResultT:
    """The first true result of `look`; a failing command counts as not yet."""
    deadline = time.monotonic() + seconds
    last: object = "nothing yet"
    while time.monotonic() < deadline:
        try:
            result = look()
        except (CommandFailed, OSError) as error:
            result, last = None, error
        if result:
            return result
        time.sleep(every)
    raise AssertionError(f"{what}: not within {seconds:g} s ({last})")


@dataclass(frozen=True)
class Cluster:
    kubeconfig: str
    programs: Path

    @classmethod
    def start(cls) -> "Cluster":
        programs = run(str(HERE / "programs" / "build"), seconds=3000).strip()
        return cls(run(str(HERE / "up"), "e2e", "1", seconds=300).strip(), Path(programs))

    @staticmethod
    def stop() -> None:
        run(str(HERE / "down"), "e2e")

    def load_images(self) -> None:
        socket = "/var/lib/tradinglab-cluster/e2e/containerd/containerd.sock"
        ctr = (str(self.programs / "ctr"), "-a", socket, "-n", "k8s.io", "images", "import")
        run(str(ROOT / "images" / "load"), *ctr, seconds=600)

    def kubectl(self, *arguments: str, given: bytes | None = None, seconds: float = 120) -> str:
        command = (str(self.programs / "kubectl"), "--kubeconfig", self.kubeconfig, *arguments)
        return run(*command, given=given, seconds=seconds)

    def helm(self, *arguments: str, seconds: float = 180) -> str:
        return run(
            str(self.programs / "helm"), *arguments, seconds=seconds, KUBECONFIG=self.kubeconfig
        )


@dataclass(frozen=True)
class Namespace:
    """One namespace with one release in it, called tradinglab."""

    cluster: Cluster
    name: str

    def create(self) -> None:
        """With the restricted profile enforced: a pod that does not meet it is refused."""
        self.cluster.kubectl("create", "namespace", self.name)
        label = "pod-security.kubernetes.io/enforce=restricted"
        self.cluster.kubectl("label", "namespace", self.name, label)

    def kubectl(self, *arguments: str, given: bytes | None = None, seconds: float = 120) -> str:
        return self.cluster.kubectl("-n", self.name, *arguments, given=given, seconds=seconds)

    def get(self, *what: str) -> Document:
        return dict(json.loads(self.kubectl("get", *what, "-o", "json")))

    def items(self, kind: str) -> list[Document]:
        return list(self.get(kind)["items"])

    def apply(self, *documents: Document) -> str:
        given = yaml.safe_dump_all(documents).encode()
        return self.kubectl("apply", "-f", "-", given=given)

    def install(self, *settings: str) -> None:
        """Or upgrades it. Values that an earlier call set are set anew or gone."""
        arguments = ["upgrade", "--install", "tradinglab", str(CHART), "-n", self.name]
        # the definition outlives the release of another namespace that brought it
        arguments += ["--take-ownership", "-f", str(IMAGE_VALUES)]
        for setting in ("exchange.enabled=true", "model.name=demo", *settings):
            arguments += ["--set", setting]
        self.cluster.helm(*arguments)

    def rolled_out(self, deployment: str, seconds: int = 120) -> None:
        arguments = ("rollout", "status", f"deployment/{deployment}", f"--timeout={seconds}s")
        self.kubectl(*arguments, seconds=seconds + 10)

    def model(self) -> Document:
        return self.get("tradingmodel", "demo")

    def condition(self, kind: str) -> Document:
        conditions = self.model().get("status", {}).get("conditions", [])
        return next((dict(each) for each in conditions if each["type"] == kind), {})

    def served_digest(self) -> str:
        """What the API's Deployment asks for."""
        template = self.get("deployment", "tradinglab-api")["spec"]["template"]
        annotations = template["metadata"].get("annotations") or {}
        return str(annotations.get("tradinglab.dev/artifact-digest", ""))

    def service(self, name: str, path: str) -> Any:
        """A GET on a Service, whose addresses are routed from here."""
        spec = self.get("service", name)["spec"]
        address = f"http://{spec['clusterIP']}:{spec['ports'][0]['port']}{path}"
        with urllib.request.urlopen(address, timeout=10) as answer:
            return json.load(answer)

    def ledger(self, statement: str) -> list[list[Any]]:
        """Rows of the bot's ledger, read by the bot's own Python in its pod."""
        program = (
            "import json, sqlite3, sys; "
            "c = sqlite3.connect('file:/ledger/ledger.db?mode=ro', uri=True, timeout=10); "
            "print(json.dumps(c.execute(sys.argv[1]).fetchall()))"
        )
        pod = "deployment/tradinglab-bot"
        return list(json.loads(self.kubectl("exec", pod, "--", "python", "-c", program, statement)))
