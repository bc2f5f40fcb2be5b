"""Asking for a training: the file, and the annotation over TLS with a service account."""

import datetime
import ipaddress
import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tradinglab.adapters.kubernetes_request import KubernetesRequest
from tradinglab.adapters.request_file import RequestFile
from tradinglab.errors import ConfigurationError
from tradinglab.ports.training_requests import RequestNotTaken
from tradinglab.resource.training_request import TrainingRequest

REQUEST = TrainingRequest("sha256:" + "a" * 64, "PSI of rsi is 9.00, limit 2.00")
LINE = f"sha256:{'a' * 64}: PSI of rsi is 9.00, limit 2.00"


def test_a_request_travels_as_one_line() -> None:
    assert REQUEST.encoded() == LINE
    assert TrainingRequest.decoded(LINE + "\n") == REQUEST
    many = TrainingRequest(REQUEST.digest, "line\nbreak " * 200)
    assert "\n" not in many.encoded()
    assert len(TrainingRequest.decoded(many.encoded()).reason) <= 500


@pytest.mark.parametrize("line", ["", "please", "sha256:abc: short", "sha256:" + "A" * 64 + ": x"])
def test_a_line_without_a_digest_is_refused(line: str) -> None:
    with pytest.raises(ConfigurationError, match="expected '<digest>: <reason>'"):
        TrainingRequest.decoded(line)


async def test_the_file_holds_the_newest_request(tmp_path: Path) -> None:
    path = tmp_path / "request"
    requests = RequestFile(path)
    await requests.ask(REQUEST)
    await requests.ask(TrainingRequest(REQUEST.digest, "log-loss"))
    assert path.read_text() == f"{REQUEST.digest}: log-loss\n"
    assert not path.with_name(".request.new").exists()


async def test_a_file_that_cannot_be_written_is_asked_again_later(tmp_path: Path) -> None:
    with pytest.raises(RequestNotTaken, match="No such file"):
        await RequestFile(tmp_path / "absent" / "request").ask(REQUEST)


class ApiServer(BaseHTTPRequestHandler):
    """Notes each request; answers `status`."""

    status = 200
    seen: list[dict[str, Any]] = []  # noqa: RUF012 - emptied by the fixture

    def do_PATCH(self) -> None:
        length = int(self.headers["Content-Length"])
        self.seen.append(
            {
                "path": self.path,
                "authorization": self.headers["Authorization"],
                "type": self.headers["Content-Type"],
                "body": json.loads(self.rfile.read(length)),
            }
        )
        content = b'{"message": "forbidden: no such right"}'
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Quiet."""


def certificate(folder: Path) -> None:
    """A self-signed one for 127.0.0.1 with its key; it is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stand-in")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


@pytest.fixture
def api_server(tmp_path: Path) -> Iterator[tuple[type[ApiServer], str]]:
    """The handler's class and the server's address."""
    certificate(tmp_path)
    (tmp_path / "token").write_text("marker-token\n")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "ca.crt", tmp_path / "key.pem")
    server = ThreadingHTTPServer(("127.0.0.1", 0), ApiServer)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    ApiServer.seen, ApiServer.status = [], 200
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield ApiServer, f"https://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


async def test_one_annotation_of_one_model_is_patched(
    tmp_path: Path, api_server: tuple[type[ApiServer], str]
) -> None:
    handler, url = api_server
    await KubernetesRequest(url, tmp_path, "lab/btc-usdt").ask(REQUEST)
    assert handler.seen == [
        {
            "path": "/apis/tradinglab.dev/v1alpha1/namespaces/lab/tradingmodels/btc-usdt",
            "authorization": "Bearer marker-token",
            "type": "application/merge-patch+json",
            "body": {"metadata": {"annotations": {"tradinglab.dev/training-requested": LINE}}},
        }
    ]


@pytest.mark.parametrize("status", [403, 404, 409, 500, 503])
async def test_what_the_api_server_refuses_is_asked_again_later_and_shows_no_token(
    status: int, tmp_path: Path, api_server: tuple[type[ApiServer], str]
) -> None:
    handler, url = api_server
    handler.status = status
    with pytest.raises(RequestNotTaken, match=f"answered {status}: .*no such right") as raised:
        await KubernetesRequest(url, tmp_path, "lab/btc-usdt").ask(REQUEST)
    assert "marker-token" not in str(raised.value)


async def test_a_server_with_another_authority_is_not_told_the_token(
    tmp_path: Path, api_server: tuple[type[ApiServer], str]
) -> None:
    handler, url = api_server
    other = tmp_path / "other"
    other.mkdir()
    certificate(other)
    (other / "token").write_text("marker-token")
    with pytest.raises(RequestNotTaken, match="cannot be reached"):
        await KubernetesRequest(url, other, "lab/btc-usdt").ask(REQUEST)
    assert handler.seen == []


async def test_a_missing_service_account_is_named(tmp_path: Path) -> None:
    with pytest.raises(RequestNotTaken, match=r"service account .*absent"):
        await KubernetesRequest("https://127.0.0.1:1", tmp_path / "absent", "lab/b").ask(REQUEST)
