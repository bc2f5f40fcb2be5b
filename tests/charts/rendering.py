"""Renders the chart with an installed helm, or with the one built for the cluster.

Called by the tests of this directory.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "tradinglab"
Document = dict[str, Any]
# The values of a release whose model another release's operator trains.
BESIDE_ANOTHER = (
    "operator.enabled=false",
    "crds.install=false",
    "storage.models.existingClaim=first-models",
)


def helm() -> str | None:
    """Its path; None where there is none."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    built = sorted((cache / "tradinglab" / "cluster").glob("*/helm"))
    return shutil.which("helm") or (str(built[-1]) if built else None)


def template(
    *settings: str, older: str = "", check: bool = True
) -> "subprocess.CompletedProcess[str]":
    """`older` is the version of a Kubernetes; otherwise the one that helm knows. Without `check`
    the schema is not asked."""
    command = [helm() or "helm", "template", "tradinglab", str(CHART), "--namespace", "lab"]
    command += ["--kube-version", older] if older else []
    command += [] if check else ["--skip-schema-validation"]
    for setting in settings:
        command += ["--set", setting]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def render(*settings: str, older: str = "") -> list[Document]:
    ended = template(*settings, older=older)
    if ended.returncode != 0:
        raise AssertionError(ended.stderr)
    return [each for each in yaml.safe_load_all(ended.stdout) if each]


def one(documents: list[Document], kind: str, name: str) -> Document:
    found = [d for d in documents if (d["kind"], d["metadata"]["name"]) == (kind, name)]
    if len(found) != 1:
        raise AssertionError(f"{len(found)} of {kind} {name}, expected one")
    return found[0]


def job_of(documents: list[Document]) -> Document:
    """The training Job inside its ConfigMap."""
    return dict(yaml.safe_load(one(documents, "ConfigMap", "tradinglab-job")["data"]["job.yaml"]))


def pods_of(documents: list[Document]) -> dict[str, Document]:
    """Every pod template, the training Job's too, by component."""
    pods = {
        d["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"]: d["spec"][
            "template"
        ]
        for d in documents
        if d["kind"] == "Deployment"
    }
    return {**pods, "trainer": job_of(documents)["spec"]["template"]}


def environment(pod: Document) -> dict[str, Any]:
    return {each["name"]: each for each in pod["spec"]["containers"][0]["env"]}
