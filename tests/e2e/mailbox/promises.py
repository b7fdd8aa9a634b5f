"""What the port `Mailbox` promises, on the fake of the everyday tests and on a real server: the fake must not promise more."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from adapters.mailboxes.imap import ImapAccount, ImapMailbox
from adapters.oauth import microsoft
from bot.errors import ChannelError
from bot.ports import Waiting
from tests.e2e.mailbox.dovecot import Dovecot, dovecot, until_true
from tests.fakes.imap import FakeImap
from tests.fakes.tokens import FakeTokenService

MOST = 1_000_000
MAILS = (
    b"Subject: first\r\n\r\none\r\n",
    b"Subject: second\r\n\r\n" + b"x" * 70_000 + b"\r\n",
    b"From: nobody\r\n\r\n\xff\x00three\r\n",
)
NEVER = lambda: False  # noqa: E731


@pytest.fixture(params=["fake", "dovecot", "dovecot below the inbox"])
def server(request: pytest.FixtureRequest) -> Iterator[FakeImap | Dovecot]:
    if request.param == "fake":
        made = FakeImap()
        yield made
        made.close()
        return
    below = {"separator": ".", "prefix": "INBOX."} if "below" in request.param else {}
    with dovecot(**below) as real:
        yield real


def mailbox(server: FakeImap | Dovecot, **more: Any) -> ImapMailbox:
    given = {
        "host": "127.0.0.1",
        "port": server.port,
        "security": "none",
        "user": server.user,
        "password": server.password,
    }
    return ImapMailbox(ImapAccount(**{**given, **more}))


def text(mail: bytes) -> bytes:
    """As a server may give it back: Dovecot keeps no NUL."""
    return mail.replace(b"\x00", b"\x80")


def test_mails_are_read_as_they_came_and_filed(server: FakeImap | Dovecot) -> None:
    box = mailbox(server)
    server.deliver(*MAILS)
    validity = box.open()
    assert validity.isdecimal()
    found = box.waiting()
    assert [len(mail) for mail in MAILS] == [item.size for item in found]
    assert [text(mail) for mail in MAILS] == [text(box.fetch(item.uid, MOST)) for item in found]
    assert MAILS[1][:1000] == box.fetch(found[1].uid, 1000)
    first, second, third = (item.uid for item in found)
    box.file([first], "Processed")
    box.file([first, second, third + 50], "Processed")  # what is gone does not matter
    assert [Waiting(third, len(MAILS[2]))] == box.waiting()
    assert b"" == box.fetch(first, MOST)
    box.close()
    assert validity == box.open()
    assert [third] == [item.uid for item in box.waiting()]  # a uid is the same mail after a new connection
    box.close()


def test_nothing_is_marked_as_read(server: FakeImap | Dovecot) -> None:
    if not isinstance(server, Dovecot):
        pytest.skip("the fake has no flags")
    box = mailbox(server)
    server.deliver(*MAILS)
    box.open()
    for item in box.waiting():
        box.fetch(item.uid, MOST)
    box.file([item.uid for item in box.waiting()][:2], "Failed")
    box.close()
    folder = next(name for name in server.folders() if name.endswith("Failed"))
    assert (set(), set(), {"INBOX": 1, folder: 2}) == (server.flags("INBOX"), server.flags(folder), server.folders())


def test_waiting_ends_when_mail_comes(server: FakeImap | Dovecot) -> None:
    box, done = mailbox(server), threading.Event()
    box.open()
    waiting = threading.Thread(target=lambda: (box.wait(25.0, NEVER), done.set()))
    waiting.start()
    if isinstance(server, FakeImap):
        until_true(lambda: server.commands("IDLE"), 10, "no IDLE")
    assert not done.is_set()
    server.deliver(MAILS[0])
    assert done.wait(20)
    waiting.join()
    assert [len(MAILS[0])] == [item.size for item in box.waiting()]
    box.close()


def test_a_wrong_password_is_said(server: FakeImap | Dovecot) -> None:
    with pytest.raises(ChannelError, match="refuses the sign-in"):
        mailbox(server, password="not-this-one").open()


# what only a real server can show -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real() -> Iterator[Dovecot]:
    with dovecot() as made:
        yield made


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_tls_with_a_certificate_that_is_trusted_and_one_that_is_not(
    real: Dovecot, monkeypatch: pytest.MonkeyPatch, security: str
) -> None:
    port = real.tls_port if security == "tls" else real.port
    with pytest.raises(ChannelError, match="certificate is not trusted"):
        mailbox(real, port=port, security=security).open()
    monkeypatch.setenv("SSL_CERT_FILE", str(real.certificate))
    box = mailbox(real, port=port, security=security)
    assert ("IDLE", "MOVE", "UIDPLUS") == box.look()
    box.close()


def test_a_token_signs_in_and_one_that_has_ended_is_asked_for_anew(real: Dovecot) -> None:
    """XOAUTH2 as Microsoft 365 takes it: from the sign-in service to the server, which asks who it is."""
    service = FakeTokenService()
    tokens = microsoft("tenant", "app", "secret", service.url)
    box = mailbox(real, password="", tokens=tokens)
    assert ("IDLE", "MOVE", "UIDPLUS") == box.look()
    box.close()
    tokens.forget()  # the service gives "token-2" now, which the server does not know
    with pytest.raises(ChannelError, match="refuses the sign-in"):
        box.open()
    assert "token-2" in real.heard
    service.close()
