"""Asks for a training by annotating the TradingModel in the cluster. Used by the bot.

Plain HTTP with the pod's service account: one merge patch of one annotation needs no client
library, whose import would cost the bot more memory than all else it does.
"""

import ssl
from http import HTTPStatus
from pathlib import Path

import httpx

from tradinglab.ports.training_requests import RequestNotTaken
from tradinglab.resource.crd import PLURAL
from tradinglab.resource.rules import API_VERSION
from tradinglab.resource.training_request import TRAINING_REQUESTED, TrainingRequest

TIMEOUT_SECONDS = 5.0
MERGE_PATCH = "application/merge-patch+json"


class KubernetesRequest:
    """`model` is `<namespace>/<name>`; `account` the folder of a service account's token and CA."""

    def __init__(self, url: str, account: Path, model: str) -> None:
        namespace, _, name = model.partition("/")
        self._address = (
            f"{url.rstrip('/')}/apis/{API_VERSION}/namespaces/{namespace}/{PLURAL}/{name}"
        )
        self._account = account

    async def ask(self, request: TrainingRequest) -> None:
        """The token is read anew each time: the kubelet renews it every hour."""
        try:
            token = (self._account / "token").read_text("ascii").strip()
            trusted = ssl.create_default_context(cafile=self._account / "ca.crt")
        except OSError as error:  # ssl.SSLError is one
            raise RequestNotTaken(f"service account {self._account}: {error}") from error
        body = {"metadata": {"annotations": {TRAINING_REQUESTED: request.encoded()}}}
        headers = {"Authorization": f"Bearer {token}", "Content-Type": MERGE_PATCH}
        try:
            async with httpx.AsyncClient(
                verify=trusted, timeout=TIMEOUT_SECONDS, trust_env=False
            ) as client:
                answer = await client.patch(self._address, json=body, headers=headers)
        except httpx.HTTPError as error:
            raise RequestNotTaken(
                f"{self._address} cannot be reached: {error or type(error).__name__}"
            ) from error
        if answer.status_code != HTTPStatus.OK:
            raise RequestNotTaken(
                f"{self._address} answered {answer.status_code}: {answer.text[:200]}, expected "
                f"{HTTPStatus.OK.value}"
            )
