"""A small SMTP server over a real socket: keeps what it is handed, and refuses what it is told to."""

from __future__ import annotations

import base64
import contextlib
import socketserver
import threading
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass
class FakeSmtp:
    """`answers` are said instead of 250 to a verb: `{"RCPT": "550 no"}`. `login` or `token` are needed when they are set."""

    login: tuple[str, str] | None = None
    token: tuple[str, str] | None = None
    answers: dict[str, str] = field(default_factory=dict)
    taken: list[tuple[str, str, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(ConnectionError):  # the other side may die at any moment
                    Session(outer, self).run()

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def mails(self, to: str = "") -> list[EmailMessage]:
        """What was handed in (for one address), parsed."""
        parsed = ((rcpt, message_from_bytes(data, policy=policy.default)) for _, rcpt, data in self.taken)
        return [mail for rcpt, mail in parsed if to in ("", rcpt) and isinstance(mail, EmailMessage)]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Session:
    """One connection."""

    def __init__(self, server: FakeSmtp, wire: socketserver.StreamRequestHandler) -> None:
        self.server, self.wire = server, wire
        self.sender = self.to = ""
        self.inside = server.login is None and server.token is None

    def say(self, line: str) -> None:
        self.wire.wfile.write(line.encode() + b"\r\n")

    def run(self) -> None:
        self.say("220 fake")
        while line := self.wire.rfile.readline().decode("utf-8", "replace").rstrip("\r\n"):
            verb = line.split(" ")[0].upper()
            if verb == "QUIT":
                self.say("221 bye")
                return
            refused = self.server.answers.get(verb)
            if refused:
                self.say(refused)
                continue
            getattr(self, f"do_{verb.lower()}", self.unknown)(line)

    def unknown(self, line: str) -> None:
        self.say(f"500 what is {line[:20]}")

    def do_ehlo(self, _line: str) -> None:
        self.say("250-fake")
        self.say("250-AUTH PLAIN LOGIN XOAUTH2")
        self.say("250 SMTPUTF8")

    def do_auth(self, line: str) -> None:
        _, kind, coded = line.split(" ", 2)
        said = base64.b64decode(coded).decode()
        right = ""
        if kind == "PLAIN" and self.server.login:
            right = "\0" + "\0".join(self.server.login)
        if kind == "XOAUTH2" and self.server.token:
            right = "user={}\x01auth=Bearer {}\x01\x01".format(*self.server.token)
        self.inside = bool(right) and said == right
        self.say("235 in" if self.inside else "535 no")

    def do_mail(self, line: str) -> None:
        self.sender = line.partition(":")[2].split(" ")[0].strip("<>")
        self.say("250 ok" if self.inside else "530 sign in first")

    def do_rcpt(self, line: str) -> None:
        self.to = line.partition(":")[2].strip("<>")
        self.say("250 ok")

    def do_rset(self, _line: str) -> None:
        self.say("250 ok")

    def do_data(self, _line: str) -> None:
        self.say("354 go on")
        lines = []
        while (line := self.wire.rfile.readline()) != b".\r\n":
            if not line:
                return  # half a mail is none
            lines.append(line[1:] if line.startswith(b"..") else line)
        self.server.taken.append((self.sender, self.to, b"".join(lines)))
        self.say("250 taken")
