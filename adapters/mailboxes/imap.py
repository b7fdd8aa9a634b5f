"""`Mailbox` over IMAP (RFC 3501) with IDLE (RFC 2177), MOVE (RFC 6851) where there is one, and a password or XOAUTH2.

Nothing is marked as read and nothing is deleted: a mail that was taken is moved, so that people can look into the mailbox with
their own program meanwhile.
"""

from __future__ import annotations

import contextlib
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from imapclient import IMAPClient  # type: ignore[import-untyped]
from imapclient.exceptions import IMAPClientError, LoginError  # type: ignore[import-untyped]

from adapters.oauth import Tokens
from bot.errors import ChannelError
from bot.ports import Waiting

PATIENCE = 30.0  # seconds for one answer of the server
POLL = 15.0  # seconds between two looks at a server without IDLE
ROUND = 25.0  # seconds of one IDLE at most: what came in just before it began is seen by the next look


@dataclass(frozen=True)
class ImapAccount:
    """Where the mailbox is and how to get in. With `tokens` the password is not used."""

    host: str
    user: str
    password: str = field(default="", repr=False)
    port: int = 993
    security: Literal["tls", "starttls", "none"] = "tls"
    folder: str = "INBOX"
    tokens: Tokens | None = field(default=None, repr=False)


class ImapMailbox:
    """One folder of one account."""

    def __init__(self, account: ImapAccount) -> None:
        self.name = f"{account.user}/{account.folder}"
        self._account = account
        self._client: IMAPClient | None = None
        self._validity, self._prefix = "", ""

    def open(self) -> str:
        if self._client is None:
            with _told():
                self._client = self._connected()
        return self._validity

    def waiting(self) -> list[Waiting]:
        with self._lost():
            client = self._there()
            client.noop()  # some servers tell of new mail only when asked something
            uids = client.search(["UNDELETED"])
            sizes: dict[int, Any] = client.fetch(uids, ["RFC822.SIZE"]) if uids else {}
        return [Waiting(uid, int(sizes[uid].get(b"RFC822.SIZE", 0))) for uid in sorted(uids) if uid in sizes]

    def fetch(self, uid: int, most: int) -> bytes:
        with self._lost():
            found = self._there().fetch([uid], [f"BODY.PEEK[]<0.{most}>"]).get(uid, {})
        parts = (value for name, value in found.items() if name.startswith(b"BODY[]"))
        return bytes(next(parts, b"") or b"")

    def file(self, uids: Sequence[int], folder: str) -> None:
        if not uids:
            return
        with self._lost():
            client, target = self._there(), self._prefix + folder
            if not client.folder_exists(target):
                client.create_folder(target)
            if client.has_capability("MOVE"):
                client.move(list(uids), target)
                return
            client.copy(list(uids), target)
            client.delete_messages(list(uids), silent=True)
            if client.has_capability("UIDPLUS"):
                client.uid_expunge(list(uids))
            else:
                client.expunge()

    def wait(self, seconds: float, stopping: Callable[[], bool]) -> None:
        until = time.monotonic() + seconds
        with self._lost():
            client = self._there()
            if not client.has_capability("IDLE"):
                _pause(min(until, time.monotonic() + POLL), stopping)
                return
            until = min(until, time.monotonic() + ROUND)
            client.idle()
            try:
                while time.monotonic() < until and not stopping():
                    if any(
                        len(line) > 1 and line[1] in (b"EXISTS", b"RECENT") for line in client.idle_check(timeout=1.0)
                    ):
                        break
            finally:
                client.idle_done()

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(IMAPClientError, OSError, ValueError):
                client.logout()

    def look(self) -> tuple[str, ...]:
        """What the server can do of what we use; for `secdesk doctor`. Connects anew and leaves nothing behind."""
        self.close()
        self.open()
        with self._lost():
            client = self._there()
            return tuple(name for name in ("IDLE", "MOVE", "UIDPLUS") if client.has_capability(name))

    # inside

    def _there(self) -> IMAPClient:
        if self._client is None:
            raise ChannelError("the mailbox is not open")
        return self._client

    def _connected(self) -> IMAPClient:
        account = self._account
        client = IMAPClient(
            account.host, account.port, ssl=account.security == "tls", ssl_context=_context(account), timeout=PATIENCE
        )  # fmt: skip
        try:
            if account.security == "starttls":
                client.starttls(_context(account))
            self._sign_in(client)
            chosen = client.select_folder(account.folder)
            self._validity = str(int(chosen[b"UIDVALIDITY"]))
            self._prefix = _prefix(client)
        except BaseException:
            with contextlib.suppress(IMAPClientError, OSError):
                client.shutdown()
            raise
        return client

    def _sign_in(self, client: IMAPClient) -> None:
        account = self._account
        if account.tokens is None:
            client.login(account.user, account.password)
            return
        try:
            client.oauth2_login(account.user, account.tokens())
        except LoginError:
            account.tokens.forget()
            raise

    @contextmanager
    def _lost(self) -> Iterator[None]:
        """After a failure the connection is given up: nobody knows what state it is in."""
        try:
            with _told():
                yield
        except ChannelError:
            client, self._client = self._client, None
            if client is not None:
                with contextlib.suppress(IMAPClientError, OSError):
                    client.shutdown()
            raise


@contextmanager
def _told() -> Iterator[None]:
    """Failures of the wire as `ChannelError`, without the server's text, which may repeat what we sent."""
    try:
        yield
    except LoginError as error:
        raise ChannelError("the mail server refuses the sign-in") from error
    except ssl.SSLCertVerificationError as error:
        raise ChannelError(f"the mail server's certificate is not trusted ({error.verify_message})") from error
    except (IMAPClientError, OSError, ValueError, KeyError) as error:
        raise ChannelError(f"the mail server did not do what was asked ({type(error).__name__})") from error


def _context(account: ImapAccount) -> ssl.SSLContext | None:
    return None if account.security == "none" else ssl.create_default_context()


def _prefix(client: IMAPClient) -> str:
    """What stands in front of the names of one's own folders (RFC 2342): Courier and Cyrus want `INBOX.`."""
    if not client.has_capability("NAMESPACE"):
        return ""
    personal = client.namespace().personal
    return str(personal[0][0]) if personal else ""


def _pause(until: float, stopping: Callable[[], bool]) -> None:
    while time.monotonic() < until and not stopping():
        time.sleep(0.5)
