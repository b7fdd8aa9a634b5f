"""A new answer, proposed from a conversation: asked for in a form, held to the same rules as a file, shown as it will look.

What passes is stored with its author and written beside the organisation's other answers as `state: review`: nobody is shown
it until a second person has approved it there.
"""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import yaml

from bot.answering.answer_card import answer_card
from bot.answering.entries import Entry, Vocabulary
from bot.answering.knowledge import FOLDER, read_answers
from bot.cards import Block, Card, Input, Text
from bot.content import Document, Faults, Shelf, parse, read
from bot.errors import Conflict, Refused
from bot.model import Action, Person
from bot.organisation import Organisation, pick
from bot.ports import Clock, Payload, Row, Tx
from bot.shared_folder import SharedFolder
from bot.turn import Effect, Turn, Work

ACTION = "answering.propose"
REVIEW = timedelta(days=180)
_LANG = "en"  # every other language falls back to it
_VALUE = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_FIELDS: Mapping[str, str] = {
    "title": "title", "questions": "questions", "answer": "short", "group": "group", "severity": "severity",
    "sources": "source", "owner": "owner", "id": "title", "ring": "ring", "placeholders": "short",
}  # fmt: skip


class ProposalStore(Protocol):
    """SQL of proposals."""

    def add_proposal(self, tx: Tx, row: Mapping[str, object]) -> bool: ...

    def proposal(self, name: str) -> Row | None: ...


@dataclass(frozen=True)
class Looked:
    """A filled-in form: what is wrong by field, or the entry it makes and its file."""

    faults: Mapping[str, str]
    entry: Entry | None = None
    data: bytes = b""


@dataclass(frozen=True)
class Proposals:
    """`shelf` and `vocabulary` are those of the knowledge base; `shared` is where the organisation's own answers are written."""

    store: ProposalStore
    shelf: Callable[[], Shelf]
    vocabulary: Callable[[], Vocabulary]
    organisation: Callable[[], Organisation]
    shared: SharedFolder
    cache: Path | None
    clock: Clock

    def may(self, person: Person) -> bool:
        """Who works at the desk may propose."""
        return person.known and bool(person.roles & self.organisation().desk_roles())

    def form(self, person: Person, filled: Mapping[str, str], above: Sequence[Block] = ()) -> Card:
        """The questions, with what is known already; `above` stands before them."""
        org = self.organisation()

        def say(key: str) -> str:
            return org.words.say(person.language, f"propose.{key}")

        send = say("send")
        groups = tuple((key, pick(name, person.language)) for key, name in org.groups.items())
        spoken = person.language
        severities = tuple((key, org.words.say(spoken, f"propose.severity.{key}")) for key in ("S0", "S1", "S2"))
        owners = tuple((key, name) for key, name in org.file.owners.items())

        def field(name: str, *, multiline: bool = False, optional: bool = False, choose: Any = ()) -> Input:
            return Input(name, say(name), ACTION, send, "", multiline, filled.get(name, ""), choose, optional)

        blocks: list[Block] = [*above] or [Text(say("body"))]
        blocks += [
            field("title"), field("questions", multiline=True), field("short", multiline=True),
            field("steps", multiline=True, optional=True), field("do_not", multiline=True, optional=True),
            field("ring", multiline=True, optional=True), field("group", choose=groups),
            field("severity", choose=severities), field("source"),
        ]  # fmt: skip
        blocks += [field("owner", choose=owners)] if owners else []
        return Card(say("form"), tuple(blocks), "question", lang=person.language)

    def look(self, person: Person, form: Mapping[str, str]) -> Looked:
        """A filled-in form under the rules of a file."""
        value = self._entry(person, form)
        data = yaml.safe_dump(value, allow_unicode=True, sort_keys=False, width=120).encode()
        label = f"{FOLDER}/{value['id']}.yaml"
        faults = Faults()
        shelf = self.shelf()
        library = read_answers(
            _With(shelf.packaged, shelf.overlay, label, data), self.vocabulary(), faults, cache=self.cache
        )
        mine = [fault for fault in faults.found if fault.file == label]
        document = parse(label, data, Faults())
        if mine and document:
            return Looked({_field(document, fault.line, fault.column): f"{fault.what}: {fault.mend}" for fault in mine})
        return Looked(
            {}, library.entries.get(value["id"]) or read(Entry, document, Faults()) if document else None, data
        )

    def preview(self, person: Person, entry: Entry, form: Mapping[str, str]) -> Card:
        """How people will see it, and the form to change it or send it off."""
        org = self.organisation()
        card = answer_card(entry, _LANG, org.values(person.entity, _LANG), org.words, self._today())
        head = Text(org.words.say(person.language, "propose.preview"), "muted")
        shown = [block for block in card.blocks if not hasattr(block, "buttons")]
        return self.form(person, form, [head, Text(card.title, "strong"), *shown])

    def propose(self, turn: Turn) -> Effect:
        """Keep a proposal. Raises `Refused` if it is not for this person or is not in order."""
        words = self.organisation().words
        if not self.may(turn.person) or turn.action is None:
            raise Refused(words.say(turn.lang, "propose.desk_only"))
        looked = self.look(turn.person, turn.action.form)
        if looked.entry is None:
            raise Refused("\n".join(looked.faults.values()) or words.say(turn.lang, "propose.taken"))
        return lambda work: self._keep(work, turn, looked)

    def write(self, payload: Payload) -> None:
        """Job `answering.keep`: the file of the stored proposal `payload["proposal"]`. Never over one that is there."""
        row = self.store.proposal(payload["proposal"])
        if row:
            with suppress(Conflict):  # somebody else's is there
                self.shared.put(f"{FOLDER}/{row['entry']}.yaml", str(row["yaml"]).encode(), "", str(row["author"]))

    # inside

    def _keep(self, work: Work, turn: Turn, looked: Looked) -> Card:
        assert looked.entry is not None  # noqa: S101
        entry, words = looked.entry, self.organisation().words
        row = {"id": uuid.uuid4().hex, "entry": entry.id, "yaml": looked.data.decode(), "author": turn.person.key,
               "at": work.at}  # fmt: skip
        if not self.store.add_proposal(work.tx, row):
            raise Conflict(words.say(turn.lang, "propose.taken"))
        work.audit(turn.person.key, "answer.propose", entry.id)
        work.job("answering.keep", f"propose:{row['id']}", {"proposal": str(row["id"])})
        said = words.say(turn.lang, "propose.done", title=pick(entry.title, _LANG), file=f"{FOLDER}/{entry.id}.yaml")
        return Card("", (Text(said),), "done", lang=turn.lang)

    def _entry(self, person: Person, form: Mapping[str, str]) -> dict[str, Any]:
        """What the file would hold."""
        title, severity = form.get("title", "").strip(), form.get("severity", "S0")
        answer: dict[str, Any] = {"short": form.get("short", "").strip()}
        answer |= {key: list(_lines(form.get(key, ""))) for key in ("steps", "do_not") if form.get(key, "").strip()}
        answer |= {"ring": form["ring"].strip()} if form.get("ring", "").strip() else {}
        used = sorted({name for text in _texts(answer) for name in _VALUE.findall(text)})
        today = self._today()
        owner = form.get("owner", "") or next(iter(self.organisation().file.owners), "helpdesk")
        return {
            "schema": "answer/1", "id": slug(title), "version": 1, "state": "review", "group": form.get("group", ""),
            "roles": ["all"], "severity": severity, "title": {_LANG: title},
            "questions": {_LANG: list(_lines(form.get("questions", "")))}, "answer": {_LANG: answer},
            "buttons": ["person"] if severity != "S0" else [], "placeholders": used,
            "sources": [_source(line) for line in _lines(form.get("source", ""))],
            "owner": owner, "author": slug(person.id), "reviewed": today, "review_due": today + REVIEW,
        }  # fmt: skip

    def _today(self) -> date:
        return datetime.fromtimestamp(self.clock.now(), UTC).date()


@dataclass(frozen=True)
class _With(Shelf):
    """A shelf with one more file in it."""

    label: str = ""
    data: bytes = b""

    def folder(self, name: str) -> Iterator[tuple[str, bytes, bool]]:
        yield from super().folder(name)
        if name == FOLDER:
            yield self.label, self.data, True


def asked(action: Action) -> dict[str, str]:
    """The first questions of a form, from the message that it begins with."""
    text = action.form.get("question", "").strip()
    line = next(iter(_lines(text)), "")
    return {"title": line[:150], "questions": text[:1_000]} if line else {}


def slug(text: str) -> str:
    """An id out of words."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().casefold()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].strip("-") or "new-answer"


def _lines(text: str) -> Iterator[str]:
    yield from (line.strip(" \t-•*") for line in text.splitlines() if line.strip(" \t-•*"))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _source(line: str) -> dict[str, Any]:
    """`Publisher: title` as a source that somebody still has to open."""
    publisher, colon, title = line.partition(":")
    publisher, title = (publisher.strip(), title.strip()) if colon else (line.strip(), line.strip())
    code = re.sub(r"[^A-Za-z0-9]+", "-", publisher).strip("-").upper()[:40] or "SOURCE"
    return {"code": code, "title": title or publisher, "publisher": publisher or title, "checked": None}


def _field(document: Document, line: int, column: int) -> str:
    """The form's field for a place in the file."""
    paths = [path for path, place in document.marks.items() if place == (line, column) and path]
    path = max(paths, key=len, default=())
    part = next((str(step) for step in path if step in ("steps", "do_not", "ring")), "")
    return part or _FIELDS.get(str(path[0]) if path else "", "short")
