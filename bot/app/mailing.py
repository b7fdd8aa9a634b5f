"""What the mail checks may know of this organisation, and the one call that examines a mail in the sandbox."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from threading import Lock

from bot.app.contents import Contents
from bot.reporting.context import Brand, Context
from bot.reporting.desk_view import desk_view
from bot.reporting.lexicon import Lexicon
from bot.reporting.reports import Examined
from bot.reporting.sandbox import Examiner
from bot.settings import Settings


class Mailroom:
    """Examines mails. The context is made once a day and again when content was edited (workers keep it by identity)."""

    def __init__(self, contents: Contents, settings: Settings, sandbox: Examiner, now: Callable[[], float]) -> None:
        self._contents, self._settings, self._sandbox, self._now = contents, settings, sandbox, now
        self._lock = Lock()
        self._made: tuple[tuple[object, ...], Context] | None = None

    def examine(self, data: bytes, name: str) -> Examined:
        """The verdict on one mail, and what the desk may see of it. Never raises for what is in the mail."""
        found = self._sandbox.examine(data, name, self.context())
        return Examined(found.verdict, desk_view(found.email, found.cover))

    def context(self) -> Context:
        """What the checks may use besides the mail."""
        today = datetime.fromtimestamp(self._now(), UTC).date().isoformat()
        lexicon, org = self._contents.mail.current, self._contents.organisation.current
        people = tuple(self._contents.directory.people())
        made_of = (id(lexicon), id(org), people, today)
        with self._lock:
            if self._made is None or self._made[0] != made_of:
                self._made = (made_of, self._make(lexicon, today))
            return self._made[1]

    def _make(self, lexicon: Lexicon, today: str) -> Context:
        org = self._contents.organisation.current.file
        targets = [
            p.name for p in self._contents.directory.people() if p.roles & {"executive", "hr_legal", "high_risk"}
        ]
        context = lexicon.context(
            org.language, own_domains=tuple(org.domains), own_names=(org.name.partition("(")[0].strip(),),
            people=tuple(targets), authserv_id=self._settings.authserv_id, today=today,
        )  # fmt: skip
        partners = tuple(Brand(domain.split(".")[0], (domain,), (domain,)) for domain in org.partner_domains)
        return replace(context, partners=partners)
