"""A network of one's own: requests go by the proxy that the environment names, and trust the authority that it names."""

from __future__ import annotations

import datetime as dt
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from adapters import outgoing

ASK = """
import asyncio, sys
from urllib.error import URLError

def ticket_system():
    from adapters.outgoing import opened
    return opened("https://tickets.example.test/", timeout=20).read().decode()

async def teams():
    from adapters.channels.teams_http import Clients
    clients = Clients()
    try:
        return (await clients().get("https://teams.example.test/")).text
    finally:
        await clients.close()

async def slack():
    from adapters.channels.slack_api import SlackApi
    api = SlackApi("https://slack.example.test/api/", None)
    try:
        return (await api._once(install(), "auth.test", {})).data["said"]
    finally:
        await api.close()

def install():
    from adapters.channels.slack_state import Install
    return Install("T1", "xoxb-not-a-token")

which = sys.argv[1]
try:
    print(ticket_system() if which == "tickets" else asyncio.run({"teams": teams, "slack": slack}[which]()))
except Exception as error:
    print(f"{type(error).__name__}: {error}")
"""
ANSWER = b'{"ok": true, "said": "hello"}'
CLIENTS = ["tickets", "teams", "slack"]


class Proxy:
    """Takes `CONNECT`, notes where to, and answers itself with TLS, by a certificate of its own authority."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        self.authority = folder / "authority.pem"
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(self._certificates(folder))
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(20)
            self.asked.append(_head(connection).split()[1].decode())
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            try:
                with self._tls.wrap_socket(connection, server_side=True) as inside:
                    _head(inside)
                    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(ANSWER)}\r\n"
                    inside.sendall(f"{head}Connection: close\r\n\r\n".encode() + ANSWER)
            except OSError:  # the client does not trust us, as it should without our authority
                pass

    def _certificates(self, folder: Path) -> Path:
        now, pem = dt.datetime.now(dt.UTC), serialization.Encoding.PEM
        root, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "an authority of one's own")])
        times = now - dt.timedelta(days=1), now + dt.timedelta(days=30)

        def made(
            public: ec.EllipticCurvePublicKey, name: x509.Name, more: x509.ExtensionType, *, critical: bool
        ) -> bytes:
            builder = x509.CertificateBuilder().subject_name(name).issuer_name(issuer).public_key(public)
            builder = (
                builder.serial_number(x509.random_serial_number()).not_valid_before(times[0]).not_valid_after(times[1])
            )
            return builder.add_extension(more, critical=critical).sign(root, hashes.SHA256()).public_bytes(pem)

        self.authority.write_bytes(
            made(root.public_key(), issuer, x509.BasicConstraints(ca=True, path_length=None), critical=True)
        )
        names = x509.SubjectAlternativeName([x509.DNSName("*.example.test")])
        leaf = made(key.public_key(), x509.Name([]), names, critical=True)
        file = folder / "server.pem"
        coded = pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        file.write_bytes(key.private_bytes(*coded) + leaf)
        return file


def _head(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data and (more := connection.recv(4096)):
        data += more
    return data


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    made = Proxy(tmp_path)
    yield made
    made.close()


def asked(client: str, **environment: str) -> str:
    """What a client of ours gets in a process with this environment."""
    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower() and "SSL" not in name}
    run = [sys.executable, "-c", ASK, client]
    return subprocess.run(
        run, check=False, env={**kept, **environment}, capture_output=True, text=True, timeout=50
    ).stdout.strip()


@pytest.mark.parametrize("client", CLIENTS)
def test_each_client_asks_by_the_proxy_and_trusts_the_authority(proxy: Proxy, client: str) -> None:
    said = asked(client, HTTPS_PROXY=proxy.url, SSL_CERT_FILE=str(proxy.authority))
    assert "hello" in said
    assert f"{client}.example.test:443" == proxy.asked[0]


@pytest.mark.parametrize("client", CLIENTS)
def test_nobody_trusts_an_authority_that_is_not_named(proxy: Proxy, client: str) -> None:
    said = asked(client, HTTPS_PROXY=proxy.url)
    assert ("hello" in said, len(proxy.asked) > 0) == (False, True)


def test_what_needs_no_proxy_goes_straight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "inside.example")
    outgoing._proxy.cache_clear()
    try:
        found = [outgoing.proxy_for(url) for url in (
            "https://slack.com/api/", "https://tickets.inside.example/", "http://127.0.0.1:9/", "https://[::1]/",
        )]  # fmt: skip
    finally:
        outgoing._proxy.cache_clear()
    assert ["http://proxy.example:3128", None, None, None] == found
