"""What somebody has to decide after an upgrade, and after two people have edited one file: for the console and the command line.

What changes something computes first and returns what is left to do in one short transaction, as `Authoring` does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from bot.answering.authoring import Authoring, Do, Stopped
from bot.answering.checking import label_of
from bot.answering.shipped import LESSON, Difference, Shipped
from bot.content import Shelf
from bot.errors import NotFound
from bot.model import Person
from bot.organisation import pick
from bot.shared_folder import Aside, SharedFolder
from bot.turn import Work


@dataclass(frozen=True)
class SetAside:
    """An edit that came too late: the file as it is in use, and as it would have been."""

    about: Aside
    ours: str
    theirs: str


@dataclass(frozen=True)
class Updates:
    """`reload` looks at database and disk now, so that what was decided is in use. `lesson`: title and text of a lesson by its id
    and a language; both empty if there is none."""

    shipped: Shipped
    shared: SharedFolder
    authoring: Authoring
    reload: Callable[[], object]
    lesson: Callable[[str, str], tuple[str, str]] = lambda _id, _lang: ("", "")

    # what there is to decide

    def waiting(self) -> list[str]:
        """New shipped answers that nobody is shown yet, and lessons (`lesson:id`) that are sent to nobody."""
        return self.shipped.waiting()

    def told(self, name: str, lang: str) -> tuple[str, str]:
        """Title and text of one that waits, as people would get it, values as `{name}`."""
        if name.startswith(LESSON):
            title, text = self.lesson(name.removeprefix(LESSON), lang)
            return title or name, text
        entry = self.authoring.library.entries.get(name)
        if entry is None:
            return name, ""
        answers = {code: "\n".join([answer.short, *answer.steps]) for code, answer in entry.answer.items()}
        return pick(entry.title, lang), pick(answers, lang)

    def differences(self) -> list[Difference]:
        """Shipped texts that changed under an edit of the organisation's."""
        return self.shipped.differences()

    def asides(self) -> list[SetAside]:
        """Edits by hand that came too late."""
        store, found = self.shared.store, list[SetAside]()
        for about in store.asides() if store else ():
            kept = store.aside(about.version) if store else None
            if kept:
                found.append(SetAside(about, _text(self._now(about.path)), _text(kept[1])))
        return found

    def count(self) -> int:
        """How much there is to decide."""
        return len(self.waiting()) + len(self.differences()) + len(self.asides())

    # new answers and lessons

    def use(self, person: Person, names: Sequence[str]) -> Callable[[Work], None]:
        """Bring them into use. Raises `NotFound`, `Stopped` where a golden question of another answer would break."""
        for name in names:
            entry = self.authoring.library.entries.get(name)
            if name not in self.waiting() or (entry is None and not name.startswith(LESSON)):
                raise NotFound(name)
            if entry is None:  # a lesson takes no question away
                continue
            text = _text(Shelf(self.authoring.parts.shelf().packaged).file(label_of(name)))
            if faults := self.authoring.trying.broken(entry.model_copy(update={"state": "published"}), text):
                raise Stopped(faults)
        return lambda work: self.shipped.decide(work, person.key, names, "live")

    def leave(self, person: Person, names: Sequence[str]) -> Callable[[Work], None]:
        """They stay out; who wants one after all writes it as their own. Raises `NotFound`."""
        if unknown := sorted(set(names) - set(self.waiting())):
            raise NotFound(unknown[0])
        return lambda work: self.shipped.decide(work, person.key, names, "out")

    # changes under an edit

    def keep(self, person: Person, name: str) -> Callable[[Work], None]:
        """The organisation's own text stays; what shipped this time is not shown again."""
        return lambda work: self.shipped.looked(work, person.key, name)

    def take(self, person: Person, name: str) -> Do:
        """The shipped text takes the place of the organisation's, which stays in the history. Raises as `Authoring` does."""
        return self.authoring.take_shipped(person, name, lambda work: self.shipped.looked(work, person.key, name))

    # edits that came too late

    def put(self, person: Person, version: int) -> Callable[[Work], None]:
        """Make an edit that was set aside the newest one. Raises `NotFound`, `Conflict`."""
        store = self.shared.store
        kept = store.aside(version) if store else None
        if store is None or kept is None:
            raise NotFound(str(version))
        path, data = kept
        self.shared.sync()
        self.shared.put(path, data, self.shared.digest(path), person.key, tried=False)
        store.settle(version)
        return lambda work: work.audit(person.key, "content.aside.used", str(version))

    def drop(self, person: Person, version: int) -> Callable[[Work], None]:
        """It is not needed. Raises `NotFound`."""
        store = self.shared.store
        if store is None or not store.settle(version):
            raise NotFound(str(version))
        return lambda work: work.audit(person.key, "content.aside.dropped", str(version))

    def _now(self, path: str) -> tuple[str, bytes, bool] | None:
        """The file that is in use."""
        with suppress(OSError):
            return self.authoring.parts.shelf().file(path)
        return None


def _text(found: tuple[str, bytes, bool] | bytes | None) -> str:
    data = found[1] if isinstance(found, tuple) else found or b""
    return data.decode("utf-8-sig", errors="replace")
