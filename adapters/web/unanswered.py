"""The console's page of what could not be answered: groups of questions, and what an author can make of them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import Route

from adapters.web.console import Done, Frame, Look, Undo
from adapters.web.signin import HOME
from bot.answering.unanswered import Group, Unanswered
from bot.errors import NotFound
from bot.organisation import pick
from bot.turn import Work

DAYS = 90  # how far back questions are looked at
SHOWN = 60  # groups on the page
PARAPHRASES = 5  # that are taken along to an entry
_ID = 64


@dataclass(frozen=True)
class Row:
    """A group as the page shows it. `write` and `add`: where its buttons lead ("" if there is no entry to add to)."""

    group: Group
    title: str
    write: str
    add: str


class UnansweredPages:
    """Routes of the page. Permissions are those of the console: whoever works at the desk."""

    def __init__(self, frame: Frame, unanswered: Unanswered) -> None:
        self._frame, self._unanswered = frame, unanswered

    def routes(self) -> list[Route]:
        return [
            self._frame.view("/unanswered", self.show, "see"),
            self._frame.change("/unanswered/settle", self.settle, "write"),
            self._frame.change("/unanswered/again", self.again, "write"),
        ]

    def show(self, look: Look) -> Response:
        """The groups, the most asked first. Who asked stands nowhere."""
        since = self._frame.services.clock.now() - DAYS * 86_400.0
        groups = self._unanswered.groups(since)
        rows = [self._row(group, look.person.language) for group in groups[:SHOWN]]
        return self._frame.page(
            look, "unanswered.html", rows=rows, total=len(groups), days=DAYS, event=secrets.token_hex(12)
        )

    def settle(self, look: Look, fields: Mapping[str, str]) -> Done:
        """Say that a group needs no answer, or has one."""
        ids = [one for one in fields.get("ids", "").split(",") if 0 < len(one) <= _ID]
        if not ids:
            raise NotFound("ids")

        at: list[float] = []

        def run(work: Work) -> None:
            settled = self._unanswered.store.settle(work.tx, ids, look.person.key, work.at)
            if settled:
                at.append(work.at)
                work.audit(look.person.key, "question.settle", "unanswered", questions=str(settled))

        self._frame.once(look, fields, run)
        undo = Undo("/unanswered/again", {"at": repr(at[0])}) if at else None
        return Done(f"{HOME}/unanswered", "console.unanswered.done", {}, undo=undo)

    def again(self, look: Look, fields: Mapping[str, str]) -> Done:
        """Take back what somebody has just said of a group."""
        try:
            at = float(fields.get("at", "")[:30])
        except ValueError as error:
            raise NotFound("at") from error

        def run(work: Work) -> None:
            if opened := self._unanswered.store.unsettle(work.tx, look.person.key, at):
                work.audit(look.person.key, "question.unsettle", "unanswered", questions=str(opened))

        self._frame.once(look, fields, run)
        return Done(f"{HOME}/unanswered", "console.unanswered.again", {})

    def _row(self, group: Group, lang: str) -> Row:
        entry = self._unanswered.knowledge().library.entries.get(group.entry)
        write = f"{HOME}/knowledge/new?{urlencode({'question': group.texts[0]})}"
        if entry is None:
            return Row(group, "", write, "")
        query = urlencode([("paraphrase", text) for text in group.texts[:PARAPHRASES]])
        return Row(group, pick(entry.title, lang), write, f"{HOME}/knowledge/{entry.id}/edit?{query}")
