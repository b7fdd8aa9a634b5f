"""The one door on both databases: events once, buttons, odd texts, emergencies, secrets, people from outside."""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.web.metrics import Metrics
from bot.answering.entries import Entry
from bot.app.contents import Contents
from bot.cards import Button, Card, Choices, as_text, dump, pressables
from bot.desk import MAX_TEXT, PER_MINUTE, Pace, pressed
from bot.errors import ChannelError, Refused, StoreUnavailable
from bot.model import Action, File, Message, Outcome, Place
from bot.ports import Db
from tests.fakes import desk as fakes
from tests.fakes.desk import CLARA, DANA, INES, JONAS, MAIL, NONSENSE, SAM, TROUBLE, House, labels

contents, home, house = fakes.contents, fakes.home, fakes.house
PHONE, BERLIN = "+44 20 7946 0000", "+49 30 5550 0000"
GUEST = "u-outsider"
SECRETS = {
    "password": "my password is Tr0ub4dor-and-3",
    "key": "the key is AKIAIOSFODNN7EXAMPLE",
    "card": "the card is 4111 1111 1111 1111",
    "code": "the sign-in code is 493817",
}
# Six digits come up by chance inside a digest or a time: there they have a letter, a digit or a point beside them.
SECRET_PARTS = ("Tr0ub4dor", "AKIAIOSFODNN7", "4111 1111", r"(?<![\w.])493817(?!\w)")


def entry(house: House, **wanted: Any) -> Entry:
    """The first published entry like this."""
    entries = house.app.contents.knowledge.current.library.published()
    return next(item for item in entries if all(getattr(item, name) == value for name, value in wanted.items()))


def question(item: Entry) -> str:
    return item.questions["en"][0]


# events once --------------------------------------------------------------------------------------------------------

EVENTS: dict[str, Callable[[House], Message]] = {
    "question": lambda house: house.message(DANA, question(entry(house, severity="S0", public=True))),
    "urgent answer": lambda house: house.message(
        DANA, action=Action("answering.ask", entry(house, severity="S2", public=True).id)
    ),
    "nothing fits": lambda house: house.message(DANA, NONSENSE),
    "greeting": lambda house: house.message(DANA, "hello"),
    "report": lambda house: house.message(DANA, files=(File("parcel.eml", MAIL),)),
    "no mail": lambda house: house.message(DANA, files=(File("cat.png", b"\x89PNG\r\n\x1a\n"),)),
    "emergency": lambda house: house.message(DANA, TROUBLE),
    "emergency with the mail": lambda house: house.message(DANA, TROUBLE, files=(File("parcel.eml", MAIL),)),
    "person": lambda house: house.message(DANA, action=Action("tickets.person", "About my laptop")),
    "secret": lambda house: house.message(DANA, SECRETS["key"]),
    "forged": lambda house: house.message(DANA, action=Action("tickets.reopen", "SEC-999")),
}


@pytest.mark.parametrize("kind", EVENTS)
def test_an_event_that_comes_twice_has_one_effect_and_the_same_reply(house: House, kind: str) -> None:
    message = EVENTS[kind](house)
    first = house.desk.handle(message)
    before = house.counts()
    second = house.desk.handle(message)
    assert (second.card, second.delivery, second.place) == (first.card, first.delivery, first.place)
    assert (first.repeated, second.repeated) == (False, True)
    assert first.delivery != ""
    assert before == house.counts()
    house.settle()
    settled = house.counts()
    assert house.desk.handle(message).delivery == first.delivery
    house.settle()
    assert settled == house.counts()
    assert house.whole()


@pytest.mark.parametrize("kind", ["report", "emergency", "nothing fits", "person"])
def test_the_same_event_in_two_threads_has_one_effect(house: House, kind: str) -> None:
    message = EVENTS[kind](house)
    start = threading.Barrier(2)

    def handle(_: int) -> tuple[str, bool]:
        start.wait(10)
        reply = house.desk.handle(message)
        return reply.delivery, reply.repeated

    with ThreadPoolExecutor(2) as pool:
        (one, repeated_one), (two, repeated_two) = pool.map(handle, range(2))
    assert one == two != ""
    assert {repeated_one, repeated_two} == {True, False}
    counts = house.counts()
    assert [counts[name] for name in ("event", "ticket", "identity")] == [1, 1, 1]
    assert len(house.rows("SELECT id FROM ticket_event WHERE kind = 'opened'")) == 1
    assert len(house.rows("SELECT id FROM utterance WHERE direction = 'in'")) == (1 if kind != "person" else 0)


def test_many_people_at_once_get_their_own_tickets_and_numbers(house: House) -> None:
    people = [person.id for person in house.app.directory.people()]
    messages = [house.message(who, NONSENSE) for who in people]
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(house.desk.handle, messages))
    assert all(reply.delivery for reply in replies)
    assert len({ticket.number for ticket in house.tickets()}) == len(people)
    assert len({ticket.requester for ticket in house.tickets()}) == len(people)
    assert house.whole()


def test_what_is_said_keeps_its_order(house: House) -> None:
    first = house.say(DANA, TROUBLE, files=(File("parcel.eml", MAIL),))
    key = house.key(DANA)
    rows = house.rows("SELECT direction, text FROM utterance WHERE person = :key ORDER BY at", key=key)
    assert [row["direction"] for row in rows] == ["in", "out", "out"]
    assert rows[-1]["text"] == as_text(first.card)  # "1" answers the card that was sent as the reply


# buttons ------------------------------------------------------------------------------------------------------------


def test_typed_numbers_labels_and_first_words_press_buttons() -> None:
    card = Card("", (choices("Yes, it just happened", "No, just asking", "Not sure"),))
    text = dump(card)
    assert pressed("1", text) == Action("a.0", "v0", {"typed": "Yes, it just happened"})
    assert pressed(" 2. ", text) == Action("a.1", "v1", {"typed": "No, just asking"})
    assert pressed("[3]", text) == Action("a.2", "v2", {"typed": "Not sure"})
    assert pressed("YES", text) == Action("a.0", "v0", {"typed": "Yes, it just happened"})
    assert pressed("not sure!", text) == Action("a.2", "v2", {"typed": "Not sure"})
    assert pressed("yes, it just happened", text) == Action("a.0", "v0", {"typed": "Yes, it just happened"})
    assert [pressed(wrong, text) for wrong in ("4", "0", "-1", "", "maybe", "²", "1" * 81)] == [None] * 7
    assert pressed("1", "") is None


def test_a_word_that_two_buttons_share_presses_neither() -> None:
    text = dump(Card("", (choices("Work, mine", "Work, theirs"),)))
    assert pressed("work", text) is None


def choices(*texts: str) -> Choices:
    return Choices("?", tuple(Button(label, f"a.{i}", f"v{i}") for i, label in enumerate(texts)))


def test_a_typed_number_answers_the_last_card_of_this_place_only(house: House) -> None:
    house.say(DANA, TROUBLE)
    elsewhere = house.say(DANA, "1", place=Place("web", "another"))
    assert "called" not in [kind for kind, _ in house.timeline("SEC-101")]
    assert elsewhere.card.tone != "emergency"
    reply = house.say(DANA, "1")  # "Call me now"
    assert "call_me" in [kind for kind, _ in house.timeline("SEC-101")]
    assert reply.card.tone == "emergency"


def test_yes_and_no_answer_the_question_whether_it_just_happened(house: House) -> None:
    confirm = house.say(DANA, "suppose we paid a false invoice")
    assert confirm.card.tone == "question"
    no = house.say(DANA, "no")
    assert no.card.tone in {"answer", "question", "done"}
    assert house.tickets("unresolved") == [] or all(ticket.severity != "S3" for ticket in house.tickets())
    house.say(JONAS, "suppose we paid a false invoice")
    yes = house.say(JONAS, "yes")
    assert yes.card.tone == "emergency"
    assert [ticket.severity for ticket in house.tickets()][:1] == ["S3"]


@pytest.mark.parametrize(
    ("action", "value"),
    [
        ("nobody.here", ""), ("answering.unknown", "x"), ("tickets.unknown", "x"), ("reporting.unknown", "x"),
        ("emergency.answer", "SEC-101:which:work"), ("", ""), (".", "."),
    ],
)  # fmt: skip
def test_a_button_that_leads_nowhere_says_so(house: House, action: str, value: str) -> None:
    reply = house.press(DANA, action, value)
    assert as_text(reply.card) == "This question is closed. Ask me again."
    assert reply.delivery != ""
    assert house.tickets() == []


def test_a_call_for_help_is_heard_whatever_ticket_it_names(house: House) -> None:
    reply = house.press(DANA, "emergency.call", "SEC-999")
    assert reply.card.tone == "emergency"
    assert [("SEC-101", "S3")] == [(ticket.number, ticket.severity) for ticket in house.tickets()]


def test_buttons_of_another_persons_ticket_are_not_found(house: House) -> None:
    house.say(DANA, NONSENSE)
    house.send(DANA)
    house.act("resolve", "SEC-101")
    before = (house.timeline("SEC-101"), house.timeline("SEC-102"), len(house.audited()))
    refused = [
        house.press(JONAS, "tickets.reopen", "SEC-101"),
        house.press(JONAS, "tickets.say", "SEC-101", {"text": "let me in"}),
        house.press(JONAS, "reporting.dispute", "SEC-102"),
        house.press(JONAS, "tickets.reopen", "SEC-777"),
        house.press(JONAS, "answering.ask", "no-such-entry"),
        house.press(JONAS, "answering.why", "no-such-entry"),
    ]
    assert {as_text(reply.card) for reply in refused} == {
        f"I cannot find that, or it is not yours to see. For help ring {BERLIN}."
    }
    assert all(reply.delivery for reply in refused)  # said, stored and sent like any other reply
    assert before == (house.timeline("SEC-101"), house.timeline("SEC-102"), len(house.audited()))


def test_a_persons_answers_go_to_the_emergency_they_belong_to(house: House) -> None:
    house.say(DANA, TROUBLE)
    house.say(JONAS, TROUBLE)
    option = next(button for button in pressables(house.say(DANA, "more words").card) if "answer" in button.action)
    forged = house.press(JONAS, option.action, option.value)  # Dana's ticket in its value
    assert as_text(forged.card) == "This question is closed. Ask me again."
    assert "answered" not in [kind for kind, _ in house.timeline("SEC-101") + house.timeline("SEC-102")]
    house.press(DANA, option.action, option.value)
    assert "answered" in [kind for kind, _ in house.timeline("SEC-101")]
    stale = house.press(DANA, option.action, option.value)  # the question is answered
    assert as_text(stale.card) == "This question is closed. Ask me again."


def test_a_rating_counts_once_and_only_from_who_asked(house: House) -> None:
    reply = house.say(DANA, question(entry(house, severity="S0", public=True)))
    solved = next(button for button in pressables(reply.card) if button.action == "answering.solved")
    house.press(JONAS, solved.action, solved.value)
    assert house.rows("SELECT rating FROM question")[0]["rating"] == ""
    house.press(DANA, solved.action, solved.value)
    house.press(DANA, "answering.unhelpful", solved.value)
    assert house.rows("SELECT rating FROM question")[0]["rating"] == "solved"


# pace ---------------------------------------------------------------------------------------------------------------


def test_too_many_messages_are_told_to_wait_but_never_emergencies(house: House) -> None:
    message = house.message(DANA, "hello")
    first = house.desk.handle(message)
    for _ in range(PER_MINUTE):
        house.say(DANA, "hello")
    stored = house.count("event")
    slow = house.say(DANA, "hello")
    assert as_text(slow.card).startswith("That is a lot at once.")
    assert PHONE in as_text(slow.card)
    assert (slow.delivery, house.count("event")) == ("", stored)
    assert house.desk.handle(message) == replace(first, repeated=True)  # a retry of the platform is no new message
    assert house.say(JONAS, "hello").delivery != ""
    assert house.say(DANA, TROUBLE).card.tone == "emergency"
    assert house.press(DANA, "emergency.call", "").card.tone == "emergency"


def test_the_pace_fills_up_again() -> None:
    pace = Pace(60)
    assert [pace.allows("a", 0.0) for _ in range(61)] == [True] * 60 + [False]
    assert pace.allows("b", 0.0)
    assert [pace.allows("a", 1.0), pace.allows("a", 1.0)] == [True, False]
    assert [pace.allows("a", 1000.0) for _ in range(61)] == [True] * 60 + [False]


# odd texts ----------------------------------------------------------------------------------------------------------

ODD = {
    "long": "security " * 1_112,
    "one long word": "x" * 10_000,
    "empty": "",
    "spaces": " \n\t ",
    "zero width": "\u200b\u200d\ufeff\u2060",
    "emoji": "😀😀🤷‍♀️",
    "address": "https://example.test/a?b=c#d",
    "right to left": "كيف أبلغ عن رسالة مشبوهة؟ \u202e gnp.exe",
    "nul": "hel\x00lo \ud800 there",
    "markup": "<script>alert(1)</script> *bold* <!channel> @here",
    "json": '{"title": "x", "blocks": []}',
    "placeholder": "{helpdesk_phone} {number} %s %(x)s",
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_texts_get_a_reply_and_are_stored_within_bounds(house: House, kind: str) -> None:
    reply = house.say(DANA, ODD[kind])
    assert reply.delivery != ""
    assert as_text(reply.card).strip()
    said = [row["text"] for row in house.rows("SELECT text FROM utterance WHERE direction = 'in'")]
    assert all(len(text) <= MAX_TEXT for text in said)
    house.settle()
    assert len(house.posts(DANA)) == 1
    assert house.whole()


@pytest.mark.parametrize("kind", ["empty", "spaces", "zero width", "emoji"])
def test_a_text_without_words_asks_for_some(house: House, kind: str) -> None:
    assert as_text(house.say(DANA, ODD[kind]).card).startswith("I did not get any words.")
    assert house.tickets() == []


def test_an_address_alone_is_never_opened(house: House) -> None:
    assert as_text(house.say(DANA, ODD["address"]).card).startswith("I do not open addresses.")


def test_words_in_braces_are_not_filled_in(house: House) -> None:
    house.press(DANA, "tickets.person", "what is {helpdesk_phone} {organisation}?")
    assert house.ticket().subject == "what is {helpdesk_phone} {organisation}?"


# when something breaks ----------------------------------------------------------------------------------------------


class Breaks:
    """A responder that fails: while it thinks, or half-way through its effect."""

    prefix = "breaks"

    def __init__(self, error: Exception, *, late: bool) -> None:
        self.error, self.late = error, late

    def respond(self, turn: Any) -> Any:
        if not self.late:
            raise self.error

        def effect(work: Any) -> Card:
            work.heard(turn.person.key, turn.place, "half")
            work.job("delivery.send", "half", {"delivery": "half"})
            work.audit(turn.person.key, "half", "half")
            raise self.error

        return effect


def broken(house: House, error: Exception, *, late: bool) -> None:
    parts = house.desk._parts
    house.desk._parts = replace(parts, responders=(Breaks(error, late=late), *parts.responders))


@pytest.mark.parametrize("late", [False, True])
def test_an_unexpected_error_gives_the_phone_number_and_leaves_nothing_half_written(house: House, late: bool) -> None:
    house.say(JONAS, "hello")
    key = house.key(JONAS)
    broken(house, RuntimeError("the words that Jonas wrote"), late=late)
    before = house.counts()
    message = house.message(JONAS, question(entry(house, severity="S0", public=True)))
    reply = house.desk.handle(message)
    assert (
        as_text(reply.card)
        == f"Something broke on our side and your message did not go through. Try again, or ring {BERLIN}."
    )
    assert (reply.delivery, before) == ("", house.counts())
    house.desk._parts = replace(house.desk._parts, responders=house.desk._parts.responders[1:])
    again = house.desk.handle(message)  # the platform tries again, and now it works
    assert (again.repeated, again.card.tone) == (False, "answer")
    assert key == house.key(JONAS)


@pytest.mark.parametrize("late", [False, True])
def test_a_refusal_is_said_and_stored_once(house: House, late: bool) -> None:
    broken(house, Refused("Not before Monday."), late=late)
    message = house.message(DANA, "hello")
    reply = house.desk.handle(message)
    assert as_text(reply.card) == "Not before Monday."
    assert house.desk.handle(message) == replace(reply, repeated=True)
    assert "half" not in house.everything()
    house.settle()
    assert house.told(DANA) == "Not before Monday."


def test_an_emergency_is_answered_even_if_its_ticket_cannot_be_opened(house: House) -> None:
    def breaks(*_args: Any) -> None:
        raise RuntimeError("tickets are broken")

    house.app.tickets.open = breaks  # type: ignore[method-assign,assignment]
    reply = house.say(DANA, TROUBLE)
    assert reply.card.tone == "emergency"
    assert [page.to for page in house.pager.pages] == [SAM]
    assert len(house.app.spool.waiting()) == 1


# emergencies with the database away ---------------------------------------------------------------------------------


@pytest.fixture
def failing(db: Db, home: Path, contents: Contents) -> Any:
    made = House(home, fakes.FailingDb(db), contents)
    yield made
    made.close()


@pytest.mark.parametrize("met", [False, True])
@pytest.mark.parametrize("mode", ["down", "read_only"])
def test_an_emergency_without_a_database_is_answered_paged_and_spooled(failing: House, mode: str, met: bool) -> None:
    if met:
        failing.say(JONAS, "hello")
    setattr(failing.db, mode, True)
    message = failing.message(JONAS, TROUBLE)
    reply = failing.desk.handle(message)
    text = as_text(reply.card)
    assert (reply.card.tone, reply.delivery) == ("emergency", "")
    assert BERLIN in text
    assert "SEC-" not in text
    assert "{" not in text
    page = failing.pager.pages[0]
    assert (page.key, page.to, page.ticket) == (message.key, SAM, "")
    assert "Jonas Keller" in page.summary
    assert TROUBLE not in page.summary
    assert len(failing.app.spool.waiting()) == 1
    assert TROUBLE.encode() not in failing.app.spool.waiting()[0].read_bytes()


def test_the_spool_is_on_the_disk_before_the_card_comes(failing: House, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(os.path.realpath(f"/proc/self/fd/{descriptor}"))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    failing.db.down = True  # type: ignore[attr-defined]
    failing.say(JONAS, TROUBLE)
    folder = str(failing.folder / "spool")
    assert any(path.startswith(folder + "/") for path in synced)  # the record
    assert folder in synced  # and its name


def test_a_spooled_emergency_becomes_one_ticket_with_a_page(failing: House) -> None:
    failing.db.down = True  # type: ignore[attr-defined]
    message = failing.message(JONAS, TROUBLE)
    failing.desk.handle(message)
    failing.desk.handle(message)  # the platform retries
    assert len(failing.app.spool.waiting()) == 1
    calls = len(failing.pager.pages)
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            failing.app.replay_spool()
    assert len(failing.pager.pages) == calls  # trying again calls nobody again
    failing.db.down = False  # type: ignore[attr-defined]
    assert failing.app.replay_spool() == 1
    assert failing.app.replay_spool() == 0
    ticket = failing.ticket()
    assert (ticket.severity, ticket.kind, ticket.requester) == ("S3", "emergency", failing.key(JONAS))
    assert failing.timeline(ticket.number)[0] == ("opened", TROUBLE)
    failing.settle()
    assert len(failing.pager.pages) == calls + 1
    assert ticket.number in failing.told(JONAS)  # the number follows in the chat
    assert failing.desk.handle(message).repeated
    assert len(failing.tickets()) == 1


def test_an_emergency_that_was_stored_before_it_was_spooled_is_one_ticket(failing: House) -> None:
    message = failing.message(JONAS, TROUBLE)
    failing.db.down = True  # type: ignore[attr-defined]
    failing.desk.handle(message)
    failing.db.down = False  # type: ignore[attr-defined]
    failing.desk.handle(message)  # the retry comes first
    assert failing.app.replay_spool() == 1
    assert [kind for kind, _ in failing.timeline(failing.ticket().number)] == ["opened", "paged"]


def test_secrets_of_an_emergency_are_not_spooled(failing: House) -> None:
    failing.db.down = True  # type: ignore[attr-defined]
    failing.say(JONAS, f"{TROUBLE}. {SECRETS['password']}")
    kept = failing.app.vault.unseal("spool", failing.app.spool.waiting()[0].read_bytes())
    assert b"Tr0ub4dor" not in kept
    assert b"I clicked the link" in kept


@pytest.mark.parametrize("verb", ["start", "yes", "call", "worse", "answer"])
def test_emergency_buttons_help_without_a_database_too(failing: House, verb: str) -> None:
    failing.db.down = True  # type: ignore[attr-defined]
    reply = failing.press(JONAS, f"emergency.{verb}", "device" if verb in {"start", "yes"} else "SEC-101")
    assert reply.card.tone == "emergency"
    assert len(failing.pager.pages) == 1


@pytest.mark.parametrize("verb", ["no", "secret_no", "secret_yes"])
def test_buttons_that_mean_no_trouble_call_nobody(failing: House, verb: str) -> None:
    failing.db.down = True  # type: ignore[attr-defined]
    reply = failing.press(JONAS, f"emergency.{verb}", "password")
    assert as_text(reply.card).startswith("I cannot save anything just now")
    assert failing.pager.pages == []


def test_other_messages_without_a_database_get_the_phone_number(failing: House) -> None:
    failing.db.down = True  # type: ignore[attr-defined]
    for reply in (failing.say(JONAS, "how do I choose a password"), failing.send(JONAS)):
        assert as_text(reply.card) == (
            f"I cannot save anything just now, so I have not taken this in. Try again in a few minutes, or ring {BERLIN}."
        )
    assert failing.app.spool.waiting() == []


def test_a_pager_that_breaks_is_said_and_never_takes_the_card_away(failing: House) -> None:
    failing.db.down = True  # type: ignore[attr-defined]
    for error in (ChannelError("engaged"), RuntimeError("a fault of ours")):
        failing.pager.broken = error
        reply = failing.say(JONAS, TROUBLE)
        first = as_text(reply.card).splitlines()[1]
        assert reply.card.tone == "emergency"
        assert BERLIN in first


def test_a_full_disk_under_the_spool_leaves_the_card_and_the_page(
    failing: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    failing.db.down = True  # type: ignore[attr-defined]
    assert failing.say(JONAS, TROUBLE).card.tone == "emergency"
    assert len(failing.pager.pages) == 1
    assert list((failing.folder / "spool").iterdir()) == []


# emergencies otherwise ----------------------------------------------------------------------------------------------


def test_an_emergency_opens_a_ticket_pages_and_asks_one_question(house: House) -> None:
    reply = house.say(DANA, TROUBLE)
    ticket = house.ticket()
    assert (ticket.severity, ticket.state, ticket.kind) == ("S3", "open", "emergency")
    assert ticket.number in as_text(reply.card)
    assert PHONE in as_text(reply.card)
    house.settle()
    page = house.pager.pages[0]
    assert (page.to, page.ticket) == (SAM, ticket.number)
    assert page.url.endswith(f"/console/tickets/{ticket.number}")
    for _ in range(12):  # answer whatever is asked until nothing is
        answers = [button for button in pressables(reply.card) if button.action == "emergency.answer"]
        if not answers:
            break
        reply = house.press(DANA, answers[0].action, answers[0].value)
    assert [button for button in pressables(reply.card) if button.action == "emergency.answer"] == []
    asked = [text for kind, text in house.timeline(ticket.number) if kind == "answered"]
    assert len(asked) == len(set(asked)) >= 2
    house.say(DANA, "one more thing")
    assert house.timeline(ticket.number)[-1] == ("said", "one more thing")


def test_the_same_trouble_again_joins_and_another_kind_is_called_out_again(house: House) -> None:
    house.say(DANA, TROUBLE)
    house.settle()
    house.say(DANA, TROUBLE)
    house.settle()
    assert len(house.pager.pages) == 1
    house.say(DANA, "there is a ransom note on my screen")
    house.settle()
    assert len(house.pager.pages) == 2
    assert len(house.tickets()) == 1
    house.clock.forward(7_300)
    house.say(DANA, TROUBLE)
    assert len(house.tickets()) == 2


@pytest.mark.parametrize(
    ("who", "phone"), [(DANA, PHONE), (JONAS, BERLIN), (CLARA, "+33 1 99 00 00 00"), (GUEST, PHONE)]
)
def test_the_emergency_card_has_the_number_of_the_persons_own_entity(house: House, who: str, phone: str) -> None:
    assert phone in as_text(house.say(who, TROUBLE).card)


def test_nobody_on_call_is_said_with_the_phone_number(db: Db, home: Path, contents: Contents) -> None:
    house = House(home, db, fakes.with_nobody_on_call(contents))
    reply = house.say(JONAS, TROUBLE)
    first = as_text(reply.card).splitlines()[1]
    assert BERLIN in first
    assert house.app.contents.gate.current.text("nobody_reached", "en", {"helpdesk_phone": BERLIN}) == first
    assert house.ticket().severity == "S3"
    house.sweeper.sweep()
    house.clock.forward(6)
    house.sweeper.sweep()
    house.jobs.run()
    (page,) = house.rows("SELECT state, error FROM page")
    assert (page["state"], page["error"]) == ("failed", "nobody is on call: fill oncall.yaml")
    house.close()


def test_an_empty_knowledge_base_still_answers_emergencies_and_brings_a_person(
    db: Db, home: Path, contents: Contents
) -> None:
    house = House(home, db, fakes.with_no_answers(contents, home / "cache"))
    assert house.say(DANA, TROUBLE).card.tone == "emergency"
    reply = house.say(JONAS, "how do I choose a password")
    assert reply.card.tone == "done"
    assert [ticket.kind for ticket in house.tickets()] == ["emergency", "question"]
    house.close()


def test_emergencies_stand_first_in_the_queue(house: House) -> None:
    house.say(DANA, NONSENSE)
    house.clock.forward(2 * 86_400)  # long overdue
    house.press(JONAS, "answering.ask", entry(house, severity="S2", public=True).id)
    house.say(SAM, TROUBLE)
    assert [ticket.severity for ticket in house.tickets("unresolved")] == ["S3", "S1", "S2"]
    house.act("claim", house.tickets("unresolved")[0].number)
    assert [ticket.severity for ticket in house.tickets("unresolved")] == ["S3", "S1", "S2"]
    house.act("resolve", house.tickets("unresolved")[0].number)
    assert [ticket.severity for ticket in house.tickets()] == ["S1", "S2", "S3"]


# pasted secrets -----------------------------------------------------------------------------------------------------


def leave_secrets(house: House) -> list[Message]:
    """Plant secrets in every way a text can come in."""
    messages = [house.message(DANA, text) for text in SECRETS.values()]
    everything = ", ".join(SECRETS.values())
    messages.append(house.message(DANA, f"{everything} and now I cannot sign in to anything, what should I do"))
    messages.append(house.message(DANA, f"{TROUBLE}: {everything}"))
    messages.append(house.message(JONAS, action=Action("tickets.person", everything)))
    messages.append(house.message(JONAS, action=Action("tickets.say", "SEC-102", {"text": everything})))
    messages.append(house.message(JONAS, f"more about it: {everything}"))
    messages.append(house.message(CLARA, action=Action("answering.none", everything)))
    messages.append(house.message(INES, everything, files=(File("AKIAIOSFODNN7EXAMPLE.eml", MAIL),)))
    messages.append(house.message(INES, files=(File("AKIAIOSFODNN7EXAMPLE.png", b"\x89PNG\r\n\x1a\n"),)))
    messages.append(house.message(INES, " " * (MAX_TEXT - 8) + "x AKIAIOSFODNN7EXAMPLE"))  # cut through the key
    return messages


def test_pasted_secrets_are_nowhere(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    metrics = Metrics()
    house.app.count = metrics.outcome
    cards = []
    for message in leave_secrets(house):
        reply = house.desk.handle(message)
        assert reply.delivery != ""
        metrics.observe(message, reply, 0.1)
        cards.append(as_text(reply.card))
    for ticket in house.tickets():
        for verb in ("reply", "note", "resolve"):
            house.act(verb, ticket.number, SAM, ", ".join(SECRETS.values()))
    house.settle()
    seen = "\n".join([house.everything(), caplog.text, metrics.text().decode(), *cards, str(house.pager.pages)])
    assert [part for part in SECRET_PARTS if re.search(part, seen)] == []
    assert "[removed: key].eml" in seen
    assert house.whole()


def test_whoever_pasted_a_secret_is_told_what_to_do(house: House) -> None:
    reply = house.say(DANA, SECRETS["password"])
    assert reply.card.tone == "warning"
    assert reply.card.private
    yes = house.press_label(DANA, reply.card, labels(reply.card)[0])
    assert house.ticket().number in as_text(yes.card)
    assert house.ticket().subject == "Pasted a real secret into the chat; it was not kept"


def test_a_question_with_a_secret_in_it_is_answered_too(house: House) -> None:
    asked = question(entry(house, severity="S0", public=True))
    reply = house.say(DANA, f"{asked} by the way {SECRETS['key']}")
    house.settle()
    assert len(house.posts(DANA)) == 2
    assert {reply.card.tone, *(card.tone for card in house.posts(DANA))} >= {"warning"}


def test_the_values_of_our_own_buttons_stay_as_they_are(house: House) -> None:
    """Buttons carry ids; taking one for a secret would break it."""
    values: set[str] = set()
    for text in (TROUBLE, "we paid a false invoice", question(entry(house, severity="S2", public=True)), NONSENSE):
        for who in (DANA, JONAS):
            values |= {button.value for button in pressables(house.say(who, text).card)}
    values |= set(house.app.contents.knowledge.current.library.entries) | set(house.app.contents.gate.current.kinds)
    for value in values:
        message = house.message(DANA, action=Action("answering.ask", value))
        assert house.desk._without_secrets(message) == (message, ())


# people from outside ------------------------------------------------------------------------------------------------


def restricted(house: House) -> list[Entry]:
    return [item for item in house.app.contents.knowledge.current.library.published() if not item.public]


def test_an_outsider_gets_public_entries_reporting_and_emergencies(house: House) -> None:
    public = entry(house, severity="S0", public=True)
    assert house.say(GUEST, question(public)).card.source == public.id
    receipt = house.send(GUEST)
    assert "SEC-101" in as_text(receipt.card)
    house.settle()
    assert "Your report SEC-101" in house.told(GUEST)
    assert house.say(GUEST, TROUBLE).card.tone == "emergency"
    assert "not in our directory" in as_text(house.say("another-guest", "hello").card)


@pytest.mark.parametrize("how", ["typed", "button", "nothing fits", "none of these"])
def test_an_outsider_who_wants_a_person_gets_the_phone_number_and_no_ticket(house: House, how: str) -> None:
    asked = {
        "typed": lambda: house.say(GUEST, "talk to a person"),
        "button": lambda: house.press(GUEST, "tickets.person", "anything"),
        "nothing fits": lambda: house.say(GUEST, NONSENSE),
        "none of these": lambda: house.press(GUEST, "answering.none", "anything"),
    }
    text = as_text(asked[how]().card)
    assert "You are not in our directory" in text
    assert PHONE in text
    assert house.tickets() == []
    assert "You are not in our directory" in as_text(house.app.ask(NONSENSE, house.person(GUEST)).card)


def test_restricted_entries_never_surface(house: House) -> None:
    """By search, suggestion, button, source and preview; for outsiders and for staff of other roles."""
    for item in restricted(house):
        others = [
            who for who in (DANA, GUEST) if not house.person(who).known or not house.person(who).roles & set(item.roles)
        ]
        for who in others:
            person = house.person(who)
            for asked in item.questions["en"][:2]:
                found = house.app.answers.consider(asked, person, house.clock.now())
                assert item.id not in {found.entry, *found.suggestions}
                assert item.id != house.app.ask(asked, person).card.source
    item = restricted(house)[0]
    for who in (DANA, GUEST):
        for verb in ("ask", "why"):
            reply = house.press(who, f"answering.{verb}", item.id)
            assert as_text(reply.card).startswith("I cannot find that, or it is not yours to see.")
    role = next(person for person in house.app.directory.people() if person.roles & set(item.roles))
    assert item.severity == "S3"  # so it is asked first whether it has happened
    assert house.press(role.id, "answering.ask", item.id).card.source == item.emergency
    assert house.press(role.id, "emergency.no", item.emergency or "").card.source == item.id


def test_just_asking_leads_an_outsider_to_nothing_restricted(house: House) -> None:
    item = restricted(house)[0]
    house.say(GUEST, "suppose we paid a false invoice")
    met = house.key(GUEST)
    where = house.rows("SELECT place FROM dialogue WHERE person = :key", key=met)[0]["place"]
    forged = f'{{"kind": "money", "entry": "{item.id}", "text": ""}}'
    with house.db.tx() as tx:
        tx.execute("UPDATE dialogue SET state = :state WHERE person = :key", state=forged, key=met)
    assert where
    assert house.press(GUEST, "emergency.no", "money").card.source != item.id


def test_roles_given_later_hold_at_once(house: House) -> None:
    item = next(item for item in restricted(house) if "executive" in item.roles)
    person = replace(house.person(DANA), roles=frozenset({"executive"}))
    assert house.app.answers.consider(question(item), person, house.clock.now()).outcome in {
        Outcome.ANSWER,
        Outcome.SUGGEST,
    }


# values and time ----------------------------------------------------------------------------------------------------


def test_an_unset_value_shows_the_ring_form_and_no_gap(db: Db, home: Path, contents: Contents) -> None:
    library = contents.knowledge.current.library
    item = next(
        e for e in library.published() if e.public and e.severity == "S0" and set(e.placeholders) - {"helpdesk_phone"}
    )
    name = next(name for name in item.placeholders if name != "helpdesk_phone")
    house = House(home, db, fakes.with_values(contents, unset=[name]))
    reply = house.press(DANA, "answering.ask", item.id)
    text = as_text(reply.card)
    ring = item.answer["en"].ring
    assert ring is not None
    assert ring.replace("{helpdesk_phone}", PHONE) in text
    assert "{" not in text
    assert name in house.app.organisation().unset()
    house.close()


def test_no_answer_for_anybody_has_a_gap(house: House) -> None:
    for person in house.app.directory.people():
        for item in house.app.contents.knowledge.current.library.published():
            if item.public or person.roles & set(item.roles):
                text = as_text(house.app.answers.card(item.id, person, house.clock.now()))
                assert "{" not in text, (item.id, text)


def test_three_years_on_answers_are_marked_and_none_is_gone(house: House) -> None:
    item = entry(house, severity="S0", public=True)
    latest = max(item.review_due, item.reviewed)
    house.clock.at = 1_760_000_000.0  # before anything was due
    assert "past its review date" not in as_text(house.say(DANA, question(item)).card)
    house.clock.at = fakes.NOW + fakes.YEARS
    text = as_text(house.say(DANA, question(item)).card)
    assert f"past its review date ({min(latest, item.expires or latest).isoformat()})" in text
    for other in house.app.contents.knowledge.current.library.published():
        if other.public:
            card = house.app.answers.card(other.id, house.person(DANA), house.clock.now())
            assert "past its review date" in as_text(card)


def test_an_answer_comes_in_the_persons_language_where_there_is_one(house: House) -> None:
    german = next(
        item for item in house.app.contents.knowledge.current.library.published() if "de" in item.answer and item.public
    )
    person = replace(house.person(DANA), language="de")
    assert house.app.answers.card(german.id, person, house.clock.now()).lang == "de"
    xx = replace(person, language="xx")
    assert house.app.answers.card(german.id, xx, house.clock.now()).lang == "en"
