"""One person's whole life at the desk, in every part of it, with a mark in all they write: exported, forgotten, searched for.

Both databases, every column of every table, sealed values opened; the job engine's own rows; files in the data folder.
What stays is a pseudonym where a chain of records needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from adapters.stores.reseal import BOXES
from adapters.web.signin import new_link
from bot.app.contents import Contents
from bot.cards import Card, pressables
from bot.helpdesk.triage import Filter
from bot.ports import Db
from bot.procedures.evidence import Evidence
from bot.turn import TicketRequest
from tests.contract.engines import Seen, new_home
from tests.contract.test_desk import entry, question
from tests.contract.test_partners import answered, at
from tests.contract.test_postbox import Office
from tests.contract.test_postbox import imap as imap  # noqa: PLC0414 (a fixture)
from tests.contract.test_postbox import smtp as smtp  # noqa: PLC0414 (a fixture)
from tests.contract.test_procedures import Walk
from tests.fakes import desk as fakes
from tests.fakes.desk import DANA, INES, MAIL, NONSENSE, SAM, FakeClock, House, InlineJobs, tables
from tests.fakes.imap import FakeImap
from tests.fakes.letters import letter
from tests.fakes.procedures import DAILY, TAKEOVER, with_procedures
from tests.fakes.smtp import FakeSmtp

contents, home = fakes.contents, fakes.home
MARK = "qzmk"  # and a word: what was written where


class Recorder(InlineJobs):
    """Jobs as the engine gets them, all kept."""

    def submit(self, kind: str, key: str, payload: Any, *, delay: float = 0.0) -> None:
        seen: list[tuple[str, str, Any]] = self.__dict__.setdefault("seen", [])
        seen.append((kind, key, dict(payload)))
        super().submit(kind, key, payload, delay=delay)


@pytest.fixture
def house(db: Db, home: Path, contents: Contents, imap: FakeImap, smtp: FakeSmtp) -> Iterator[Office]:
    made = Office(
        home, db, with_procedures(contents, home / "own", takeover=TAKEOVER, daily=DAILY), imap, smtp,
        clock=FakeClock(at("2030-03-04 09:00")),
    )  # fmt: skip
    made.jobs = Recorder(made.app)
    made.sweeper = fakes.Sweeper(made.app.core, made.jobs, made.clock)
    for who in (SAM, INES):
        made.analyst(who)
    yield made
    made.close()


def pressed(card: Card, action: str) -> str:
    """What a button of a card carries."""
    return next(button.value for button in pressables(card) if button.action == action)


def do(house: House, change: Any) -> Any:
    house.clock.forward(1)
    return house.app.work(change)


def by_mail(house: Office) -> None:
    """Letters to the reporting mailbox: a report, and what is none."""
    sender = "Sam Ortiz <sam.ortiz@northwind.example>"
    lure = MAIL.replace(b"Pay the fee", f"{MARK}lettermail Pay".encode()).replace(b"<1@", b"<77@")
    house.arrives(letter(f"Fwd: {MARK}lettersubject", f"{MARK}lettertext", sender=sender, mails=[lure], number=1))
    house.arrives(letter(f"{MARK}talksubject", f"how do I paint a fence {MARK}talktext", sender=sender, number=2))
    house.settle()


def authoring(house: Office) -> None:
    """A draft, and a word to another's."""
    author, sam, ines = house.app.authoring, house.analyst(SAM), house.analyst(INES)
    own, other = author.filed("found-usb-stick"), author.filed("is-this-email-real")
    assert own is not None
    assert other is not None
    do(house, author.save(sam, own.name, own.text + f"# {MARK}draft by Sam Ortiz\n", (own.sha, 0)))
    do(house, author.save(ines, other.name, other.text, (other.sha, 0)))
    draft = author.open_change(other.name)
    assert draft is not None
    with house.db.tx() as tx:  # handed in: that needs a better answer, which the tests of authoring write
        tx.execute("UPDATE answer_change SET state = 'waiting' WHERE id = :id", id=draft.id)
    do(house, author.back(sam, author.change(draft.id), f"{MARK}backnote"))


def asking(house: Office) -> None:
    """Questions, a ticket of their own and how it went, a report."""
    app, sam = house.app, house.analyst(SAM)
    house.say(SAM, f"hello {MARK}greeting")
    answer = house.say(SAM, question(entry(house, severity="S0", public=True)))
    house.press(SAM, "answering.solved", pressed(answer.card, "answering.solved"))
    house.say(SAM, f"{NONSENSE} {MARK}question")
    house.press(SAM, "tickets.person", f"please ring me {MARK}ticket")
    house.settle()
    (own,) = [ticket.number for ticket in house.tickets() if ticket.requester == sam.key]
    house.act("note", own, INES, "Sam Ortiz rang about it.")
    house.act("reply", own, INES, "Sam Ortiz, here you are.")
    do(house, lambda work: app.tickets.rate(work, own, sam, good=True))
    mail = MAIL.replace(b"To: you", b"To: sam.ortiz").replace(b"Pay the fee", f"{MARK}mailbody Pay".encode())
    house.send(SAM, mail.replace(b"Your parcel", f"{MARK}subject".encode()), f"{MARK}filename.eml")
    house.settle()


def live(house: Office) -> set[str]:
    """The marks that were left."""
    app, sam = house.app, house.analyst(SAM)
    asking(house)
    by_mail(house)
    # desk work on somebody else's ticket
    house.press(DANA, "tickets.person", "my badge is lost")
    house.settle()
    other = next(ticket.number for ticket in house.tickets() if ticket.requester == house.key(DANA))
    house.act("claim", other)
    house.act("note", other, SAM, f"{MARK}desknote")
    house.act("reply", other, SAM, f"{MARK}deskreply")
    do(house, lambda work: app.triage.save_view(work, sam, f"{MARK}view", Filter()))
    do(house, lambda work: app.triage.bulk(work, [other], sam, "severity", "S1"))
    authoring(house)
    # on the phone
    house.say(SAM, "Did the help desk really contact me?")
    # tips
    app.nudge_send(now=True)
    house.settle()
    house.say(SAM, "a")
    # procedures
    walk = Walk(house)
    walk.change("follow")
    walk.do("done", Evidence("text", f"{MARK}evidence"))
    walk.change("note", f"{MARK}runnote")
    # partners
    number = do(house, lambda work: app.tickets.open(work, handed(house))).number
    house.act("claim", number)
    house.act("hand_over", number, SAM, "brightwell")
    house.act("wait", number, SAM, "us", f"{MARK}pause")
    house.clock.forward(1800)
    do(house, lambda work: app.tickets.carry_on(work, number, sam.key))
    answered(house, number, 90)
    terms = app.partners.parts.contract("brightwell")
    found = [one for one in app.partners.reports.breaches(terms, 0.0) if one.ticket == number]
    dispute = do(house, lambda work: app.partners.disputes.open(work, "brightwell", number, found[0].name, sam))
    do(house, lambda work: app.partners.disputes.say(work, dispute, "note", f"{MARK}dispute", sam))
    action = do(
        house, lambda work: app.partners.actions.add(work, "brightwell", "Ask Sam Ortiz", sam.id, "2030-04-01", sam)
    )
    assert action
    do(
        house,
        lambda work: app.partners.reviews.record(work, "brightwell", date(2030, 2, 15), "Sam Ortiz was there.", sam),
    )
    house.press(SAM, "partner.pulse", "brightwell:2030-Q1:54321")
    house.press(SAM, "partner.pulse_words", "brightwell:2030-Q1:", {"text": f"{MARK}pulse"})
    # the console and its API
    do(house, lambda work: new_link(work, app.sessions, app.vault, app.identities, sam))
    do(house, lambda work: app.tokens.create(work, f"{MARK}token", sam, ["see"], 30, sam.key))
    house.settle()
    return {word for word in house_words(house) if word.startswith(MARK)}


def handed(house: House) -> TicketRequest:
    return TicketRequest(house.key(SAM), house.place(SAM), "question", "Mail is held back", f"{MARK}handed", "S2")


def everything(house: House) -> str:
    """Every column of every table, what is sealed opened, and every file of the data folder that is not a cache or a key."""
    lines = []
    for table in tables(house.db):
        for row in house.rows(f"SELECT * FROM {table}"):
            for column, value in row.items():
                lines.append(f"{table}.{column}: {opened(house, table, column, value)}")
    for path in house.folder.rglob("*"):
        if path.is_file() and "cache" not in path.parts and path.suffix not in (".key", ".db", ".db-wal", ".db-shm"):
            lines.append(f"{path.name}: {path.read_bytes().decode('utf-8', 'replace')}")
    return "\0".join(lines)


def opened(house: House, table: str, column: str, value: object) -> str:
    if not isinstance(value, bytes | memoryview):
        return str(value) + " " + str(value).encode().decode("unicode_escape", "replace")  # JSON hides letters so
    box = BOXES.get((table, column))
    return (house.app.vault.unseal(box[1], bytes(value)) if box and value else bytes(value)).decode("utf-8", "replace")


def house_words(house: House) -> set[str]:
    return set("".join(char if char.isalnum() else " " for char in everything(house)).split())


WRITTEN = {
    "greeting", "question", "ticket", "mailbody", "subject", "filename", "desknote", "deskreply", "view", "evidence",
    "runnote", "pause", "handed", "dispute", "pulse", "token", "lettermail", "lettertext", "talktext", "draft", "backnote",
}  # fmt: skip


def test_everything_is_exported_and_nothing_is_left(
    house: Office, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    marks = live(house)
    assert {MARK + word for word in WRITTEN} <= marks
    assert set() == marks & {f"{MARK}lettersubject", f"{MARK}talksubject"}  # of a letter it is not kept
    # out: all that is theirs is in their own file
    card = house.press_label(SAM, house.say(SAM, "my data").card, "Get it all as a file").card
    (file,) = [block for block in card.blocks if type(block).__name__ == "Attached"]
    _, data = house.app.handing.out(file.id, house.key(SAM))
    theirs = data.decode()
    # but for what came in their name without proof: anybody may have written that, and then it is not theirs to see
    assert ["talktext"] == sorted(word for word in WRITTEN if MARK + word not in theirs)
    assert '"rating": "solved"' in theirs
    assert '"satisfaction": "good"' in theirs
    house.settle()
    # gone
    key, jobs = house.key(SAM), list(house.jobs.__dict__["seen"])
    house.app.forget(SAM)
    house.settle()
    left = everything(house)
    traces = [MARK, "sam ortiz", "sam.ortiz"]
    lines = [line for line in left.split("\0") if any(trace in line.casefold() for trace in traces)]
    # what others were told by them stays in the conversation of those, and a draft is the organisation's: without the name
    told = {"delivery.card", "utterance.text", "utterance.card", "web_post.card", "answer_change.yaml"}
    assert told == {line.partition(":")[0] for line in lines}
    stays = [f"{MARK}deskreply", f"{MARK}backnote", f"{MARK}draft"]
    assert [] == [line for line in lines if not any(word in line for word in stays)]
    assert [] == [name for name in ("sam ortiz", "sam.ortiz") if name in left.casefold()]
    assert [] == house.rows("SELECT number FROM ticket WHERE requester = :p AND satisfaction <> ''", p=key)
    assert key in left
    assert house.whole()
    # the engine keeps ids only
    assert 10 < len(jobs)
    stored = kept_by_engine(request, house, jobs, tmp_path)
    assert jobs[0][1].casefold() in stored
    assert [] == [trace for trace in traces if trace in stored]


def kept_by_engine(request: pytest.FixtureRequest, house: House, jobs: list[tuple[str, str, Any]], folder: Path) -> str:
    """All rows of a real engine that has run these jobs."""
    seen = Seen()

    def handler(kind: str) -> Callable[[Any], None]:
        def note(_payload: Any) -> None:
            seen.note(kind, "")

        return note

    homes = new_home(request, house.db.dialect, folder)
    place = next(homes)
    engine = place.engine(workers={})
    engine.start({kind: handler(kind) for kind, _, _ in jobs})
    try:
        for kind, name, payload in jobs:
            engine.submit(kind, name, payload)
        seen.wait(lambda: len(seen.calls) >= len({(kind, name) for kind, name, _ in jobs}))
        return place.text().casefold()
    finally:
        engine.stop(5)
        next(homes, None)
