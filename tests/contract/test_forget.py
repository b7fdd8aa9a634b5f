"""Forgetting a person on both databases: nothing names them any more, and everybody else goes on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from adapters.directories.file import FileDirectory
from adapters.web.signin import new_link
from bot.app.contents import Contents
from bot.cards import as_text
from bot.errors import NotFound
from bot.model import File, Person
from bot.ports import Db
from tests.fakes import desk as fakes
from tests.fakes.desk import DANA, INES, JONAS, MAIL, NONSENSE, SAM, TROUBLE, House

contents, home = fakes.contents, fakes.home
LUCIA, GUEST = "lucia.romero", "u-4711-outside"
PEOPLE = ["dana.reyes", LUCIA, GUEST, SAM]


@pytest.fixture
def overlay(home: Path) -> Path:
    """An own people.yaml, with comments."""
    folder = home / "knowledge"
    folder.mkdir()
    text = (files("knowledge") / "people.yaml").read_text("utf-8")
    (folder / "people.yaml").write_text(text.replace("people:\n", "people:\n  # everybody, by department\n"), "utf-8")
    return folder


@pytest.fixture
def house(db: Db, home: Path, overlay: Path, contents: Contents) -> Iterator[House]:
    directory = FileDirectory(overlay)
    directory.replace(contents.directory.people())
    made = House(home, db, replace(contents, directory=directory))
    yield made
    made.close()


def names(house: House, who: str) -> list[str]:
    person = house.person(who)
    return [name for name in (person.id, person.name, person.email, person.phone) if name]


def live(house: House, who: str) -> None:
    """Leave traces of a person everywhere: their own, and those that others leave of them."""
    person = house.person(who)
    about = f"{person.name}, {person.name.upper()}, {person.id} or {person.email}"
    house.say(who, "hello")
    house.say(who, f"it is {about}: {NONSENSE}")
    house.press(who, "tickets.person", f"I am {about}")
    house.say(who, f"call {about}")
    house.send(who, MAIL, f"{person.id}.eml")
    own = MAIL.replace(b"To: you", f"To: {person.email}".encode()).replace(b"parcel", b"packet")
    house.send(who, own, f"{person.name}.eml")
    house.say(who, TROUBLE)
    house.settle()
    house.app.nudge_send(now=True)
    house.settle()
    # others
    house.send(JONAS, MAIL, f"{person.name}.eml")
    house.say(INES, f"my colleague {about} cannot sign in {NONSENSE}")
    house.say(INES, f"and {about} too")
    house.say("clara.moreau", f"suppose we paid a false invoice, says {about}")  # asked back: it waits in a dialogue
    for ticket in house.tickets("unresolved"):
        house.act("note", ticket.number, INES, f"Rang {about}.")
        house.act("reply", ticket.number, INES, f"We are on it with {about}.")
    analyst = replace(house.person(who), key=house.key(who))
    house.app.work(lambda work: new_link(work, house.app.sessions, house.app.vault, house.app.identities, analyst))
    house.settle()


@pytest.mark.parametrize("who", PEOPLE)
def test_after_forgetting_nothing_names_the_person(house: House, who: str, overlay: Path) -> None:
    live(house, who)
    traces, key, person = names(house, who), house.key(who), house.person(who)
    before = house.everything().casefold()
    assert [name for name in traces if name.casefold() not in before] == []
    forgotten = house.app.forget(who)
    assert forgotten.by_hand == ""
    left = house.everything().casefold()
    assert [name for name in traces if name.casefold() in left] == []
    assert key in left  # the pseudonym stays where it holds the chain together
    written = (overlay / "people.yaml").read_text("utf-8")
    assert [name for name in traces if name in written] == []
    assert house.app.directory.find(who) is None
    assert house.app.identities.who(key) is None
    assert house.audited()[-1] == "person.forget"
    assert house.whole()
    assert [who for who in (JONAS, INES) if who != person.id and house.app.directory.find(who) is None] == []


def test_the_same_mail_reported_by_somebody_else_stays(house: House) -> None:
    live(house, DANA)
    house.app.forget(DANA)
    (mail,) = house.rows("SELECT * FROM mail")
    assert house.app.vault.unseal("mail", bytes(mail["body"])) == MAIL
    assert [row["person"] for row in house.rows("SELECT person FROM submission")] == [house.key(JONAS)]
    assert mail["state"] == "decided"
    reply = house.send(JONAS)
    assert mail["ticket"] in as_text(reply.card)


def test_tickets_keep_their_numbers_times_and_states(house: House) -> None:
    live(house, DANA)
    before = [(t.number, t.severity, t.state, t.created_at, t.requester) for t in house.tickets()]
    house.app.forget(DANA)
    assert before == [(t.number, t.severity, t.state, t.created_at, t.requester) for t in house.tickets()]
    kinds = [kind for number, *_ in before for kind, _ in house.timeline(number)]
    assert {"opened", "verdict", "severity", "note", "reply"} <= set(kinds)
    severities = [text for number, *_ in before for kind, text in house.timeline(number) if kind == "severity"]
    assert set(severities) <= {"S0", "S1", "S2", "S3"}
    verdicts = [text for number, *_ in before for kind, text in house.timeline(number) if kind == "verdict"]
    assert all(text.split(":")[0] in {"nothing_found", "suspicious", "spam", "likely_phishing"} for text in verdicts)


def test_the_desk_can_work_on_with_the_tickets_of_somebody_forgotten(house: House) -> None:
    house.say(DANA, NONSENSE)
    house.act("claim", "SEC-101")
    house.app.forget(DANA)
    house.act("reply", "SEC-101", SAM, "Nobody will read this.")
    house.act("note", "SEC-101", SAM, "They have left.")
    house.act("resolve", "SEC-101", SAM)
    house.act("reopen", "SEC-101", SAM)
    house.act("resolve", "SEC-101", SAM)
    house.settle()
    assert house.posts(DANA) == []
    assert house.rows("SELECT id FROM delivery WHERE person = :p", p=house.ticket().requester) == []


def test_what_was_still_to_be_sent_is_not(house: House) -> None:
    message = house.message(DANA, files=(File("parcel.eml", MAIL),))
    house.desk.handle(message)
    house.sweeper.sweep()
    house.app.forget(DANA)
    house.settle()
    assert (house.posts(DANA), house.jobs.failed) == ([], [])
    assert {row["state"] for row in house.rows("SELECT state FROM outbox")} <= {"done"}
    again = house.desk.handle(message)  # the platform delivers it once more: it has had its effect
    assert (again.repeated, again.delivery, house.count("mail")) == (True, "", 0)


@pytest.mark.parametrize("name", ["DANA.REYES", "dana.reyes@northwind.example", " Dana.Reyes@Northwind.Example "])
def test_a_person_is_found_by_id_or_address_in_any_case(house: House, name: str) -> None:
    house.say(DANA, "hello")
    house.settle()
    assert house.posts(DANA) != []
    house.app.forget(name)
    assert house.posts(DANA) == []
    assert "dana.reyes" not in house.everything()


def test_who_comes_back_is_somebody_new(house: House) -> None:
    house.say(DANA, NONSENSE)
    old = house.key(DANA)
    house.app.forget(DANA)
    with pytest.raises(NotFound):
        house.app.forget(DANA)
    assert house.key(DANA) == ""
    reply = house.press(DANA, "tickets.mine")
    assert as_text(reply.card).startswith("You have no tickets.")
    assert house.key(DANA) not in {"", old}


def test_another_process_uses_no_pseudonym_of_somebody_forgotten(house: House, contents: Contents) -> None:
    """The command line forgets while the server runs."""
    server = House(house.folder, house.db, contents)
    server.say(DANA, "hello")
    old = house.key(DANA)
    house.app.forget(DANA)
    server._events = 100
    server.say(DANA, "hello")
    assert server.key(DANA) not in {"", old}
    assert house.rows("SELECT id FROM utterance WHERE person = :old", old=old) == []
    server.close()


def test_somebody_whose_name_changed_is_forgotten_under_both(house: House) -> None:
    house.say(DANA, f"I am Dana Reyes. {NONSENSE}")
    house.say(INES, f"Dana Reyes, now Dana Okafor, asked me. {NONSENSE}")
    everybody = [replace(p, name="Dana Okafor") if p.id == DANA else p for p in house.app.directory.people()]
    house.app.directory.replace(everybody)
    house.app.forget(DANA)
    left = house.everything()
    assert ("Dana Reyes" in left, "Dana Okafor" in left) == (False, False)
    assert "[removed], now [removed], asked me." in left


def test_words_that_only_hold_a_name_stay(house: House) -> None:
    house.app.directory.replace([*house.app.directory.people(), Person("ann", "Ann", "ann@northwind.example")])
    house.say("ann", "hello")
    house.say(JONAS, f"annual planning with Ann and Annette {NONSENSE}")
    house.app.forget("ann")
    assert f"annual planning with [removed] and Annette {NONSENSE}" in house.everything()


def test_a_name_with_wildcards_of_sql_matches_itself_only(house: House) -> None:
    house.app.directory.replace([*house.app.directory.people(), Person("a_b%c", "Zed", "")])
    house.say("a_b%c", "hello")
    house.say(JONAS, f"axbyc is not a_b%c {NONSENSE}")
    house.app.forget("a_b%c")
    assert f"axbyc is not [removed] {NONSENSE}" in house.everything()


def test_the_packaged_sample_is_left_to_be_changed_by_hand(db: Db, home: Path, contents: Contents) -> None:
    house = House(home, db, contents)
    house.say(DANA, "hello")
    forgotten = house.app.forget(DANA)
    assert forgotten.by_hand == (
        "dana.reyes is still listed in the packaged sample people.yaml; put your own file in place"
    )
    house.close()


def test_other_files_that_name_somebody_are_said(house: House, overlay: Path) -> None:
    (overlay / "oncall.yaml").write_text('schema: oncall/1\nstart: 2026-01-05\nweekly: ["sam.ortiz"]\n', "utf-8")
    assert house.app.forget(SAM).by_hand == "sam.ortiz is still named in oncall.yaml; take the name out there"


def test_nobody_is_not_found(house: House) -> None:
    before = house.counts()
    with pytest.raises(NotFound):
        house.app.forget("nobody.here")
    assert before == house.counts()


def test_the_directory_file_keeps_its_comments_and_lines(house: House, overlay: Path) -> None:
    before = (overlay / "people.yaml").read_text("utf-8").splitlines()
    house.app.forget(DANA)  # never met: out of the directory all the same
    after = (overlay / "people.yaml").read_text("utf-8").splitlines()
    assert [line for line in before if "dana.reyes" not in line] == after
    assert not list(overlay.glob("*.part"))


def test_forgetting_is_one_transaction(house: House) -> None:
    house.say(DANA, NONSENSE)
    before = house.counts()

    def breaks(*_args: Any, **_more: Any) -> None:
        raise RuntimeError("no audit")

    house.app.audit.append = breaks  # type: ignore[method-assign,assignment]
    with pytest.raises(RuntimeError):
        house.app.forget(DANA)
    assert before == house.counts()
    assert house.key(DANA) != ""
    assert house.app.directory.find(DANA) is not None
