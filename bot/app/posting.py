"""The reporting mailbox and answers by mail, put together from the settings; and what `secdesk doctor` asks of both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal, cast

from adapters.mailboxes.imap import ImapAccount, ImapMailbox
from adapters.mailers.channel import NAME, MailChannel, Proofs
from adapters.mailers.smtp import SmtpAccount, SmtpServer
from adapters.oauth import Tokens, google, microsoft
from adapters.stores.letters import SqlLetterStore
from bot.errors import ChannelError, ConfigError
from bot.health import Check
from bot.model import Person
from bot.organisation import Organisation
from bot.ports import Clock, Db, Mailbox, Vault
from bot.reporting.postbox import Postbox, PostParts
from bot.reporting.sandbox import Examiner
from bot.reporting.watching import Watch
from bot.settings import Settings

if TYPE_CHECKING:
    from bot.app import App

__all__ = ["NAME", "doctor", "mail_channel", "mailbox", "watch"]
SENDERS = 4  # answers on their way out at once, so that a slow mail server holds up no letter


def tokens(settings: Settings) -> Tokens | None:
    """What signs in without a password. Raises `ConfigError` for what is missing."""
    if settings.mailbox_auth == "microsoft":
        needed = {"mailbox.tenant": settings.mailbox_tenant, "mailbox.client_id": settings.mailbox_client_id,
                  "SECDESK_MAILBOX_CLIENT_SECRET": settings.mailbox_client_secret}  # fmt: skip
        for name, value in needed.items():
            if not value:
                raise ConfigError(f"{name}: needed for mailbox.sign_in = microsoft")
        return microsoft(
            settings.mailbox_tenant, settings.mailbox_client_id, settings.mailbox_client_secret, settings.mailbox_login
        )  # fmt: skip
    if settings.mailbox_auth == "google":
        return google(settings.mailbox_google_key, settings.mailbox_user or settings.report_address)
    return None


def mailbox(settings: Settings, given: Tokens | None, folder: str = "") -> ImapMailbox | None:
    """The mailbox (or another folder of the same account); None if there is none. Connects to nothing yet."""
    if not settings.mailbox_host:
        return None
    security = cast(Literal["tls", "starttls", "none"], settings.mailbox_security)
    user = settings.mailbox_user or settings.report_address
    return ImapMailbox(
        ImapAccount(settings.mailbox_host, user, settings.mailbox_password, settings.mailbox_port, security,
                    folder or settings.mailbox_folder, given)
    )  # fmt: skip


def smtp(settings: Settings, given: Tokens | None) -> SmtpServer | None:
    """Where answers are handed in; None if there are none by mail."""
    if not settings.smtp_host:
        return None
    security = cast(Literal["starttls", "tls", "none"], settings.smtp_security)
    user = settings.smtp_user or settings.mailbox_user or settings.report_address
    password = settings.smtp_password or settings.mailbox_password
    return SmtpServer(
        SmtpAccount(
            settings.smtp_host, settings.smtp_port, security, "" if settings.smtp_auth == "none" else user,
            password, given if settings.smtp_auth == "token" else None,
        )
    )  # fmt: skip


def mail_channel(
    settings: Settings, db: Db, vault: Vault, clock: Clock, who: Callable[[str], Person | None],
    organisation: Callable[[], Organisation], opened: Callable[[str], bytes],
) -> MailChannel | None:  # fmt: skip
    """Mail as a channel. `opened`: the bytes of a file that is kept. Raises `ConfigError`, also for real mail on values that
    nobody has checked."""
    if (
        settings.mailbox_host
        and organisation().sample
        and settings.mailbox_host not in {"127.0.0.1", "::1", "localhost"}
    ):
        raise ConfigError("the mailbox cannot be read on sample values: run `secdesk init`, or write your own org.yaml")
    server = smtp(settings, tokens(settings))
    if server is None:
        return None
    return MailChannel(server, settings.report_address, SqlLetterStore(db), vault, clock, who, organisation, opened)


def watch(app: App, box: Mailbox, examiner: Examiner, *, deliver: Callable[[str], object] | None = None) -> Watch:
    """What watches the mailbox of an app. Not started."""
    settings, letters = app.settings, SqlLetterStore(app.db)
    postbox = Postbox(
        PostParts(
            reports=app.reports, letters=letters, core=app.core, identities=app.identities, vault=app.vault,
            clock=app.clock, organisation=app.organisation, proofs=Proofs(app.vault), work=app.work,
            unpack=lambda data: examiner.unpack(data, settings.authserv_id), replay=app.desk.replay,
            alarming=lambda text: app.contents.gate.current.look(text).level != "none", chat_of=app.chat_of,
            address=settings.report_address, gateway=bool(settings.authserv_id), mails=NAME in app.channels,
        )
    )  # fmt: skip
    return Watch(
        box, postbox, letters, app.work, app.clock, settings.replica,
        {"done": settings.mailbox_done, "odd": settings.mailbox_odd, "failed": settings.mailbox_failed},
        deliver or _Senders(app.deliver),
    )  # fmt: skip


class _Senders:
    """Sends answers behind the back of whoever takes letters. What is not sent is sent by the outbox."""

    def __init__(self, deliver: Callable[[str], object]) -> None:
        self._deliver, self._pool = deliver, ThreadPoolExecutor(SENDERS, "answers")

    def __call__(self, delivery: str) -> object:
        return self._pool.submit(self._deliver, delivery)


def doctor(settings: Settings) -> Iterator[Check]:
    """What works, asked of the servers. Sends no mail and moves none."""
    try:
        given = tokens(settings)
    except ConfigError as error:
        yield Check("mailbox", "bad", str(error), "set it, then run doctor again")
        return
    box, server = mailbox(settings, given), smtp(settings, given)
    if box is None:
        yield Check("mailbox", "note", "no reporting mailbox: mails are reported in the chat only", "set mailbox.host")
        return
    yield _asked("mailbox", f"{settings.report_address} on {settings.mailbox_host}", box.look)
    box.close()
    if not settings.authserv_id:
        mend = "set mail.authserv_id, so that your gateway vouches for who reports"
        yield Check("mailbox senders", "note", "nobody vouches for the senders of reports", mend)
    if server is None:
        yield Check("answers by mail", "note", "off: reporters who are not on chat hear nothing", "set smtp.host")
    else:
        yield _asked("answers by mail", f"through {settings.smtp_host}", server.look)


def _asked(name: str, where: str, look: Callable[[], tuple[str, ...]]) -> Check:
    try:
        can = ", ".join(look())
    except ChannelError as error:
        return Check(name, "bad", f"{where}: {error}", "correct the settings, or see that the server answers")
    return Check(name, "ok", f"{where}, signed in" + (f" ({can})" if can else ""))
