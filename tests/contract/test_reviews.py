"""Reminders of reviews, on both databases: who is asked, when, and what their buttons do."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.channels.web import web_place
from bot.answering.reviews import Reviews
from bot.cards import Card, Choices, Input, as_text, load, pressables
from bot.errors import Conflict, NotFound, Refused
from bot.model import Action, Person
from bot.ports import Db
from bot.turn import TicketRef, TicketRequest, Turn, Work
from tests.fakes.authoring import AuthorDesk

DAY = 86_400.0


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@dataclass
class Tickets:
    """Takes every request."""

    opened: list[TicketRequest] = field(default_factory=list)

    def open(self, work: Work, request: TicketRequest) -> TicketRef:
        self.opened.append(request)
        return TicketRef(f"SEC-{100 + len(self.opened)}")

    def log(self, work: Work, number: str, actor: str, kind: str, text: str) -> None: ...

    def raise_severity(self, work: Work, number: str, severity: object) -> None: ...

    def page(self, work: Work, number: str, summary: str) -> None: ...


@dataclass
class House:
    """The author's side with reminders. usb and wifi are sam's, keys belong to an owner nobody is named for."""

    desk: AuthorDesk
    tickets: Tickets = field(default_factory=Tickets)

    def __post_init__(self) -> None:
        desk = self.desk
        self.reviews = Reviews(
            desk.authoring, desk.store, lambda: desk.org, self.tickets,
            lambda key: web_place(desk.vault, who.id) if (who := desk.identities.who(key)) else None,
            lambda name: f"https://desk.example/console/knowledge/{name}/edit",
        )  # fmt: skip

    def send(self, when: str) -> int:
        self.desk.clock.at = at(when)
        return self.reviews.send(self.desk.work, self.desk.clock.at)

    def last(self, who: Person) -> Card:
        assert self.desk.db is not None
        sql = "SELECT card FROM utterance WHERE person = :p AND card <> '' ORDER BY at DESC LIMIT 1"
        return load(self.desk.db.query(sql, p=who.key)[0]["card"])

    def press(self, who: Person, label: str, card: Card, **form: str) -> Card:
        """Press a button of a card; files that follow are written."""
        found = [button for button in pressables(card) if button.label == label]
        inputs = [block for block in card.blocks if isinstance(block, Input) and block.submit == label]
        action = Action(found[0].action, found[0].value) if found else Action(inputs[0].action, inputs[0].value, form)
        turn = Turn("k", who, web_place(self.desk.vault, who.id), "", "en", self.desk.clock.now(), {}, action)
        effect = self.reviews.respond(turn)
        assert effect is not None
        shown = self.desk.work(effect)
        for row in self.desk.store.unwritten():
            self.desk.authoring.writer.write({"change": row["id"]})
        self.desk.reload()
        return shown


@pytest.fixture
def house(db: Db, tmp_path: Path) -> House:
    return House(AuthorDesk(tmp_path / "desk", db=db))


def test_nobody_is_asked_before_30_days(house: House) -> None:
    assert 0 == house.send("2027-04-01 10:00")  # due on 2 May
    assert 2 == house.send("2027-04-02 10:00")
    asked = as_text(house.last(house.desk.sam))
    for words in (
        "Is this answer still right?",
        "“About usb”",
        "due on 2027-05-02",
        "> Tell reception about the usb.",
        "1 more wait",
    ):
        assert words in asked
    labels = [button.label for button in pressables(house.last(house.desk.sam))]
    assert ["Still right", "Edit", "Reassign", "Retire"] == labels
    assert "“About keys”" in as_text(house.last(house.desk.ines))  # the manager, since nobody is named


def test_one_message_a_working_day_at_their_own_hours(house: House) -> None:
    assert 0 == house.send("2027-04-03 10:00")  # Saturday
    assert 0 == house.send("2027-04-05 06:59")  # 7:59 in London, 8:59 in Berlin
    assert 1 == house.send("2027-04-05 07:01")  # Ines in Berlin: 9:01
    assert 1 == house.send("2027-04-05 08:01")  # Sam in London: 9:01
    assert 0 == house.send("2027-04-05 11:00")
    assert 1 == house.send("2027-04-06 09:00")  # Sam's second one
    assert "“About wifi”" in as_text(house.last(house.desk.sam))
    assert 0 == house.send("2027-04-07 09:00")  # asked once at this stage


def test_again_a_week_before_and_once_it_is_over(house: House) -> None:
    house.send("2027-04-05 09:00")
    house.send("2027-04-06 09:00")
    assert 0 == house.send("2027-04-23 09:00")
    assert 2 == house.send("2027-04-26 09:00")
    house.send("2027-04-27 09:00")
    assert 2 == house.send("2027-05-03 09:00")
    assert "Its review was due on 2027-05-02, and people are told so" in as_text(house.last(house.desk.sam))


def late(house: House) -> Card:
    """usb and wifi are a month over, and only their lead is left to be asked. The lead's card."""
    house.desk.own("keys").write_text(house.desk.text("keys").replace("state: published", "state: retired"))
    house.desk.reload()
    for when in ("2027-05-03 09:00", "2027-05-04 09:00"):
        assert 1 == house.send(when)
    assert 0 == house.send("2027-05-31 09:00")  # 29 days
    assert 1 == house.send("2027-06-01 09:00")
    return house.last(house.desk.ines)


def test_a_month_after_it_was_due_the_lead_of_the_desk_is_asked_too(house: House) -> None:
    card = late(house)
    for words in ("“About usb” is kept by Service desk.", "due on 2027-05-02, and nobody has said", "1 more wait"):
        assert words in as_text(card)
    assert ["Still right", "Edit", "Reassign"] == [button.label for button in pressables(card)]
    shown = house.press(house.desk.ines, "Still right", card)
    assert ("2027-06-01", "service-desk") == (
        str(house.desk.library.entries["usb"].reviewed),
        house.desk.library.entries["usb"].owner,
    )
    assert "“About wifi” is kept by Service desk." in as_text(shown)
    assert 0 == house.send("2027-06-02 09:00")


def test_the_lead_may_find_an_overdue_answer_another_owner_but_not_retire_it(house: House) -> None:
    card = late(house)
    for action in ("authoring.retire", "authoring.retire_yes"):
        forged = Action(action, next(iter(pressables(card))).value)
        turn = Turn("k", house.desk.ines, web_place(house.desk.vault, "ines.brandt"), "", "en", 0.0, {}, forged)
        with pytest.raises(Refused, match="Service desk"):
            house.reviews.respond(turn)
    with pytest.raises(Refused, match="Service desk"):
        house.press(house.desk.dana, "Reassign", card)
    who = house.press(house.desk.ines, "Reassign", card)
    house.press(house.desk.ines, "Security awareness", who)
    assert "awareness" == house.desk.library.entries["usb"].owner
    assert "published" == house.desk.library.entries["usb"].state


def test_still_right_dates_the_file_and_brings_the_next_one(house: House) -> None:
    house.send("2027-04-05 09:00")
    shown = house.press(house.desk.sam, "Still right", house.last(house.desk.sam))
    said = as_text(shown)
    assert "“About usb” is still right. The next review is on 2027-10-03." in said
    assert ("“About wifi”" in said, "more wait" in said) == (True, False)
    entry = house.desk.library.entries["usb"]
    assert ("2027-04-05", "2027-10-03", "ida-roth") == (str(entry.reviewed), str(entry.review_due), entry.approved_by)
    shown = house.press(house.desk.sam, "Still right", shown)
    assert "Is this answer" not in as_text(shown)
    assert 0 == house.send("2027-04-06 09:00")


def test_a_button_counts_for_the_review_it_was_asked_about(house: House) -> None:
    house.send("2027-04-05 09:00")
    card = house.last(house.desk.sam)
    house.press(house.desk.sam, "Still right", card)
    for label in ("Still right", "Retire", "Reassign", "Edit"):
        with pytest.raises(Conflict, match="already"):
            house.press(house.desk.sam, label, card)


def test_every_button_is_authorised_again(house: House) -> None:
    house.send("2027-04-05 09:00")
    card = house.last(house.desk.sam)
    for who in (house.desk.ines, house.desk.dana):
        for label in ("Still right", "Edit", "Reassign", "Retire"):
            with pytest.raises(Refused, match="Service desk"):
                house.press(who, label, card)
    sure = house.press(house.desk.sam, "Retire", card)
    with pytest.raises(Refused):
        house.press(house.desk.ines, "Retire it", sure)
    turn = Turn(
        "k",
        house.desk.sam,
        web_place(house.desk.vault, "sam.ortiz"),
        "",
        "en",
        0.0,
        {},
        Action("authoring.still", "nobody:x"),
    )
    with pytest.raises(NotFound):
        house.reviews.respond(turn)
    assert house.reviews.respond(replace(turn, action=Action("authoring.nonsense", "usb"))) is None
    assert house.reviews.respond(replace(turn, action=None)) is None


def test_retiring_is_asked_again_and_can_be_left(house: House) -> None:
    house.send("2027-04-05 09:00")
    sure = house.press(house.desk.sam, "Retire", house.last(house.desk.sam))
    assert "Retire “About usb”? Nobody gets it" in as_text(sure)
    assert "stays as it is" in as_text(house.press(house.desk.sam, "Keep it", sure))
    assert "published" == house.desk.library.entries["usb"].state
    assert "“About usb” is retired" in as_text(house.press(house.desk.sam, "Retire it", sure))
    assert "retired" == house.desk.library.entries["usb"].state


def test_it_is_given_to_another_owner(house: House) -> None:
    house.send("2027-04-05 09:00")
    who = house.press(house.desk.sam, "Reassign", house.last(house.desk.sam))
    (choices,) = [block for block in who.blocks if isinstance(block, Choices)]
    assert ["Security awareness", "Sam Ortiz", "Ines Brandt"] == [option.label for option in choices.options]
    assert "kept by Ines Brandt now" in as_text(house.press(house.desk.sam, "Ines Brandt", who))
    assert "ines-brandt" == house.desk.library.entries["usb"].owner
    with pytest.raises(Refused):
        house.press(house.desk.sam, "Security awareness", who)  # it is not theirs any more
    assert ["ines.brandt"] == [one.id for one in house.desk.authoring.keepers.asked("ines-brandt")]


def test_the_desk_edits_in_the_console_and_others_say_what_should_change(house: House) -> None:
    house.send("2027-04-05 09:00")
    shown = as_text(house.press(house.desk.sam, "Edit", house.last(house.desk.sam)))
    assert "https://desk.example/console/knowledge/usb/edit" in shown
    org = house.desk.org
    house.desk.org = replace(org, file=org.file.model_copy(update={"keepers": {"service-desk": ["dana.reyes"]}}))
    assert 1 == house.send("2027-04-06 09:00")
    form = house.press(house.desk.dana, "Edit", house.last(house.desk.dana))
    with pytest.raises(Refused):
        house.press(house.desk.dana, "Send", form, text=" ")
    done = house.press(house.desk.dana, "Send", form, text="Reception has moved.")
    assert "(SEC-101)" in as_text(done)
    (ticket,) = house.tickets.opened
    assert ("Answer to change: About usb", "Reception has moved.", "S0") == (
        ticket.subject,
        ticket.text,
        ticket.severity,
    )


def test_an_answer_that_expires_is_asked_about_before_it_does(house: House) -> None:
    text = house.desk.text("usb").replace("review_due:", "expires: 2027-03-01\nreview_due:")
    house.desk.own("usb").write_text(text)
    house.desk.reload()
    assert 1 == house.send("2027-02-01 10:00")
    house.press(house.desk.sam, "Still right", house.last(house.desk.sam))
    entry = house.desk.library.entries["usb"]
    assert entry.review_due == entry.expires
    assert 0 == house.send("2027-02-02 10:00")


def test_retired_answers_and_drafts_are_left_alone(house: House) -> None:
    for name, state in (("usb", "retired"), ("wifi", "draft"), ("keys", "retired")):
        house.desk.own(name).write_text(house.desk.text(name).replace("state: published", f"state: {state}"))
    house.desk.reload()
    assert 0 == house.send("2027-05-10 09:00")
