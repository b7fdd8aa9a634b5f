"""What nudges ask of the database. One implementation serves SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from bot.learning.memory import Memory
from bot.learning.record import Answer, Record
from bot.ports import Row, Tx


class LearningStore(Protocol):
    """SQL of nudges. Methods with a `tx` write (or read what is about to be written); the others read outside one."""

    def records(self, people: Sequence[str], since: float) -> Mapping[str, Record]:
        """What is known of these people; messages from `since` on. Who is unknown is absent."""
        ...

    def nudge(self, nudge: str, tx: Tx | None = None) -> Row | None: ...

    def newest(self, person: str) -> Row | None:
        """The last message to this person that still names a lesson."""
        ...

    def question(self, lesson: str, version: int) -> str:
        """The question as it was sent (JSON), "" if it never was."""
        ...

    def history(self, person: str) -> list[Row]:
        """Every message to this person, newest first."""
        ...

    def memories(self, person: str) -> list[Memory]: ...

    def switches(self) -> Mapping[str, str]:
        """What operators have switched off: `off`, `paused.<lesson>`."""
        ...

    def attendance(self, person: str = "", course: str = "") -> list[Row]:
        """Attended sections (person, course, lesson, version, at), oldest first; of one person or course, else all."""
        ...

    # sending

    def add_nudge(self, tx: Tx, row: Mapping[str, object]) -> bool:
        """False when this person has a message for that day already, is held, or has stopped (duties: `must`)."""
        ...

    def set_delivery(self, tx: Tx, nudge: str, delivery: str) -> None: ...

    def keep_question(self, tx: Tx, lesson: str, version: int, question: str) -> None: ...

    def spend(self, tx: Tx, enrolment: str, at: float) -> None:
        """The enrolment has had its message, and so have the person's others on the same topic."""
        ...

    # what people press

    def answer(self, tx: Tx, nudge: str, at: float) -> bool:
        """This message has its answer now; False if it had one. Which one is not on the message (`keep_answer`)."""
        ...

    def keep_answer(self, tx: Tx, item: str, person: str, answer: Answer, at: float) -> None:
        """Keep an answer under codes of the item (a message, a section) and of the person. Once an item."""
        ...

    def kept_answer(self, item: str, tx: Tx | None = None) -> str:
        """The option chosen, "" if none is kept."""
        ...

    def answers(self, person: str, at: float) -> list[Row]:
        """Every answer of this person that is kept (lesson, version, choice, correct, month, age_days, track), newest first."""
        ...

    def unhear(self, tx: Tx, person: str, at: float) -> None:
        """What this person said from `at` on is not kept in the conversation: it answers a lesson."""
        ...

    def close_others(self, tx: Tx, nudge: str) -> None:
        """Older open messages with the same lesson to the same person are done with."""
        ...

    def memory(self, tx: Tx, person: str, lesson: str) -> Memory | None: ...

    def put_memory(self, tx: Tx, person: str, memory: Memory, seen: int) -> bool:
        """Store it if the stored one still has `seen` reviews (0: there is none)."""
        ...

    def postpone(self, tx: Tx, nudge: str, until: str, at: float) -> bool:
        """They want it on this local day. False if it is answered or closed."""
        ...

    def postponed(self, person: str, lesson: str) -> int:
        """How often this person put this lesson off."""
        ...

    def reacted(self, tx: Tx, nudge: str, at: float) -> None: ...

    def lessen(self, tx: Tx, nudge: str, at: float) -> bool:
        """Halve the rate of the person this went to. False if this message has done that already."""
        ...

    def useless(self, tx: Tx, nudge: str, at: float) -> bool:
        """They said that it is of no use to them. False if they had said so."""
        ...

    def stop(self, tx: Tx, person: str, stopped: bool, at: float) -> bool:
        """Stop, or start again at the full rate. False if it changes nothing."""
        ...

    def attend(self, tx: Tx, row: Mapping[str, object]) -> bool:
        """Record that somebody attended a section of a course. False if it is on record for this day."""
        ...

    # what happens elsewhere

    def hold(self, tx: Tx, person: str, until: float) -> None: ...

    def ask(self, tx: Tx, person: str, topic: str, at: float, since: float) -> int:
        """Note that they asked about a topic; how often they have since `since`, this time included."""
        ...

    def enrolled(self, tx: Tx, person: str, reason: str, since: float) -> bool: ...

    def enrol(self, tx: Tx, row: Mapping[str, object]) -> None:
        """Once for each id."""
        ...

    def switch(self, tx: Tx, name: str, value: str, at: float) -> None:
        """Set a switch; an empty value removes it."""
        ...

    # the regular look

    def waiting(self, at: float, made_of: str) -> Collection[str]:
        """Who need not be looked at yet, by what was found with these lessons and rules (`made_of`)."""
        ...

    def put_off(self, tx: Tx, looks: Sequence[tuple[str, float]], made_of: str, began: float) -> None:
        """Look at these people again at these times; not at whom something happened since a look that `began` then."""
        ...

    def touch(self, tx: Tx, person: str, at: float) -> None:
        """Something happened: the next look takes this person in."""
        ...

    # the end of data

    def erase(self, tx: Tx, person: str, recent: float, at: float) -> None:
        """Answers and memories go; of messages since `recent` only the day stays, so that the caps still hold. Attendance
        stays: it has to be shown."""
        ...

    def forget(self, tx: Tx, person: str, at: float) -> None:
        """Everything about this person goes."""
        ...

    def tidy(self, tx: Tx, before: float) -> int:
        """Empty the cards in the conversation that answered an answer before then; how many lines."""
        ...

    def prune(self, tx: Tx, at: float) -> int:
        """Holds that are over go; how many. What is old goes by `bot/retention.py`."""
        ...
