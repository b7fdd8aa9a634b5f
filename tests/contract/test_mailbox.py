"""The IMAP mailbox over a real socket: signing in, reading, filing, waiting, and servers that can do less or fall over."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from adapters import oauth
from adapters.mailboxes.imap import ImapAccount, ImapMailbox
from bot.errors import ChannelError, ConfigError
from bot.ports import Waiting
from tests.fakes.imap import FakeImap
from tests.fakes.tokens import FakeTokenService

MOST = 1_000_000
NEVER = lambda: False  # noqa: E731


@pytest.fixture
def server() -> Iterator[FakeImap]:
    made = FakeImap()
    yield made
    made.close()


def account(server: FakeImap, **more: Any) -> ImapAccount:
    given = {
        "host": "127.0.0.1",
        "port": server.port,
        "security": "none",
        "user": server.user,
        "password": server.password,
    }
    return ImapAccount(**{**given, **more})


@pytest.fixture
def mailbox(server: FakeImap) -> Iterator[ImapMailbox]:
    made = ImapMailbox(account(server))
    yield made
    made.close()


def test_what_lies_in_it_is_read_and_filed(server: FakeImap, mailbox: ImapMailbox) -> None:
    server.deliver(b"first\r\n", b"second mail\r\n")
    assert "77" == mailbox.open()
    found = mailbox.waiting()
    assert [Waiting(101, 7), Waiting(102, 13)] == found
    assert [b"first\r\n", b"second mail\r\n"] == [mailbox.fetch(item.uid, MOST) for item in found]
    assert b"second" == mailbox.fetch(102, 6)
    assert b"" == mailbox.fetch(999, MOST)
    mailbox.file([101], "Processed")
    mailbox.file([102, 999], "Processed")
    assert ([], {"INBOX": 0, "Processed": 2}) == (
        mailbox.waiting(),
        {name: len(mails) for name, mails in server.folders.items()},
    )
    assert 0 == sum("STORE" in line or "Seen" in line for line in server.heard)  # nothing is marked as read


def test_a_server_without_move(server: FakeImap, mailbox: ImapMailbox) -> None:
    server.can = tuple(name for name in server.can if name != "MOVE")
    server.deliver(b"first", b"second")
    mailbox.open()
    mailbox.file([101], "Processed")
    assert [Waiting(102, 6)] == mailbox.waiting()
    assert 1 == server.count("Processed")


def test_folders_below_the_inbox(server: FakeImap, mailbox: ImapMailbox) -> None:
    server.prefix = "INBOX."
    server.deliver(b"first")
    mailbox.open()
    mailbox.file([101], "Processed")
    assert 1 == server.count("INBOX.Processed")


def test_idle_ends_when_mail_comes(server: FakeImap, mailbox: ImapMailbox) -> None:
    mailbox.open()
    done = threading.Event()
    waiting = threading.Thread(target=lambda: (mailbox.wait(20.0, NEVER), done.set()))
    waiting.start()
    while not server.commands("IDLE"):
        done.wait(0.01)
    assert not done.is_set()
    server.deliver(b"new")
    assert done.wait(10)
    waiting.join()
    assert [Waiting(101, 3)] == mailbox.waiting()


def test_waiting_ends_when_we_stop(server: FakeImap, mailbox: ImapMailbox) -> None:
    mailbox.open()
    mailbox.wait(60.0, lambda: True)
    server.can = tuple(name for name in server.can if name != "IDLE")
    mailbox.close()
    mailbox.open()
    mailbox.wait(60.0, lambda: True)
    assert 1 == server.commands("IDLE")


@pytest.mark.parametrize("cut", ["-LOGIN", "-SELECT", "-SEARCH", "-FETCH", "-MOVE", "+MOVE", "-IDLE", "+IDLE"])
def test_a_server_that_hangs_up_is_a_channel_error_and_is_called_again(
    server: FakeImap, mailbox: ImapMailbox, cut: str
) -> None:
    server.deliver(b"first")
    server.cut = cut

    def round_() -> None:
        mailbox.open()
        for item in mailbox.waiting():
            mailbox.fetch(item.uid, MOST)
            mailbox.file([item.uid], "Processed")
        mailbox.wait(0.0, NEVER)

    with pytest.raises(ChannelError):
        round_()
    round_()
    assert (0, 1) == (server.count("INBOX"), server.count("Processed"))


def test_a_wrong_password_is_said_and_never_repeated(server: FakeImap) -> None:
    mailbox = ImapMailbox(account(server, password="not this one"))
    with pytest.raises(ChannelError, match="refuses the sign-in") as caught:
        mailbox.open()
    assert "not this one" not in str(caught.value) + repr(account(server, password="not this one"))


def test_nobody_listens_there(server: FakeImap) -> None:
    server.close()
    with pytest.raises(ChannelError, match="ConnectionRefusedError"):
        ImapMailbox(account(server)).open()


# tokens -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def service() -> Iterator[FakeTokenService]:
    made = FakeTokenService()
    yield made
    made.close()


def test_microsoft_365_by_client_credentials(server: FakeImap, service: FakeTokenService) -> None:
    server.token = "token-1"
    tokens = oauth.microsoft("tenant id", "app", "s3cret", service.url)
    mailbox = ImapMailbox(account(server, password="", tokens=tokens))
    assert "77" == mailbox.open()
    mailbox.close()
    mailbox.open()  # the token is kept
    (asked,) = service.asked
    assert ("/tenant%20id/oauth2/v2.0/token", "client_credentials", "app", "s3cret", oauth.MICROSOFT_SCOPE) == (
        asked["path"], asked["grant_type"], asked["client_id"], asked["client_secret"], asked["scope"]
    )  # fmt: skip
    mailbox.close()


def test_a_refused_token_is_asked_for_again(server: FakeImap, service: FakeTokenService) -> None:
    server.token = "token-2"
    mailbox = ImapMailbox(account(server, tokens=oauth.microsoft("t", "app", "s", service.url)))
    with pytest.raises(ChannelError, match="refuses"):
        mailbox.open()
    assert "77" == mailbox.open()
    mailbox.close()


def test_google_by_a_service_account(server: FakeImap, service: FakeTokenService) -> None:
    server.token = "token-1"
    private = rsa.generate_private_key(65537, 2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    key = json.dumps({"client_email": "bot@project.example", "private_key": pem, "token_uri": service.url + "/token"})
    mailbox = ImapMailbox(account(server, tokens=oauth.google(key, server.user)))
    assert "77" == mailbox.open()
    mailbox.close()
    (asked,) = service.asked
    head, body, signature = asked["assertion"].split(".")
    claims = json.loads(decoded(body))
    assert ("bot@project.example", server.user, oauth.GOOGLE_SCOPE, service.url + "/token", 3600) == (
        claims["iss"], claims["sub"], claims["scope"], claims["aud"], claims["exp"] - claims["iat"]
    )  # fmt: skip
    private.public_key().verify(decoded(signature), f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())


def decoded(part: str) -> bytes:
    import base64

    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


@pytest.mark.parametrize("answer", [(401, '{"error": "invalid_client", "error_description": "s3cret is wrong"}'), (200, "{}"),
                                    (200, "no json"), (503, "")])  # fmt: skip
def test_a_sign_in_service_that_says_no(service: FakeTokenService, answer: tuple[int, str]) -> None:
    service.answer = answer
    with pytest.raises(ChannelError, match="no access token") as caught:
        oauth.microsoft("t", "app", "s3cret", service.url)()
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "key", ["", "{}", '{"token_uri": "https://x", "client_email": "y", "private_key": "no"}', "[]"]
)
def test_what_is_no_key_is_said_at_the_start(key: str) -> None:
    with pytest.raises(ConfigError, match="GOOGLE_KEY"):
        oauth.google(key, "x")


def test_tokens_are_fetched_over_https_only() -> None:
    with pytest.raises(ConfigError, match="https only"):
        oauth.microsoft("t", "a", "s", "http://login.example")
