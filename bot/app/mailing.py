"""What the mail checks may know of this organisation, and the one call that examines a mail in the sandbox."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from threading import Lock
from typing import Any

from bot.answering.redaction import redact
from bot.app.contents import Contents
from bot.register import Register
from bot.reporting.checks import first_contact
from bot.reporting.context import Brand, Context, History, Practice, Registered
from bot.reporting.desk_view import desk_view
from bot.reporting.examine import Examination
from bot.reporting.lexicon import Lexicon
from bot.reporting.parts import Examined, clues
from bot.reporting.sandbox import Examiner
from bot.reporting.verdict import decide
from bot.settings import Settings

_NO_HISTORY = History()


def _without_secrets(facts: dict[str, Any]) -> dict[str, Any]:
    """What is stored open, searched and shown beside a mail: its own words as they came are in the sealed content alone."""

    def clean(text: str) -> str:
        return redact(text).text

    return {
        **facts,
        "subject": clean(facts["subject"]),
        "links": [{**link, "shown": clean(link["shown"])} for link in facts["links"]],
        "attachments": [{**file, "name": clean(file["name"]), "members": [clean(one) for one in file["members"]]}
                        for file in facts["attachments"]],
    }  # fmt: skip


class Mailroom:
    """Examines mails. The context is made once a day and again when content was edited (workers keep it by identity)."""

    def __init__(self, contents: Contents, settings: Settings, sandbox: Examiner, now: Callable[[], float]) -> None:
        self._contents, self._settings, self._sandbox, self._now = contents, settings, sandbox, now
        self._lock = Lock()
        self._made: tuple[tuple[object, ...], Context] | None = None

    def examine(self, data: bytes, name: str, history: History = _NO_HISTORY) -> Examined:
        """The verdict on one mail, and what the desk may see of it. Never raises for what is in the mail.

        What earlier reports tell is added here: it is ours, and changes with each mail, so it does not go into the sandbox.
        """
        context = self.context()
        found = self._sandbox.examine(data, name, context)
        if history != _NO_HISTORY and not found.failure:
            found = _with_history(found, replace(context, history=history))
        return Examined(found.verdict, _without_secrets(desk_view(found.email, found.cover)), clues(found.findings))

    def context(self) -> Context:
        """What the checks may use besides the mail."""
        today = datetime.fromtimestamp(self._now(), UTC).date()
        lexicon, org = self._contents.mail.current, self._contents.organisation.current
        people, register = tuple(self._contents.directory.people()), self._contents.register.current
        made_of = (id(lexicon), id(org), id(register), people, today)
        with self._lock:
            if self._made is None or self._made[0] != made_of:
                self._made = (made_of, self._make(lexicon, today))
            return self._made[1]

    def _make(self, lexicon: Lexicon, today: date) -> Context:
        org = self._contents.organisation.current.file
        targets = [
            p.name for p in self._contents.directory.people() if p.roles & {"executive", "hr_legal", "high_risk"}
        ]
        context = lexicon.context(
            org.language, own_domains=tuple(org.domains), own_names=(org.name.partition("(")[0].strip(),),
            people=tuple(targets), authserv_id=self._settings.authserv_id, today=today.isoformat(),
        )  # fmt: skip
        partners = tuple(Brand(domain.split(".")[0], (domain,), (domain,)) for domain in org.partner_domains)
        register = self._contents.register.current
        run_for_us = (item for item in register.current(today, "domain"))
        partners += tuple(Brand(item.name, (item.name, *item.domains), item.domains) for item in run_for_us)
        return replace(context, partners=partners, **_registered(register, today))


def _with_history(found: Examination, context: Context) -> Examination:
    """The verdict with what earlier reports tell."""
    more = first_contact.check(found.email, context)
    findings = tuple(sorted((*found.findings, *more), key=lambda item: -item.weight * item.confidence))
    return replace(found, findings=findings, verdict=decide(findings)) if more else found


def _registered(register: Register, today: date) -> dict[str, Any]:
    """What the register says to the checks. An item that no longer holds is not there."""
    mailings = register.current(today, "mailing", "survey")
    practice = register.current(today, "practice")
    return {
        "register": tuple(Registered(i.name, i.sender, i.domains, i.until.isoformat()) for i in mailings),
        "practice": tuple(Practice(i.header, i.token, i.domains) for i in practice),
    }
