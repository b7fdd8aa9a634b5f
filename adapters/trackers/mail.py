"""Mail as the other ticket system: one thread of mails a ticket; what is answered lies in a folder of our mailbox.

Each mail is `<sdt.NUMBER.LINE.CODE@…>`, where CODE is a keyed digest that only who got our mails can know: an answer that names
one of them is taken, whoever sent it, and any other mail is put aside. A line `Status: resolved` (open, waiting) at its beginning
sets the status. After a crash one mail may go out twice, under the same Message-ID.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from typing import Protocol, cast

from bot.ports import Mailbox, Pushed, RemoteTicket, RemoteWord, TicketLine, TrackerStatus, Vault

MOST_BYTES = 1_000_000  # of an answer
AT_ONCE = 50  # answers a look
_ID = re.compile(r"<sdt\.([A-Z]{1,10}-\d{1,12})\.([0-9a-z]{1,24})\.([0-9a-f]{16})@[^<>\s]{1,250}>\Z")
_STATUS = re.compile(r"status:[ \t]*(open|waiting|resolved)[ \t]*\Z", re.IGNORECASE)
_IGNORED = frozenset({"ours", "bounce", "reply"})  # what answers by itself: out of office, no such mailbox


class Sends(Protocol):
    """Hands a mail in. Raises `RetryLater`, `ChannelError`."""

    def send(self, mail: EmailMessage, to: str) -> None: ...


@dataclass(frozen=True)
class Answer:
    """A mail, taken apart by whoever may touch it (`unpack`). `fault`: it cannot be read."""

    digest: str
    author: str
    mail: str
    references: tuple[str, ...]
    automatic: str
    text: str
    fault: str = ""


@dataclass(frozen=True)
class Folders:
    """Where answers go when they are taken, and what is none."""

    done: str
    odd: str


class MailTracker:
    """Writes to one address from ours. Without a mailbox nothing comes back."""

    name, label = "mail", "E-mail"

    def __init__(
        self, sender: Sends, ours: str, to: str, vault: Vault, box: Mailbox | None, folders: Folders,
        unpack: Callable[[bytes], Answer],
    ) -> None:  # fmt: skip
        self._sender, self._ours, self._to, self._vault = sender, ours, to, vault
        self._box, self._folders, self._unpack = box, folders, unpack
        self._uids: dict[str, int] = {}

    def find(self, number: str) -> str:
        return ""

    def open(self, line: TicketLine) -> str:
        self._post(line, line.text)
        return line.number

    def has(self, remote: str, key: str) -> bool:
        return False

    def send(self, remote: str, line: TicketLine) -> str:
        said = {"status": f"Status: {line.status}", "severity": f"Severity: {line.severity}",
                "owner": f"Owner: {line.owner or line.owner_mail or '-'}"}  # fmt: skip
        internal = "(internal) " if line.kind == "note" else ""
        self._post(line, said.get(line.kind) or f"{line.author}: {internal}\n\n{line.text}")
        return {"status": line.status, "severity": line.severity, "owner": line.owner_mail or line.owner}.get(
            line.kind, ""
        )

    def _post(self, line: TicketLine, text: str) -> None:
        mail = EmailMessage(policy=SMTP.clone(max_line_length=998))
        mail["From"] = formataddr(("Secdesk", self._ours))
        mail["To"] = self._to
        subject = "".join(char if char.isprintable() else " " for char in line.subject)
        mail["Subject"] = " ".join(f"[{line.number}] {subject}".split())[:200]
        mail["Date"] = format_datetime(datetime.fromtimestamp(line.at, UTC))
        mail["Message-ID"] = self._id(line.key)
        first = self._id(f"{line.number}/1")
        if mail["Message-ID"] != first:
            mail["In-Reply-To"] = mail["References"] = first
        mail["Auto-Submitted"] = "auto-generated"
        mail["X-Auto-Response-Suppress"] = "All"
        mail["X-Secdesk"] = "1"
        who = f"{line.requester} {line.requester_mail}".strip()
        facts = [f"Severity: {line.severity}", *([f"Person: {who}"] if who else [])] if line.kind == "open" else []
        mail.set_content(text + "\n\n-- \n" + "\n".join([*facts, line.url]) + "\n")
        self._sender.send(mail, self._to)

    def changed(self, cursor: str, now: float) -> tuple[Sequence[str], str]:
        return (), cursor

    def ticket(self, remote: str) -> RemoteTicket | None:
        return RemoteTicket(remote)

    def pushed(self) -> Sequence[Pushed]:
        if self._box is None:
            return ()
        found: list[Pushed] = []
        odd: list[int] = []
        try:
            self._box.open()
            for mail in self._box.waiting()[:AT_ONCE]:
                answer = self._read(mail.uid) if mail.size <= MOST_BYTES else None
                if answer is None:
                    odd.append(mail.uid)
                else:
                    self._uids[answer.id] = mail.uid
                    found.append(answer)
            self._box.file(odd, self._folders.odd)
        finally:
            if not found:
                self._box.close()
        return found

    def taken(self, pushed: Pushed) -> None:
        uid = self._uids.pop(pushed.id, None)
        if uid is not None and self._box is not None:
            self._box.file([uid], self._folders.done)
            if not self._uids:
                self._box.close()

    def look(self) -> str:
        if self._box is None:
            return f"mails go to {self._to}; nothing comes back without a mailbox"
        try:
            self._box.open()
            waiting = len(self._box.waiting())
        finally:
            self._box.close()
        return f"mails go to {self._to}, {waiting} answers wait"

    # inside

    def _read(self, uid: int) -> Pushed | None:
        """An answer to one of our mails; None for everything else."""
        assert self._box is not None  # noqa: S101
        answer = self._unpack(self._box.fetch(uid, MOST_BYTES))
        number = next((found for one in answer.references if (found := self._number(one))), "")
        if answer.fault or not number or answer.automatic in _IGNORED:
            return None
        status, text = _parted(answer.text)
        words = (RemoteWord(answer.digest, 0.0, answer.author or answer.mail, text, answer.mail),) if text else ()
        return Pushed(answer.digest[:64], number, RemoteTicket(number, status, None, None, words))

    def _number(self, reference: str) -> str:
        found = _ID.match(reference)
        if found is None or found[3] != self._code(f"{found[1]}/{found[2]}"):
            return ""
        return found[1]

    def _id(self, key: str) -> str:
        number, _, line = key.partition("/")
        return f"<sdt.{number}.{line}.{self._code(key)}@{self._ours.rpartition('@')[2]}>"

    def _code(self, key: str) -> str:
        return self._vault.digest("tracker-mail", key.encode())[:16]


def _parted(text: str) -> tuple[TrackerStatus | None, str]:
    """The status that the first line sets, and the rest."""
    first, _, rest = text.strip().partition("\n")
    found = _STATUS.match(first.strip())
    return (cast(TrackerStatus, found[1].lower()), rest.strip()) if found else (None, text.strip())
