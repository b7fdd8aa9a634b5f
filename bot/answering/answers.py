"""The answering pillar: an answer, "did you mean", or a person. Never an invented one, never a third try."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from bot.answering.answer_card import Shown, answer_card, answers_card, why_card
from bot.answering.entries import Entry
from bot.answering.loaded import Judgement, Knowledge, Searcher
from bot.answering.ours_card import UNSURE
from bot.answering.replies import FOUND, HELP, SUBJECT, Replies, day
from bot.answering.understanding import Asked, Considered, Understanding
from bot.cards import Block, Card, Text
from bot.errors import NotFound
from bot.model import Outcome, Person, Severity
from bot.organisation import Organisation, Words, pick
from bot.ports import Row, Tx
from bot.turn import Effect, Escalation, QuestionAsked, TicketRequest, Turn, Work, place_key

__all__ = ["Answers", "Considered", "Judgement", "Knowledge", "QuestionStore", "Searcher"]

MISS = "answering.miss"  # the dialogue after "did you mean": a second miss brings a person
GOES_ON_SECONDS = 900.0  # a message may go on from a question no older than this


class QuestionStore(Protocol):
    """SQL of asked questions."""

    def add_question(self, tx: Tx, row: Mapping[str, object]) -> None: ...

    def rate(self, tx: Tx, question: str, person: str, rating: str) -> bool: ...

    def last_questions(self, person: str, place: str, since: float) -> list[Row]: ...

    def picked(self, tx: Tx, person: str, place: str, entry: str, since: float) -> None: ...


class Confirmer(Protocol):
    """Asks "did this just happen to you?" before an incident's article is shown."""

    def confirm(self, work: Work, turn: Turn, kind: str, entry: str) -> Card: ...


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
        understanding: Understanding,
        replies: Replies,
        propose: Callable[[Turn], Effect] | None = None,
        foot: Callable[[Work, Turn, str], Sequence[Block]] = lambda _work, _turn, _entry: (),
    ) -> None:
        self._knowledge, self._organisation, self._escalation = knowledge, organisation, escalation
        self._store, self._confirmer, self._propose, self._foot = store, confirmer, propose, foot
        self._understanding, self._replies = understanding, replies

    def just_asking(self, turn: Turn, entry: str) -> Effect:
        """The article itself, for somebody who said that nothing has happened."""
        considered = self.consider(turn.text, turn.person, turn.at)
        if entry and entry != considered.entry and entry in self._visible(turn.person):
            considered = Considered(Outcome.ANSWER, entry, (), considered.confidence, turn.text)
        if considered.entry:
            return lambda work: self._show(work, turn, considered)
        return lambda work: self._answer(work, turn, considered)

    def secret(self, turn: Turn, *, real: bool) -> Effect:
        """What follows when somebody says whether the secret they pasted was a real one."""
        if real:
            return lambda work: self._secret_was_real(work, turn)
        card = Card("", (Text(self._words.say(turn.lang, "secret.no")),), lang=turn.lang)
        return lambda _work: card

    # reading

    def consider(self, text: str, person: Person, at: float, last: Asked | None = None) -> Considered:
        """What this person would get for this text, after the question `last`."""
        return self._understanding.consider(text, person, day(at), last)

    def confidential(self, text: str, person: Person, at: float) -> bool:
        """Whether the answer is for this person's eyes: it is urgent, about an incident, or not for everybody."""
        entries = self._knowledge().library.entries
        found = [entries[name] for name in self.consider(text, person, at).entries]
        return any(not entry.public or entry.severity in ("S2", "S3") or entry.group == "incident" for entry in found)

    def preview(self, considered: Considered, person: Person, at: float) -> Card:
        """The card for what was considered, with nothing written. An incident's entry is shown as the article."""
        if special := self._special(considered, person):
            return special
        if considered.outcome in FOUND:
            shown = [Shown(self._entry(name, person)) for name in considered.entries]
            return self._shown_card(considered, shown, person, at)
        if considered.outcome is Outcome.SUGGEST:
            return self._suggestions(considered, person)
        return self._replies.person(person, at, "")

    def card(self, entry: str, person: Person, at: float, *, question: str = "", ticket: str = "") -> Card:
        """An entry as this person would see it. Raises `NotFound` if it is not theirs to see."""
        found, reading = self._entry(entry, person), self._replies.reading(person, at)
        return answer_card(
            found, reading.lang, reading.values, reading.words, reading.today, question=question, ticket=ticket
        )

    def shown_to(self, entry: str, person: Person, at: float) -> Card | None:
        """As `card`; None if it is not theirs to see."""
        try:
            return self.card(entry, person, at)
        except NotFound:
            return None

    # answering

    def respond(self, turn: Turn) -> Effect | None:
        """An effect for every text; None for files and for actions that are not known here."""
        if turn.action:
            return self._pressed(turn, turn.action.id.partition(".")[2], turn.action.value)
        if turn.files:
            return None
        knowledge, last = self._knowledge(), self._last(turn)
        if last and last.lang and not knowledge.language(turn.text):  # "VPN?" in a conversation in French
            turn = replace(turn, lang=last.lang, person=replace(turn.person, language=last.lang))
        small = knowledge.smalltalk.kind(turn.text)
        considered = self.consider(turn.text, turn.person, turn.at, last) if small in ("", "url") else None
        if small and not (considered and considered.register):
            return self._small(turn, small, last)
        assert considered is not None  # noqa: S101
        if considered.outcome not in FOUND and (within := knowledge.smalltalk.within(turn.text)):
            return self._small(turn, within, last)
        return lambda work: self._answer(work, turn, considered)

    def _small(self, turn: Turn, kind: str, last: Asked | None) -> Effect:
        if kind == "person":
            return lambda work: self.escalate(work, turn, turn.text, asked_for=True)
        if kind == "none":
            asked = turn.dialogue.state.get("text", "") if turn.dialogue and turn.dialogue.kind == MISS else ""
            text = asked or (last.text if last else "") or turn.text
            return lambda work: self.escalate(work, turn, text)
        card = self._replies.small(kind, turn.person, dict(turn.values))
        return lambda _work: card

    def _pressed(self, turn: Turn, verb: str, value: str) -> Effect | None:
        match verb:
            case "ask":
                entry = self._entry(value, turn.person)
                return lambda work: self._chosen(work, turn, entry)
            case "none":
                return lambda work: self.escalate(work, turn, value)
            case "solved" | "unhelpful":
                return lambda work: self._rate(work, turn, verb, value)
            case "propose" if self._propose:
                return self._propose(turn)
            case "why":
                return lambda _work: self._why(turn, value)
        return None

    def _chosen(self, work: Work, turn: Turn, entry: Entry) -> Card:
        """What somebody picked under "did you mean"."""
        self._store.picked(work.tx, turn.person.key, place_key(turn.place), entry.id, turn.at - GOES_ON_SECONDS)
        outcome = Outcome.CONFIRM if entry.severity == "S3" else Outcome.ANSWER
        title = pick(entry.title, turn.lang)
        return self._answer(work, turn, Considered(outcome, entry.id, (), 1.0, title))

    def _answer(self, work: Work, turn: Turn, considered: Considered) -> Card:
        missed = turn.dialogue is not None and turn.dialogue.kind == MISS
        if considered.outcome is Outcome.CONFIRM:
            return self._confirm(work, turn, considered)
        if considered.outcome is Outcome.ANSWER and considered.entry:
            return self._show(work, turn, considered)
        special = self._special(considered, turn.person)
        if special and not (missed and considered.outcome is Outcome.ESCALATE):
            outcome = Outcome.SUGGEST if considered.outcome is Outcome.ESCALATE else considered.outcome
            if considered.register and considered.register.what in UNSURE:
                outcome = Outcome.SUGGEST
            self._keep(work, turn, turn.text, outcome, "", considered.confidence)
            if considered.outcome is Outcome.ESCALATE:
                work.dialogue(turn.person.key, turn.place, MISS, {"text": turn.text[:SUBJECT]})
            return special
        if considered.outcome is Outcome.SUGGEST and not missed:
            self._keep(work, turn, turn.text, Outcome.SUGGEST, "", considered.confidence)
            work.dialogue(turn.person.key, turn.place, MISS, {"text": turn.text[:SUBJECT]})
            return self._suggestions(considered, turn.person)
        return self.escalate(work, turn, turn.text, considered.confidence)

    def _special(self, considered: Considered, person: Person) -> Card | None:
        """The reply to what needs no entry: the register, a language nobody speaks, what goes on from nothing, a long text."""
        if considered.outcome is Outcome.ANSWER and not considered.entry and considered.register:
            return self._replies.register(considered.register, person.language)
        if considered.outcome is not Outcome.ESCALATE:
            return None
        if considered.foreign:
            return self._replies.foreign(person)
        if considered.unclear:
            return self._replies.unclear(person)
        return self._replies.small("long", person, {}) if considered.long else None

    def _suggestions(self, considered: Considered, person: Person) -> Card:
        lang = person.language
        before = self._replies.before(considered, lang)
        card = self._replies.suggestions(considered.suggestions, lang, considered.text, before)
        return self._replies.with_help(card) if considered.foreign else card

    def _confirm(self, work: Work, turn: Turn, considered: Considered) -> Card:
        """Whether it has just happened, first; what else was asked below it."""
        entry = self._entry(considered.entry, turn.person)
        asked = considered.text or turn.text
        self._keep(work, turn, asked, Outcome.CONFIRM, entry.id, considered.confidence)
        about = replace(turn, text=asked) if not turn.action else turn
        card = self._confirmer.confirm(work, about, entry.emergency or "incident", entry.id)
        blocks: list[Block] = [*self._replies.before(replace(considered, topic=""), turn.lang), *card.blocks]
        if considered.others:
            blocks += self._beside(work, turn, considered.others)
        card = replace(card, blocks=tuple(blocks))
        return self._replies.with_help(card) if considered.foreign else card

    def _beside(self, work: Work, turn: Turn, others: Sequence[Considered]) -> Sequence[Block]:
        """The answers to further questions, as blocks of somebody else's card."""
        shown = [self._shown(work, turn, other) for other in others if other.outcome is Outcome.ANSWER]
        after = [
            block for other in others if other.outcome is not Outcome.ANSWER for block in self._left(work, turn, other)
        ]
        if not shown:
            return after
        return answers_card(shown, self._replies.reading(turn.person, turn.at), after=after).blocks

    def _left(self, work: Work, turn: Turn, other: Considered) -> list[Block]:
        if other.outcome is not Outcome.CONFIRM:
            self._keep(work, turn, other.text, Outcome.SUGGEST, "", other.confidence)
        return self._replies.left_over(other, turn.lang)

    def _show(self, work: Work, turn: Turn, considered: Considered) -> Card:
        """The article, or several. An open "did you mean" ends here."""
        if turn.dialogue and turn.dialogue.kind == MISS:
            work.end_dialogue(turn.person.key, turn.place)
        answered = [
            one for one in (considered, *considered.others) if one is considered or one.outcome is Outcome.ANSWER
        ]
        shown = [self._shown(work, turn, one) for one in answered]
        left = [one for one in considered.others if one.outcome is not Outcome.ANSWER]
        after = [block for one in left for block in self._left(work, turn, one)]
        foot = self._foot(work, turn, considered.entry) if turn.place.private else ()
        return self._shown_card(considered, shown, turn.person, turn.at, after, foot)

    def _shown_card(
        self,
        considered: Considered,
        shown: Sequence[Shown],
        person: Person,
        at: float,
        after: Sequence[Block] = (),
        foot: Sequence[Block] = (),
    ) -> Card:
        reading, one = self._replies.reading(person, at), shown[0]
        before = self._replies.before(considered, reading.lang)
        again = bool(considered.topic) and considered.topic == considered.entry
        also: Collection[str] = HELP if considered.foreign else ("person",) if again else ()
        if len(shown) > 1 or after:
            return answers_card(shown, reading, before=before, after=(*after, *foot), also=also)
        return answer_card(
            one.entry, reading.lang, reading.values, reading.words, reading.today, question=one.question,
            ticket=one.ticket, before=before, after=(*self._replies.related(considered, reading.lang), *foot), also=also,
        )  # fmt: skip

    def _shown(self, work: Work, turn: Turn, considered: Considered) -> Shown:
        """An entry as it is shown, with the question kept. S2 brings a person too, unless nobody knows who asks."""
        entry = self._entry(considered.entry, turn.person)
        asked = considered.text or turn.text or pick(entry.title, "en")
        question = self._keep(work, turn, asked, Outcome.ANSWER, entry.id, considered.confidence)
        if entry.severity != "S2" or not turn.person.known:
            return Shown(entry, question)
        title = pick(entry.title, "en")
        request = TicketRequest(
            turn.person.key, turn.place, "question", title, asked, "S2", queue=entry.escalate.queue,
            join=f"entry:{entry.id}:{turn.person.key}", page=title if entry.escalate.page else "",
        )  # fmt: skip
        return Shown(entry, question, self._escalation.open(work, request).number)

    def escalate(self, work: Work, turn: Turn, text: str, confidence: float = 0.0, *, asked_for: bool = False) -> Card:
        """A person, with the ticket already filled in. `asked_for`: a person was what they wanted."""
        subject = text or self._words.say(turn.lang, "ticket.no_subject")
        if not asked_for:
            self._keep(work, turn, subject, Outcome.ESCALATE, "", confidence)
        if not turn.person.known:
            return self._replies.person(turn.person, turn.at, "")
        join = f"question:{turn.person.key}"
        ref = self._escalation.open(
            work, TicketRequest(turn.person.key, turn.place, "question", subject, subject, "S1", join=join)
        )
        talk = work.store.conversation(turn.person.key, place_key(turn.place), 20)
        if talk and not ref.joined:
            lines = "\n".join(("> " if row["direction"] == "in" else "< ") + row["text"] for row in talk)
            self._escalation.log(work, ref.number, turn.person.key, "conversation", lines)
        work.dialogue(turn.person.key, turn.place, "tickets.talk", {"ticket": ref.number})
        return self._replies.person(turn.person, turn.at, ref.number, asked_for=asked_for)

    # inside

    def _last(self, turn: Turn) -> Asked | None:
        """The question that this one may go on from, asked in the same place just now: the newest that is one by itself."""
        since, where = turn.at - GOES_ON_SECONDS, place_key(turn.place)
        rows = self._store.last_questions(turn.person.key, where, since) if turn.person.key else []
        if not rows:
            return None
        goes_on, newest = self._knowledge().hearing.threads.goes_on, rows[0]
        for row in rows:
            if row["outcome"] == Outcome.ESCALATE:
                break
            if row["entry"] or not goes_on(row["text"]):
                return Asked(row["text"], row["entry"], newest["lang"])
        return Asked("", "", newest["lang"])

    def _rate(self, work: Work, turn: Turn, rating: str, questions: str) -> Card:
        rated = [self._store.rate(work.tx, one, turn.person.key, rating) for one in questions.split(":")[:4]]
        fresh = any(rated)
        text = Text(self._words.say(turn.lang, f"feedback.{rating}" if fresh else "feedback.already"))
        card = Card("", (text,), lang=turn.lang)
        return self._replies.with_person(card) if rating == "unhelpful" and fresh else card

    def _why(self, turn: Turn, value: str) -> Card:
        owners = self._organisation().file.owners
        entries = [self._entry(name, turn.person) for name in value.split(":")[:4]]
        cards = [
            why_card(entry, turn.lang, self._words, owners.get(entry.owner, entry.owner), day(turn.at))
            for entry in entries
        ]
        return replace(cards[0], blocks=tuple(block for card in cards for block in card.blocks))

    def _secret_was_real(self, work: Work, turn: Turn) -> Card:
        severity: Severity = "S1" if turn.place.private else "S2"
        text = self._words.say(turn.lang, "secret.subject")
        join = f"secret:{turn.person.key}"
        request = TicketRequest(turn.person.key, turn.place, "question", text, text, severity, join=join)
        number = self._escalation.open(work, request).number
        return Card("", (Text(self._words.say(turn.lang, "secret.yes", number=number)),), "done", lang=turn.lang)

    def _keep(self, work: Work, turn: Turn, text: str, outcome: Outcome, entry: str, confidence: float) -> str:
        question = uuid.uuid4().hex
        row = {"id": question, "person": turn.person.key, "place": place_key(turn.place), "lang": turn.lang, "at": work.at,
               "text": text[:1000], "outcome": outcome.value, "entry": entry, "confidence": confidence}  # fmt: skip
        self._store.add_question(work.tx, row)
        group = self._knowledge().library.entries[entry].group if entry else ""
        work.publish(QuestionAsked(turn.person.key, entry, group, outcome.value))
        return question

    def _entry(self, entry: str, person: Person) -> Entry:
        if entry not in self._visible(person):
            raise NotFound(entry)
        return self._knowledge().library.entries[entry].told_to(person.roles)

    def _visible(self, person: Person) -> frozenset[str]:
        return self._knowledge().visible(person)

    @property
    def _words(self) -> Words:
        return self._organisation().words
