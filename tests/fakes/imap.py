"""A small IMAP server over a real socket: one account, folders in memory, and the faults that real servers have."""

from __future__ import annotations

import base64
import re
import shlex
import socketserver
import threading
from dataclasses import dataclass, field


@dataclass
class FakeImap:
    """`folders` hold mails by uid. `can` are its capabilities; `refuses` the sign-ins it turns away.

    `cut` names a command after which it hangs up once, before (`-`) or after (`+`) it was done: `"+MOVE"`.
    """

    user: str = "report@northwind.example"
    password: str = "let me in"
    token: str = ""
    can: tuple[str, ...] = ("IMAP4rev1", "IDLE", "MOVE", "UIDPLUS", "NAMESPACE", "AUTH=XOAUTH2")
    validity: int = 77
    prefix: str = ""
    cut: str = ""
    refuses: int = 0
    folders: dict[str, dict[int, bytes]] = field(default_factory=lambda: {"INBOX": {}})
    deleted: set[int] = field(default_factory=set)
    heard: list[str] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def __post_init__(self) -> None:
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                Session(outer, self).run()

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def deliver(self, *mails: bytes) -> None:
        with self.changed:
            for mail in mails:
                self.put("INBOX", mail)
            self.changed.notify_all()

    def put(self, folder: str, mail: bytes) -> None:
        self.next_uid = getattr(self, "next_uid", 100) + 1
        self.folders.setdefault(folder, {})[self.next_uid] = mail

    def count(self, folder: str) -> int:
        return len(self.folders.get(folder, {}))

    def commands(self, name: str) -> int:
        return sum(name in line for line in self.heard)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class HangUp(Exception):
    """The server is gone."""


class Session:
    """One connection."""

    def __init__(self, server: FakeImap, wire: socketserver.StreamRequestHandler) -> None:
        self.server, self.wire = server, wire
        self.known = 0

    def say(self, line: str | bytes) -> None:
        self.wire.wfile.write((line.encode() if isinstance(line, str) else line) + b"\r\n")

    def line(self) -> str:
        data = self.wire.rfile.readline()
        if not data:
            raise HangUp
        return data.decode("utf-8", "replace").rstrip("\r\n")

    def run(self) -> None:
        self.say("* OK fake")
        try:
            while True:
                tag, _, rest = self.line().partition(" ")
                self.server.heard.append(rest)
                self.answer(tag, rest)
        except (HangUp, OSError):
            return

    def answer(self, tag: str, rest: str) -> None:
        words = rest.split(" ")
        name = " ".join(words[:2]) if words[0].upper() == "UID" else words[0]
        verb = name.upper().rpartition(" ")[2]
        self.fail("-", verb)
        with self.server.changed:
            result = getattr(self, f"do_{verb.lower()}", self.unknown)(tag, rest)
        if verb == "IDLE":
            self.idle()
        self.fail("+", verb)
        self.say(f"{tag} {result}")
        if verb == "LOGOUT":
            raise HangUp

    def fail(self, when: str, verb: str) -> None:
        if self.server.cut == when + verb:
            self.server.cut = ""
            raise HangUp

    def unknown(self, _tag: str, rest: str) -> str:
        return f"BAD what is {rest[:20]}"

    def do_capability(self, _tag: str, _rest: str) -> str:
        self.say("* CAPABILITY " + " ".join(self.server.can))
        return "OK done"

    def do_login(self, _tag: str, rest: str) -> str:
        return self.let_in(shlex.split(rest)[1:] == [self.server.user, self.server.password])

    def do_authenticate(self, _tag: str, _rest: str) -> str:
        self.say("+ ")
        said = base64.b64decode(self.line()).decode()
        return self.let_in(said == f"user={self.server.user}\x01auth=Bearer {self.server.token}\x01\x01")

    def let_in(self, right: bool) -> str:
        if not right or self.server.refuses:
            self.server.refuses = max(0, self.server.refuses - 1)
            return "NO [AUTHENTICATIONFAILED] no"
        return "OK in"

    def do_namespace(self, _tag: str, _rest: str) -> str:
        self.say(f'* NAMESPACE (("{self.server.prefix}" ".")) NIL NIL')
        return "OK done"

    def do_select(self, _tag: str, _rest: str) -> str:
        self.known = self.server.count("INBOX")
        self.say(f"* {self.known} EXISTS")
        self.say(f"* OK [UIDVALIDITY {self.server.validity}] yes")
        return "OK [READ-WRITE] done"

    def do_noop(self, _tag: str, _rest: str) -> str:
        return "OK done"

    def do_list(self, _tag: str, rest: str) -> str:
        name = rest.rpartition(" ")[2].strip('"')
        if name in self.server.folders:
            self.say(f'* LIST () "." "{name}"')
        return "OK done"

    def do_create(self, _tag: str, rest: str) -> str:
        self.server.folders.setdefault(rest.split(" ", 1)[1].strip('"'), {})
        return "OK done"

    def do_search(self, _tag: str, _rest: str) -> str:
        inbox = self.server.folders["INBOX"]
        self.known = len(inbox)
        self.say("* SEARCH " + " ".join(str(uid) for uid in sorted(inbox) if uid not in self.server.deleted))
        return "OK done"

    def do_fetch(self, _tag: str, rest: str) -> str:
        _, _, which, what = rest.split(" ", 3)
        for number, uid in enumerate(self.chosen(which), 1):
            mail = self.server.folders["INBOX"][uid]
            if "RFC822.SIZE" in what:
                self.say(f"* {number} FETCH (UID {uid} RFC822.SIZE {len(mail)})")
                continue
            most = int(re.search(r"<0\.(\d+)>", what)[1])  # type: ignore[index]
            part = mail[:most]
            self.say(b"* %d FETCH (UID %d BODY[]<0> {%d}\r\n%s)" % (number, uid, len(part), part))
        return "OK done"

    def do_move(self, _tag: str, rest: str) -> str:
        if "MOVE" not in self.server.can:
            return "BAD no MOVE here"
        self.transfer(rest, remove=True)
        return "OK done"

    def do_copy(self, _tag: str, rest: str) -> str:
        self.transfer(rest, remove=False)
        return "OK done"

    def transfer(self, rest: str, *, remove: bool) -> None:
        _, _, which, target = rest.split(" ", 3)
        for uid in self.chosen(which):
            self.server.put(target.strip('"'), self.server.folders["INBOX"][uid])
            if remove:
                del self.server.folders["INBOX"][uid]

    def do_store(self, _tag: str, rest: str) -> str:
        self.server.deleted.update(self.chosen(rest.split(" ")[2]))
        return "OK done"

    def do_expunge(self, _tag: str, _rest: str) -> str:
        for uid in self.server.deleted:
            self.server.folders["INBOX"].pop(uid, None)
        self.server.deleted.clear()
        return "OK done"

    def do_logout(self, _tag: str, _rest: str) -> str:
        self.say("* BYE")
        return "OK done"

    def do_idle(self, _tag: str, _rest: str) -> str:
        self.say("+ idling")
        return "OK idle over"

    def idle(self) -> None:
        """Tell of mail that this connection has not heard of until the client says DONE."""
        done = threading.Event()

        def tell() -> None:
            while not done.is_set():
                with self.server.changed:
                    now, before = self.server.count("INBOX"), self.known
                    self.known = now
                    if now <= before:
                        self.server.changed.wait(0.2)
                if now > before and not done.is_set():
                    self.say(f"* {now} EXISTS")

        teller = threading.Thread(target=tell, daemon=True)
        teller.start()
        try:
            while self.line().upper() != "DONE":
                continue
        finally:
            done.set()
            teller.join(timeout=5)

    def chosen(self, which: str) -> list[int]:
        wanted: set[int] = set()
        for part in which.split(","):
            first, _, last = part.partition(":")
            wanted.update(range(int(first), int(last or first) + 1))
        return [uid for uid in sorted(self.server.folders["INBOX"]) if uid in wanted]
