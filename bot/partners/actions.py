"""Actions that were agreed: open, done (with evidence), verified by somebody else. What is done without proof is not done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from bot.errors import Conflict, NotFound, Refused
from bot.model import Person
from bot.partners.figures import day_of
from bot.partners.parts import Parts
from bot.ports import Row
from bot.turn import Work


@dataclass(frozen=True)
class Action:
    """One line. `owner` is a pseudonym, or "" for somebody of the partner, who has only `owner_name`. Days are `2026-12-01`."""

    id: str
    partner: str
    what: str
    origin: str
    owner: str
    owner_name: str
    due: str
    state: str
    evidence: str
    done_by: str
    done_at: float
    verified_by: str
    verified_at: float
    created_by: str
    created_at: float

    def age(self, today: date, zone: str) -> int:
        """Days since it was agreed."""
        return (today - day_of(self.created_at, zone)).days

    def late(self, today: date) -> bool:
        return self.state in {"open", "done"} and date.fromisoformat(self.due) < today


class Actions:
    """Agree, say that it is done, verify or send back, drop."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def get(self, id_: str) -> Action:
        """Raises `NotFound`."""
        row = self._parts.store.action(id_.strip().upper())
        if row is None:
            raise NotFound(id_)
        return _action(row)

    def of(self, partner: str, *, every: bool = False) -> list[Action]:
        """Open ones and those that wait to be verified; with `every` all."""
        return [_action(row) for row in self._parts.store.actions(partner, every=every)]

    def add(self, work: Work, partner: str, what: str, owner: str, due: str, by: Person, origin: str = "hand") -> str:
        """A new one; its id. `owner` is an id of the directory, or the name of somebody at the partner. Raises `Refused`."""
        parts = self._parts
        parts.contract(partner)
        person = parts.identities.find(owner.strip())
        met = parts.identities.meet(work.tx, person, work.at) if person else None
        name = "" if met else parts.needed(by, owner, 80)
        day = self._day(by, due)
        row = {"partner": partner, "what": parts.needed(by, what), "origin": origin, "owner": met.key if met else "",
               "owner_name": name, "due": day.isoformat(), "state": "open", "evidence": "", "done_by": "", "done_at": 0.0,
               "verified_by": "", "verified_at": 0.0, "created_by": by.key, "created_at": work.at}  # fmt: skip
        id_ = parts.store.add_action(work.tx, row)
        work.audit(by.key, "partner.action", id_, partner=partner, due=day.isoformat())
        return id_

    def done(self, work: Work, id_: str, evidence: str, by: Person) -> Action:
        """Its owner says that it is done, and shows by what. For somebody of the partner the contract's owner says so."""
        action = self.get(id_)
        if not self.may_finish(action, by):
            raise Refused(self._parts.say(by, "partner.action.not_yours", name=self.owner(action)))
        self._change(work, action, "open", by, {
            "state": "done", "evidence": self._parts.needed(by, evidence), "done_by": by.key, "done_at": work.at,
        })  # fmt: skip
        return self.get(id_)

    def verify(self, work: Work, id_: str, by: Person) -> Action:
        """Somebody else has looked. Raises `Refused` for whoever may not (see `may_verify`)."""
        action = self._looked_at(id_, by)
        self._change(work, action, "done", by, {"state": "verified", "verified_by": by.key, "verified_at": work.at})
        return self.get(id_)

    def reject(self, work: Work, id_: str, by: Person) -> Action:
        """It is not done after all: open again. Raises `Refused` for whoever may not verify it."""
        action = self._looked_at(id_, by)
        self._change(work, action, "done", by, {"state": "open", "done_by": "", "done_at": 0.0})
        return self.get(id_)

    def drop(self, work: Work, id_: str, why: str, by: Person) -> Action:
        """Not to be done any more. The contract's owner alone, with a reason."""
        action = self.get(id_)
        if by.id != self._parts.contract(action.partner).file.contract.owner:
            raise Refused(self._parts.say(by, "partner.owner_only", name=self._owner_of(action.partner)))
        self._change(work, action, "open", by, {"state": "dropped", "evidence": self._parts.needed(by, why)})
        return self.get(id_)

    def may_finish(self, action: Action, by: Person) -> bool:
        if action.owner:
            return by.key == action.owner
        return by.id == self._parts.contract(action.partner).file.contract.owner

    def may_verify(self, action: Action, by: Person) -> bool:
        """Those who come to the review, but neither who did it nor who owns it."""
        return self._reviews(action, by) and by.key not in {action.done_by, action.owner} - {""}

    def owner(self, action: Action) -> str:
        """The name of who is to do it."""
        return self._parts.identities.name(action.owner) if action.owner else action.owner_name

    def _reviews(self, action: Action, by: Person) -> bool:
        file = self._parts.contract(action.partner).file
        return by.id in {file.contract.owner, file.reviews.chair, *file.reviews.invited}

    def _looked_at(self, id_: str, by: Person) -> Action:
        """An action that this person may verify or send back. Raises `NotFound`, `Refused`."""
        action = self.get(id_)
        if not self.may_verify(action, by):
            key = "partner.action.second" if self._reviews(action, by) else "partner.not_yours"
            raise Refused(self._parts.say(by, key))
        return action

    def _owner_of(self, partner: str) -> str:
        return self._parts.identities.shown(self._parts.contract(partner).file.contract.owner)

    def _change(self, work: Work, action: Action, was: str, by: Person, changes: dict[str, object]) -> None:
        if not self._parts.store.change_action(work.tx, action.id, was, changes):
            raise Conflict(self._parts.say(by, "partner.action.moved", id=action.id))
        work.audit(by.key, f"partner.action_{changes['state']}", action.id)

    def _day(self, by: Person, text: str) -> date:
        try:
            day = date.fromisoformat(text.strip())
        except ValueError:
            raise Refused(self._parts.say(by, "partner.needs_day")) from None
        return day


def _action(row: Row) -> Action:
    return Action(**row)
