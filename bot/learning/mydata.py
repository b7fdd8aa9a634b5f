"""`my data`: what is kept about somebody, shown, handed over and deleted, in the chat, by nobody but themselves.

What is shown is what nudges keep. What is handed over is every row of every table that is theirs. What can be deleted here are
answers, memories and the history of tips; the rest has its own rules, and goes when somebody is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from bot.cards import Attached, Block, Button, Buttons, Card, Facts, Steps, Text
from bot.learning.memory import DAY
from bot.learning.privacy import module_card, overview_card
from bot.learning.shapes import Library
from bot.learning.store import LearningStore
from bot.learning.wording import say_card
from bot.learning.workdays import own_zone
from bot.organisation import Organisation, Words, pick
from bot.ports import Row
from bot.turn import Effect, Turn, Work

LISTED = 30  # messages, and answers, that are shown; the file has them all
KEEP_DAYS = 28 * DAY  # "erase" leaves the days of messages this recent, for the caps
FILE = "my-data.json"
HANDED = "learning.mydata"  # `Card.source` of the card that hands it over

HandOver = Callable[[Work, str, str], Attached]  # everything of a pseudonym, kept as a file of this name for them
HeldOut = Callable[[str, Mapping[str, str]], bool]  # whether a pseudonym is in a comparison group now
Lines = Callable[[Turn], Sequence[tuple[str, str]]]


@dataclass(frozen=True)
class Kept:
    """What is kept about somebody. `history` and `answers` are newest first; `courses`: each with how far they are."""

    history: Sequence[Row]
    answers: Sequence[Row]
    rate: float
    stopped: bool
    courses: Sequence[tuple[str, str]] = ()
    held_out: bool = False


@dataclass(frozen=True)
class MyData:
    """What people press about their own data. `hand_over` makes the file; without it nothing is offered."""

    store: LearningStore
    library: Callable[[], Library]
    organisation: Callable[[], Organisation]
    courses: Lines
    hand_over: HandOver | None = None
    held_out: HeldOut = lambda _key, _values: False

    def respond(self, turn: Turn, what: str) -> Effect:
        """`learning.mydata` with "" (show), `export`, `erase` (ask) or `erase-yes`."""
        if what == "erase":
            yes = Button(self._say(turn, "learning.button.erase_yes"), "learning.mydata", "erase-yes", "danger")
            return lambda _work: say_card(self._words, turn.lang, "learning.data.sure", yes)
        if what == "erase-yes":
            return lambda work: self._erase(work, turn)
        if what == "export" and self.hand_over and turn.place.private:
            return lambda work: self._export(work, turn)
        card = self._card(turn)
        return lambda _work: card

    def privacy(self, turn: Turn, module: str) -> Effect:
        """The page of a module, or the list of them."""
        privacy = self.library().privacy
        if module in privacy:
            page = module_card(privacy, module, turn.values, self._words, turn.lang)
        else:
            page = overview_card(privacy, self._words, turn.lang)
        return lambda _work: page

    def _card(self, turn: Turn) -> Card:
        key = turn.person.key
        record = self.store.records([key], 0.0).get(key)
        rate, stopped = (record.rate, record.stopped) if record else (1.0, False)
        kept = Kept(
            self.store.history(key), self.store.answers(key, turn.at), rate, stopped, self.courses(turn),
            self.held_out(key, turn.values),
        )  # fmt: skip
        where = own_zone(turn.person.timezone, self.organisation().file.timezone)
        return data_card(kept, self.library(), where, self._words, turn.lang, export=bool(self.hand_over))

    def _export(self, work: Work, turn: Turn) -> Card:
        assert self.hand_over is not None  # noqa: S101
        file = self.hand_over(work, turn.person.key, FILE)
        work.audit(turn.person.key, "learning.export", turn.person.key)
        blocks = (Text(self._say(turn, "learning.data.file")), file)
        return Card("", blocks, "done", HANDED, turn.lang, private=True)

    def _erase(self, work: Work, turn: Turn) -> Card:
        self.store.erase(work.tx, turn.person.key, work.at - KEEP_DAYS, work.at)
        work.audit(turn.person.key, "learning.erase", turn.person.key)
        return say_card(self._words, turn.lang, "learning.data.gone")

    @property
    def _words(self) -> Words:
        return self.organisation().words

    def _say(self, turn: Turn, key: str) -> str:
        return self._words.say(turn.lang, key)


def data_card(kept: Kept, library: Library, where: ZoneInfo, words: Words, lang: str, *, export: bool = False) -> Card:
    """Everything that nudges keep about a person, for that person."""

    def say(key: str, **more: Any) -> str:
        return words.say(lang, key, **more)

    pace = "stopped" if kept.stopped else "full" if kept.rate >= 1 else "less"
    facts = [
        (say("learning.data.pace"), say(f"learning.pace.{pace}")), (say("learning.data.count"), str(len(kept.history))),
        (say("learning.data.answers"), str(len(kept.answers))), *kept.courses,
    ]  # fmt: skip
    blocks: list[Block] = [Facts(tuple(facts))]
    if kept.held_out:
        blocks.append(Text(say("learning.data.held_out")))
    if lines := [_message(row, library, where, words, lang) for row in kept.history[:LISTED]]:
        blocks.append(Steps(tuple(lines), say("learning.data.list"), ordered=False))
    if lines := [_answer(row, library, words, lang) for row in kept.answers[:LISTED]]:
        blocks.append(Steps(tuple(lines), say("learning.data.answers_list"), ordered=False))
    blocks.append(Text(say("learning.data.kept"), "muted"))
    blocks += [Text(say("learning.data.attendance"), "muted")] if kept.courses else []
    buttons = [Button(say("learning.button.export"), "learning.mydata", "export")] if export else []
    buttons += (
        [Button(say("learning.button.erase"), "learning.mydata", "erase")] if kept.history or kept.answers else []
    )
    buttons.append(Button(say("learning.button.privacy"), "learning.privacy"))
    return Card(say("learning.data.title"), (*blocks, Buttons(tuple(buttons))), lang=lang, private=True)


def _title(row: Row, library: Library, words: Words, lang: str) -> str:
    lesson = library.lessons.get(row["lesson"])
    return pick(lesson.title, lang) if lesson else row["lesson"] or words.say(lang, "learning.data.erased")


def _message(row: Row, library: Library, where: ZoneInfo, words: Words, lang: str) -> str:
    day = datetime.fromtimestamp(float(row["at"]), where).date().isoformat()
    state = row["state"]
    return f"{day}: {_title(row, library, words, lang)} ({words.say(lang, f'learning.state.{state}')})"


def _answer(row: Row, library: Library, words: Words, lang: str) -> str:
    state = "answered_so" if int(row["correct"]) == 1 else "answered_otherwise"
    return f"{row['month']}: {_title(row, library, words, lang)} ({words.say(lang, f'learning.state.{state}')})"
