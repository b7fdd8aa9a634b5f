"""The console's pages for authors: every answer with how it does, one answer with its history, and what may be done to it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from adapters.web.authoring_diff import compared
from adapters.web.authoring_edit import Editor
from adapters.web.authoring_list import ROWS, SORTS, STATES, listed
from adapters.web.authoring_services import Authors
from adapters.web.authoring_updates import UpdatePages
from adapters.web.console import Done, Frame, Look
from adapters.web.signin import HOME
from bot.answering.authoring import Authoring, Do, Stopped
from bot.answering.changes import Change, Filed
from bot.answering.entries import Entry
from bot.errors import Conflict, Fault, NotFound, Refused
from bot.model import Person
from bot.organisation import pick
from bot.permissions import Permission

FIELDS = 400  # of the editor's form: some for each language
DAYS = 90  # over which hits are counted
PERIOD = DAYS * 86_400.0
VERBS: Mapping[str, Permission] = {
    "approve": "approve", "back": "approve", "adopt": "approve", "undo": "approve",
    "drop": "write", "still": "write", "owner": "write", "retire": "write",
}  # fmt: skip


@dataclass(frozen=True)
class Page:
    """One entry as its page shows it. `entry` is None while its file is not in use."""

    name: str
    entry: Entry | None
    filed: Filed | None
    change: Change | None
    faults: tuple[Fault, ...] = ()


class KnowledgePages:
    """Routes of the knowledge base."""

    def __init__(self, frame: Frame, authors: Authors) -> None:
        self._frame, self._authors, self._editor = frame, authors, Editor(frame, authors)
        self._services = frame.services

    @property
    def _authoring(self) -> Authoring:
        return self._authors.authoring

    def routes(self) -> list[Route]:
        frame, editor = self._frame, self._editor
        return [
            *UpdatePages(frame, self._authors, editor).routes(),
            frame.view("/knowledge", self.overview, "see"),
            frame.view("/knowledge/new", editor.new, "write"),
            frame.change("/knowledge/new", editor.post, "write", most=FIELDS),
            frame.view("/knowledge/{name}/edit", editor.show, "write"),
            frame.change("/knowledge/{name}/edit", editor.post, "write", most=FIELDS),
            frame.change("/knowledge/{name}/look", editor.look, "write", most=FIELDS),
            frame.view("/knowledge/{name}/changes/{change}", self.compare, "see"),
            frame.view("/knowledge/{name}", self.show, "see"),
            frame.change("/knowledge/{name}/{verb}", self.act, VERBS),
        ]

    def overview(self, look: Look) -> Response:
        """Every answer: its state, who keeps it, when it is looked at again, how often it is shown and how it is rated."""
        params = look.request.query_params
        state, sort = look.asked("state", STATES), look.asked("sort", SORTS)
        usage = self._authoring.store.usage(self._services.clock.now() - PERIOD)
        rows = listed(self._authoring, usage, look.person.language)
        owners = {row.owner: row.owner_name for row in rows}
        owner, words = params.get("owner", ""), params.get("q", "")[:100]
        found = SORTS_BY[sort]([row for row in rows if row.matches(state, owner, words)])
        start = min(_number(params.get("from", "")), len(found)) // ROWS * ROWS
        counts = {name: sum(row.matches(name, "", "") for row in rows) for name in STATES}
        return self._frame.page(
            look, "knowledge_list.html", state_=self._services.knowledge(), rows=found[start : start + ROWS], state=state,
            states=STATES, counts=counts, sort=sort, sorts=SORTS, owner=owner, owners=sorted(owners.items()), words=words,
            start=start, total=len(found), size=ROWS, days=DAYS, waiting=self._authors.updates.count(),
        )  # fmt: skip

    def show(self, look: Look) -> Response:
        """One answer: what people get, what waits, what was done, and what may be done."""
        return self._page(look, self._found(look.request.path_params["name"]))

    def compare(self, look: Look) -> Response:
        """One change of the past, as lines that came and went."""
        name = look.request.path_params["name"]
        change = self._authoring.change(look.request.path_params["change"])
        if change.entry != name:
            raise NotFound(name)
        lines = compared(change.before, change.yaml)
        return self._frame.page(look, "knowledge_change.html", name=name, change=change, lines=lines)

    def act(self, look: Look, fields: Mapping[str, str]) -> Done | Response:
        """Do one of the things that an answer's page offers."""
        name, verb = look.request.path_params["name"], look.request.path_params["verb"]
        makers: dict[str, Callable[[], Do]] = {
            "approve": lambda: self._authoring.approve(look.person, self._open(name)),
            "back": lambda: self._authoring.back(look.person, self._open(name), fields.get("note", "")),
            "drop": lambda: self._authoring.drop(look.person, self._open(name)),
            "adopt": lambda: self._authoring.adopt(look.person, name),
            "undo": lambda: self._authoring.undo(look.person, name),
            "still": lambda: self._authoring.still(look.person, name),
            "owner": lambda: self._authoring.reassign(look.person, name, fields.get("owner", "")),
            "retire": lambda: self._authoring.retire(look.person, name),
        }
        if verb not in makers:
            raise NotFound(verb)
        try:
            change = self._editor.do(look, fields, makers[verb]())
        except Stopped as stopped:
            return self._page(look, self._found(name), stopped.faults, 409)
        except (Refused, Conflict) as refused:
            return self._page(look, self._found(name), (Fault("", 0, 0, str(refused), ""),), 409)
        target = f"{HOME}/knowledge/{name}"
        gone = verb == "drop" and self._authoring.filed(name) is None
        if change and change.state == "refused":
            return Done(target, "console.author.done.refused", {"name": name}, bad=True)
        return Done(f"{HOME}/knowledge" if gone else target, f"console.author.done.{verb}", {"name": name})

    # inside

    def _open(self, name: str) -> Change:
        change = self._authoring.open_change(name)
        if change is None:
            raise NotFound(name)
        return change

    def _found(self, name: str) -> Page:
        """Raises `NotFound` for what is neither on disk nor being written."""
        filed, change = self._authoring.filed(name), self._authoring.open_change(name)
        if filed is None and change is None:
            raise NotFound(name)
        entry = self._authoring.library.entries.get(name)
        faults = self._authoring.check(name, filed.text).faults if filed and entry is None else ()
        return Page(name, entry, filed, change, faults)

    def _page(self, look: Look, page: Page, refused: tuple[Fault, ...] = (), status: int = 200) -> Response:
        authoring, entry, change = self._authoring, page.entry, page.change
        checked = authoring.check(page.name, change.yaml).entry if change else None
        history = authoring.history(page.name)
        usage = authoring.store.usage(self._services.clock.now() - PERIOD).get(page.name)
        shown = entry or checked
        return self._frame.page(
            look, "knowledge_entry.html", status=status, page=page, entry=entry, change=change, refused=refused,
            title=pick(shown.title, look.person.language) if shown and shown.title else page.name, usage=usage, days=DAYS,
            previews=self._previews(entry), changed=self._previews(checked), event=secrets.token_hex(12),
            lines=compared(change.before, change.yaml) if change else [], history=history,
            stale=bool(change and page.filed and page.filed.sha != change.base and change.state == "waiting"),
            can=self._can(look.person, page, history), owners=authoring.keepers.choices(), keepers=authoring.keepers,
            overdue=bool(entry and entry.overdue(authoring.today())),
        )  # fmt: skip

    def _can(self, person: Person, page: Page, history: list[Change]) -> dict[str, bool]:
        """Which of the buttons would be refused at once, so that they are not offered."""
        authoring, change, entry = self._authoring, page.change, page.entry
        keeps = bool(entry and authoring.keepers.keeps(person, entry.owner))
        live = bool(entry and entry.state == "published")
        return {
            "approve": bool(change and change.state == "waiting" and (authoring.alone or change.author != person.key)),
            "adopt": bool(entry and entry.state == "review" and change is None),
            "undo": any(item.state == "published" for item in history),
            "keep": keeps, "still": keeps and live, "retire": keeps and live,
        }  # fmt: skip

    def _previews(self, entry: Entry | None) -> list[dict[str, Any]]:
        return self._editor.previews(entry) if entry else []


SORTS_BY: Mapping[str, Callable[[list[Any]], list[Any]]] = {
    "attention": lambda rows: sorted(rows, key=lambda row: (-row.urgency, row.due, row.title.casefold())),
    "title": lambda rows: sorted(rows, key=lambda row: row.title.casefold()),
    "review": lambda rows: sorted(rows, key=lambda row: (row.due, row.title.casefold())),
    "hits": lambda rows: sorted(rows, key=lambda row: (-row.hits, row.title.casefold())),
    "rating": lambda rows: sorted(rows, key=lambda row: (-row.unhelpful, -row.hits, row.title.casefold())),
}


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 7 else 0
