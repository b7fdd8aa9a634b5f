"""Who is on the phone? A short-lived code that both sides can check, each in a chat or console of their own.

Somebody who is rung by "the help desk" asks here: they get a code, the analyst who really rings them sees it in the console, and
must read it out. The analyst who is rung by "an employee" asks here: the code appears in that person's own chat, and the caller
must read it out. A code counts once, for five minutes, for three tries. It shows who holds a chat or the console, no more:
nothing is reset and no device is enrolled on the strength of it (CISA AA23-320A), and every card says so.
"""

from __future__ import annotations

import hmac
import re
import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from bot.cards import Block, Button, Buttons, Card, Input, Text, Tone
from bot.errors import NotFound, Refused
from bot.helpdesk.relay import local_time
from bot.helpdesk.tickets import Tickets
from bot.model import Person, Place
from bot.organisation import Organisation, Words
from bot.people import Identities
from bot.ports import Row, Tx, Vault
from bot.turn import Effect, TicketRequest, Turn, Work

SECONDS = 300.0
TRIES = 3
PER_PERSON, PER_ANALYST = 5, 10  # codes an hour
# No digits and no letters that sound alike on the phone: a code of ours never looks like one to sign in with.
_SYLLABLES = tuple(first + second for first in "bdflmrst" for second in "aiou")
_SHAPE = re.compile(r"[a-z]{4}[\s-]*[a-z]{4}")
READ = "codes.read"


class CodeStore(Protocol):
    """SQL of the codes, as `adapters.stores.caller_codes` has it."""

    def add(self, tx: Tx, row: Mapping[str, object]) -> None: ...

    def made(self, tx: Tx, person: str, analyst: str, since: float) -> int: ...

    def code(self, tx: Tx, id_: str) -> Row | None: ...

    def open_of(self, tx: Tx, person: str, kind: str, at: float) -> Row | None: ...

    def waiting(self, at: float) -> list[Row]: ...

    def asked_by(self, analyst: str, at: float) -> list[Row]: ...

    def tried(self, tx: Tx, id_: str, most: int, at: float) -> Row | None: ...

    def close(self, tx: Tx, id_: str, state: str, at: float) -> Row | None: ...

    def shown(self, tx: Tx, id_: str, analyst: str, at: float) -> Row | None: ...


@dataclass(frozen=True)
class Parts:
    """What the codes are made of. `in_trouble`: whether somebody else may sit in this person's chat."""

    store: CodeStore
    vault: Vault
    tickets: Tickets
    identities: Identities
    organisation: Callable[[], Organisation]
    place_of: Callable[[str], Place | None]
    in_trouble: Callable[[str], bool]


class CallerCodes:
    """Responder of the buttons `codes.*`, and of a few words typed instead."""

    prefix = "codes"

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def respond(self, turn: Turn) -> Effect | None:
        if turn.action is None:
            return self._typed(turn)
        verb, value = turn.action.id.partition(".")[2], turn.action.value
        match verb:
            case "mine":
                return lambda work: self._mine(work, turn)
            case "match" | "nomatch":
                return lambda work: self._heard(work, turn, value, right=verb == "match")
            case "not_me":
                return lambda work: self._not_me(work, turn, value)
            case "check":
                return lambda work: self._check(work, turn, value)
            case "show":
                return lambda work: self._private(work, turn, self._show(work, turn.person, value))
            case "read":
                said = turn.action.form.get("text", "")
                return lambda work: self._private(work, turn, self._read_card(work, turn, value, said))
        return None

    def _typed(self, turn: Turn) -> Effect | None:
        said = turn.text.strip(" .!?¿¡").casefold()
        if not said:
            return None
        if turn.dialogue and turn.dialogue.kind == READ and _SHAPE.fullmatch(said):
            step = turn.dialogue.state["code"]
            return lambda work: self._private(work, turn, self._read_card(work, turn, step, said))
        if lang := self._phrase("codes.typed.mine", said):
            return lambda work: self._mine(work, replace(turn, lang=lang))
        if lang := self._phrase("codes.typed.reset", said):
            return self._no_reset(replace(turn, lang=lang))
        if not self._of_desk(turn.person):
            return None
        for verb in ("check", "show"):
            for start in "|".join(self._words.every(f"codes.typed.{verb}")).casefold().split("|"):
                if said.startswith(f"{start} "):
                    who = said[len(start) + 1 :]
                    return lambda work, verb=verb, who=who: self._asked(work, turn, verb, who)  # type: ignore[misc]
        return None

    def _phrase(self, key: str, said: str) -> str:
        """The language in which a text is one of these phrases, "" if in none."""
        found = (
            lang for lang, texts in self._words.by_language.items() if said in texts.get(key, "").casefold().split("|")
        )
        return next(found, "")

    def _no_reset(self, turn: Turn) -> Effect:
        """Nothing is reset, unlocked or enrolled in a chat; why, and what to do instead."""
        said = Text(self._words.say(turn.lang, "codes.reset", helpdesk_phone=turn.values.get("helpdesk_phone", "")))
        person = Button(self._words.say(turn.lang, "button.person"), "tickets.person", turn.text)
        card = Card("", (said, Buttons((person,))), lang=turn.lang)
        return lambda _work: card

    # "did the help desk really contact me?"

    def _mine(self, work: Work, turn: Turn) -> Card:
        person = turn.person
        if not person.known:
            return self._plain(turn.lang, "codes.guest", helpdesk_phone=turn.values.get("helpdesk_phone", ""))
        code = self._make(work, "desk", person.key, "", "", PER_PERSON, turn.lang)
        say, lang = self._words.say, turn.lang
        until = local_time(work.at + SECONDS, person, work.at)
        blocks: list[Block] = [
            Text(say(lang, "codes.mine", code=code[1]), "strong"),
            Text(say(lang, "codes.mine.how", until=until)),
            Text(say(lang, "codes.never", helpdesk_phone=turn.values.get("helpdesk_phone", ""))),
            Buttons((Button(say(lang, "codes.button.match"), "codes.match", code[0]),
                     Button(say(lang, "codes.button.nomatch"), "codes.nomatch", code[0], "danger"))),
        ]  # fmt: skip
        return self._private(work, turn, Card(say(lang, "codes.mine.title"), tuple(blocks), "question", lang=lang))

    def _heard(self, work: Work, turn: Turn, step: str, *, right: bool) -> Card:
        """What the caller read out was right, or was not."""
        row = self._parts.store.code(work.tx, step)
        if row is None or row["kind"] != "desk" or row["person"] != turn.person.key:
            raise NotFound(step)
        analyst = self._parts.identities.name(row["analyst"]) if row["analyst"] else ""
        state = "used" if right and analyst else "denied"
        if self._parts.store.close(work.tx, step, state, work.at) is None:
            return self._plain(turn.lang, "codes.over")
        work.audit(turn.person.key, f"code.{state}", "desk", id=step[:16])
        phone = turn.values.get("helpdesk_phone", "")
        if state == "used":
            return self._plain(turn.lang, "codes.it_is_us", name=analyst, helpdesk_phone=phone)
        # right, though nobody of the desk has looked: whoever read it out did not get it from us
        number = self._alarm(work, turn.person, turn.place, "codes.ticket.desk", turn.person.name)
        return self._plain(turn.lang, "codes.not_us", number=number, helpdesk_phone=phone, tone="emergency")

    def show(self, work: Work, step: str, analyst: Person) -> str:
        """The code, for the analyst who rings this person; the person hears who looked. Raises `Refused`."""
        self._authorised(analyst)
        row = self._parts.store.shown(work.tx, step, analyst.key, work.at)
        if row is None:
            raise Refused(self._words.say(analyst.language, "codes.over"))
        work.audit(analyst.key, "code.shown", row["person"], id=step[:16])
        person, place = self._parts.identities.who(row["person"]), self._parts.place_of(row["person"])
        if person and place:
            said = self._words.say(person.language, "codes.looked", name=analyst.name)
            card = Card("", (Text(said),), lang=person.language)
            work.say(person.key, place, card, f"code:{step}:{analyst.key}", priority=1)
        return self._open(row)

    def _show(self, work: Work, analyst: Person, step: str) -> Card:
        code = self.show(work, step, analyst)
        row = self._parts.store.code(work.tx, step)
        person = self._parts.identities.who(row["person"]) if row else None
        phone = (person.phone if person else "") or self._words.say(analyst.language, "emergency.no_phone")
        return self._plain(
            analyst.language, "codes.read_out", code=code, name=person.name if person else "", phone=phone
        )

    # "is this caller really our employee?"

    def check(self, work: Work, who: str, analyst: Person, ticket: str = "") -> str:
        """Send a code to this person's own chat; the id of the check. Raises `Refused` with what to do instead."""
        self._authorised(analyst)
        person = self._parts.tickets.colleague(work, who)
        if person is None or not person.known or person.key == analyst.key:
            raise Refused(self._words.say(analyst.language, "codes.nobody"))
        phone = person.phone or self._words.say(analyst.language, "emergency.no_phone")
        if self._parts.in_trouble(person.key):
            raise Refused(self._words.say(analyst.language, "codes.trouble", name=person.name, phone=phone))
        place = self._parts.place_of(person.key)
        if place is None or not place.private:
            raise Refused(self._words.say(analyst.language, "codes.no_chat", name=person.name, phone=phone))
        step, code = self._make(work, "person", person.key, analyst.key, ticket, PER_ANALYST, analyst.language)
        say, lang = self._words.say, person.language
        blocks = (
            Text(say(lang, "codes.for_you", name=analyst.name, code=code), "strong"),
            Text(say(lang, "codes.for_you.how")),
            Buttons((Button(say(lang, "codes.button.not_me"), "codes.not_me", step, "danger"),)),
        )
        card = Card(say(lang, "codes.for_you.title"), blocks, "question", lang=lang)
        work.say(person.key, place, card, f"code:{step}", priority=1)
        if ticket:
            self._parts.tickets.log(work, ticket, analyst.key, "code_asked", person.name)
        return step

    def read(self, work: Work, step: str, analyst: Person, said: str) -> str:
        """What the caller read out: `right`, `wrong`, `over` (too late, used, or three wrong ones)."""
        self._authorised(analyst)
        known = self._parts.store.code(work.tx, step)
        if known is None or known["kind"] != "person" or known["analyst"] != analyst.key:
            raise NotFound(step)
        row = self._parts.store.tried(work.tx, step, TRIES, work.at)
        if row is None:
            return "over"
        if hmac.compare_digest(_letters(said), _letters(self._open(row))):
            self._parts.store.close(work.tx, step, "used", work.at)
            result = "right"
        else:
            result = "wrong"
            if row["tries"] >= TRIES:
                self._parts.store.close(work.tx, step, "wrong", work.at)
        work.audit(analyst.key, f"code.{result}", row["person"], id=step[:16])
        if row["ticket"]:
            name = self._parts.identities.name(row["person"])
            self._parts.tickets.log(work, row["ticket"], analyst.key, f"code_{result}", name)
        return result

    def told(self, step_person: str, result: str, lang: str) -> str:
        """What an analyst reads about a result."""
        person = self._parts.identities.who(step_person)
        phone = (person.phone if person else "") or self._words.say(lang, "emergency.no_phone")
        name = person.name if person else step_person
        return self._words.say(lang, f"codes.result.{result}", name=name, phone=phone)

    def waiting(self, at: float) -> list[Row]:
        """People who ask now whether we are calling them."""
        return self._parts.store.waiting(at)

    def checks(self, analyst: Person, at: float) -> list[Row]:
        """Checks that this analyst waits for."""
        return self._parts.store.asked_by(analyst.key, at)

    def _check(self, work: Work, turn: Turn, who: str) -> Card:
        step = self.check(work, who, turn.person)
        say, lang = self._words.say, turn.lang
        blocks = (
            Text(say(lang, "codes.sent")),
            Input("text", say(lang, "codes.input"), READ, say(lang, "codes.button.read"), step, multiline=False),
            Text(say(lang, "codes.no_reset"), "muted"),
        )
        work.dialogue(turn.person.key, turn.place, READ, {"code": step})
        return self._private(work, turn, Card("", blocks, "desk", lang=lang))

    def _asked(self, work: Work, turn: Turn, verb: str, who: str) -> Card:
        """Typed by somebody of the desk, with a name, an address or an id."""
        if verb == "check":
            return self._check(work, turn, who)
        person = self._parts.tickets.colleague(work, who)
        row = self._parts.store.open_of(work.tx, person.key, "desk", work.at) if person else None
        if row is None:
            raise Refused(self._words.say(turn.lang, "codes.nobody_asks"))
        return self._private(work, turn, self._show(work, turn.person, row["id"]))

    def _read_card(self, work: Work, turn: Turn, step: str, said: str) -> Card:
        result = self.read(work, step, turn.person, said)
        row = self._parts.store.code(work.tx, step)
        if result != "wrong" or (row and row["state"] != "open"):
            work.end_dialogue(turn.person.key, turn.place)
        text = self.told(row["person"] if row else "", result, turn.lang)
        return Card("", (Text(text),), "desk", lang=turn.lang)

    def _not_me(self, work: Work, turn: Turn, step: str) -> Card:
        """The person says that it is somebody else on the phone."""
        row = self._parts.store.code(work.tx, step)
        if row is None or row["kind"] != "person" or row["person"] != turn.person.key:
            raise NotFound(step)
        if self._parts.store.close(work.tx, step, "denied", work.at) is None:
            return self._plain(turn.lang, "codes.over")
        work.audit(turn.person.key, "code.denied", "person", id=step[:16])
        number = self._alarm(work, turn.person, turn.place, "codes.ticket.person", turn.person.name)
        analyst, place = self._parts.identities.who(row["analyst"]), self._parts.place_of(row["analyst"])
        if analyst and place:
            said = self._words.say(analyst.language, "codes.result.denied", name=turn.person.name, number=number)
            card = Card("", (Text(said, "strong"),), "warning", lang=analyst.language)
            work.say(analyst.key, place, card, f"code:{step}:denied", priority=1)
        return self._plain(
            turn.lang, "codes.denied", number=number, helpdesk_phone=turn.values.get("helpdesk_phone", "")
        )

    # inside

    def _make(
        self, work: Work, kind: str, person: str, analyst: str, ticket: str, most: int, lang: str
    ) -> tuple[str, str]:
        """(id, code). Raises `Refused` when there were too many in the last hour."""
        made = self._parts.store.made
        too_many = made(work.tx, "" if analyst else person, analyst, work.at - 3600) >= most
        if too_many or made(work.tx, person, "", work.at - 3600) >= PER_PERSON:
            raise Refused(self._words.say(lang, "codes.too_many"))
        step, code = uuid.uuid4().hex, fresh()
        sealed = self._parts.vault.seal("caller-code", code.encode())
        self._parts.store.add(
            work.tx,
            {"id": step, "kind": kind, "person": person, "analyst": analyst, "ticket": ticket, "code": sealed,
             "at": work.at, "until": work.at + SECONDS},
        )  # fmt: skip
        work.audit(analyst or person, "code.made", person, kind=kind, id=step[:16])
        return step, code

    def _open(self, row: Row) -> str:
        return self._parts.vault.unseal("caller-code", bytes(row["code"])).decode()

    def _alarm(self, work: Work, person: Person, place: Place, key: str, name: str) -> str:
        """A ticket for the desk: somebody pretends to be somebody."""
        said = self._words.say(self._parts.organisation().file.language, key, name=name)
        request = TicketRequest(person.key, place, "person", said, said, "S2", join=f"caller:{person.key}")
        return self._parts.tickets.open(work, request).number

    def _authorised(self, person: Person) -> None:
        if not self._of_desk(person):
            raise Refused(self._words.say(person.language, "room.not_yours"))

    def _of_desk(self, person: Person) -> bool:
        return person.known and bool(person.roles & self._parts.organisation().desk_roles())

    def _private(self, work: Work, turn: Turn, card: Card) -> Card:
        """Codes are for one pair of eyes: asked for in a channel, the card goes to the person's own chat."""
        if turn.place.private:
            return card
        place = self._parts.place_of(turn.person.key)
        if place is None or not place.private:
            raise Refused(self._words.say(turn.lang, "codes.in_private"))
        work.say(turn.person.key, place, card, f"code:{turn.key}", priority=1)
        return self._plain(turn.lang, "codes.sent_private")

    def _plain(self, lang: str, key: str, *, tone: Tone = "plain", **params: object) -> Card:
        return Card("", (Text(self._words.say(lang, key, **params), "strong"),), tone, lang=lang)

    @property
    def _words(self) -> Words:
        return self._parts.organisation().words


def fresh() -> str:
    """A code that can be read out: four syllables, none twice (863,040 of them)."""
    chosen = secrets.SystemRandom().sample(_SYLLABLES, 4)
    return f"{chosen[0]}{chosen[1]}-{chosen[2]}{chosen[3]}"


def _letters(text: str) -> bytes:
    return "".join(char for char in text.casefold() if "a" <= char <= "z").encode()
