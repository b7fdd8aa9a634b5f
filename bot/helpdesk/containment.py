"""Containment: closing somebody's sessions, blocking their sign-in, and letting them in again.

Lock on request, unlock only on verification (content guide, section 5; CISA AA23-320A). Who reported their own account gets it
locked by one click of an analyst. Somebody else's account takes two different people, and so does every unblocking, neither of
them being the person whose account it is. What is done is done by a job over `AccountControl`; each click is authorised anew
and audited.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.cards import Block, Button, Buttons, Card, Text
from bot.errors import ChannelError, NotFound, Refused, RetryLater
from bot.helpdesk.relay import local_time
from bot.helpdesk.tickets import Ticket, Tickets
from bot.model import Person
from bot.organisation import Organisation, Words
from bot.people import Identities
from bot.ports import AccountControl, Clock, Payload, Row, Tx
from bot.turn import Effect, Turn, Work, place_from

REVOKE, BLOCK, UNBLOCK = "revoke", "block", "unblock"
STEPS = (REVOKE, BLOCK, UNBLOCK)  # sessions first: a new password does not end them


class ContainmentStore(Protocol):
    """SQL of the steps. `add` is False while the same step is under way; `decide` None when it cannot be decided so."""

    def add(self, tx: Tx, row: Mapping[str, object]) -> bool: ...

    def decide(self, tx: Tx, step: str, by: str, state: str, at: float) -> Row | None: ...

    def settle(self, tx: Tx, step: str, state: str, result: str, at: float, *, dry: bool) -> bool: ...

    def step(self, step: str) -> Row | None: ...

    def steps(self, ticket: str) -> list[Row]: ...

    def last(self, person: str, kinds: tuple[str, str]) -> str: ...


@dataclass(frozen=True)
class Parts:
    """What containment is made of. `work` runs a change in one transaction."""

    store: ContainmentStore
    control: AccountControl
    tickets: Tickets
    identities: Identities
    organisation: Callable[[], Organisation]
    work: Callable[[Callable[[Work], None]], None]
    clock: Clock


class Containment:
    """Responder of the buttons `contain.*`, and the job `desk.contain`."""

    prefix = "contain"

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @property
    def control(self) -> AccountControl:
        return self._parts.control

    def offered(self, ticket: Ticket) -> bool:
        """Emergencies, and incidents of several people."""
        return ticket.kind in {"emergency", "incident"}

    def steps(self, number: str) -> list[Row]:
        """What was asked and done for a ticket, oldest first."""
        return self._parts.store.steps(number)

    def blocked(self, person: str) -> bool:
        """Whether we blocked this account and have not let it in again."""
        return self._parts.store.last(person, (BLOCK, UNBLOCK)) == BLOCK

    # what analysts do

    def ask(self, work: Work, number: str, kind: str, by: Person, who: str = "") -> str:
        """Ask for a step about the account of `who` (a directory id; "": whose ticket it is). `approved` or `asked`.

        Raises `Refused` for who may not, for a ticket that is no emergency, and for an account that nobody knows.
        """
        self._authorised(by)
        ticket = self._parts.tickets.get(number)
        if kind not in STEPS or not self.offered(ticket):
            raise NotFound(kind)
        person = self._account(work, ticket, who, by)
        if person.key == by.key and kind == UNBLOCK:
            raise Refused(self._say(by.language, "contain.not_yours"))
        own = ticket.kind == "emergency" and person.key == ticket.requester and not ticket.opener
        state = "approved" if own and kind != UNBLOCK else "asked"
        step = uuid.uuid4().hex
        row = {"id": step, "ticket": number, "person": person.key, "kind": kind, "state": state, "by": by.key,
               "at": work.at, "decided_by": by.key if state == "approved" else ""}  # fmt: skip
        if not self._parts.store.add(work.tx, row):
            raise Refused(self._say(by.language, "contain.under_way"))
        self._note(work, number, by.key, step, kind, state, person.name)
        if state == "approved":
            work.job("desk.contain", f"contain:{step}", {"step": step})
        return state

    def decide(self, work: Work, step: str, by: Person, *, approve: bool) -> Row:
        """Approve (a second person, not the one it is about) or refuse. Raises `Refused`, `NotFound`."""
        self._authorised(by)
        state = "approved" if approve else "refused"
        row = self._parts.store.decide(work.tx, step, by.key, state, work.at)
        if row is None:
            known = self._parts.store.step(step)
            if known is None:
                raise NotFound(step)
            raise Refused(self._say(by.language, "contain.second" if known["state"] == "asked" else "contain.decided"))
        self._note(work, row["ticket"], by.key, step, row["kind"], state, self._parts.identities.name(row["person"]))
        if approve:
            work.job("desk.contain", f"contain:{step}", {"step": step})
        return row

    # the job

    def run(self, payload: Payload) -> None:
        """Job `desk.contain`: do what was approved. May be repeated. Raises `RetryLater` when the other side asks to wait."""
        row = self._parts.store.step(payload["step"])
        if row is None or row["state"] != "approved":
            return
        person = self._parts.identities.who(row["person"])
        try:
            if person is None or not person.email:
                raise ChannelError("there is no account of this person in the directory any more")
            result, state = self._act(row["kind"], person.email, row["id"]), "done"
        except RetryLater:
            raise
        except ChannelError as error:
            result, state = str(error)[:300], "failed"
        self._parts.work(lambda work: self._settled(work, row, state, result, person))

    def _act(self, kind: str, account: str, key: str) -> str:
        control = self._parts.control
        return {REVOKE: control.revoke, BLOCK: control.block, UNBLOCK: control.unblock}[kind](account, key)

    def _settled(self, work: Work, row: Row, state: str, result: str, person: Person | None) -> None:
        dry = self._parts.control.dry
        if not self._parts.store.settle(work.tx, row["id"], state, result, work.at, dry=dry):
            return
        number, ticket = row["ticket"], self._parts.tickets.get(row["ticket"])
        name = person.name if person else row["person"]
        self._note(work, number, "secdesk", row["id"], row["kind"], state, f"{name}: {result}")
        if state == "done" and not dry and person and person.key == ticket.requester and ticket.place:
            self._tell(work, ticket, person, row["kind"], row["id"])

    def _tell(self, work: Work, ticket: Ticket, person: Person, kind: str, step: str) -> None:
        said = self._say(person.language, f"contain.told.{kind}", time=local_time(work.at, person, work.at))
        card = Card("", (Text(said, "strong"),), "emergency", lang=person.language)
        work.say(person.key, place_from(ticket.place), card, f"contain:{step}", priority=1, ticket=ticket.number)

    # what is shown

    def done_so_far(self, number: str, reader: Person) -> str:
        """What was really done for this person, in one line: "sessions closed 14:07". "" for nothing."""
        now = self._parts.clock.now()
        return ", ".join(
            self._say(reader.language, f"contain.done.{row['kind']}", time=local_time(row["done_at"], reader, now))
            for row in self.steps(number)
            if row["state"] == "done" and not row["dry"] and row["person"] == reader.key
        )

    def blocks(self, ticket: Ticket) -> Sequence[Block]:
        """For the card in the desk's channel: how each step stands, and the next ones as buttons."""
        if not self.offered(ticket):
            return ()
        lang = self._parts.organisation().file.language
        steps = self.steps(ticket.number)
        lines: list[Block] = [Text(self._line(row, lang), "muted") for row in steps]
        waiting = [row for row in steps if row["state"] == "asked"]
        buttons = [
            Button(self._say(lang, f"contain.button.{verb}", what=self._what(row, lang)), f"contain.{verb}", row["id"])
            for row in waiting
            for verb in ("approve", "refuse")
        ]
        buttons += self.buttons(ticket, lang)
        return (*lines, *((Buttons(tuple(buttons)),) if buttons else ()))

    def buttons(self, ticket: Ticket, lang: str) -> list[Button]:
        """What can be done about the account of whose ticket it is."""
        if ticket.kind != "emergency" or not self._known(ticket.requester):
            return []
        kinds = [] if ticket.state == "resolved" else [REVOKE]
        kinds += [UNBLOCK] if self.blocked(ticket.requester) else [BLOCK] * (ticket.state != "resolved")
        return [Button(self._say(lang, f"contain.button.{kind}"), f"contain.{kind}", ticket.number) for kind in kinds]

    def respond(self, turn: Turn) -> Effect | None:
        if turn.action is None:
            return None
        verb, value = turn.action.id.partition(".")[2], turn.action.value
        if verb in STEPS:
            return lambda work: self._said(turn, f"contain.said.{self.ask(work, value, verb, turn.person)}")
        if verb in {"approve", "refuse"}:
            approve = verb == "approve"

            def decided(work: Work) -> Card:
                self.decide(work, value, turn.person, approve=approve)
                return self._said(turn, "contain.said.approved" if approve else "contain.said.refused")

            return decided
        return None

    # inside

    def _authorised(self, by: Person) -> None:
        if not (by.known and by.roles & self._parts.organisation().desk_roles()):
            raise Refused(self._say(by.language, "room.not_yours"))

    def _account(self, work: Work, ticket: Ticket, who: str, by: Person) -> Person:
        found = (
            self._parts.identities.find(who.strip()) if who.strip() else self._parts.identities.who(ticket.requester)
        )
        if found is None or not found.known or not found.email:
            raise Refused(self._say(by.language, "contain.no_account"))
        return self._parts.identities.meet(work.tx, found, work.at)

    def _known(self, key: str) -> bool:
        person = self._parts.identities.who(key) if key else None
        return person is not None and person.known and bool(person.email)

    def _note(self, work: Work, number: str, actor: str, step: str, kind: str, state: str, text: str) -> None:
        self._parts.tickets.log(work, number, actor, f"{kind}_{state}", text)
        work.audit(actor, f"account.{kind}_{state}", number, id=step[:16])

    def _line(self, row: Row, lang: str) -> str:
        how = self._say(lang, f"contain.state.{row['state']}", name=self._parts.identities.name(row["asked_by"]))
        return f"{self._what(row, lang)}: {how}" + (f" ({row['result']})" if row["result"] else "")

    def _what(self, row: Row, lang: str) -> str:
        return self._say(lang, f"contain.what.{row['kind']}", name=self._parts.identities.name(row["person"]))

    def _said(self, turn: Turn, key: str) -> Card:
        text = self._say(turn.lang, key)
        dry = (Text(self._say(turn.lang, "contain.dry"), "muted"),) if self._parts.control.dry else ()
        return Card("", (Text(text), *dry), "done", lang=turn.lang)

    def _say(self, lang: str, key: str, **params: object) -> str:
        return self._words.say(lang, key, **params)

    @property
    def _words(self) -> Words:
        return self._parts.organisation().words
