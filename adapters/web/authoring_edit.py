"""The editor: one text in two views, a form and the file itself, with faults at their place, previews, trials and a diff.

Every button of the form posts the whole of it and gets the page back, so nothing that was typed is lost and no script is needed;
with one, the same look comes by itself while somebody types.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, get_args

from starlette.responses import HTMLResponse, Response

from adapters.web.authoring_diff import compared
from adapters.web.authoring_form import applied, field_of, fields_of, languages_of, new_text
from adapters.web.authoring_services import Authors
from adapters.web.console import Done, Frame, Look
from adapters.web.signin import HOME
from bot.answering.authoring import Authoring, Do, Stopped
from bot.answering.changes import Change
from bot.answering.checking import Checked
from bot.answering.entries import Entry, Queue
from bot.answering.proposals import slug
from bot.answering.trying import Tried
from bot.answering.yamltext import edited
from bot.content import Document, Faults, parse
from bot.errors import Conflict, Fault, NotFound, Refused
from bot.organisation import pick
from bot.turn import Work

MOST_QUESTIONS = 20  # tried at once
LONGEST = 200_000  # characters of a file that the editor takes
QUEUES = tuple((name, name) for name in get_args(Queue))
EMPTY = "new"  # the name of an entry that has none yet


@dataclass(frozen=True)
class Sheet:
    """What lies before an author: the text, and what file and draft it comes from (`base`, `rev`)."""

    name: str
    text: str
    base: str = ""
    before: str = ""
    rev: int = 0
    view: str = "form"
    fresh: bool = False
    more: tuple[str, ...] = ()
    problem: str = ""
    asked: str = ""
    tried: tuple[Tried, ...] = ()
    moved: tuple[Tried, ...] | None = None
    faults: tuple[Fault, ...] = ()
    change: Change | None = None
    checked: Checked = field(default_factory=lambda: Checked(()))

    @property
    def document(self) -> Document | None:
        """The text, parsed, if it can be a form."""
        found = self.checked.document
        return found if found and isinstance(found.value, dict) else None


class Editor:
    """Pages and actions of one text."""

    def __init__(self, frame: Frame, authors: Authors) -> None:
        self._frame, self._authors = frame, authors

    @property
    def _authoring(self) -> Authoring:
        return self._authors.authoring

    # looking

    def new(self, look: Look) -> Response:
        """An empty sheet, with the question that brought it (`?question=`)."""
        question = look.request.query_params.get("question", "").strip()[:1000]
        org = self._frame.services.org()
        owner = next(iter(org.file.owners), slug(look.person.id))
        text = new_text(
            EMPTY, owner, next(iter(org.groups), "devices"), slug(look.person.id), self._authoring.today(), question
        )
        return self._render(look, Sheet("", text, fresh=True))

    def show(self, look: Look) -> Response:
        """The draft that is open, else the file. `?paraphrase=` and `?golden=` add a question to it."""
        sheet = self._opened(look.request.path_params["name"])
        for kind, name in (("questions", "paraphrase"), ("golden", "golden")):
            for question in look.request.query_params.getlist(name)[:MOST_QUESTIONS]:
                sheet = self._with_question(sheet, kind, question)
        return self._render(look, sheet)

    def look(self, look: Look, fields: Mapping[str, str]) -> Response:
        """What the page shows of a text besides the text: asked for by our script while somebody types."""
        sheet = self._posted(look, fields)
        return HTMLResponse(self._frame.fragment(look, "knowledge_look.html", **self._context(look, sheet)))

    def post(self, look: Look, fields: Mapping[str, str]) -> Done | Response:
        """A button of the editor."""
        sheet, do = self._posted(look, fields), fields.get("do", "look")
        if do in ("form", "yaml"):
            return self._render(look, replace(sheet, view=do))
        if do == "language":
            return self._render(look, replace(sheet, more=(*sheet.more, fields.get("language", "").strip().lower())))
        if do == "try":
            return self._render(look, self._tried(sheet))
        if do in ("save", "send"):
            return self._kept(look, fields, sheet, send=do == "send")
        return self._render(look, sheet)

    def do(self, look: Look, fields: Mapping[str, str], do: Do) -> Change | None:
        """Commit a change once for each sent form, and write its file if it has come to that. None: it was done before."""
        done: list[Change] = []

        def run(work: Work) -> None:
            done.append(do(work))

        self._frame.once(look, fields, run)
        if not done:
            return None
        self._authoring.writer.write({"change": done[0].id})
        self._authoring.parts.reload()
        return self._authoring.change(done[0].id)

    def previews(self, entry: Entry) -> list[dict[str, Any]]:
        """The entry in every language, and as those get it who are told something else."""
        roles = self._frame.services.org().roles
        shown: list[tuple[str, frozenset[str], str]] = [(code, frozenset(), "") for code in entry.answer]
        for role, texts in getattr(entry, "for_roles", {}).items():
            name = pick(roles[role].name, "en") if role in roles else role
            shown += [(code, frozenset({role}), name) for code in texts]
        return [
            {"code": code, "role": name, "views": self._authors.translators(self._authors.card(entry, code, who))}
            for code, who, name in shown
        ]

    # what is before an author

    def _opened(self, name: str) -> Sheet:
        filed, change = self._authoring.filed(name), self._authoring.open_change(name)
        if change:
            sheet = Sheet(name, change.yaml, change.base, change.before, change.rev, change=change)
        elif filed:
            sheet = Sheet(name, filed.text, filed.sha, filed.text)
        else:
            raise NotFound(name)
        return self._checked(sheet)

    def _posted(self, look: Look, fields: Mapping[str, str]) -> Sheet:
        """The sheet as it was sent: form fields over the text they were made from, or the text itself."""
        name, fresh = look.request.path_params.get("name", ""), "name" not in look.request.path_params
        text = fields.get("text", "").replace("\r\n", "\n").replace("\r", "\n")[:LONGEST].rstrip("\n") + "\n"
        view = "yaml" if fields.get("view") == "yaml" else "form"
        document = parse("", text.encode(), Faults()) if view == "form" else None
        if document and isinstance(document.value, dict):
            text = applied(text, document.value, fields)
            if fresh and (wanted := slug(fields.get("id", "").strip() or fields.get("en.title", ""))) != "new-answer":
                name, text = wanted, _renamed(text, wanted)
        elif fresh:
            name = str(_value(text).get("id", ""))
        change = self._authoring.open_change(name) if name and not fresh else None
        filed = self._authoring.filed(name) if name and not fresh else None
        base = fields.get("rebase") or fields.get("base", "")
        before = filed.text if filed and filed.sha == base else change.before if change else ""
        rev = int(fields["rev"]) if fields.get("rev", "").isdecimal() else 0
        more = tuple(code for code in fields.get("languages", "").split(",") if code)
        return self._checked(
            Sheet(name, text, base, before, rev, view, fresh, more, asked=fields.get("asked", "")[:4000],
                  change=change)
        )  # fmt: skip

    def _checked(self, sheet: Sheet) -> Sheet:
        checked = self._authoring.check(sheet.name or EMPTY, sheet.text)
        return replace(sheet, checked=checked, view=sheet.view if _is_form(checked) else "yaml")

    def _with_question(self, sheet: Sheet, kind: str, question: str) -> Sheet:
        """One more question in the language it is in, if the entry speaks it."""
        question = " ".join(question.split())[:300]
        if sheet.document is None or not question:
            return sheet
        languages = self._authoring.trying.knowledge().languages
        guessed = languages.guess(question) if languages else ""
        code = guessed if guessed in languages_of(sheet.document.value) else "en"
        have = fields_of(sheet.document.value).get(f"{code}.{kind}", "")
        text = applied(sheet.text, sheet.document.value, {f"{code}.{kind}": f"{have}\n{question}"})
        return self._checked(replace(sheet, text=text))

    # trying and keeping

    def _tried(self, sheet: Sheet) -> Sheet:
        entry = sheet.checked.entry
        redact = self._authoring.parts.redact
        asked = [redact(line.strip())[:600] for line in sheet.asked.splitlines() if line.strip()][:MOST_QUESTIONS]
        if entry is None:
            return sheet
        golden = [question for questions in entry.golden.values() for question in questions]
        tried = self._authoring.trying.questions(entry, dict.fromkeys([*asked, *golden]))
        broken = self._authoring.trying.broken(entry, sheet.text)
        return replace(sheet, tried=tuple(tried), moved=tuple(self._authoring.replay(entry)), faults=tuple(broken))

    def _kept(self, look: Look, fields: Mapping[str, str], sheet: Sheet, *, send: bool) -> Done | Response:
        authoring, name, seen = self._authoring, sheet.name, (sheet.base, sheet.rev)
        try:
            if sheet.fresh:
                self._free(look, name)
            make = authoring.send if send else authoring.save
            change = self.do(look, fields, make(look.person, name, sheet.text, seen))
        except Stopped as stopped:
            return self._render(look, replace(sheet, faults=stopped.faults, problem=self._say(look, "stopped")), 409)
        except (Refused, Conflict) as refused:
            return self._render(look, replace(sheet, problem=str(refused)), 409)
        target = f"{HOME}/knowledge/{name}"
        if change and change.state == "refused":
            return Done(target, "console.author.done.refused", {"name": name}, bad=True)
        if send:
            return Done(target, "console.author.done." + ("published" if authoring.alone else "send"), {"name": name})
        return Done(f"{target}/edit", "console.author.done.save", {"name": name})

    def _free(self, look: Look, name: str) -> None:
        """Raises `Refused` unless a new entry may have this name."""
        if not name or name == EMPTY or slug(name) != name:
            raise Refused(self._say(look, "no_name"))
        if self._authoring.filed(name) or self._authoring.open_change(name):
            raise Refused(self._say(look, "taken", name=name))

    # showing

    def _render(self, look: Look, sheet: Sheet, status: int = 200) -> Response:
        if not sheet.checked.document and not sheet.checked.faults:
            sheet = self._checked(sheet)
        return self._frame.page(look, "knowledge_edit.html", status=status, **self._context(look, sheet))

    def _context(self, look: Look, sheet: Sheet) -> dict[str, Any]:
        authoring, org = self._authoring, self._frame.services.org()
        document = sheet.document
        value: Any = document.value if document else {}
        faults = tuple(dict.fromkeys((*sheet.checked.faults, *sheet.faults)))
        filed = authoring.filed(sheet.name) if sheet.name and not sheet.fresh else None
        entry = sheet.checked.entry
        title = pick(entry.title, look.person.language) if entry and entry.title else sheet.name
        lang = look.person.language
        return {
            "sheet": sheet, "title": title, "event": secrets.token_hex(12), "fields": fields_of(value),
            "languages": languages_of(value, sheet.more), "faults": [_Placed(fault, _field(document, fault)) for fault in faults],
            "source": sheet.text.splitlines(), "bad": {fault.line for fault in faults}, "fault_lines": sheet.text.splitlines(),
            "previews": self.previews(entry) if entry else [], "lines": compared(sheet.before, sheet.text),
            "stale": bool(filed and filed.sha != sheet.base), "disk": filed.sha if filed else "",
            "theirs": compared(sheet.before, filed.text) if filed and filed.sha != sheet.base else [],
            "alone": authoring.alone, "groups": [(key, pick(name, lang)) for key, name in org.groups.items()],
            "roles": [(key, pick(role.name, lang)) for key, role in org.roles.items()],
            "emergencies": [(name, name) for name in sorted(authoring.parts.vocabulary().emergencies)], "queues": QUEUES,
            "owners": authoring.keepers.choices(),
            "titles": {key: pick(item.title, lang) if item.title else key for key, item in authoring.library.entries.items()},
            "tellings": [pick(org.roles[role].name, lang) if role in org.roles else role for role in value.get("for_roles") or {}]
            if isinstance(value, dict) else [],
        }  # fmt: skip

    def _say(self, look: Look, key: str, **params: object) -> str:
        return self._frame.say(look, f"console.author.{key}", **params)


@dataclass(frozen=True)
class _Placed:
    """A fault and the form's field it belongs to, "" for none."""

    fault: Fault
    field: str


def _is_form(checked: Checked) -> bool:
    return checked.document is not None and isinstance(checked.document.value, dict)


def _field(document: Document | None, fault: Fault) -> str:
    """The field for a place in the file."""
    place = (fault.line, fault.column)
    paths = [path for path, where in document.marks.items() if where == place and path] if document else []
    return field_of(max(paths, key=len)) if paths else ""


def _value(text: str) -> dict[str, Any]:
    document = parse("", text.encode(), Faults())
    return document.value if document and isinstance(document.value, dict) else {}


def _renamed(text: str, name: str) -> str:
    return edited(text, {("id",): name})
