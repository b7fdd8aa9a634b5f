"""Telling people of the day on which their mail moves: four messages a wave, each once, whatever else is going on.

They are no tips: who has stopped tips gets them too. The kill switch, test mode, a pause and an incident of one's own hold them,
and they come in working hours. What the next message says anyway is not sent any more (`overtaken`). If a wave gets another
day, people are told of that one afresh.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from typing import Protocol

from bot.cards import Block, Card, Text
from bot.errors import ConfigError, NotFound
from bot.learning.dates import say_day
from bot.learning.migration import DAY, MigrationFile, Step
from bot.learning.nudges import PRIORITY, Nudges, Run
from bot.learning.record import Record
from bot.learning.waves import Audience
from bot.learning.workdays import ONE_DAY, Diary
from bot.model import Person, Place
from bot.organisation import Words, fill, pick
from bot.ports import Row, Tx
from bot.turn import Work

AT_ONCE = 200  # people in one transaction
LAST = 14  # days after the last step's day within which it still makes sense
AHEAD = 4  # days before a step's day on which it may go because of days off
EntryCard = Callable[[str, Person, float], Card | None]  # an answer as this person would see it, None if they may not


class SwitchStore(Protocol):
    """SQL of waves of a migration."""

    def put(self, tx: Tx, row: Mapping[str, object]) -> None:
        """Insert a wave (running), or give it this title, audience and day."""
        ...

    def active(self) -> list[Row]:
        """Waves that run, the earliest day first."""
        ...

    def of_file(self) -> list[Row]:
        """Waves that a file brought, whatever became of them."""
        ...

    def told(self, wave: str, step: str) -> Collection[str]:
        """Whom this step has been settled for."""
        ...

    def settle(self, tx: Tx, row: Mapping[str, object]) -> bool:
        """What became of one person and step; False if that is known already."""
        ...

    def delivered(self, tx: Tx, wave: str, person: str, step: str, delivery: str) -> None: ...

    def end(self, tx: Tx, wave: str, at: float, state: str) -> None: ...


@dataclass(frozen=True)
class _Step:
    """A step of a wave on its way: its stored name, its day, and the day from which the next one says it."""

    name: str
    step: Step
    day: date
    overtaken: date


class Switchover:
    """Waves. `entry` makes the card of an answer; the answering pillar is none of ours."""

    def __init__(self, nudges: Nudges, store: SwitchStore, entry: EntryCard) -> None:
        self._nudges, self._store, self._entry = nudges, store, entry

    def add(self, work: Work, actor: str, title: str, day: date, audience: Audience, today: date) -> str:
        """Announce a wave; its id. Raises `ConfigError` without steps or for a day long past."""
        if self._file is None:
            raise ConfigError("learning/migration.yaml names no steps")
        if day < today - timedelta(days=LAST):
            raise ConfigError(f"{day} is long past: there is nothing left to tell")
        wave = "m" + uuid.uuid4().hex[:12]
        self._put(work, actor, wave, title, day, audience)
        return wave

    def move(self, work: Work, actor: str, wave: str, day: date) -> None:
        """Give a wave another day. Raises `NotFound`."""
        row = next((row for row in self._store.active() if row["id"] == wave), None)
        if row is None:
            raise NotFound(f"no wave {wave} is running")
        self._put(work, actor, wave, row["title"], day, _audience(row))

    def look(self, run: Run, now: float) -> int:
        """Take over the file's waves, and send what is due; how many messages."""
        if not self._nudges.lessons().migration_faulty:  # what cannot be read says nothing of its waves
            self._take_file(run)
        policy = self._nudges.policy()
        if policy.switched_off or policy.test or self._file is None:
            return 0
        today = datetime.fromtimestamp(now, UTC).date()
        sent, staff = 0, list[Person]()
        for wave in self._store.active():
            steps = self._steps(self._file, date.fromisoformat(wave["day"]))
            if today > steps[-1].overtaken + ONE_DAY:
                run(lambda work, wave=wave: self._store.end(work.tx, wave["id"], work.at, "done"))  # type: ignore[misc]
                continue
            for step in steps:
                if step.day - timedelta(days=AHEAD) <= today <= step.overtaken + ONE_DAY:
                    staff = (
                        staff or self._nudges.staff()
                    )  # the whole directory: read once, and only for a step on its way
                    sent += self._step(run, wave, step, staff, now)
        return sent

    # inside

    @property
    def _file(self) -> MigrationFile | None:
        return self._nudges.lessons().migration

    def _put(self, work: Work, actor: str, wave: str, title: str, day: date, audience: Audience) -> None:
        self._store.put(work.tx, {
            "id": wave, "title": title, "audience": audience.dump(), "day": day.isoformat(), "actor": actor, "at": work.at,
        })  # fmt: skip
        work.audit(actor, "learning.migration_wave", wave, day=day.isoformat())

    def _take_file(self, run: Run) -> None:
        """Waves of the file are as the file says; one that is gone from it is cancelled. What somebody cancelled stays so until
        the file says something else."""
        known = {row["id"]: row for row in self._store.of_file()}
        for name, wave in (self._file.waves if self._file else {}).items():
            audience = Audience(frozenset(wave.roles), frozenset(wave.entities), frozenset(wave.people))
            key, row = f"file-{name}", known.pop(f"file-{name}", None)
            said = (wave.title, wave.day.isoformat(), audience.dump())
            if row is None or (row["title"], row["day"], row["audience"]) != said:
                run(lambda work, key=key, wave=wave, audience=audience:  # type: ignore[misc]
                    self._put(work, "secdesk", key, wave.title, wave.day, audience))  # fmt: skip
        for gone in (key for key, row in known.items() if row["state"] in ("running", "paused")):
            run(lambda work, gone=gone: self._store.end(work.tx, gone, work.at, "cancelled"))  # type: ignore[misc]

    @staticmethod
    def _steps(file: MigrationFile, day: date) -> list[_Step]:
        ordered = file.ordered()
        days = [day + timedelta(days=step.days) for _, step in ordered]
        ends = [*days[1:], days[-1] + timedelta(days=LAST)]
        return [
            _Step(f"{name}/{day.isoformat()}", step, when, end)
            for (name, step), when, end in zip(ordered, days, ends, strict=True)
        ]

    def _step(self, run: Run, wave: Row, step: _Step, staff: Sequence[Person], now: float) -> int:
        audience, told = _audience(wave), self._store.told(wave["id"], step.name)
        left = [person for person in staff if person.key and person.key not in told and audience.holds(person)]
        sent = 0
        for start in range(0, len(left), AT_ONCE):
            due = list(self._due(left[start : start + AT_ONCE], step, now))
            if due:
                sent += run(lambda work, due=due: sum(self._tell(work, wave, step, *item) for item in due))  # type: ignore[misc]
        return sent

    def _due(self, people: Sequence[Person], step: _Step, now: float) -> Iterator[tuple[Person, str, Place | None]]:
        """Who gets it now ("migration", and where), or never, and why."""
        planner, ready = self._nudges.planner(), list[Person]()
        for person in people:
            diary, _ = planner.diary(self._nudges.learner(person))
            today = diary.day(now)
            if not person.known:
                yield person, "guest", None
            elif today >= step.overtaken:
                yield person, "overtaken", None
            elif today >= _aim(diary, step) and diary.works(today) and self._within(diary, person.key, today, now):
                ready.append(person)
        records = self._nudges.records([person.key for person in ready], now) if ready else {}
        for person in ready:
            if records.get(person.key, Record()).hold_until <= now:
                place = self._nudges.place(person.key)
                yield person, "migration" if place else "no_chat", place

    @staticmethod
    def _within(diary: Diary, key: str, today: date, now: float) -> bool:
        """In the hours of the day, scattered over the first one so that they do not all come at once."""
        start, end = diary.window(today)
        minute = int.from_bytes(blake2b(key.encode(), digest_size=2).digest(), "big") % 60
        return min(start + 60 * minute, end - 600) <= now < end

    def _tell(self, work: Work, wave: Row, step: _Step, person: Person, why: str, place: Place | None) -> int:
        state = {"migration": "out", "no_chat": "unreachable"}.get(why, "skipped")
        row = {
            "wave": wave["id"],
            "person": person.key,
            "step": step.name,
            "state": state,
            "at": work.at,
            "reason": why,
        }
        if not self._store.settle(work.tx, row) or place is None:
            return 0
        # the key begins as those of tips do: who has left since does not get it
        key = f"nudge:{wave['id']}:{step.name}:{person.key}"
        card = self._card(step.step, date.fromisoformat(wave["day"]), person, work.at)
        delivery = work.say(person.key, place, card, key, priority=PRIORITY)
        self._store.delivered(work.tx, wave["id"], person.key, step.name, delivery)
        return int(bool(delivery))

    def _card(self, step: Step, day: date, person: Person, at: float) -> Card:
        org = self._nudges.organisation()
        spoken = (person.language, person.language.partition("-")[0])
        lang = next((code for code in spoken if code in step.text), org.file.language)
        entry = next((card for name in step.entries if (card := self._entry(name, person, at))), None)
        return step_card(step, day, lang, org.values(person.entity, lang), org.words, entry)


def step_card(step: Step, day: date, lang: str, values: Mapping[str, str], words: Words, entry: Card | None) -> Card:
    """What is said, and the answer that goes with it. A text that names a value which is not set is cut to its first sentence."""
    known = {**values, DAY: say_day(day, lang, words)}
    texts = [pick(step.text, lang), pick(step.text, lang).partition(". ")[0] + "."]
    said = next((text for text, unset in (fill(text, known) for text in texts) if not unset), "")
    blocks: list[Block] = [Text(said)] if said else []
    if entry:
        blocks += [Text(entry.title, "strong"), *entry.blocks]
    source = entry.source if entry else ""
    return Card(fill(pick(step.title, lang), known)[0], tuple(blocks), "answer", source=source, lang=lang, private=True)


def _aim(diary: Diary, step: _Step) -> date:
    """The person's day for a step: what comes before the switch, or on it, on their last working day up to then; what comes
    after it on the next one. Never more than `AHEAD` days before."""
    if step.step.days >= 0:
        return step.day
    days = (step.day - timedelta(days=back) for back in range(AHEAD + 1))
    return next((day for day in days if diary.works(day)), step.day)


def _audience(row: Row) -> Audience:
    given = json.loads(row["audience"])
    return Audience(*(frozenset(given.get(name, ())) for name in ("roles", "entities", "people")))
