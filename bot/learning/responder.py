"""What people press or type under a nudge: answers, wishes, "why me?", and their own data.

An answer is recorded once: the database takes the first one, every later press gets the same feedback again. It counts
for the question as it was sent, even if the lesson has been edited or retired since.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from bot.cards import Block, Button, Buttons, Card, Text, bare
from bot.errors import Conflict, Refused
from bot.learning.attendance import Response, Sittings
from bot.learning.footers import Footers
from bot.learning.memory import DAY, Scheduler, review
from bot.learning.mydata import HandOver, HeldOut, MyData
from bot.learning.postponing import Arrives, Postponing
from bot.learning.privacy import allowed
from bot.learning.record import Answer
from bot.learning.shapes import Library, Question, track_of
from bot.learning.store import LearningStore
from bot.learning.wording import feedback_card, names_in, say_card, why
from bot.model import Action, Person
from bot.organisation import Organisation, Words, pick
from bot.ports import Row
from bot.turn import Effect, Turn, Work

TYPED_WITHIN = 7 * DAY  # a typed letter answers a message no older than this
_COMMANDS = ("stop", "resume", "less", "why", "useless", "mydata", "privacy", "course")


class NudgeResponder:
    """The learning pillar's door."""

    prefix = "learning"

    def __init__(
        self,
        store: LearningStore,
        library: Callable[[], Library],
        organisation: Callable[[], Organisation],
        scheduler: Scheduler,
        hand_over: HandOver | None = None,
        held_out: HeldOut = lambda _key, _values: False,
        arrives: Arrives = lambda _person, day, _at: day,
    ) -> None:
        self._store, self._library, self._organisation, self._scheduler = store, library, organisation, scheduler
        self.footers: Footers | None = None
        self._sittings = Sittings(store, library, organisation, self.remember)
        self._postponing = Postponing(store, library, organisation, arrives)
        self._data = MyData(store, library, organisation, self._sittings.lines, hand_over, held_out)

    def respond(self, turn: Turn) -> Effect | None:
        if not turn.person.known or not turn.person.key:
            return None
        if turn.action is None:
            return self._typed(turn)
        prefix, _, verb = turn.action.id.partition(".")
        if prefix != self.prefix:
            return None
        return self._pressed(turn, verb, turn.action.value)

    def _pressed(self, turn: Turn, verb: str, value: str) -> Effect | None:
        nudge, _, detail = value.partition(":")
        match verb:
            case "answer":
                return self._answer(turn, self._mine(turn, nudge), detail)
            case "later":
                return self._postponing.later(turn, self._mine(turn, nudge), detail)
            case "day":
                form = turn.action.form if turn.action else {}
                return self._postponing.day(turn, self._mine(turn, nudge), form.get("day", ""))
            case "less":
                return self._less(turn, self._mine(turn, nudge) if nudge else self._store.newest(turn.person.key))
            case "why":
                return self._why(turn, self._mine(turn, nudge) if nudge else self._store.newest(turn.person.key))
            case "useless":
                return self._useless(turn, self._mine(turn, nudge) if nudge else self._newest(turn))
            case "stop" | "resume":
                row = self._mine(turn, nudge) if nudge else None
                return lambda work: self._stop(work, turn, row, verb == "stop")
            case "mydata" | "privacy":
                return self._data.privacy(turn, value) if verb == "privacy" else self._data.respond(turn, value)
            case "course":
                return self._sittings.open(turn, value)
            case "show" | "shown" if self.footers:
                found = self.footers.show(turn, value) if verb == "show" else self.footers.answer(turn, value)
                return found or (lambda _work: self._card(turn, "learning.closed"))
            case "section":
                return self._sittings.answer(turn, value) or (lambda _work: self._card(turn, "learning.closed"))
        return None

    def _typed(self, turn: Turn) -> Effect | None:
        """A letter, a number or the words of an option answer the newest question; fixed phrases do what buttons do."""
        if command := self.command(turn.text):
            return self._pressed(turn, command.id.partition(".")[2], "")
        if asked := self._postponing.typed(turn):
            nudge, day = asked
            return self._postponing.day(turn, self._mine(turn, nudge) if nudge else self._newest(turn), day)
        text = _plain(turn.text)
        row = self._store.newest(turn.person.key) if 0 < len(text) <= 200 else None
        if row is None or row["state"] == "closed" or turn.at - float(row["at"]) > TYPED_WITHIN:
            return None
        if turn.dialogue and turn.dialogue.updated_at > float(row["at"]):
            return None  # it belongs to something else that was asked since
        question = self._question(row)
        option = _named(question, text, row["language"]) if question else ""
        return self._answer(turn, row, option) if option else None

    def command(self, text: str) -> Action | None:
        """The button that a fixed phrase stands for ("stop tips", "meine Daten")."""
        said = _plain(text)
        for verb in _COMMANDS if 0 < len(said) <= 80 else ():
            key = f"learning.typed.{verb}"
            found = [
                lang
                for lang, texts in self._words().by_language.items()
                if said in [_plain(phrase) for phrase in texts.get(key, "").split("|")]
            ]
            if found:
                return Action(f"{self.prefix}.{verb}", form={"lang": found[0]} if len(found) == 1 else {})
        return None

    # answers

    def _mine(self, turn: Turn, nudge: str) -> Row | None:
        """The message, None if it is gone. Raises `Refused` if it went to somebody else."""
        row = self._store.nudge(nudge)
        if row and row["person"] != turn.person.key:
            raise Refused(self._say(turn, "learning.not_yours"))
        return row if row and row["lesson"] else None

    def _newest(self, turn: Turn) -> Row | None:
        """The newest tip, if it is recent enough to be what they talk about."""
        row = self._store.newest(turn.person.key)
        return row if row and turn.at - float(row["at"]) <= TYPED_WITHIN else None

    def _question(self, row: Row) -> Question | None:
        kept = self._store.question(row["lesson"], int(row["version"]))
        return Question.model_validate_json(kept) if kept else None

    def _answer(self, turn: Turn, row: Row | None, choice: str) -> Effect:
        question = self._question(row) if row else None
        if row is None or question is None or question.option(choice) is None:
            return lambda _work: self._card(turn, "learning.closed")
        done, total = self._progress(turn, row["lesson"])
        progress = self._words().say(turn.lang, "learning.progress", done=done, total=total)
        return lambda work: self._answered(work, turn, row, question, choice, progress)

    def _answered(self, work: Work, turn: Turn, row: Row, question: Question, choice: str, progress: str) -> Card:
        option = question.option(choice)
        right = bool(option and option.correct)
        if not self._store.answer(work.tx, row["id"], work.at):
            return self._again(work, turn, row, question, choice)
        lesson, version = row["lesson"], int(row["version"])
        self._store.close_others(work.tx, row["id"])
        self.remember(work, turn, Response(row["id"], lesson, version, choice, right))
        self._sittings.attended(work, turn, lesson, version)
        return feedback_card(question, choice, turn.values, self._words(), turn.lang, [progress])

    def _again(self, work: Work, turn: Turn, row: Row, question: Question, choice: str) -> Card:
        """Answered before: the feedback of the answer that counts; of this one if none was kept."""
        self._store.unhear(work.tx, turn.person.key, work.at)
        fresh = self._store.nudge(row["id"], work.tx) or row
        if fresh["state"] != "answered":
            return self._card(turn, "learning.closed")
        counts = self._store.kept_answer(row["id"], work.tx)
        card = feedback_card(question, counts or choice, turn.values, self._words(), turn.lang)
        said = Text(self._say(turn, "learning.already" if counts else "learning.already_unkept"))
        return Card("", (said, *card.blocks), source=card.source, lang=turn.lang)

    def remember(self, work: Work, turn: Turn, given: Response) -> None:
        """What was answered goes under a code, if it may be kept at all; it does not stay in the conversation."""
        person = turn.person.key
        self._store.unhear(work.tx, person, work.at)
        if not allowed(self._library().privacy, "answers", turn.values):
            return
        for _ in range(3):
            old = self._store.memory(work.tx, person, given.lesson)
            new = review(self._scheduler, person, given.lesson, given.version, old, right=given.right, at=work.at)
            if self._store.put_memory(work.tx, person, new, old.reviews if old else 0):
                break
        else:
            raise Conflict(self._say(turn, "learning.closed"))
        age = int((work.at - old.first_at) // DAY) if old else 0
        track = track_of(turn.person.roles)
        answer = Answer(given.lesson, given.version, given.choice, given.right, age, track)
        self._store.keep_answer(work.tx, given.item, person, answer, work.at)

    def _progress(self, turn: Turn, lesson: str) -> tuple[int, int]:
        """Lessons of the own curriculum answered at least once (this one included), and all of them."""
        library, roles = self._library(), turn.person.roles
        groups = library.groups_of(turn.person.id, roles, turn.person.entity)
        mine = library.curriculum(track_of(roles), high_risk="high_risk" in roles, groups=groups)
        course = {item.id for item in mine}
        met = {memory.lesson for memory in self._store.memories(turn.person.key)} | {lesson}
        return len(course & met), len(course)

    # wishes

    def _less(self, turn: Turn, row: Row | None) -> Effect:
        if row is None:
            return lambda _work: self._card(turn, "learning.closed")

        def less(work: Work) -> Card:
            done = self._store.lessen(work.tx, row["id"], work.at)
            if done:
                work.audit(turn.person.key, "learning.less", turn.person.key)
            return self._card(turn, "learning.lessened" if done else "learning.lessened_already", self._resume(turn))

        return less

    def _useless(self, turn: Turn, row: Row | None) -> Effect:
        """Not useful: that counts for the tip, and changes nothing for this person unless they press more."""
        if row is None:
            return lambda _work: self._card(turn, "learning.closed")
        buttons = [
            Button(self._say(turn, f"learning.button.{verb}"), f"learning.{verb}", row["id"])
            for verb in ("less", "stop")
        ]

        def noted(work: Work) -> Card:
            new = self._store.useless(work.tx, row["id"], work.at)
            return self._card(turn, "learning.useless" if new else "learning.useless_already", *buttons)

        return noted

    def _stop(self, work: Work, turn: Turn, row: Row | None, stopped: bool) -> Card:
        verb = "stop" if stopped else "resume"
        if self._store.stop(work.tx, turn.person.key, stopped, work.at):
            work.audit(turn.person.key, f"learning.{verb}", turn.person.key)
        if row:
            self._store.reacted(work.tx, row["id"], work.at)
        return (
            self._card(turn, "learning.stopped", self._resume(turn))
            if stopped
            else self._card(turn, "learning.resumed")
        )

    def _resume(self, turn: Turn) -> Button:
        return Button(self._say(turn, "learning.button.resume"), "learning.resume")

    def _why(self, turn: Turn, row: Row | None) -> Effect:
        if row is None:
            return lambda _work: self._card(turn, "learning.closed")
        organisation = self._organisation()
        names = names_in(turn.lang, organisation.roles, self._library())
        reason = why(row["reason"], json.loads(row["facts"]), organisation.words, turn.lang, names)
        said = (Text(reason), Text(self._say(turn, "learning.why_privacy"), "muted"))

        def explain(work: Work) -> Card:
            self._store.reacted(work.tx, row["id"], work.at)
            return Card("", said, lang=turn.lang)

        return explain

    def home(self, person: Person) -> list[Block]:
        """How often tips come, and the buttons that change it."""
        say, lang = self._words().say, person.language
        record = self._store.records([person.key], 0.0).get(person.key) if person.key else None
        rate, stopped = (record.rate, record.stopped) if record else (1.0, False)
        pace = say(lang, f"learning.pace.{'stopped' if stopped else 'full' if rate >= 1 else 'less'}")
        names = ("resume",) if stopped else ("less", "stop")
        buttons = [Button(say(lang, f"learning.button.{name}"), f"learning.{name}") for name in names]
        if self._library().courses_of(person.roles):
            buttons.insert(0, Button(say(lang, "learning.course.open"), "learning.course"))
        buttons.append(Button(say(lang, "home.my_data"), "learning.mydata"))
        return [
            Text(say(lang, "home.tips"), "strong"),
            Text(say(lang, "home.pace", pace=pace)),
            Buttons(tuple(buttons)),
        ]

    # words

    def _words(self) -> Words:
        return self._organisation().words

    def _say(self, turn: Turn, key: str) -> str:
        return self._words().say(turn.lang, key)

    def _card(self, turn: Turn, key: str, *buttons: Button) -> Card:
        return say_card(self._words(), turn.lang, key, *buttons)


def _plain(text: str) -> str:
    """Lower case, single spaces, without marks around it."""
    return " ".join(text.casefold().strip(" .!?¿¡)([]\"'").split())


def _named(question: Question, text: str, lang: str) -> str:
    """The option that was typed: its letter, its number, or its words in the language it was asked in; "" for none."""
    said = bare(text)
    if len(said) == 1 and said.isascii():
        place = int(said) - 1 if said.isdecimal() else ord(said) - ord("a")
        return question.options[place].id if 0 <= place < len(question.options) else ""
    found = [option.id for option in question.options if bare(pick(option.text, lang)) == said]
    return found[0] if len(found) == 1 else ""
