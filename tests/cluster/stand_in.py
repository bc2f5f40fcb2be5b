"""Telegram's stand-in as a Deployment with a Service, from a ConfigMap, in the bot's image.

Called by the end-to-end test.
"""

import base64
from typing import Any

import yaml
from tests.cluster.kube import IMAGE_VALUES, ROOT, Document

SCRIPT = ROOT / "tests" / "stand_ins" / "telegram_stand_in.py"
NAME = "telegram"
TOKEN = "100000001:stand-in"
CHAT = "4242"
PORT = 8081


def telegram_documents() -> list[Document]:
    image = yaml.safe_load(IMAGE_VALUES.read_text())["images"]["bot"]
    labels = {"app": NAME}
    container: Document = {
        "name": NAME,
        "image": f"{image['repository']}:{image['tag']}",
        "command": ["python", "/script/telegram_stand_in.py"],
        "args": ["--host", "0.0.0.0", "--port", str(PORT), "--token", TOKEN, "--chat", CHAT],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": PORT}, "periodSeconds": 1},
        "volumeMounts": [{"name": "script", "mountPath": "/script"}],
    }
    pod: Document = {
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": "script", "configMap": {"name": NAME}}],
    }

    def document(version: str, kind: str, **rest: Any) -> Document:
        return {"apiVersion": version, "kind": kind, "metadata": {"name": NAME}, **rest}

    secret = {"token": TOKEN, "chat": CHAT}
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in secret.items()}
    return [
        document("v1", "ConfigMap", data={SCRIPT.name: SCRIPT.read_text()}),
        document("v1", "Secret", data=encoded),
        document(
            "apps/v1",
            "Deployment",
            spec={
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        ),
        document("v1", "Service", spec={"selector": labels, "ports": [{"port": PORT}]}),
    ]
