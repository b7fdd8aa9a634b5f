"""The answering pillar: an answer, "did you mean", or a person. Never an invented one, never a third try."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from bot.answering.answer_card import answer_card, why_card
from bot.answering.entries import Entry, Library
from bot.answering.smalltalk import Smalltalk
from bot.cards import Button, Buttons, Card, Choices, Text
from bot.errors import NotFound
from bot.model import Outcome, Person, Severity
from bot.organisation import Organisation, Words, pick
from bot.ports import Tx
from bot.turn import Effect, Escalation, QuestionAsked, TicketRequest, Turn, Work, place_key

SUGGESTIONS = 3


@dataclass(frozen=True)
class Judgement:
    """What the search makes of a question: best ids first; `confidence` is the calibrated chance that the first is right."""

    outcome: Outcome  # ANSWER, SUGGEST or ESCALATE
    ids: tuple[str, ...]
    confidence: float


class Searcher(Protocol):
    """The search, restricted to the ids a person may see."""

    def judge(self, question: str, allowed: Collection[str]) -> Judgement: ...


@dataclass(frozen=True)
class Knowledge:
    """One loaded and fitted version of the knowledge base; swapped whole."""

    library: Library
    search: Searcher
    smalltalk: Smalltalk


class QuestionStore(Protocol):
    """SQL of asked questions."""

    def add_question(self, tx: Tx, row: Mapping[str, object]) -> None: ...

    def rate(self, tx: Tx, question: str, person: str, rating: str) -> bool: ...


class Confirmer(Protocol):
    """Asks "did this just happen to you?" before an incident's article is shown."""

    def confirm(self, work: Work, turn: Turn, kind: str, entry: str) -> Card: ...


@dataclass(frozen=True)
class Considered:
    """What a question would get, with nothing written: for `secdesk ask` and previews."""

    outcome: Outcome
    entry: str
    suggestions: tuple[str, ...]
    confidence: float


class Answers:
    """Responder of the answering pillar (action ids `answering.*`). It is asked last and always answers."""

    prefix = "answering"

    def __init__(
        self,
        knowledge: Callable[[], Knowledge],
        organisation: Callable[[], Organisation],
        escalation: Escalation,
        store: QuestionStore,
        confirmer: Confirmer,
        promise: Callable[[Person, float], str],
        propose: Callable[[Turn], Effect] | None = None,
    ) -> None:
        self._knowledge, self._organisation, self._escalation = knowledge, organisation, escalation
        self._store, self._confirmer, self._promise, self._propose = store, confirmer, promise, propose

    def just_asking(self, turn: Turn, entry: str) -> Effect:
        """The article itself, for somebody who said that nothing has happened."""
        considered = self.consider(turn.text, turn.person)
        entry = entry or considered.entry
        if entry in self._visible(self._knowledge(), turn.person):
            found = self._entry(entry, turn.person)
            return lambda work: self._show(work, turn, found, considered.confidence)
        return lambda work: self._answer(work, turn, considered)

    def secret(self, turn: Turn, *, real: bool) -> Effect:
        """What follows when somebody says whether the secret they pasted was a real one."""
        if real:
            return lambda work: self._secret_was_real(work, turn)
        card = Card("", (Text(self._words.say(turn.lang, "secret.no")),), lang=turn.lang)
        return lambda _work: card

    # reading

    def consider(self, text: str, person: Person) -> Considered:
        """What this person would get for this text. An incident's entry is confirmed, never shown at once."""
        knowledge = self._knowledge()
        judged = knowledge.search.judge(text, self._visible(knowledge, person))
        outcome, ids = judged.outcome, judged.ids[:SUGGESTIONS]
        if outcome is Outcome.ANSWER and knowledge.library.entries[ids[0]].severity == "S3":
            outcome = Outcome.CONFIRM
        entry = ids[0] if outcome in {Outcome.ANSWER, Outcome.CONFIRM} else ""
        return Considered(outcome, entry, ids if outcome is Outcome.SUGGEST else (), judged.confidence)

    def confidential(self, text: str, person: Person) -> bool:
        """Whether the answer is for this person's eyes: it is urgent, about an incident, or not for everybody."""
        entry = self._knowledge().library.entries.get(self.consider(text, person).entry)
        return entry is not None and (not entry.public or entry.severity in ("S2", "S3") or entry.group == "incident")

    def card(self, entry: str, person: Person, at: float, *, question: str = "", ticket: str = "") -> Card:
        """An entry as this person would see it. Raises `NotFound` if it is not theirs to see."""
        found = self._entry(entry, person)
        org = self._organisation()
        today = datetime.fromtimestamp(at, UTC).date()
        values = org.values(person.entity)
        return answer_card(found, person.language, values, org.words, today, question=question, ticket=ticket)

    def suggestions(self, ids: Collection[str], lang: str, subject: str = "") -> Card:
        """The "did you mean" card."""
        words, entries = self._organisation().words, self._knowledge().library.entries
        options = [Button(pick(entries[i].title, lang), "answering.ask", i) for i in ids if i in entries]
        options.append(Button(words.say(lang, "button.none"), "answering.none", subject[:500]))
        more = Text(words.say(lang, "suggest.more"), "muted")
        return Card("", (Choices(words.say(lang, "suggest.title"), tuple(options)), more), "question", lang=lang)

    # answering

    def respond(self, turn: Turn) -> Effect | None:
        """An effect for every text; None for files and for actions that are not known here."""
        if turn.action:
            return self._pressed(turn, turn.action.id.partition(".")[2], turn.action.value)
        if turn.files:
            return None
        small = self._knowledge().smalltalk.kind(turn.text)
        if small == "person":
            return lambda work: self.escalate(work, turn, turn.text, asked_for=True)
        if small:
            card = self._small(turn, small)
            return lambda _work: card
        considered = self.consider(turn.text, turn.person)
        return lambda work: self._answer(work, turn, considered)

    def _pressed(self, turn: Turn, verb: str, value: str) -> Effect | None:
        match verb:
            case "ask":
                entry = self._entry(value, turn.person)
                return lambda work: self._show(work, turn, entry, 1.0)
            case "none":
                return lambda work: self.escalate(work, turn, value)
            case "solved" | "unhelpful":
                return lambda work: self._rate(work, turn, verb, value)
            case "propose" if self._propose:
                return self._propose(turn)
            case "why":
                return lambda _work: self._why(turn, value)
        return None

    def _answer(self, work: Work, turn: Turn, considered: Considered) -> Card:
        missed = turn.dialogue is not None and turn.dialogue.kind == "answering.miss"
        match considered.outcome:
            case Outcome.ANSWER:
                entry = self._entry(considered.entry, turn.person)
                return self._show(work, turn, entry, considered.confidence)
            case Outcome.CONFIRM:
                entry = self._entry(considered.entry, turn.person)
                self._keep(work, turn, turn.text, Outcome.CONFIRM, entry.id, considered.confidence)
                return self._confirmer.confirm(work, turn, entry.emergency or "incident", entry.id)
            case Outcome.SUGGEST if not missed:
                self._keep(work, turn, turn.text, Outcome.SUGGEST, "", considered.confidence)
                work.dialogue(turn.person.key, turn.place, "answering.miss", {"text": turn.text[:500]})
                return self.suggestions(considered.suggestions, turn.lang, turn.text)
        return self.escalate(work, turn, turn.text, considered.confidence)

    def _show(self, work: Work, turn: Turn, entry: Entry, confidence: float) -> Card:
        """The article. S2 brings a person too; an open "did you mean" ends here."""
        if turn.dialogue and turn.dialogue.kind == "answering.miss":
            work.end_dialogue(turn.person.key, turn.place)
        asked = turn.text or pick(entry.title, "en")
        question = self._keep(work, turn, asked, Outcome.ANSWER, entry.id, confidence)
        ticket = ""
        if entry.severity == "S2":
            join = f"entry:{entry.id}:{turn.person.key}"
            title = pick(entry.title, "en")
            request = TicketRequest(
                turn.person.key, turn.place, "question", title, asked, "S2", queue=entry.escalate.queue, join=join
            )
            ticket = self._escalation.open(work, request).number
        return self.card(entry.id, turn.person, turn.at, question=question, ticket=ticket)

    def escalate(self, work: Work, turn: Turn, text: str, confidence: float = 0.0, *, asked_for: bool = False) -> Card:
        """A person, with the ticket already filled in. `asked_for`: a person was what they wanted."""
        subject = text or self._words.say("en", "ticket.no_subject")
        self._keep(work, turn, subject, Outcome.ESCALATE, "", confidence)
        if not turn.person.known:
            return self.person_card(turn.person, turn.at, "")
        join = f"question:{turn.person.key}"
        ref = self._escalation.open(
            work, TicketRequest(turn.person.key, turn.place, "question", subject, subject, "S1", join=join)
        )
        talk = work.store.conversation(turn.person.key, place_key(turn.place), 20)
        if talk and not ref.joined:
            lines = "\n".join(("> " if row["direction"] == "in" else "< ") + row["text"] for row in talk)
            self._escalation.log(work, ref.number, turn.person.key, "conversation", lines)
        work.dialogue(turn.person.key, turn.place, "tickets.talk", {"ticket": ref.number})
        return self.person_card(turn.person, turn.at, ref.number, asked_for=asked_for)

    def person_card(self, person: Person, at: float, number: str, *, asked_for: bool = False) -> Card:
        """That a person has it now; without a number: that a person would get it. Outsiders get the phone number."""
        words, lang = self._words, person.language
        values = self._organisation().values(person.entity)
        phone = words.say(lang, "escalate.phone", helpdesk_phone=values.get("helpdesk_phone", ""))
        if not person.known:
            report = Button(words.say(lang, "button.report"), "reporting.start")
            emergency = Button(words.say(lang, "button.emergency"), "emergency.start", "incident")
            blocks = (Text(words.say(lang, "small.guest")), Text(phone), Buttons((report, emergency)))
            return Card("", blocks, lang=lang)
        key = "person.title" if asked_for else "escalate.title" if number else "escalate.would"
        title = words.say(lang, key, number=number)
        body = words.say(lang, "escalate.body", by=self._promise(person, at))
        leave = Button(words.say(lang, "button.leave_ticket"), "tickets.leave", number)
        mine = Button(words.say(lang, "button.my_tickets"), "tickets.mine")
        return Card(title, (Text(body), Text(phone, "muted"), Buttons((leave, mine))), "done", lang=lang)

    # inside

    def _rate(self, work: Work, turn: Turn, rating: str, question: str) -> Card:
        fresh = self._store.rate(work.tx, question, turn.person.key, rating)
        key = f"feedback.{rating}" if fresh else "feedback.already"
        text = Text(self._words.say(turn.lang, key))
        person = Buttons((Button(self._words.say(turn.lang, "button.person"), "tickets.person"),))
        return Card("", (text, person) if rating == "unhelpful" and fresh else (text,), lang=turn.lang)

    def _why(self, turn: Turn, value: str) -> Card:
        entry = self._entry(value, turn.person)
        return why_card(entry, turn.lang, self._words, self._organisation().file.owners.get(entry.owner, entry.owner))

    def _small(self, turn: Turn, kind: str) -> Card:
        words, lang = self._words, turn.lang
        report = Button(words.say(lang, "button.report"), "reporting.start")
        person = Button(words.say(lang, "button.person"), "tickets.person")
        emergency = Button(words.say(lang, "button.emergency"), "emergency.start", "incident")
        mine = Button(words.say(lang, "button.my_tickets"), "tickets.mine")
        extra = {
            "hello": (report, person, emergency), "help": (report, person, emergency), "abuse": (person,),
            "url": (report, emergency), "report": (report,), "tickets": (mine,), "privacy": (person,), "empty": (report, person),
        }.get(kind, ())  # fmt: skip
        key = {"report": "report.how_plain", "tickets": "small.help"}.get(kind, f"small.{kind}")
        text = words.say(lang, key, **turn.values)
        if kind == "hello" and not turn.person.known:
            text += " " + words.say(lang, "small.guest")
        return Card("", (Text(text), Buttons(extra)) if extra else (Text(text),), lang=lang)

    def _secret_was_real(self, work: Work, turn: Turn) -> Card:
        severity: Severity = "S1" if turn.place.private else "S2"
        text = self._words.say("en", "secret.subject")
        join = f"secret:{turn.person.key}"
        request = TicketRequest(turn.person.key, turn.place, "question", text, text, severity, join=join)
        number = self._escalation.open(work, request).number
        return Card("", (Text(self._words.say(turn.lang, "secret.yes", number=number)),), "done", lang=turn.lang)

    def _keep(self, work: Work, turn: Turn, text: str, outcome: Outcome, entry: str, confidence: float) -> str:
        question = uuid.uuid4().hex
        row = {"id": question, "person": turn.person.key, "at": work.at, "text": text[:1000], "outcome": outcome.value,
               "entry": entry, "confidence": confidence}  # fmt: skip
        self._store.add_question(work.tx, row)
        group = self._knowledge().library.entries[entry].group if entry else ""
        work.publish(QuestionAsked(turn.person.key, entry, group, outcome.value))
        return question

    def _entry(self, entry: str, person: Person) -> Entry:
        knowledge = self._knowledge()
        if entry not in self._visible(knowledge, person):
            raise NotFound(entry)
        return knowledge.library.entries[entry]

    @staticmethod
    def _visible(knowledge: Knowledge, person: Person) -> frozenset[str]:
        return knowledge.library.visible(person.roles, person.known)

    @property
    def _words(self) -> Words:
        return self._organisation().words
