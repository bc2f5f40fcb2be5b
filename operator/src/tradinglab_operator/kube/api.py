"""Requests to the Kubernetes API: plain documents in and out, every failure one of two errors.

Used by the Kubernetes adapter. Blocking: the reconcile loop runs it in a thread.
"""

import json
from collections.abc import Mapping
from typing import Any

import urllib3
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException, OpenApiException

from tradinglab_operator.cluster import ClusterTrouble

Document = dict[str, Any]
TIMEOUT_SECONDS = 10.0
JSON = "application/json"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Gone",
    422: "Invalid",
    429: "TooManyRequests",
}


class Refused(ClusterTrouble):
    """The API server answered that it will not; `status` is its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(REASONS.get(status, "ApiServerError"), message)
        self.status = status


def connect() -> client.ApiClient:
    """With the pod's service account, or else the kubeconfig. Raises ClusterTrouble."""
    configuration = client.Configuration()
    try:
        config.load_incluster_config(configuration)  # type: ignore[no-untyped-call]
    except config.ConfigException:
        try:
            config.load_kube_config(  # type: ignore[no-untyped-call]
                client_configuration=configuration
            )
        except config.ConfigException as error:
            raise ClusterTrouble("NoCluster", f"no cluster is configured: {error}") from None
    configuration.retries = False  # the next visit is the retry
    return client.ApiClient(configuration)


class KubernetesApi:
    """One namespace's worth of requests."""

    def __init__(self, api_client: client.ApiClient, namespace: str) -> None:
        self._client = api_client
        self.namespace = namespace

    def _path(self, group_version: str, plural: str, name: str = "", sub: str = "") -> str:
        root = "/api" if "/" not in group_version else "/apis"
        parts = [root, group_version, "namespaces", self.namespace, plural, name, sub]
        return "/".join(part for part in parts if part)

    def _call(
        self,
        method: str,
        path: str,
        body: object = None,
        content_type: str = JSON,
        query: Mapping[str, str] | None = None,
    ) -> Document:
        serialized = self._client.param_serialize(
            method=method,
            resource_path=path,
            query_params=list((query or {}).items()),
            header_params={"Accept": JSON, "Content-Type": content_type},
            body=body,
            auth_settings=["BearerToken"],
        )
        try:
            answer = self._client.call_api(*serialized, _request_timeout=TIMEOUT_SECONDS)
            content = bytes(answer.read())  # type: ignore[no-untyped-call]
        except (urllib3.exceptions.HTTPError, OpenApiException, OSError) as error:
            if isinstance(error, ApiException) and error.status:
                raise Refused(error.status, f"{method} {path}: {error.reason}") from error
            raise ClusterTrouble(
                "ApiServerUnavailable", f"{method} {path}: {type(error).__name__}: {error}"
            ) from error
        return _document(method, path, answer.status, content)

    def list(self, group_version: str, plural: str, labels: str = "") -> list[Document]:
        query = {"labelSelector": labels} if labels else None
        answer = self._call("GET", self._path(group_version, plural), query=query)
        return list(answer.get("items") or [])

    def get(self, group_version: str, plural: str, name: str) -> Document | None:
        """None if there is none of this name."""
        try:
            return self._call("GET", self._path(group_version, plural, name))
        except Refused as refused:
            if refused.status == 404:
                return None
            raise

    def create(self, group_version: str, plural: str, body: Document) -> Document:
        return self._call("POST", self._path(group_version, plural), body)

    def delete(self, group_version: str, plural: str, name: str) -> None:
        """With all that it owns; one that is gone already is fine."""
        options = {"propagationPolicy": "Background"}
        try:
            self._call("DELETE", self._path(group_version, plural, name), options)
        except Refused as refused:
            if refused.status != 404:
                raise

    def patch(
        self,
        group_version: str,
        plural: str,
        name: str,
        body: object,
        content_type: str,
        *,
        sub: str = "",
        query: Mapping[str, str] | None = None,
    ) -> Document:
        path = self._path(group_version, plural, name, sub)
        return self._call("PATCH", path, body, content_type, query)


def _document(method: str, path: str, status: int, content: bytes) -> Document:
    try:
        document = json.loads(content) if content else {}
    except ValueError:
        document = {}
    if not 200 <= status < 300:
        message = document.get("message") if isinstance(document, dict) else None
        raise Refused(status, f"{method} {path}: {message or f'HTTP status {status}'}")
    return document if isinstance(document, dict) else {}
