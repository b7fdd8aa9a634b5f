"""Runs of procedures: each change is one locked row, one more link of the chain, one audit row, and the next card.

A run keeps the text of the version it was started on, so an edit of the file while it runs changes nothing. What is pressed
names the step and the visit: of two people who do one step at once the first one wins, and the other is told who it was.
"""

from __future__ import annotations

from collections.abc import Callable

from bot.cards import Card
from bot.errors import Conflict, NotFound, Refused
from bot.hash_chain import FIRST
from bot.model import Person
from bot.ports import Payload, Tx
from bot.procedures.evidence import MOST_BYTES, MOST_TEXT, Evidence, seal, trouble, written
from bot.procedures.ledger import US, Entry, Ledger, Open
from bot.procedures.shapes import END, Pinned, Step
from bot.procedures.state import How, Run
from bot.procedures.store import Parts
from bot.procedures.telling import Telling
from bot.turn import ProcedureEnded, Work

BOX = "procedures.box"  # the job that looks whether a time box is over


class Runs(Ledger):
    """What can be done with runs. Methods that change one take the caller's `Work`, and a `Person` with their pseudonym.

    They raise `NotFound`, `Refused` (who may not, or what will not do) and `Conflict` (who comes too late), with words to show.
    """

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self.telling = Telling(parts, self)

    # starting

    def startable(self, person: Person, *, how: How = "hand") -> list[Pinned]:
        """What somebody may start."""
        found = [one for one in self._parts.library().published() if how != "hand" or one.procedure.start.manual]
        return [one for one in found if self.crew.desk(person) or self.crew.keeps(person, one.procedure.owner)]

    def start(
        self, work: Work, procedure: str, by: Person | None, *, ticket: str = "", how: How = "hand", once: str = "",
        at: float = 0.0, due_at: float = 0.0, lost: bool = False,
    ) -> Run:  # fmt: skip
        """A run of the published version; the first step goes to `by` if they may do it, else to somebody who may.

        `once` starts one run, however often it comes: the others get that one back. `lost`: its time has gone by already, so it
        is on record and nobody is asked. `at` is when it should have started (default: now).
        """
        found = self._parts.library().procedures.get(procedure)
        if found is None or found.procedure.state != "published":
            raise NotFound(procedure)
        if by and procedure not in {one.procedure.id for one in self.startable(by, how=how)}:
            raise Refused(self.say(by, "procedure.may_not_start"))
        store, pinned = self._parts.store, found.procedure
        if once and (earlier := store.started_once(once)):
            return self.get(earlier)
        store.keep_version(work.tx, found.sha256, pinned.id, pinned.version, found.text, work.at)
        number, begun = store.next_number(work.tx), at or work.at
        run = Run(
            f"RUN-{number}", number, pinned.id, pinned.version, found.sha256, how, once, ticket, by.key if by else US, begun,
            due_at or begun + 60.0 * pinned.minutes, "missed" if lost else "running", "", 0, begun, "", 0, FIRST,
            ended_at=work.at if lost else 0.0,
        )  # fmt: skip
        if not store.add_run(work.tx, vars(run)):
            return self.get(store.started_once(once))
        book = Open(run, pinned, 0)
        self.record(work, book, by, Entry("start", pinned.steps[0].id, how))
        self.telling.log(work, book, by, "procedure.log.start")
        if not lost:
            self._enter(work, book, pinned.steps[0].id, by)
            _box(work, run.id, 0, "whole", pinned.minutes)
        self.save(work, book)
        return book.run

    # one step

    def done(self, work: Work, run: str, step: str, visit: int, by: Person, evidence: Evidence | None = None) -> Run:
        """A step is done, with its evidence."""
        book, here = self.at(work, run, step, visit, by)
        self._no_question(by, here)
        if said := trouble(evidence, here.evidence, needed=here.proves):
            raise Refused(self.say(by, said, mb=MOST_BYTES >> 20, n=MOST_TEXT))
        given = evidence if evidence and (evidence.file or evidence.text.strip()) else None
        sealed = seal(self._parts.vault, given, self._parts.redact) if given else None
        self.record(work, book, by, Entry("done", step, evidence=sealed))
        return self._on(work, book, by, "done", book.procedure.after(step))

    def answer(self, work: Work, run: str, step: str, visit: int, by: Person, option: str) -> Run:
        """A question is answered; the run goes on where the option leads."""
        book, here = self.at(work, run, step, visit, by)
        chosen = next((one for one in here.options if one.id == option), None)
        if chosen is None:
            raise NotFound(option)
        self.record(work, book, by, Entry("answer", step, option))
        return self._on(work, book, by, "answer", chosen.go)

    def skip(self, work: Work, run: str, step: str, visit: int, by: Person, why: str) -> Run:
        """Leave a step out. One that is required needs a reason, and its owner hears of it. A question cannot be skipped."""
        book, here = self.at(work, run, step, visit, by)
        self._no_question(by, here)
        if here.required:
            self._reason(by, why)
        self.record(work, book, by, Entry("skip", step, "required" if here.required else "", note=why))
        if here.required:
            self.telling.owner(work, book, "procedure.told.skip", by, step)
        return self._on(work, book, by, "skip", book.procedure.after(step))

    def cannot(self, work: Work, run: str, step: str, visit: int, by: Person, why: str) -> Run:
        """A step cannot be done: on to where it leads then, the end of the run, or its owner is told and the run waits."""
        book, here = self.at(work, run, step, visit, by)
        self._reason(by, why)
        outcome = here.on_failure.go or ("stop" if here.on_failure.stop else "escalate")
        self.record(work, book, by, Entry("cannot", step, outcome, note=why))
        if here.on_failure.go:
            return self._on(work, book, by, "cannot", here.on_failure.go)
        self.telling.owner(work, book, f"procedure.told.{outcome}", by, step)
        self.telling.log(work, book, by, "procedure.log.cannot", step)
        if here.on_failure.stop:
            self._end(work, book, by, "stopped")
        self.save(work, book)
        return book.run

    # who has it

    def hand_over(self, work: Work, run: str, by: Person, to: Person | None, why: str = "") -> Run:
        """Give a run to somebody who may do its step; None gives it back to the desk, who call whoever can."""
        book = self.locked(work, run, by)
        if not (self.crew.desk(by) or by.key == book.run.holder):
            raise Refused(self.say(by, "procedure.not_yours"))
        here = book.procedure.step(book.run.step)
        if to and (bar := self.bar(book.run, here, to)):
            who = self.crew.called(here.who, by.language)
            raise Refused(self.say(by, f"procedure.cannot_take.{bar}", name=to.name, who=who))
        self.record(work, book, by, Entry("hand_over", here.id, to.key if to else "desk", note=why))
        book.change(holder=to.key if to else "")
        taker = to.name if to else self.our("procedure.nobody")
        self.telling.log(work, book, by, "procedure.log.hand_over", here.id, taker=taker)
        if to:
            self.telling.give(work, book, to, self.say(to, "procedure.handed", name=by.name))
        else:
            self._call(work, book, here, {by.key})
        self.save(work, book)
        return book.run

    def orphaned(self, work: Work, run: str) -> bool:
        """If whoever has the run has left, or may not do its step any more, it goes to the desk; whether it did."""
        book = self.locked(work, run, None)
        if not book.run.running or not book.run.holder:
            return False
        holder, here = self._parts.identities.who(book.run.holder), book.procedure.step(book.run.step)
        if holder and not self.bar(book.run, here, holder):
            return False
        gone = book.run.holder
        self.record(work, book, None, Entry("hand_over", here.id, "desk"))
        book.change(holder="")
        self.telling.log(work, book, None, "procedure.log.orphaned", here.id)
        self._call(work, book, here, {gone})
        self.save(work, book)
        return True

    def follow(self, work: Work, run: str, by: Person) -> Run:
        """See each step of a run from now on."""
        book = self.locked(work, run, by)
        if self._parts.store.follow(work.tx, book.run.id, by.key, work.at):
            self.record(work, book, by, Entry("follow", book.run.step))
            self.save(work, book)
        return book.run

    def unfollow(self, work: Work, run: str, by: Person) -> Run:
        """No more word of each step."""
        found = self.get(run)
        if by.key not in self.followers(found) and not self.sees(found, by):
            raise NotFound(run)
        self._parts.store.unfollow(work.tx, found.id, by.key)
        return found

    def note(self, work: Work, run: str, by: Person, text: str) -> Run:
        """Write something down at the present step."""
        book = self.locked(work, run, by)
        self._reason(by, text)
        self.record(work, book, by, Entry("note", book.run.step, note=text))
        self.save(work, book)
        return book.run

    def abort(self, work: Work, run: str, by: Person, why: str) -> Run:
        """End a run before its end, with a reason. The desk, its owner, or who has it may."""
        book = self.locked(work, run, by)
        if not (self.crew.desk(by) or by.key == book.run.holder or self.crew.keeps(by, book.procedure.owner)):
            raise Refused(self.say(by, "procedure.not_yours"))
        self._reason(by, why)
        left = book.run.step
        self.record(work, book, by, Entry("abort", left, note=why))
        self._end(work, book, by, "aborted")
        self.telling.owner(work, book, "procedure.told.abort", by, left)
        self.telling.followers(work, book, by, "abort", left)
        self.telling.log(work, book, by, "procedure.log.abort", left)
        self.save(work, book)
        return book.run

    def late(self, run: Run, step: str, by: Person, at: float) -> str:
        """What to say to somebody who wants to do a step that is behind the run: who did it, and how long ago."""
        rows = [row for row in self._parts.store.records(run.id) if row["step"] == step]
        row = next((row for row in reversed(rows) if row["action"] in ("done", "answer", "skip", "cannot")), None)
        if row is None:
            return self.say(by, "procedure.moved_on", run=run.id)
        name, minutes = self._parts.identities.name(row["actor"]), int(max(0.0, at - row["at"]) // 60)
        return self.say(by, "procedure.was_first", name=name, minutes=minutes, run=run.id)

    def card(self, run: Run, reader: Person, at: float, *, said: str = "") -> Card:
        """A run as somebody sees it now: its step, or how it ended."""
        procedure = self.pinned(run)
        if not run.running:
            return self.cards.over(run, procedure, reader, said)
        acts = not self.bar(run, procedure.step(run.step), reader)
        return self.cards.step(run, procedure, reader, at, acts=acts, said=said)

    def unname(self, tx: Tx, named: Callable[[str], bool]) -> int:
        """Delete what was written and names somebody who is forgotten; how many. The chain keeps its hashes, and stays whole."""
        found = [row for row in self._parts.store.texts() if named(written(self._parts.vault, row).text)]
        return sum(self._parts.store.drop_text(tx, str(row["id"])) for row in found)

    # inside

    def at(self, work: Work, run: str, step: str, visit: int, by: Person) -> tuple[Open, Step]:
        """The run, locked, at a step that this person may do now."""
        book = self.locked(work, run, by)
        if (book.run.step, book.run.step_seq) != (step, visit):
            raise Conflict(self.late(book.run, step, by, work.at))
        here = book.procedure.step(step)
        if bar := self.bar(book.run, here, by):
            raise Refused(self.say(by, f"procedure.bar.{bar}", who=self.crew.called(here.who, by.language)))
        return book, here

    def _no_question(self, by: Person, step: Step) -> None:
        if step.options:
            raise Refused(self.say(by, "procedure.is_question"))

    def _reason(self, by: Person, why: str) -> None:
        if not why.strip():
            raise Refused(self.say(by, "procedure.why"))
        if len(why) > MOST_TEXT:
            raise Refused(self.say(by, "procedure.too_long", n=MOST_TEXT))

    def _on(self, work: Work, book: Open, by: Person, action: str, to: str) -> Run:
        """Leave the present step for another, or for the end."""
        left = book.run.step
        self.telling.log(work, book, by, f"procedure.log.{action}", left)
        if to == END:
            self.record(work, book, by, Entry("finish"))
            self._end(work, book, by, "done")
            self.telling.log(work, book, by, "procedure.log.finish")
        else:
            self._enter(work, book, to, by)
        self.telling.followers(work, book, by, action, left)
        self.save(work, book)
        return book.run

    def _enter(self, work: Work, book: Open, step: str, by: Person | None) -> None:
        """Come to a step: who has done the last one goes on if they may, else somebody who may is asked."""
        here = book.procedure.step(step)
        book.change(step=step, step_seq=book.run.seq, step_at=work.at)
        for stage, times in (("holder", 1), ("owner", 2)) if here.minutes else ():
            _box(work, book.run.id, book.run.seq, stage, here.minutes * times)
        if by and not self.bar(book.run, here, by):
            book.change(holder=by.key)
        else:
            self._call(work, book, here, set())

    def _call(self, work: Work, book: Open, here: Step, without: set[str]) -> None:
        """Ask somebody who may do the step: who had a part in the run before others. It is the desk's while nobody can."""
        able = self.crew.able(work, here.who, self.barred(book.run, here) | without)
        doers = {
            str(row["actor"]) for row in self._parts.store.records(book.run.id) if row["action"] in ("done", "answer")
        }
        chosen = next(iter([one for one in able if one.key in doers] or able), None)
        book.change(holder=chosen.key if chosen else "")
        if chosen:
            self.telling.give(work, book, chosen, self.say(chosen, "procedure.yours"))
        else:
            self.telling.owner(work, book, "procedure.told.nobody", None, here.id)

    def _end(self, work: Work, book: Open, by: Person, state: str) -> None:
        book.change(state=state, step="", holder="", ended_at=work.at)
        work.publish(ProcedureEnded(book.run.id, book.run.procedure_id, state, by.key))


def box_key(payload: Payload) -> str:
    """What the job of a time box is known by in the outbox."""
    return f"procedure:{payload['run']}:{payload['visit']}:{payload['stage']}"


def _box(work: Work, run: str, visit: int, stage: str, minutes: int) -> None:
    """Look in so many minutes whether a step is still open (`stage` holder or owner), or the whole run."""
    payload = {"run": run, "visit": str(visit), "stage": stage}
    work.job(BOX, box_key(payload), payload, delay=60.0 * minutes)
