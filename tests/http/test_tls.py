"""TLS: certificates are verified unless a setting says not to, and deadlines are kept.

``loopback.pem`` is a key and a self-signed certificate for 127.0.0.1 that nothing but these tests trusts; it
holds until 2126. Made by ``openssl req -x509 -newkey ec -days 36500 -addext subjectAltName=IP:127.0.0.1``.
"""

import errno
import os
import shutil
import socket
import ssl
import threading
import warnings
from pathlib import Path
from typing import Any, NoReturn

import pytest
import requests

import connecty_frames as cf
from connecty_frames.http.connection import ATTEMPT, ConnectionAdapter, _TrackedTLSConnection, tls_context
from connecty_frames.http.transport import CONNECT_ATTEMPTS
from tests.cases import cases
from tests.servers.scripted import PEM, Script, loopback_tls, serve
from tests.servers.timing import within


def make(address: str, **settings: Any) -> cf.Client:
    return cf.Client("id", client_secret="s", base_url=address, dw_id=13, timeout=20, **settings)


@pytest.mark.parametrize("is_folder", [False, True])
@pytest.mark.parametrize(
    "setting",
    [
        *("argument", "CONNECTY_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR"),
    ],
)
def test_a_trusted_certificate(
    secured: Script, setting: str, is_folder: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By our setting, which takes precedence, or by those that requests reads.

    A file, or a folder of files named by their hash, as OpenSSL has them (``openssl x509 -hash``).
    """
    shutil.copy(PEM, tmp_path / "88d0bdcb.0")
    bundle = tmp_path if is_folder else PEM
    later = ("CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")  # those before it decide
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "" if setting in later else "/no/such.pem")
    settings = {"ca_bundle": bundle} if setting == "argument" else {}
    if setting != "argument":
        monkeypatch.setenv(setting, str(bundle))
    with make(secured.address, **settings) as client:
        assert client.health() is True
        assert client.ask("how many?").rows == 2


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_the_environment_names_no_certificates(
    secured: Script, variable: str, content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is missing, empty or of something else: ConfigError with the variable; nothing is sent."""
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_bytes(content)
    monkeypatch.setenv(variable, str(bundle))
    expected = pytest.raises(
        cf.ConfigError, match=rf"{variable}=.*bundle\.pem: .* certificates in PEM format"
    )
    with make(secured.address) as client, expected:
        client.ask("how many?")
    assert secured.connections == 0


def serving(pem: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


@cases(
    ("name", "host", "says"),
    [
        ("expired.pem", "127.0.0.1", "expired.*not valid at this machine's time: set the clock"),
        (PEM.name, "localhost", "certificate is for another host: check region or base_url"),
    ],
)
def test_a_certificate_that_does_not_hold(name: str, host: str, says: str) -> None:
    """``expired.pem`` held until 2021, and each is for 127.0.0.1: the advice is about the reason."""
    pem = PEM.with_name(name)
    with (
        serve(tls=serving(pem)) as server,
        make(server.address.replace("127.0.0.1", host), ca_bundle=pem) as client,
        pytest.raises(cf.ConnectionFailed, match=says),
    ):
        client.ask("how many?")


def test_plain_http_on_a_port_for_tls() -> None:
    """The advice is about the scheme and the port."""

    def answer(listener: socket.socket) -> None:
        for _ in range(CONNECT_ATTEMPTS):
            with listener.accept()[0] as connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                connection.recv(4096)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer, args=(listener,), daemon=True)
        thread.start()
        with (
            make(f"https://127.0.0.1:{listener.getsockname()[1]}", ca_bundle=PEM) as client,
            pytest.raises(cf.ConnectionFailed, match=r"speaks plain HTTP.* check the scheme and port"),
        ):
            client.ask("how many?")
        thread.join(20)


def test_certificates_are_read_once(secured: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client, which makes a connection for each question, needs the file no more after the first one."""
    bundle = Path(shutil.copy(PEM, tmp_path))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with make(secured.address) as client:
        client.ask("how many?")
        bundle.unlink()
        assert client.ask("how many?").rows == 2


def test_a_folder_without_names_of_openssl(tmp_path: Path) -> None:
    """The certificate in it would never be found: ConfigError with the command that names it."""
    shutil.copy(PEM, tmp_path / "ca.pem")
    with pytest.raises(cf.ConfigError, match=rf"Run: openssl rehash {tmp_path}$") as caught:
        make("https://api.test", ca_bundle=tmp_path)
    assert caught.value.setting == "ca_bundle"


@pytest.mark.parametrize("setting", ["", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_an_untrusted_certificate(secured: Script, setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent: ConnectionFailed in phase tls that names the setting; an empty variable is none."""
    if setting:
        monkeypatch.setenv(setting, "")
    with pytest.raises(cf.ConnectionFailed, match=r"certificate verify failed.*ca_bundle=") as caught:
        make(secured.address).health()
    assert caught.value.phase == "tls"
    assert secured.requests == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.pem", r"missing\.pem.*expected a file of certificates"),
        ("empty.pem", r"empty\.pem.*expected a file of certificates"),
        ("other.pem", r"other\.pem.*expected a file of certificates"),
        ("pipe", r"\(Not a regular file\)\.$"),
        ("n" * 5000, r"\(File name too long\)\.$"),
    ],
)
def test_a_bundle_without_certificates(name: str, message: str, tmp_path: Path) -> None:
    """ConfigError from the constructor, with the path and why; nothing waits for data in a pipe."""
    (tmp_path / "empty.pem").touch()
    (tmp_path / "other.pem").write_bytes(b"no certificate")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(cf.ConfigError, match=message) as caught:
        make("https://api.test", ca_bundle=tmp_path / name)
    assert caught.value.setting == "ca_bundle"


class TestUnverified:
    """Verification is turned off by the setting of that name alone, and each client warns."""

    def test_by_argument(self, secured: Script) -> None:
        """An InsecureWarning for each client, at the line that created it; no other, for no request."""
        for _ in range(2):
            with pytest.warns(cf.InsecureWarning, match="verify_tls is False") as warned:
                client = make(secured.address, verify_tls=False)
            assert [warning.filename for warning in warned] == [__file__]
            with client, warnings.catch_warnings():
                warnings.simplefilter("error")
                assert client.ask("how many?").rows == 2

    @pytest.mark.parametrize("value", ["0", "false", "no", "off"])
    def test_by_the_environment(self, secured: Script, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """CONNECTY_VERIFY_TLS; for the functions and the probe too."""
        monkeypatch.setenv("CONNECTY_VERIFY_TLS", value)
        with pytest.warns(cf.InsecureWarning):
            assert make(secured.address).health() is True
        cf.configure(client_id="id", client_secret="s", base_url=secured.address, dw_id=13)
        with pytest.warns(cf.InsecureWarning) as warned:
            assert cf.ask("how many?").rows == 2
        assert [warning.filename for warning in warned] == [__file__]

    @pytest.mark.parametrize("value", ["", "1", "true"])
    def test_not_by_anything_else(self, secured: Script, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """An empty variable is none."""
        monkeypatch.setenv("CONNECTY_VERIFY_TLS", value)
        with pytest.raises(cf.ConnectionFailed):
            make(secured.address).health()


@pytest.mark.parametrize("verify", [True, False])
def test_a_slow_drip_ends_at_the_deadline(
    secured: Script, verify: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A response of one byte every 50 ms is ended after 0.4 s, not after two: not healthy."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(PEM))
    secured.on("health", secured.drip(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"))
    settings: dict[str, Any] = {} if verify else {"verify_tls": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cf.InsecureWarning)
        with within(0.4):
            assert make(secured.address, **settings).health(timeout=0.4) is False


def test_our_tls_context_is_not_replaced() -> None:
    """Where nothing names certificates either: its sockets would keep no deadline."""
    context = tls_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    request = requests.Request("GET", "https://api.test").prepare()
    pool = ConnectionAdapter(context).get_connection_with_tls_context(request, verify=True)
    assert pool.conn_kw["ssl_context"] is context


@pytest.mark.slow
@cases("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_that_requires_a_client_certificate(version: ssl.TLSVersion) -> None:
    """Before TLS 1.3 an ambiguous alert, from then on a definite one: never an error about credentials."""
    context = loopback_tls()
    context.load_verify_locations(PEM)
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = context.maximum_version = version
    with serve(tls=context) as script, make(script.address, ca_bundle=PEM) as client:
        with pytest.raises(cf.ConnectionFailed, match="client certificate") as caught:
            client.ask("how many?")
        assert caught.value.phase == "tls"
        assert "client_id" not in str(caught.value)
        assert script.requests == []


@pytest.mark.parametrize(
    ("status", "page"),
    [
        (400, "<html><head><title>400 No required SSL certificate was sent</title></head>"),
        (403, "<h2>403.7 - Forbidden: Client Certificate Required</h2>"),
    ],
    ids=["nginx", "IIS"],
)
@pytest.mark.parametrize("kind", ["token", "ask", "results"])
def test_a_page_that_says_so(server: Script, client: cf.Client, kind: str, status: int, page: str) -> None:
    """The same for the servers that answer instead: nothing was started, nothing is sent again."""
    server.on(kind, server.answer(status, raw=page.encode(), Content_Type="text/html"))
    with pytest.raises(cf.ConnectionFailed, match="requires a client certificate") as caught:
        client.ask("how many?")
    assert caught.value.phase == "tls"
    assert "client_id" not in str(caught.value)
    assert server.count(kind) == 1


def test_a_handshake_that_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was sent, and the reason is the system's."""

    def breaks(_: object) -> NoReturn:
        ATTEMPT.get().phase = "tls"
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr(_TrackedTLSConnection, "connect", breaks)
    with (
        cf.Client("id", client_secret="s", base_url="https://api.test", random=lambda: 0.0) as client,
        pytest.raises(cf.ConnectionFailed, match=r"\(tls: Broken pipe\); nothing was sent"),
    ):
        client.question("729cb7a4-4b06-449e-a3c9-df40f5e570b8", dw_id=13).state()
