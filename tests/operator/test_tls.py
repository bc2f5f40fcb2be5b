"""Over TLS, as in a cluster: only the right authority is believed, and gets the token."""

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
from kubernetes import client
from tests.operator.fake_api import FakeApi

from tradinglab_operator.cluster import ClusterTrouble
from tradinglab_operator.kube.api import KubernetesApi

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes certificates")
REQUEST = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=fake"
EXTENSIONS = (
    "subjectAltName=IP:127.0.0.1",
    "keyUsage=critical,digitalSignature,keyCertSign",
)


def certificate(directory: Path, name: str) -> tuple[Path, Path]:
    key, certified = directory / f"{name}.key", directory / f"{name}.pem"
    command = ["openssl", *REQUEST.split(), "-keyout", str(key), "-out", str(certified)]
    for each in EXTENSIONS:
        command += ["-addext", each]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    return key, certified


def connected(api: FakeApi, authority: Path) -> KubernetesApi:
    configuration = client.Configuration()
    configuration.host, configuration.retries = api.url, False
    configuration.ssl_ca_cert = str(authority)
    configuration.api_key = {"authorization": "Bearer secret-token"}
    return KubernetesApi(client.ApiClient(configuration), "lab")


def test_only_the_right_authority_is_believed_and_gets_the_token(tmp_path: Path) -> None:
    key, certified = certificate(tmp_path, "right")
    _, another = certificate(tmp_path, "wrong")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certified, key)
    with FakeApi(tls=context) as api:
        with pytest.raises(ClusterTrouble) as trouble:
            connected(api, another).list("batch/v1", "jobs")
        assert trouble.value.reason == "ApiServerUnavailable"
        assert "secret-token" not in trouble.value.message
        assert api.tokens == set()
        assert connected(api, certified).list("batch/v1", "jobs") == []
        assert api.tokens == {"Bearer secret-token"}
