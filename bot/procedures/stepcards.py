"""The cards of a run: one step at a time, where it stands, who has it, and what can be pressed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.cards import Block, Button, Buttons, Card, Choices, Facts, Input, Link, Text
from bot.model import Person
from bot.organisation import Organisation, fill, pick
from bot.procedures.crew import Crew
from bot.procedures.shapes import Procedure, Step

if TYPE_CHECKING:
    from bot.procedures.state import Run

CHOICES = 8  # people or procedures that a card offers
LABEL = 70


class StepCards:
    """Builds cards. Nothing is looked up here: the run comes with its pinned version. `link`: the address of a console page."""

    def __init__(
        self, organisation: Callable[[], Organisation], crew: Crew, link: Callable[[str], str] | None = None
    ) -> None:
        self._organisation, self._crew, self._link = organisation, crew, link

    def say(self, lang: str, key: str, **params: object) -> str:
        return self._organisation().words.say(lang, key, **params)

    def title(self, run: Run, procedure: Procedure, lang: str) -> str:
        """`RUN-7 · Account compromised`."""
        return f"{run.id} · {pick(procedure.title, lang)}"

    def task(self, step: Step, reader: Person, lang: str) -> str:
        """What is to be done, with the organisation's values as they hold for the reader. One nobody set says so."""
        said, text = self._organisation().values(reader.entity, lang), pick(step.texts, lang)
        gaps = {name: self.say(lang, "procedure.not_set", name=name.replace("_", " ")) for name in fill(text, said)[1]}
        return fill(text, {**said, **gaps})[0]

    def header(self, run: Run, procedure: Procedure, lang: str, at: float) -> str:
        """`Step 3 of 9 · 12 min · @Sam Ortiz`."""
        holder = self._crew.identities.name(run.holder) if run.holder else self.say(lang, "procedure.nobody")
        return self.say(
            lang, "procedure.header", n=procedure.number(run.step), of=len(procedure.steps),
            minutes=int(max(0.0, at - run.started_at) // 60), name=holder,
        )  # fmt: skip

    def step(self, run: Run, procedure: Procedure, reader: Person, at: float, *, acts: bool, said: str = "") -> Card:
        """The step a run is at. `acts`: this reader may do it. `said`: what has just happened."""
        lang, step = reader.language, procedure.step(run.step)
        blocks: list[Block] = [Text(said)] if said else []
        blocks += [Text(self.header(run, procedure, lang, at), "muted"), Text(self.task(step, reader, lang), "strong")]
        if facts := self._facts(run, step, lang):
            blocks.append(Facts(facts))
        value = f"{run.id}:{step.id}:{run.step_seq}"
        if acts and step.options:
            options = [Button(pick(o.label, lang), "procedure.answer", f"{value}:{o.id}") for o in step.options]
            blocks.append(Choices("", tuple(options)))
        buttons = self._buttons(step, lang, value) if acts else [self._follow(run, lang)]
        return Card(self.title(run, procedure, lang), (*blocks, Buttons(tuple(buttons)), *self._page(run, reader)),
                    "desk", lang=lang)  # fmt: skip

    def _page(self, run: Run, reader: Person) -> tuple[Link, ...]:
        """The page of a run, for who may be in the console."""
        if self._link is None or not self._organisation().console_roles(reader.roles):
            return ()
        return (Link(self.say(reader.language, "link.number", number=run.id), self._link(f"/runs/{run.id}")),)

    def _facts(self, run: Run, step: Step, lang: str) -> tuple[tuple[str, str], ...]:
        facts = [(self.say(lang, "procedure.fact.who"), self._crew.called(step.who, lang))] if step.who else []
        if step.evidence != "none":
            wants = self.say(lang, f"procedure.evidence.{step.evidence}")
            more = "" if step.required else f" ({self.say(lang, 'procedure.optional')})"
            facts.append((self.say(lang, "procedure.fact.evidence"), wants + more))
        if step.four_eyes:
            facts.append((self.say(lang, "procedure.fact.four_eyes"), self.say(lang, "procedure.another")))
        if step.minutes:
            facts.append((self.say(lang, "procedure.fact.box"), self.say(lang, "procedure.minutes", n=step.minutes)))
        if run.ticket:
            facts.append((self.say(lang, "procedure.fact.ticket"), run.ticket))
        return tuple(facts)

    def _buttons(self, step: Step, lang: str, value: str) -> list[Button]:
        found = [] if step.options else [self._button(lang, "done", value, "primary")]
        found.append(self._button(lang, "cannot", value))
        found += [] if step.options else [self._button(lang, "skip", value)]
        return [*found, self._button(lang, "hand", value)]

    def _button(self, lang: str, verb: str, value: str, style: str = "plain") -> Button:
        label = self.say(lang, f"procedure.button.{verb}")
        return Button(label, f"procedure.{verb}", value, "primary" if style == "primary" else "plain")

    def _follow(self, run: Run, lang: str) -> Button:
        return self._button(lang, "follow", run.id)

    def asks(self, run: Run, procedure: Procedure, lang: str, verb: str, value: str) -> Card:
        """A form for what `verb` needs: evidence, or why."""
        step = procedure.step(run.step)
        text = self.say(lang, f"procedure.wants.{step.evidence}" if verb == "evidence" else f"procedure.ask.{verb}")
        label = self.say(lang, "procedure.label.evidence" if verb == "evidence" else "procedure.label.why")
        form = Input("text", label, f"procedure.{verb}", self.say(lang, f"procedure.send.{verb}"), value)
        buttons = [self._button(lang, "show", run.id)]
        buttons += [self._button(lang, "abort", run.id)] if verb == "why_cannot" else []
        back = Buttons(tuple(buttons))
        head = Text(self.say(lang, "procedure.at_step", n=procedure.number(step.id), of=len(procedure.steps)), "muted")
        return Card(self.title(run, procedure, lang), (head, Text(text), form, back), "question", lang=lang)

    def hand(self, run: Run, procedure: Procedure, lang: str, value: str, people: Sequence[Person]) -> Card:
        """Whom to hand a run to."""
        options = [Button(person.name[:LABEL], "procedure.give", f"{value}:{person.id}") for person in people[:CHOICES]]
        options.append(Button(self.say(lang, "procedure.button.desk"), "procedure.give", f"{value}:"))
        prompt = self.say(lang, "procedure.ask.hand")
        back = Buttons((self._button(lang, "show", run.id),))
        return Card(self.title(run, procedure, lang), (Choices(prompt, tuple(options)), back), "question", lang=lang)

    def told(self, run: Run, procedure: Procedure, reader: Person, text: str) -> Card:
        """A line about a run for somebody who follows it, owns it, or had it."""
        lang = reader.language
        verbs = ("show", "unfollow") if run.state == "running" else ("show",)
        buttons = Buttons(tuple(self._button(lang, verb, run.id) for verb in verbs))
        return Card(self.title(run, procedure, lang), (Text(text), buttons, *self._page(run, reader)), "desk",
                    lang=lang)  # fmt: skip

    def over(self, run: Run, procedure: Procedure, reader: Person, said: str) -> Card:
        """The last card of a run."""
        lang = reader.language
        minutes = int(max(0.0, run.ended_at - run.started_at) // 60)
        text = self.say(lang, f"procedure.over.{run.state}", minutes=minutes)
        return Card(
            self.title(run, procedure, lang),
            (*((Text(said),) if said else ()), Text(text, "strong"), *self._page(run, reader)),
            "done",
            lang=lang,
        )

    def offer(self, procedure: Procedure, reader: Person, ticket: str, at: float) -> Card:
        """A procedure before it is started. `at`: now; past its review date it says so."""
        lang = reader.language
        facts = (
            (self.say(lang, "procedure.fact.steps"), str(len(procedure.steps))),
            (self.say(lang, "procedure.fact.box"), self.say(lang, "procedure.minutes", n=procedure.minutes)),
            *(((self.say(lang, "procedure.fact.ticket"), ticket),) if ticket else ()),
        )
        late = (
            (Text(self.say(lang, "procedure.overdue", day=procedure.review_due.isoformat()), "muted"),)
            if procedure.overdue(datetime.fromtimestamp(at, UTC).date())
            else ()
        )
        value = f"{procedure.id}:{ticket}" if ticket else procedure.id
        button = Button(self.say(lang, "procedure.button.start"), "procedure.start", value, "primary")
        purpose = Text(fill(pick(procedure.purpose, lang), self._organisation().values(reader.entity, lang))[0])
        return Card(pick(procedure.title, lang), (purpose, Facts(facts), *late, Buttons((button,))), "desk", lang=lang)

    def listed(self, reader: Person, mine: Sequence[tuple[Run, Procedure]], to_start: Sequence[Procedure]) -> Card:
        """Runs to go on with, and procedures to start."""
        lang, blocks = reader.language, list[Block]()
        if mine:
            options = [Button(self.title(run, p, lang)[:LABEL], "procedure.show", run.id) for run, p in mine[:CHOICES]]
            blocks.append(Choices(self.say(lang, "procedure.running"), tuple(options)))
        if to_start:
            shown = to_start[: CHOICES * 3]
            options = [Button(pick(p.title, lang)[:LABEL], "procedure.offer", p.id) for p in shown]
            blocks.append(Choices(self.say(lang, "procedure.to_start"), tuple(options)))
        if not blocks:
            blocks.append(Text(self.say(lang, "procedure.none")))
        return Card(self.say(lang, "procedure.list"), tuple(blocks), "desk", lang=lang)
