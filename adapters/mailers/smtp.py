"""Sending mail over SMTP submission (RFC 6409) with a password, an access token (XOAUTH2), or from inside without either."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Literal

from adapters.oauth import Tokens
from bot.errors import ChannelError, RetryLater, Unreachable

PATIENCE = 20.0  # seconds for one answer of the server
LATER = 60.0  # seconds to wait when a server says "not now"


@dataclass(frozen=True)
class SmtpAccount:
    """Where mail is handed in. Without a user nobody signs in (a relay inside)."""

    host: str
    port: int = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password: str = field(default="", repr=False)
    tokens: Tokens | None = field(default=None, repr=False)


class SmtpServer:
    """Hands mails in, one connection each. Thread-safe."""

    def __init__(self, account: SmtpAccount) -> None:
        self._account = account

    def send(self, mail: EmailMessage, to: str) -> None:
        """Raises `Unreachable` for an address that is never taken, `RetryLater` for "not now", `ChannelError` otherwise."""
        with _told(), self._connected() as server:
            try:
                server.send_message(mail, to_addrs=[to])
            except smtplib.SMTPRecipientsRefused as refused:
                code = next(iter(refused.recipients.values()))[0]
                if 500 <= code < 600:
                    raise Unreachable(f"the mail server does not take this address ({code})") from refused
                raise RetryLater(f"the mail server does not take this address now ({code})", LATER) from refused

    def look(self) -> tuple[str, ...]:
        """What the server can do of what we use; for `secdesk doctor`. Signs in and sends nothing."""
        with _told(), self._connected() as server:
            return tuple(name.upper() for name in ("starttls", "auth", "smtputf8") if server.has_extn(name))

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        account = self._account
        context = ssl.create_default_context()
        if account.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(account.host, account.port, timeout=PATIENCE, context=context)
        else:
            server = smtplib.SMTP(account.host, account.port, timeout=PATIENCE)
        with server:
            if account.security == "starttls":
                server.starttls(context=context)
            server.ehlo()
            self._sign_in(server)
            yield server

    def _sign_in(self, server: smtplib.SMTP) -> None:
        account = self._account
        if account.tokens is not None:
            said = f"user={account.user}\x01auth=Bearer {account.tokens()}\x01\x01"
            try:
                server.auth("XOAUTH2", lambda _challenge=None: said, initial_response_ok=True)
            except smtplib.SMTPAuthenticationError:
                account.tokens.forget()
                raise
        elif account.user:
            server.login(account.user, account.password)


@contextmanager
def _told() -> Iterator[None]:
    """Failures of the wire as ours, without the server's text, which may repeat what we sent."""
    try:
        yield
    except ChannelError:
        raise
    except smtplib.SMTPAuthenticationError as error:
        raise ChannelError("the mail server refuses the sign-in") from error
    except smtplib.SMTPResponseException as error:
        if 400 <= error.smtp_code < 500:
            raise RetryLater(f"the mail server says not now ({error.smtp_code})", LATER) from error
        raise ChannelError(f"the mail server refuses the mail ({error.smtp_code})") from error
    except ssl.SSLCertVerificationError as error:
        raise ChannelError(f"the mail server's certificate is not trusted ({error.verify_message})") from error
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise ChannelError(f"the mail server did not do what was asked ({type(error).__name__})") from error
