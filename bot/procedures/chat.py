"""Procedures in the chat: typed commands, and the buttons of a run's cards. Who may is asked anew at each press."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from bot.cards import Block, Button, Buttons, Card, Text, bare
from bot.errors import NotFound, Refused
from bot.model import Action, File, Person
from bot.organisation import MadeOf, Words
from bot.procedures.evidence import given
from bot.procedures.runs import Runs
from bot.procedures.shapes import Pinned
from bot.procedures.state import Run
from bot.turn import Effect, Turn, Work

_RUN = re.compile(r"run ?([0-9]{1,9})")  # as `bare` leaves it
EVIDENCE, WHY = "procedure.evidence", "procedure.why"
Change = Callable[[Work], Run]


@dataclass(frozen=True)
class Commands:
    """The first words of our commands: those with accents as (word, bare, language), all as (bare, language), the longest first.

    The language is "" where several have the word.
    """

    accented: tuple[tuple[str, str, str], ...]
    plain: tuple[tuple[str, str], ...]


class ProcedureChat:
    """Responder of `procedure.*`."""

    prefix = "procedure"

    def __init__(self, runs: Runs, words: Callable[[], Words]) -> None:
        self._runs, self._commands = runs, MadeOf(words, _commands)

    def respond(self, turn: Turn) -> Effect | None:
        """An effect for what is pressed, and for what answers our question."""
        if turn.action:
            return self._pressed(
                turn, turn.action.id.partition(".")[2], turn.action.value, turn.action.form.get("text", "")
            )
        dialogue = turn.dialogue
        if dialogue is None or dialogue.kind not in (EVIDENCE, WHY) or not (turn.text or turn.files):
            return None
        value, verb = dialogue.state["value"], dialogue.state.get("verb", "evidence")
        if late := self._late(turn, value, verb):
            return late
        if dialogue.kind == EVIDENCE:
            return self._give(turn, value, turn.text, turn.files)
        if turn.text and not turn.files:
            return self._why(turn, verb, value, turn.text)
        return None

    def asked(self, text: str) -> bool:
        """Whether a text is one of our commands: what it brings is not for a channel that others read."""
        return self._rest(text) is not None

    def command(self, text: str, person: Person) -> Action | None:
        """A typed command as what a button does, before its words can be taken for an emergency: "procedure account compromised".

        None for who may start nothing, and for a question that only begins like a command.
        """
        found = self._rest(text)
        if found is None or not (startable := self._runs.startable(person)):
            return None
        rest, lang = found
        known = not rest or bool(_RUN.fullmatch(rest)) or any(self._fits(one, rest) for one in startable)
        return Action("procedure.find", rest, {"lang": lang} if lang else {}) if known else None

    # typed

    def _late(self, turn: Turn, value: str, verb: str) -> Effect | None:
        """Where the run has gone on since we asked: what they write now is no answer any more, nor is what they write next."""
        name, step, visit, _ = _parts(value)
        run = self._runs.get(name)
        if run.running and (verb == "abort" or (run.step_seq == visit and self._runs.may(run, turn.person))):
            return None

        def said(work: Work) -> Card:
            _leave(work, turn)
            if not self._runs.sees(run, turn.person):
                return Card("", (Text(self._runs.say(turn.person, "procedure.not_yours")),), lang=turn.lang)
            late = "" if run.step_seq == visit else self._runs.late(run, step, turn.person, turn.at)
            return self._runs.card(run, turn.person, turn.at, said=late)

        return said

    def _found(self, turn: Turn, rest: str) -> Effect:
        """What a command names: a run, one procedure or several; without a name what there is."""
        startable = self._runs.startable(turn.person)
        if run := _RUN.fullmatch(rest):
            return self._show(turn, f"RUN-{run[1]}")
        found = [one for one in startable if rest and self._fits(one, rest)]
        if len(found) == 1:
            return self._offer(turn, found[0], "")
        return self._list(turn, found or startable, [] if rest else self._mine(turn))

    def _rest(self, text: str) -> tuple[str, str] | None:
        """What stands behind a command, as bare words, and the command's language ("" if several have it); None if it is none.

        An accent tells: "procédures" is French, "procedures" is English, or French in a hurry.
        """
        said, begun, commands = bare(text), text.strip().casefold(), self._commands()
        for word, plain, lang in commands.accented:
            if begun.startswith(word):
                return said[len(plain) :].strip(), lang
        for plain, lang in commands.plain:
            if said == plain or said.startswith(f"{plain} "):
                return said[len(plain) :].strip(), lang
        return None

    def _fits(self, one: Pinned, rest: str) -> bool:
        names = [bare(one.procedure.id), *(bare(title) for title in one.procedure.title.values())]
        return any(rest == name or set(rest.split()) <= set(name.split()) for name in names)

    def _mine(self, turn: Turn) -> list[Run]:
        running = self._runs.listed(state="running")
        desk = self._runs.crew.desk(turn.person)
        return sorted(
            (run for run in running if desk or run.holder == turn.person.key), key=lambda r: r.holder != turn.person.key
        )

    def _list(self, turn: Turn, startable: list[Pinned], mine: list[Run]) -> Effect:
        shown = [(run, self._runs.pinned(run)) for run in mine]
        card = self._runs.cards.listed(turn.person, shown, [one.procedure for one in startable])
        return lambda _work: card

    # pressed

    def _pressed(self, turn: Turn, verb: str, value: str, text: str) -> Effect | None:
        runs, by, name = self._runs, turn.person, value.partition(":")[0]
        effects: dict[str, Callable[[], Effect | None]] = {
            "find": lambda: self._found(turn, value),
            "list": lambda: self._list(turn, runs.startable(by), self._mine(turn)),
            "offer": lambda: self._offered(turn, value),
            "start": lambda: lambda work: self._started(work, turn, value),
            "show": lambda: self._show(turn, name),
            "done": lambda: self._done(turn, value),
            "bare": lambda: self._step(turn, value, lambda work, r, s, v: runs.done(work, r, s, v, by)),
            "evidence": lambda: self._give(turn, value, text, turn.files),
            "answer": lambda: self._answer(turn, value),
            "cannot": lambda: self._ask_why(turn, verb, value),
            "skip": lambda: self._ask_why(turn, verb, value),
            "abort": lambda: self._ask_why(turn, verb, f"{name}::0"),
            "why_cannot": lambda: self._why(turn, "cannot", value, text),
            "why_skip": lambda: self._why(turn, "skip", value, text),
            "why_abort": lambda: self._why(turn, "abort", value, text),
            "hand": lambda: lambda work: self._whom(work, turn, value),
            "give": lambda: self._hand(turn, value),
            "follow": lambda: lambda work: self._said(turn, runs.follow(work, name, by), "procedure.followed"),
            "unfollow": lambda: lambda work: self._said(turn, runs.unfollow(work, name, by), "procedure.unfollowed"),
        }
        return effects[verb]() if verb in effects else None

    def _offered(self, turn: Turn, value: str) -> Effect | None:
        name, _, ticket = value.partition(":")
        one = next((one for one in self._runs.startable(turn.person) if one.procedure.id == name), None)
        return self._offer(turn, one, ticket) if one else None

    def _offer(self, turn: Turn, one: Pinned, ticket: str) -> Effect:
        card = self._runs.cards.offer(one.procedure, turn.person, ticket, turn.at)
        return lambda _work: card

    def _started(self, work: Work, turn: Turn, value: str) -> Card:
        """One press starts one run, and a ticket has one run of a procedure, whoever presses."""
        name, _, ticket = value.partition(":")
        once = f"ticket:{ticket}:{name}" if ticket else f"event:{turn.key}"
        run = self._runs.start(work, name, turn.person, ticket=ticket, how="ticket" if ticket else "hand", once=once)
        return self._next(work, turn, run, self._runs.say(turn.person, "procedure.started", run=run.id))

    def _show(self, turn: Turn, name: str) -> Effect:
        run = self._runs.get(name)
        if not self._runs.sees(run, turn.person):
            raise NotFound(name)

        def shown(work: Work) -> Card:
            _leave(work, turn)
            return self._runs.card(run, turn.person, work.at)

        return shown

    def _done(self, turn: Turn, value: str) -> Effect:
        """At once, or after the question for evidence."""
        name, step, visit, _ = _parts(value)

        def asked(work: Work) -> Card:
            book, here = self._runs.at(work, name, step, visit, turn.person)
            if here.evidence == "none":
                return self._next(work, turn, self._runs.done(work, name, step, visit, turn.person), "")
            work.dialogue(turn.person.key, turn.place, EVIDENCE, {"value": value})
            card = self._runs.cards.asks(book.run, book.procedure, turn.lang, "evidence", value)
            if here.required:
                return card
            without = Button(self._runs.say(turn.person, "procedure.button.bare"), "procedure.bare", value)
            return Card(card.title, (*card.blocks, Buttons((without,))), card.tone, lang=card.lang)

        return asked

    def _give(self, turn: Turn, value: str, text: str, files: tuple[File, ...]) -> Effect:
        name, step, _, _ = _parts(value)
        if len(files) > 1:
            raise Refused(self._runs.say(turn.person, "procedure.one_file"))
        run = self._runs.get(name)
        here = self._runs.pinned(run).step(step) if self._runs.pinned(run).has(step) else None
        evidence = given(text, files, here.evidence if here else "any")
        return self._step(turn, value, lambda work, r, s, v: self._runs.done(work, r, s, v, turn.person, evidence))

    def _answer(self, turn: Turn, value: str) -> Effect:
        option = _parts(value)[3]
        return self._step(turn, value, lambda work, r, s, v: self._runs.answer(work, r, s, v, turn.person, option))

    def _step(self, turn: Turn, value: str, change: Callable[[Work, str, str, int], Run]) -> Effect:
        name, step, visit, _ = _parts(value)

        def run(work: Work) -> Card:
            changed = change(work, name, step, visit)
            _leave(work, turn)
            return self._next(work, turn, changed, "")

        return run

    def _ask_why(self, turn: Turn, verb: str, value: str) -> Effect:
        """Why, in words. A step that is not required is skipped without."""
        name, step, visit, _ = _parts(value)

        def asked(work: Work) -> Card:
            if verb == "abort":
                book = self._runs.locked(work, name, turn.person)
            else:
                book, here = self._runs.at(work, name, step, visit, turn.person)
                if verb == "skip" and not here.required:
                    return self._next(work, turn, self._runs.skip(work, name, step, visit, turn.person, ""), "")
            work.dialogue(turn.person.key, turn.place, WHY, {"value": value, "verb": verb})
            return self._runs.cards.asks(book.run, book.procedure, turn.lang, f"why_{verb}", value)

        return asked

    def _why(self, turn: Turn, verb: str, value: str, text: str) -> Effect:
        changes: dict[str, Callable[[Work, str, str, int], Run]] = {
            "skip": lambda work, r, s, v: self._runs.skip(work, r, s, v, turn.person, text),
            "cannot": lambda work, r, s, v: self._runs.cannot(work, r, s, v, turn.person, text),
            "abort": lambda work, name, *_: self._runs.abort(work, name, turn.person, text),
        }
        return self._step(turn, value, changes[verb])

    def _whom(self, work: Work, turn: Turn, value: str) -> Card:
        name, step, _, _ = _parts(value)
        book = self._runs.locked(work, name, turn.person)
        if book.run.step != step:
            return self._runs.card(book.run, turn.person, work.at)
        here = book.procedure.step(step)
        barred = self._runs.barred(book.run, here) | {turn.person.key}
        people = self._runs.crew.able(work, here.who, barred)
        return self._runs.cards.hand(book.run, book.procedure, turn.lang, value, people)

    def _hand(self, turn: Turn, value: str) -> Effect:
        name, _, _, who = _parts(value)

        def handed(work: Work) -> Card:
            person = self._runs.crew.identities.find(who) if who else None
            if who and person is None:
                raise NotFound(who)
            to = self._runs.crew.identities.meet(work.tx, person, work.at) if person else None
            return self._next(work, turn, self._runs.hand_over(work, name, turn.person, to), "")

        return handed

    def _said(self, turn: Turn, run: Run, key: str) -> Card:
        said = self._runs.say(turn.person, key, run=run.id)
        return self._runs.cards.told(run, self._runs.pinned(run), turn.person, said)

    def _next(self, work: Work, turn: Turn, run: Run, said: str) -> Card:
        """What whoever pressed sees then: their next step, who has it now, or the end."""
        if not run.running or run.holder == turn.person.key:
            return self._runs.card(run, turn.person, work.at, said=said)
        procedure = self._runs.pinned(run)
        holder = (
            self._runs.crew.identities.name(run.holder)
            if run.holder
            else self._runs.say(turn.person, "procedure.nobody")
        )
        text = self._runs.say(
            turn.person, "procedure.with", name=holder, n=procedure.number(run.step), of=len(procedure.steps)
        )
        blocks: tuple[Block, ...] = (*((Text(said),) if said else ()), Text(text))
        buttons = tuple(
            Button(self._runs.say(turn.person, f"procedure.button.{verb}"), f"procedure.{verb}", run.id)
            for verb in ("show", "follow")
        )
        return Card(
            self._runs.cards.title(run, procedure, turn.lang), (*blocks, Buttons(buttons)), "done", lang=turn.lang
        )


def _commands(words: Words) -> Commands:
    accented, found = list[tuple[str, str, str]](), dict[str, set[str]]()
    for lang, texts in words.by_language.items():
        for word in texts.get("procedure.words", "").split("|"):
            found.setdefault(bare(word), set()).add(lang)
            if not word.isascii():
                accented.append((word.casefold(), bare(word), lang))
    longest = sorted(filter(None, found), key=len, reverse=True)
    return Commands(
        tuple(accented), tuple((word, min(found[word]) if len(found[word]) == 1 else "") for word in longest)
    )


def _parts(value: str) -> tuple[str, str, int, str]:
    """`RUN-7:revoke:4:yes` as run, step, visit and what is left. Raises `NotFound` for what no button of ours says."""
    run, _, rest = value.partition(":")
    step, _, rest = rest.partition(":")
    visit, _, rest = rest.partition(":")
    if not visit.isdecimal():
        raise NotFound(value)
    return run, step, int(visit), rest


def _leave(work: Work, turn: Turn) -> None:
    """Whatever was asked of them is answered."""
    if turn.dialogue and turn.dialogue.kind in (EVIDENCE, WHY):
        work.end_dialogue(turn.person.key, turn.place)
