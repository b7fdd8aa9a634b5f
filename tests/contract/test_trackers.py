"""The exchange with another ticket system, over the whole app and on both databases; the table of conflicts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.app.contents import Contents
from bot.app.tracking import health, make_tracking
from bot.errors import NotFound
from bot.helpdesk.trackers import Tracking
from bot.helpdesk.trackers_merge import WORDS, Seen, decide
from bot.ports import Db, Pushed, RemoteTicket, RemoteWord
from bot.turn import TicketChanged
from tests.fakes import desk as fakes
from tests.fakes.desk import DANA, INES, SAM, House
from tests.fakes.trackers import FakeTracker, Killed

contents, home = fakes.contents, fakes.home
DAY = 86_400.0
SAMS, INESS = "sam.ortiz@northwind.example", "ines.brandt@northwind.example"


class Office:
    """A house with a tracker beside it."""

    def __init__(self, house: House, **settings: Any) -> None:
        self.house, self.tracker = house, FakeTracker()
        tracking = make_tracking(house.app, self.tracker)
        assert tracking is not None
        self.tracking: Tracking = tracking
        house.app.tracking = tracking
        listeners: Any = house.app.listeners
        listeners[TicketChanged] = (*listeners[TicketChanged], tracking.on_change)

    def ask(self, text: str = "My badge is lost") -> str:
        """Dana wants a person; the number."""
        self.house.press(DANA, "tickets.person", "", {"text": text})
        return self.house.tickets()[-1].number

    def act(self, verb: str, number: str, *texts: Any, who: str = SAM) -> None:
        self.house.act(verb, number, who, *texts)

    def minute(self, n: int = 1) -> None:
        """The scheduled job, n times."""
        for _ in range(n):
            self.house.clock.forward(60)
            self.tracking.poll({})

    def told(self, number: str) -> list[tuple[str, str]]:
        return [(kind, what) for kind, what in self.tracker.told(number) if not what.startswith("Conversation")]


def office_of(db: Db, home: Path, contents: Contents, **settings: Any) -> Office:
    return Office(House(home, db, contents, settings=settings))


@pytest.fixture
def office(db: Db, home: Path, contents: Contents) -> Iterator[Office]:
    made = office_of(db, home, contents)
    yield made
    made.house.close()


# to the tracker ---------------------------------------------------------------------------------------------------------


def test_every_change_goes_there_in_order_and_once(office: Office) -> None:
    number = office.ask()
    office.act("claim", number)
    office.act("reply", number, "Where did you see it last?")
    office.act("note", number, "Second badge this year")
    office.act("wait", number, "person")
    office.act("resolve", number, "Blocked it")
    office.house.settle()
    assert office.told(number) == [
        ("open", "My badge is lost"), ("owner", SAMS), ("said", "Where did you see it last?"), ("note", "Second badge this year"),
        ("status", "waiting"), ("said", "Blocked it"), ("status", "resolved"),
    ]  # fmt: skip
    office.minute(3)
    assert len(office.told(number)) == 7
    assert office.tracking.state()[0] == {"every": 1, "waiting": 0, "failing": 0}


def test_a_day_of_silence_is_caught_up_without_doubles_or_reordering(office: Office) -> None:
    office.tracker.down = True
    numbers = [office.ask("Lost badge")]
    for n in range(3):
        office.act("reply", numbers[0], f"answer {n}")
    office.act("resolve", numbers[0])
    office.house.settle()
    before = office.tracker.calls
    office.minute(1440 // 8)  # three hours of minutes: pauses grow to a quarter of an hour
    assert office.tracker.calls - before < 3 * 60 + 60 / 15 * 3 * 3
    office.house.clock.forward(DAY)
    office.act("reopen", numbers[0])
    office.minute()
    (row,) = office.tracking.undelivered()
    assert (row["ticket"], row["error"]) == (numbers[0], "it cannot be reached (ConnectionRefusedError)")
    assert office.tracker.lines == []
    office.tracker.down = False
    office.minute(16)
    assert office.told(numbers[0]) == [
        ("open", "Lost badge"), ("owner", SAMS), *[("said", f"answer {n}") for n in range(3)], ("status", "resolved"),
        ("status", "open"),
    ]  # fmt: skip
    assert office.tracking.undelivered() == []


@pytest.mark.parametrize("deaths", [1, 2, 3])
def test_killed_between_sending_and_storing(office: Office, deaths: int) -> None:
    number = office.ask()
    office.act("reply", number, "first")
    office.act("reply", number, "second")
    for _ in range(deaths):  # after the opening, then after the owner, then after the first words
        office.tracker.dies = True
        with pytest.raises(Killed):
            office.tracking.sync(number)
        office.house.clock.forward(200)  # until the lease of the dead process ends
    office.minute(2)
    assert [what for kind, what in office.told(number) if kind == "said"] == ["first", "second"]
    assert [kind for kind, _ in office.told(number)].count("open") == 1
    assert len(office.tracker.tickets) == 1


def test_killed_after_words_had_arrived(office: Office) -> None:
    number = office.ask()
    office.house.settle()
    office.act("note", number, "only once")
    office.tracker.dies = True
    with pytest.raises(Killed):
        office.tracking.sync(number)
    office.house.clock.forward(200)
    office.minute()
    assert office.told(number).count(("note", "only once")) == 1


def test_what_is_refused_waits_with_its_reason_and_holds_up_nobody_else(office: Office) -> None:
    office.tracker.refuses = {"severity"}
    first = office.ask("one")
    office.house.app.work(lambda work: office.house.app.tickets.raise_severity(work, first, "S2"))
    office.act("note", first, "behind it")
    office.house.clock.forward(3600)
    second = office.ask("two")
    office.house.settle()
    (row,) = office.tracking.undelivered()
    assert (row["ticket"], row["error"]) == (first, "it does not take it (HTTP 400: priority)")
    assert row["lines"] >= 2
    assert [kind for kind, _ in office.told(second)] == ["open"]
    assert ("note", "behind it") not in office.told(first)
    assert [check.level for check in health(office.house.app)] == ["note"]
    office.tracker.refuses = set()
    assert office.house.app.work(lambda work: office.tracking.retry(work, first))
    office.house.settle()
    assert office.told(first)[-2:] == [("severity", "S2"), ("note", "behind it")]
    assert office.tracking.undelivered() == []
    assert not office.house.app.work(lambda work: office.tracking.retry(work, first))


def test_internal_notes_and_kinds_can_stay_here(db: Db, home: Path, contents: Contents) -> None:
    office = office_of(db, home, contents, tracker_notes=0, tracker_kinds=("person",))
    number = office.ask()
    office.act("note", number, "ours alone")
    office.house.send(DANA)  # a reported mail: of another kind
    office.house.settle()
    assert {line.number for line in office.tracker.lines} == {number}
    assert [kind for kind, _ in office.told(number)] == ["open"]
    office.house.close()


# from the tracker -------------------------------------------------------------------------------------------------------


def test_status_owner_and_replies_come_back_once_and_never_go_out_again(office: Office) -> None:
    number = office.ask()
    office.house.settle()
    office.tracker.says(number, "7", "Your new badge lies at the door\u202e\x07")
    office.tracker.says(number, "8", "Ring the guard", internal=True)
    office.tracker.does(number, owner=INESS)
    for _ in range(2):
        office.minute()
        office.tracker.moved = [office.tracker.numbers[number]]
    office.house.settle()
    events = office.house.timeline(number)
    assert events.count(("reply", "Kim: Your new badge lies at the door")) == 1
    assert events.count(("note", "Kim: Ring the guard")) == 1
    assert office.house.told(DANA).count("Kim: Your new badge lies at the door") == 1
    assert "Ring the guard" not in office.house.told(DANA)
    assert office.house.ticket().assignee == office.house.key(INES)
    office.tracker.does(number, status="resolved")
    office.minute()
    assert office.house.ticket().state == "resolved"
    office.tracker.does(number, status="open")
    office.minute()
    assert office.house.ticket().state == "claimed"
    office.tracker.does(number, status="waiting", severity="S2")
    office.minute(2)
    assert (office.house.ticket().waiting, office.house.ticket().severity) == ("person", "S2")
    assert [kind for kind, _ in office.told(number)] == ["open"]


def test_our_own_lines_are_no_news(office: Office) -> None:
    number = office.ask()
    office.act("reply", number, "hello")
    office.house.settle()
    before = office.house.timeline(number)
    office.tracker.moved = [office.tracker.numbers[number]]
    office.minute(2)
    assert office.house.timeline(number) == before


def test_what_seems_to_come_from_the_requester_is_for_the_desk_alone(office: Office) -> None:
    number = office.ask()
    office.house.settle()
    office.act("resolve", number)
    office.house.settle()
    office.tracker.says(number, "1", "It still rings", author="Dana", mail="DANA.Reyes@northwind.example")
    office.minute()
    assert ("from_tracker", "Dana: It still rings") in office.house.timeline(number)
    assert office.house.ticket().state == "open"
    assert office.tracker.tickets[office.tracker.numbers[number]].status == "open"
    assert all(event.actor != office.house.key(DANA) for event in office.house.app.tickets.timeline(number)[2:])


def test_a_holder_whom_nobody_knows_here_changes_nothing(office: Office) -> None:
    number = office.ask()
    office.act("claim", number)
    office.house.settle()
    office.tracker.does(number, owner="stranger@elsewhere.example")
    office.minute()
    assert office.house.ticket().assignee == office.house.key(SAM)
    assert ("from_tracker", "The Tracker: stranger@elsewhere.example") in office.house.timeline(number)


def test_what_is_pushed_has_its_effect_once(office: Office) -> None:
    number = office.ask()
    office.house.settle()
    word = RemoteWord("p1", 1.0, "Kim", "On my way")
    pushed = Pushed("p1", number, RemoteTicket(number, "resolved", None, None, (word,)))
    for _ in range(2):
        office.house.app.work(lambda work: office.tracking.receive(work, pushed))
    assert office.house.timeline(number).count(("reply", "Kim: On my way")) == 1
    assert office.house.ticket().state == "resolved"
    stranger = Pushed("p2", "SEC-9999", RemoteTicket("x"))
    with pytest.raises(NotFound):
        office.house.app.work(lambda work: office.tracking.receive(work, stranger))
    office.tracker.box = [stranger]
    office.minute()
    assert office.tracker.box == []


def test_news_that_cannot_be_asked_for_is_seen(office: Office) -> None:
    office.tracker.down = True
    office.minute(20)
    levels = {check.name: check.level for check in health(office.house.app)}
    assert levels == {"ticket system": "ok", "news from it": "bad"}
    office.tracker.down = False
    office.minute()
    assert [check.level for check in health(office.house.app)] == ["ok"]


def test_nobodys_name_stands_in_what_is_kept_about_the_exchange(office: Office) -> None:
    number = office.ask()
    office.act("claim", number)
    office.house.settle()
    kept = str(office.house.rows("SELECT * FROM tracked"))
    assert "sam" not in kept.casefold()
    assert "dana" not in kept.casefold()


# conflicts --------------------------------------------------------------------------------------------------------------

TABLE = [
    # field, base, theirs, pending, unanswered, (decision with master secdesk, with master tracker)
    ("status", "open", None, set(), False, ("same", "same")),
    ("status", "open", "open", {"status"}, False, ("same", "same")),
    ("status", "open", "resolved", set(), False, ("theirs", "theirs")),
    ("status", "open", "waiting", {"owner"}, False, ("theirs", "theirs")),
    ("status", "open", "waiting", {"status"}, False, ("ours", "theirs")),
    ("status", "open", "resolved", {"status"}, False, ("ours", "theirs")),
    ("status", "open", "resolved", {WORDS}, False, ("ours", "ours")),
    ("status", "resolved", "open", {WORDS}, False, ("theirs", "theirs")),
    ("status", "open", "resolved", set(), True, ("ours", "ours")),
    ("owner", "a", "b", {"owner"}, False, ("ours", "theirs")),
    ("owner", "a", "", set(), True, ("theirs", "theirs")),
    ("severity", "S1", "S2", {"severity", WORDS}, False, ("ours", "theirs")),
    ("severity", "S1", "S2", {"status"}, False, ("theirs", "theirs")),
]


@pytest.mark.parametrize("case", TABLE, ids=lambda case: f"{case[0]}-{case[1]}-{case[2]}-{'+'.join(sorted(case[3]))}")
def test_the_table_of_conflicts(case: Any) -> None:
    field, base, theirs, pending, unanswered, expected = case
    found = tuple(decide(Seen(field, base, theirs, pending, master, unanswered)) for master in ("secdesk", "tracker"))
    assert expected == found


@pytest.mark.parametrize(("master", "here", "there"), [
    ("secdesk", ("S3", "resolved", SAM), ("S3", "resolved", SAMS)),
    ("tracker", ("S2", "claimed", INES), ("S2", "waiting", INESS)),
])  # fmt: skip
def test_both_sides_changed_while_nobody_could_hear_the_other(
    db: Db, home: Path, contents: Contents, master: str, here: Any, there: Any
) -> None:
    office = office_of(db, home, contents, tracker_master=master)
    house, number = office.house, office.ask()
    house.settle()
    office.tracker.down = True
    office.act("claim", number)
    office.act("reply", number, "ours")
    house.app.work(lambda work: house.app.tickets.raise_severity(work, number, "S3"))
    office.act("resolve", number)
    house.settle()
    office.tracker.does(number, status="waiting", owner=INESS, severity="S2")
    office.tracker.says(number, "9", "theirs")
    office.tracker.down = False
    office.minute(20)
    ticket, remote = house.ticket(), office.tracker.tickets[office.tracker.numbers[number]]
    assert (ticket.severity, ticket.state, ticket.assignee) == (here[0], here[1], house.key(here[2]))
    assert (remote.severity, remote.status, remote.owner) == there
    words = {text for kind, text in house.timeline(number) if kind == "reply"}
    assert words == {"ours", "Kim: theirs"}
    assert [word.text for word in remote.words if word.id != "9" and not word.internal] == ["ours"]
    house.close()


def test_what_the_person_wrote_keeps_it_open_whoever_is_master(db: Db, home: Path, contents: Contents) -> None:
    office = office_of(db, home, contents, tracker_master="tracker")
    number = office.ask()
    office.house.settle()
    office.tracker.down = True
    office.house.say(DANA, "I looked in the car as well")
    office.house.settle()
    office.tracker.does(number, status="resolved")
    office.tracker.down = False
    office.minute(20)
    assert office.house.ticket().state == "open"
    assert office.tracker.tickets[office.tracker.numbers[number]].status == "open"
    assert ("said", "I looked in the car as well") in office.told(number)
    office.house.close()
