"""What comes after a run: "which step was slow or wrong?", and a change proposal that the procedure's owner decides on.

Nobody edits a procedure from a chat. An accepted proposal stays on the procedure's page as work to do until a newer version is
published; whoever made it hears what was decided, and why.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from bot.cards import Block, Button, Buttons, Card, Choices, Input, Text
from bot.errors import Conflict, NotFound, Refused
from bot.model import Person, Place
from bot.organisation import pick
from bot.ports import Payload, Row, Tx
from bot.procedures.ledger import Ledger
from bot.procedures.shapes import Library, Procedure
from bot.procedures.state import Run
from bot.turn import Effect, ProcedureEnded, Turn, Work

MOST_TEXT = 1_000
CHOICES, LABEL = 10, 70
ASKED = "improve.asked"  # the dialogue while somebody is asked for words
ASK, ASK_AFTER = "improve.ask", 2.0
DECIDED = {"accept": "accepted", "decline": "declined"}


class ProposalStore(Protocol):
    """SQL of proposals. `decide` is False if somebody has decided before."""

    def add(self, tx: Tx, row: Mapping[str, object]) -> None: ...

    def decide(self, tx: Tx, proposal: str, state: str, by: str, at: float, why: str) -> bool: ...

    def one(self, proposal: str) -> Row | None: ...

    def listed(self, *, procedure: str = "", run: str = "", limit: int = 100) -> list[Row]: ...

    def open_counts(self) -> dict[str, int]: ...


@dataclass(frozen=True)
class Proposal:
    """A change that somebody proposes. `step` is "" for the procedure as a whole. `state`: open, accepted, declined."""

    id: str
    run: str
    procedure_id: str
    version: int
    step: str
    text: str
    author: str
    at: float
    state: str
    decided_by: str
    decided_at: float
    why: str


class Improving:
    """Asks after a run, keeps proposals, asks the owner. Responder of `improve.*` buttons."""

    prefix = "improve"

    def __init__(
        self, store: ProposalStore, ledger: Ledger, library: Callable[[], Library], place_of: Callable[[str], Place | None],
        redact: Callable[[str], str], work: Callable[[Callable[[Work], object]], object],
    ) -> None:  # fmt: skip
        """`work` runs a change in one transaction."""
        self._work = work
        self.store, self._ledger, self._library = store, ledger, library
        self._place_of, self._redact = place_of, redact

    # asking

    def on_ended(self, work: Work, event: ProcedureEnded) -> None:
        """Whoever did the last thing is asked, in a moment: behind the card that says that it is over."""
        work.job(ASK, f"improve:{event.run}", {"run": event.run, "person": event.person}, delay=ASK_AFTER)

    def ask(self, payload: Payload) -> None:
        """Job `improve.ask`: the question, once."""
        person = self._ledger.crew.identities.who(payload["person"])
        place = self._place_of(payload["person"]) if person else None
        if person is None or place is None:
            return
        run = self._ledger.get(payload["run"])
        card = self.question(run, person)
        self._work(lambda work: work.say(payload["person"], place, card, f"improve:{run.id}", priority=2))

    def question(self, run: Run, person: Person) -> Card:
        """Which step was slow or wrong? Steps that were visited; `None of them` ends it."""
        lang, procedure = person.language, self._ledger.pinned(run)
        visited = dict.fromkeys(row.step_id for row in self._ledger.records(run) if row.step_id)
        steps = [name for name in visited if procedure.has(name)]
        options = [
            Button(self._label(procedure, name, person), "improve.step", f"{run.id}:{name}") for name in steps[:CHOICES]
        ]
        options.append(Button(self._say(person, "improve.button.fine"), "improve.fine", run.id))
        prompt = self._say(person, "improve.question", run=run.id, title=pick(procedure.title, lang))
        return Card(self._say(person, "improve.title"), (Choices(prompt, tuple(options)),), "question", lang=lang)

    # proposing and deciding, from chat or console

    def propose(self, work: Work, run: str, step: str, by: Person, text: str) -> Proposal:
        """Keep a proposal and tell the owner. Raises `NotFound`, and `Refused` without words or for who may not see the run."""
        found = self._ledger.get(run)
        procedure = self._ledger.pinned(found)
        if not self._ledger.sees(found, by):
            raise Refused(self._say(by, "improve.not_yours"))
        if step and not procedure.has(step):
            raise NotFound(step)
        said = self._redact(text.strip())
        if not said or len(said) > MOST_TEXT:
            raise Refused(self._say(by, "improve.words", n=MOST_TEXT))
        row = {"id": uuid.uuid4().hex, "run": found.id, "procedure_id": found.procedure_id, "version": found.version,
               "step": step, "text": said, "author": by.key, "at": work.at}  # fmt: skip
        self.store.add(work.tx, row)
        work.audit(by.key, "procedure.propose", found.procedure_id, proposal=str(row["id"]), run=found.id)
        proposal = Proposal(**row, state="open", decided_by="", decided_at=0.0, why="")  # type: ignore[arg-type]
        for keeper in self._ledger.crew.keepers(work, procedure.owner):
            if place := self._place_of(keeper.key):
                work.say(
                    keeper.key,
                    place,
                    self.asked(proposal, procedure, keeper),
                    f"improve:{proposal.id}:{keeper.key}",
                    priority=2,
                )
        return proposal

    def decide(self, work: Work, name: str, by: Person, verb: str, why: str = "") -> Proposal:
        """Accept or decline, once, by an owner; the author hears of it. Raises `NotFound`, `Refused`, `Conflict`."""
        proposal = self.get(name)
        if verb not in DECIDED:
            raise NotFound(verb)
        if not self.decides(by, proposal):
            raise Refused(self._say(by, "improve.not_owner"))
        reason = self._redact(why.strip())[:MOST_TEXT]
        if verb == "decline" and not reason:
            raise Refused(self._say(by, "improve.why_needed"))
        if not self.store.decide(work.tx, proposal.id, DECIDED[verb], by.key, work.at, reason):
            raise Conflict(self._say(by, "improve.decided_before"))
        work.audit(by.key, f"procedure.propose_{verb}", proposal.procedure_id, proposal=proposal.id)
        self._tell_author(work, proposal, by, verb, reason)
        return proposal

    def decides(self, person: Person, proposal: Proposal) -> bool:
        """Whether somebody may decide: who stands behind the procedure; where nobody does, the desk."""
        crew, owner = self._ledger.crew, self._owner(proposal)
        behind = crew.organisation().file.keepers.get(owner, [])
        return crew.keeps(person, owner) or (not behind and crew.desk(person))

    def get(self, name: str) -> Proposal:
        """Raises `NotFound`."""
        row = self.store.one(name)
        if row is None:
            raise NotFound(name)
        return Proposal(**row)

    def listed(self, *, procedure: str = "", run: str = "") -> list[Proposal]:
        """Those of a procedure or of a run, the open ones first, then the latest."""
        return [Proposal(**row) for row in self.store.listed(procedure=procedure, run=run)]

    def waiting(self, proposal: Proposal) -> bool:
        """Whether an accepted change is still to be written: no newer version is there."""
        found = self._library().procedures.get(proposal.procedure_id)
        return proposal.state == "accepted" and found is not None and found.procedure.version <= proposal.version

    # in chat

    def respond(self, turn: Turn) -> Effect | None:
        """An effect for our buttons, and for words that answer our question. Raises `Refused`, `Conflict`, `NotFound`."""
        if turn.action:
            verb = turn.action.id.partition(".")[2]
            return self._pressed(turn, verb, turn.action.value, turn.action.form.get("text", ""))
        if turn.dialogue and turn.dialogue.kind == ASKED and turn.text and not turn.files:
            return self._pressed(turn, turn.dialogue.state["verb"], turn.dialogue.state["value"], turn.text)
        return None

    def _pressed(self, turn: Turn, verb: str, value: str, text: str) -> Effect | None:
        person, (run, _, step) = turn.person, value.partition(":")
        match verb:
            case "fine":
                return lambda work: self._done(work, turn, "improve.done.fine")
            case "step":
                return lambda work: self._ask(work, turn, "say", value, "change")
            case "say":
                return lambda work: self._done(
                    work, turn, "improve.done.say", self.propose(work, run, step, person, text)
                )
            case "accept":
                return lambda work: self._done(
                    work, turn, "improve.done.accept", self.decide(work, value, person, "accept")
                )
            case "refuse":
                self.get(value)
                return lambda work: self._ask(work, turn, "decline", value, "why")
            case "decline":
                return lambda work: self._done(
                    work, turn, "improve.done.decline", self.decide(work, value, person, "decline", text)
                )
        return None

    def asked(self, proposal: Proposal, procedure: Procedure, reader: Person) -> Card:
        """What an owner gets."""
        crew, lang = self._ledger.crew, reader.language
        head = self._say(
            reader,
            "improve.proposed",
            name=crew.identities.name(proposal.author),
            run=proposal.run,
            title=pick(procedure.title, lang),
        )
        about = self._label(procedure, proposal.step, reader) if proposal.step else self._say(reader, "improve.whole")
        buttons = (
            Button(self._say(reader, "improve.button.accept"), "improve.accept", proposal.id, "primary"),
            Button(self._say(reader, "improve.button.decline"), "improve.refuse", proposal.id),
        )
        blocks: tuple[Block, ...] = (Text(head), Text(about, "strong"), Text(proposal.text, "quote"), Buttons(buttons))
        return Card(self._say(reader, "improve.proposed.title"), blocks, "desk", lang=lang)

    # inside

    def _owner(self, proposal: Proposal) -> str:
        """The owner as it is now; that of the version that was run if the procedure is gone."""
        found = self._library().procedures.get(proposal.procedure_id)
        return found.procedure.owner if found else self._ledger.pinned(self._ledger.get(proposal.run)).owner

    def _tell_author(self, work: Work, proposal: Proposal, by: Person, verb: str, why: str) -> None:
        author = self._ledger.crew.identities.who(proposal.author)
        place = self._place_of(proposal.author) if author and author.key != by.key else None
        if author is None or place is None:
            return
        title = pick(self._ledger.pinned(self._ledger.get(proposal.run)).title, author.language)
        text = self._say(author, f"improve.told.{verb}", name=by.name, title=title)
        blocks = [Text(text), Text(proposal.text, "quote"), *([Text(why)] if why else [])]
        work.say(
            author.key, place, Card("", tuple(blocks), lang=author.language), f"improve:{proposal.id}:told", priority=2
        )

    def _label(self, procedure: Procedure, step: str, reader: Person) -> str:
        """`3. Revoke all sessions …`, short enough for a button."""
        text = f"{procedure.number(step)}. {self._ledger.cards.task(procedure.step(step), reader, reader.language)}"
        return text if len(text) <= LABEL else f"{text[: LABEL - 1]}…"

    def _ask(self, work: Work, turn: Turn, verb: str, value: str, what: str) -> Card:
        """A form; what is typed instead counts as well."""
        person = turn.person
        work.dialogue(person.key, turn.place, ASKED, {"verb": verb, "value": value})
        label, submit = self._say(person, f"improve.label.{what}"), self._say(person, f"improve.send.{what}")
        form = Input("text", label, f"improve.{verb}", submit, value)
        return Card("", (Text(self._say(person, f"improve.ask.{what}")), form), "question", lang=person.language)

    def _done(self, work: Work, turn: Turn, key: str, _done: Proposal | None = None) -> Card:
        if turn.dialogue and turn.dialogue.kind == ASKED:
            work.end_dialogue(turn.person.key, turn.place)
        return Card("", (Text(self._say(turn.person, key)),), "done", lang=turn.person.language)

    def _say(self, person: Person, key: str, **params: Any) -> str:
        return self._ledger.cards.say(person.language, key, **params)
