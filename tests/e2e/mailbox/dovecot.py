"""A real IMAP server for tests: Dovecot 2.3 (Debian's `dovecot-imapd`) in a folder of its own, without rights, on loopback only.

Any address signs in with the one password, or with a token that a small service here vouches for (RFC 7662). It speaks TLS with
a certificate made for the occasion; whoever trusts `certificate` can check it.
"""

from __future__ import annotations

import datetime
import grp
import ipaddress
import json
import os
import pwd
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from imapclient import IMAPClient  # type: ignore[import-untyped]

from tests.served import free_port

USER, PASSWORD = "report@northwind.example", "let-me-in"
TOKEN = "token-1"
# Every service as ourselves and without a jail: nothing of this needs root.
CONFIG = """
base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/log
protocols = imap
listen = 127.0.0.1
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
ssl = yes
ssl_cert = <{home}/certificate.pem
ssl_key = <{home}/key.pem
auth_mechanisms = plain xoauth2
mail_location = maildir:{home}/mail/%u
mail_max_userip_connections = 100
namespace inbox {{
  inbox = yes
  separator = {separator}
  prefix = {prefix}
}}
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {home}/tokens.conf
}}
passdb {{
  driver = static
  mechanisms = plain
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={home}/mail/%u
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""
TOKENS = """
introspection_mode = get
introspection_url = http://127.0.0.1:{port}/whose?token=
username_attribute = user
active_attribute = active
active_value = true
"""


class Missing(RuntimeError):
    """There is no such server on this machine."""


@dataclass
class Dovecot:
    """A running server. `port` speaks plain IMAP and STARTTLS, `tls_port` TLS."""

    home: Path
    port: int
    tls_port: int
    process: subprocess.Popen[bytes]
    user: str = USER
    password: str = PASSWORD
    heard: list[str] = field(default_factory=list)  # tokens that were asked about

    @property
    def certificate(self) -> Path:
        return self.home / "certificate.pem"

    @contextmanager
    def inside(self, folder: str = "INBOX") -> Iterator[IMAPClient]:
        """Look into a folder as its owner would."""
        with IMAPClient("127.0.0.1", self.port, ssl=False, timeout=30) as client:
            client.login(self.user, self.password)
            client.select_folder(folder)
            yield client

    def deliver(self, *mails: bytes) -> None:
        """Mails come in."""
        with self.inside() as client:
            for mail in mails:
                client.append("INBOX", mail)

    def folders(self) -> dict[str, int]:
        """How many mails lie in each folder that has any."""
        with self.inside() as client:
            names = [name for _, _, name in client.list_folders()]
            counts = {name: int(client.folder_status(name, ["MESSAGES"])[b"MESSAGES"]) for name in names}
        return {name: count for name, count in counts.items() if count}

    def flags(self, folder: str) -> set[bytes]:
        """Every flag that any mail in a folder has; `Recent` is the server's own."""
        with self.inside(folder) as client:
            uids = client.search("ALL")
            found = {flag for flags in client.get_flags(uids).values() for flag in flags} if uids else set()
        return found - {b"\\Recent"}

    def log(self) -> str:
        file = self.home / "log"
        return file.read_text("utf-8", "replace") if file.exists() else ""


@contextmanager
def dovecot(separator: str = "/", prefix: str = "") -> Iterator[Dovecot]:
    """Start one. Raises `Missing` where there is none of the version that is understood here."""
    server = program()
    home = Path(tempfile.mkdtemp(prefix="secdesk-imap-"))
    asked: list[str] = []
    service = _tokens(asked)
    process: subprocess.Popen[bytes] | None = None
    try:
        owner = _owner()
        _write(home, service.server_address[1], owner, {"separator": separator, "prefix": prefix})
        ports = json.loads((home / "ports.json").read_text())
        process = subprocess.Popen(
            [server, "-F", "-c", str(home / "dovecot.conf")], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=(home / "err").open("wb"), cwd=home, **_as(owner),
        )  # fmt: skip
        made = Dovecot(home, ports["port"], ports["tls_port"], process, heard=asked)
        _wait(made)
        yield made
    finally:
        if process is not None:
            process.terminate()
            process.wait(20)
        service.shutdown()
        service.server_close()
        shutil.rmtree(home, ignore_errors=True)


def program() -> str:
    """Where it is. Raises `Missing`."""
    found = shutil.which("dovecot") or shutil.which("dovecot", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise Missing("there is no Dovecot here (on Debian: the package dovecot-imapd)")
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
    if not said.startswith("2.3."):
        raise Missing(f"these tests write settings for Dovecot 2.3, and here is {said.strip()}")
    return found


def _owner() -> pwd.struct_passwd:
    """Dovecot reads no mail as root; then it runs as nobody."""
    return pwd.getpwuid(os.geteuid()) if os.geteuid() else pwd.getpwnam("nobody")


def _as(owner: pwd.struct_passwd) -> dict[str, object]:
    return {} if os.geteuid() else {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}


def _write(home: Path, tokens: int, owner: pwd.struct_passwd, namespace: dict[str, str]) -> None:
    ports = {"port": free_port(), "tls_port": free_port()}
    text = CONFIG.format(
        home=home, user=owner.pw_name, group=grp.getgrgid(owner.pw_gid).gr_name, uid=owner.pw_uid, gid=owner.pw_gid,
        password=PASSWORD, **ports, **namespace,
    )  # fmt: skip
    (home / "ports.json").write_text(json.dumps(ports))
    (home / "dovecot.conf").write_text(text)
    (home / "tokens.conf").write_text(TOKENS.format(port=tokens))
    _certify(home)
    for name in ("run", "state", "mail"):
        (home / name).mkdir()
    if not os.geteuid():
        for path in (home, *home.iterdir()):
            os.chown(path, owner.pw_uid, owner.pw_gid)


def _certify(home: Path) -> None:
    """A certificate for this machine, valid for three days around whatever the clock says."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "secdesk tests")])
    day = datetime.timedelta(days=1)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - day).not_valid_after(now + 2 * day)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (home / "certificate.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (home / "key.pem").write_bytes(private)


def _tokens(asked: list[str]) -> ThreadingHTTPServer:
    """Says whose a token is."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            token = parse_qs(urlsplit(self.path).query).get("token", [""])[0]
            asked.append(token)
            body = json.dumps({"active": token == TOKEN, "user": USER}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return server


def _wait(server: Dovecot, seconds: float = 20.0) -> None:
    until_true(lambda: server.process.poll() is not None or _answers(server), seconds, "Dovecot did not start")
    if server.process.poll() is not None:
        raise RuntimeError(f"Dovecot ended: {server.log()} {(server.home / 'err').read_text()}")


def _answers(server: Dovecot) -> bool:
    try:
        server.folders()
    except OSError:
        return False
    return True


def until_true(what: Callable[[], object], seconds: float, why: str) -> None:
    """Wait for something. Raises `AssertionError`."""
    until = time.monotonic() + seconds
    while not what():
        if time.monotonic() > until:
            raise AssertionError(why)
        time.sleep(0.1)
