"""Tickets on both databases: a person asks, the desk answers, and both see what happens."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.stores.open import open_db
from adapters.stores.sqlite import SqliteDb
from bot.app.contents import Contents
from bot.cards import as_text, pressables
from bot.content import Faults, packaged_shelf
from bot.errors import Conflict, NotFound, Refused, StoreUnavailable
from bot.helpdesk import clocks
from bot.helpdesk.relay import local_time
from bot.helpdesk.sla import NEVER
from bot.model import File, Person, Place
from bot.organisation import load_words
from bot.ports import Db
from bot.turn import TicketRequest
from tests.fakes import desk as fakes
from tests.fakes.desk import DANA, INES, JONAS, MAIL, NONSENSE, NOW, SAM, TROUBLE, House, labels

contents, home, house = fakes.contents, fakes.home, fakes.house


def asked(house: House, who: str = DANA) -> str:
    """A ticket of somebody who wanted a person; its number."""
    house.press(who, "tickets.person", "May I send this file?")
    return house.tickets()[-1].number


# the life of a ticket -----------------------------------------------------------------------------------------------


def test_a_ticket_from_the_question_to_the_end(house: House) -> None:
    house.say(DANA, "thanks")
    opened = house.say(DANA, "talk to a person")
    number = house.tickets()[-1].number
    assert number in as_text(opened.card)
    house.say(DANA, "it is about the payroll file")  # goes to the ticket, not to the search
    house.act("claim", number)
    house.act("reply", number, SAM, "Send it encrypted, please.")
    house.act("note", number, SAM, "Asked the payroll team.")
    house.say(DANA, "and to the auditor?")
    house.act("reply", number, SAM, "Yes, to the auditor too.")
    house.act("resolve", number, SAM, "All done.")
    house.settle()
    kinds = [kind for kind, _ in house.timeline(number)]
    assert kinds == ["opened", "conversation", "said", "claimed", "reply", "note", "said", "reply", "resolved"]
    assert [event.seq for event in house.app.tickets.timeline(number)] == list(range(1, 10))
    told = house.told(DANA)
    for words in ("Sam Ortiz has your ticket", "Send it encrypted, please.", "Yes, to the auditor too.", "All done."):
        assert words in told
    assert "Asked the payroll team." not in told
    assert "Asked the payroll team." not in str(house.timeline(number, visible_only=True))
    assert house.audited() == [
        "ticket.open", "ticket.claim", "ticket.reply", "ticket.note", "ticket.reply", "ticket.resolve",
    ]  # fmt: skip
    assert house.whole()


def test_the_conversation_so_far_comes_with_the_ticket(house: House) -> None:
    house.say(DANA, "thanks")
    house.say(DANA, "talk to a person")
    number = house.ticket().number
    (lines,) = [text for kind, text in house.timeline(number) if kind == "conversation"]
    assert lines.splitlines()[0] == "> thanks"
    assert "< Good. Ask me any time." in lines
    assert lines.splitlines()[-1] == "> talk to a person"


def test_a_typed_number_for_talk_to_a_person_is_not_the_subject(house: House) -> None:
    reply = house.say(DANA, "hello")
    place = [button.label for button in pressables(reply.card)].index("Talk to a person") + 1
    house.say(DANA, "help")
    house.say(DANA, str(place))
    assert house.ticket().subject == "help"


def test_who_holds_a_ticket_is_told_to_the_second(house: House) -> None:
    number = asked(house)
    house.act("claim", number, INES)
    with pytest.raises(Conflict, match=f"Ines Brandt has {number} already."):
        house.act("claim", number, SAM)
    house.act("claim", number, INES)  # once more changes nothing
    assert [kind for kind, _ in house.timeline(number)].count("claimed") == 1
    assert house.ticket().assignee == house.key(INES)


def test_of_two_who_claim_at_once_one_gets_it(house: House) -> None:
    number = asked(house)
    analysts = [house.analyst(who) for who in (SAM, INES)]

    def claim(analyst: Person) -> str:
        try:
            house.app.work(lambda work: house.app.tickets.claim(work, number, analyst))
        except Conflict as taken:
            return str(taken)
        return "mine"

    with ThreadPoolExecutor(2) as pool:
        said = sorted(pool.map(claim, analysts))
    holder = next(analyst.name for analyst in analysts if analyst.key == house.ticket().assignee)
    assert sorted(["mine", f"{holder} has {number} already."]) == said
    assert [kind for kind, _ in house.timeline(number)].count("claimed") == 1


def test_release_puts_a_ticket_back(house: House) -> None:
    number = asked(house)
    with pytest.raises(Conflict, match=f"Nobody holds {number}."):
        house.act("release", number)
    house.act("claim", number)
    house.act("release", number)
    assert (house.ticket().state, house.ticket().assignee) == ("open", "")
    house.act("claim", number, INES)
    assert house.ticket().assignee == house.key(INES)


def test_a_reply_to_an_unclaimed_ticket_claims_it(house: House) -> None:
    number = asked(house)
    house.act("reply", number, SAM, "I am on it.")
    assert (house.ticket().state, house.ticket().assignee) == ("claimed", house.key(SAM))


def test_a_reply_to_a_closed_ticket_does_not_open_it(house: House) -> None:
    number = asked(house)
    house.act("resolve", number)
    house.act("reply", number, SAM, "One more thing.")
    assert (house.ticket().state, house.ticket().resolved_at > 0) == ("resolved", True)
    house.settle()
    assert "One more thing." in house.told(DANA)


def test_a_closed_ticket_cannot_be_closed_or_claimed(house: House) -> None:
    number = asked(house)
    house.act("resolve", number)
    for verb in ("resolve", "claim"):
        with pytest.raises(Conflict, match=f"{number} is closed already."):
            house.act(verb, number)
    assert house.app.tickets.get(number).next_due_at == NEVER


@pytest.mark.parametrize("verb", ["reply", "note"])
@pytest.mark.parametrize("text", ["", " \n "])
def test_nothing_is_not_said(house: House, verb: str, text: str) -> None:
    number = asked(house)
    before = house.counts()
    with pytest.raises(Refused):
        house.act(verb, number, SAM, text)
    assert {**before, "identity": 2} == house.counts()


@pytest.mark.parametrize("verb", ["claim", "release", "reply", "note", "resolve", "reopen"])
def test_a_ticket_that_is_not_there_is_not_found(house: House, verb: str) -> None:
    with pytest.raises(NotFound):
        house.act(verb, "SEC-999", SAM, *(["text"] if verb in {"reply", "note"} else []))
    with pytest.raises(NotFound):
        house.app.tickets.get("SEC-999")


def test_numbers_are_found_as_people_type_them(house: House) -> None:
    number = asked(house)
    assert house.app.tickets.get(f" {number.lower()} ").number == number


# the person's side --------------------------------------------------------------------------------------------------


def test_the_persons_answer_reaches_the_ticket_until_they_leave_it(house: House) -> None:
    number = asked(house)
    house.say(DANA, "first")
    leave = house.say(DANA, "second")
    house.press_label(DANA, leave.card, "Ask something else")
    house.say(DANA, "hello")
    assert [text for kind, text in house.timeline(number) if kind == "said"] == ["first", "second"]


def test_a_reply_of_the_desk_reopens_the_talk(house: House) -> None:
    number = asked(house)
    house.press(DANA, "tickets.leave", number)
    house.act("reply", number, SAM, "Which file?")
    house.say(DANA, "the payroll one")
    assert house.timeline(number)[-1] == ("said", "the payroll one")


def test_a_file_is_a_report_even_while_talking(house: House) -> None:
    asked(house)
    house.send(DANA)
    assert [ticket.kind for ticket in house.tickets()] == ["person", "report"]


def test_a_closed_ticket_opens_again_when_the_person_says_so(house: House) -> None:
    number = asked(house)
    house.act("claim", number)
    house.act("resolve", number, SAM, "Done.")
    house.settle()
    card = house.posts(DANA)[-1]
    assert labels(card) == ["It helped", "Not solved", "My tickets"]
    house.press_label(DANA, card, "Not solved")
    ticket = house.app.tickets.get(number)
    assert (ticket.state, ticket.assignee, ticket.resolved_at) == ("claimed", house.key(SAM), 0.0)
    house.say(DANA, "it still fails")
    assert house.timeline(number)[-1] == ("said", "it still fails")


def test_a_closed_ticket_opens_again_when_the_person_writes_on_it(house: House) -> None:
    number = asked(house)
    house.act("resolve", number)
    house.press(DANA, "tickets.say", number, {"text": "it still fails"})
    assert house.ticket().state == "open"
    assert [kind for kind, _ in house.timeline(number)][-2:] == ["reopened", "said"]


def test_after_the_end_a_new_question_is_a_question(house: House) -> None:
    number = asked(house)
    house.act("resolve", number)
    house.say(DANA, "hello")
    assert house.ticket().state == "resolved"


def test_asking_again_within_half_an_hour_joins(house: House) -> None:
    number = asked(house)
    attached = [kind for kind, _ in house.timeline(number)].count("conversation")
    house.clock.forward(1_700)
    again = house.press(DANA, "tickets.person", "And another file?")
    assert number in as_text(again.card)
    assert "again" in [kind for kind, _ in house.timeline(number)]
    texts = [text for kind, text in house.timeline(number) if kind == "conversation"]
    assert attached + 1 == len(texts)
    said = [{line for line in text.splitlines() if line.startswith("> ")} for text in texts]
    assert set() == said[0] & said[-1]
    house.clock.forward(1_900)
    house.press(DANA, "tickets.person", "And a third?")
    assert len(house.tickets()) == 2
    house.press(JONAS, "tickets.person", "Mine")
    assert len(house.tickets()) == 3


def test_an_urgent_answer_opens_one_ticket(house: House) -> None:
    library = house.app.contents.knowledge.current.library
    item = next(entry for entry in library.published() if entry.severity == "S2" and entry.public)
    first = house.press(DANA, "answering.ask", item.id)
    again = house.press(DANA, "answering.ask", item.id)
    ticket = house.ticket()
    assert (ticket.severity, ticket.queue, ticket.subject) == ("S2", item.escalate.queue, item.title["en"])
    assert ticket.number in as_text(first.card)
    assert ticket.number in as_text(again.card)
    assert first.card.source == item.id
    assert [kind for kind, _ in house.timeline(ticket.number)] == ["opened", "again"]


def test_my_tickets_are_mine(house: House) -> None:
    number, other = asked(house), asked(house, JONAS)
    text = as_text(house.press(DANA, "tickets.mine").card)
    assert f"{number}: Waiting for a person · May I send this file?" in text
    assert other not in text
    assert as_text(house.press(INES, "tickets.mine").card) == "You have no tickets."


def test_the_promise_is_the_target_in_the_persons_own_time(house: House) -> None:
    reply = house.press(JONAS, "tickets.person", "x")
    minutes = house.app.contents.sla.current["S1"].acknowledge
    person = house.person(JONAS)
    assert f"You will hear by {local_time(house.clock.at + 60 * minutes, person, house.clock.at)}," in as_text(
        reply.card
    )


def test_times_are_read_in_the_persons_zone() -> None:
    berlin, nowhere = Person("a", "A", timezone="Europe/Berlin"), Person("b", "B", timezone="Mars/Base")
    noon = 1_900_065_600.0  # 12:00 UTC on 18 March 2030
    assert local_time(noon, berlin, noon) == "13:00"
    assert local_time(noon, nowhere, noon) == "12:00"
    assert local_time(noon + 86_400, berlin, noon) == "19 Mar, 13:00"
    words = load_words(packaged_shelf(), Faults())
    days = {lang: local_time(noon + 86_400, replace(berlin, language=lang), noon, words) for lang in ("en", "de", "fr")}
    assert days == {"en": "19 Mar, 13:00", "de": "19. März, 13:00", "fr": "19 mars, 13:00"}
    assert local_time(noon + 11.5 * 3600, berlin, noon) == "19 Mar, 00:30"  # still today in UTC


# severity and targets -----------------------------------------------------------------------------------------------


def test_severity_moves_the_due_time(house: House) -> None:
    number = asked(house)
    targets, opened = house.app.contents.sla.current, house.ticket().created_at
    assert house.ticket().next_due_at == opened + 60 * targets["S1"].acknowledge
    analyst = house.analyst()
    house.app.work(lambda work: house.app.tickets.raise_severity(work, number, "S3", analyst.key))
    assert house.ticket().next_due_at == opened + 60 * targets["S3"].acknowledge
    assert house.timeline(number)[-1] == ("severity", "S3")
    house.act("claim", number)
    assert house.ticket().next_due_at == house.clock.at + 60 * targets["S3"].update
    before = len(house.audited())
    house.app.work(lambda work: house.app.tickets.raise_severity(work, number, "S3"))
    assert len(house.audited()) == before


VERBS = ("claim", "release", "reply", "note", "resolve", "reopen", "said", "severity", "wait", "hand_over", "partner")


@pytest.fixture(scope="module")
def lasting(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One house for a property test (SQLite: the state machine is the same code on both)."""
    folder = tmp_path_factory.mktemp("lasting")
    cache = fakes.cache_folder(request.config)
    data = fakes.data_folder(folder / "data", cache)
    database = open_db("", data)
    made = House(data, database, fakes.shared(cache))
    yield made
    made.close()
    database.close()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.tuples(st.sampled_from(VERBS), st.sampled_from([SAM, INES]), st.floats(1, 9_000)), max_size=14)
)
def test_whatever_is_done_the_index_follows_from_the_times_and_the_chain_holds(lasting: House, steps: Any) -> None:
    lasting.clock.forward(60)
    dana = lasting.analyst(DANA)
    request = TicketRequest(dana.key, lasting.place(DANA), "person", "x", "x", "S1")
    number = lasting.app.work(lambda work: lasting.app.tickets.open(work, request)).number
    for verb, who, seconds in steps:
        lasting.clock.forward(seconds)
        try:
            if verb == "said":
                lasting.app.work(lambda work: lasting.app.tickets.said(work, number, dana, "x"))
            elif verb == "wait":
                lasting.act("wait", number, who, "person")
            elif verb == "hand_over":
                lasting.act("hand_over", number, who, "brightwell")
            elif verb == "partner":
                lasting.app.work(lambda work: lasting.app.tickets.partner_said(work, number, "secdesk", "x"))
            elif verb == "severity":
                lasting.app.work(lambda work: lasting.app.tickets.raise_severity(work, number, "S2"))
            else:
                lasting.act(verb, number, who, *(["x"] if verb in {"reply", "note"} else []))
        except (Conflict, NotFound):  # a closed ticket is handed to nobody
            pass
        ticket, course = lasting.app.tickets.get(number), lasting.app.tickets.course(number)
        assert ticket.next_due_at == clocks.next_due(course, lasting.app.contents.sla.current)
        assert (ticket.acknowledged_at, ticket.waiting) == (course.acknowledged, course.waiting)
        assert (ticket.severity, ticket.owner) == (course.severity, course.owner)
        assert lasting.app.work(lambda work: lasting.app.tickets.index(work.tx, number)) is False  # nothing to mend
    ticket = lasting.app.tickets.get(number)
    assert (ticket.state == "claimed") == bool(ticket.assignee) or ticket.state == "resolved"
    assert (ticket.state == "resolved") == (ticket.resolved_at > 0)
    assert lasting.whole()


# what else may happen -----------------------------------------------------------------------------------------------


def test_a_full_disk_leaves_nothing_half_written(home: Path, contents: Contents, tmp_path: Path) -> None:
    database = open_db("", tmp_path)
    assert isinstance(database, SqliteDb)
    house = House(home, database, contents)
    number = asked(house)
    with database._connection() as opened:
        connection = opened.conn
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    before = house.counts()
    full = house.send(DANA, MAIL + b"x" * 2_000_000)
    assert as_text(full.card).startswith("I cannot save anything just now")
    assert before == house.counts()
    with pytest.raises(StoreUnavailable, match="the disk is full"):
        house.act("reply", number, SAM, "y" * 2_000_000)
    assert {**before, "identity": 2} == {**house.counts(), "identity": 2}
    emergency = house.say(JONAS, TROUBLE + " " + "z" * 3_000)
    assert emergency.card.tone == "emergency"  # stored if it fits, else spooled
    connection.execute("PRAGMA max_page_count = 1000000")
    house.act("reply", number, SAM, "there is room again")
    house.app.replay_spool()
    assert any(ticket.severity == "S3" for ticket in house.tickets())
    assert house.whole()
    house.close()
    database.close()


def test_a_read_only_database_stores_nothing_and_says_so(home: Path, contents: Contents, tmp_path: Path) -> None:
    database = open_db("", tmp_path)
    assert isinstance(database, SqliteDb)
    house = House(home, database, contents)
    house.say(DANA, "hello")
    before = house.counts()
    with database._connection() as opened:
        connection = opened.conn
    connection.execute("PRAGMA query_only = ON")
    assert as_text(house.say(DANA, "how do I report a mail").card).startswith("I cannot save anything just now")
    emergency = house.say(DANA, TROUBLE)
    assert (emergency.card.tone, emergency.delivery) == ("emergency", "")
    assert len(house.pager.pages) == 1
    assert before == house.counts()
    connection.execute("PRAGMA query_only = OFF")
    assert house.app.replay_spool() == 1
    assert house.ticket().severity == "S3"
    house.close()
    database.close()


def test_openings_at_once_get_numbers_of_their_own_and_join_only_their_own(house: House) -> None:
    keys = [house.analyst(who).key for who in (SAM, INES, DANA, JONAS)]

    def opened(n: int) -> str:
        request = TicketRequest(
            keys[n % 4], Place("web", f"c{n % 4}"), "person", "s", "t", "S1", join=f"person:{n % 4}"
        )
        return house.app.work(lambda work: house.app.tickets.open(work, request)).number

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(opened, range(16)))
    assert len(set(numbers)) == 4
    assert [len({numbers[n] for n in range(start, 16, 4)}) for start in range(4)] == [1] * 4
    assert house.whole()


def test_a_mail_sent_with_an_emergency_is_a_report_too(house: House) -> None:
    reply = house.say(DANA, TROUBLE, files=(File("parcel.eml", MAIL),))
    assert reply.card.tone == "emergency"
    assert sorted(ticket.kind for ticket in house.tickets()) == ["emergency", "report"]
    house.settle()
    assert "We are checking “parcel.eml” now" in house.told(DANA)


def test_three_years_on_the_desk_still_works(db: Db, home: Path, contents: Contents) -> None:
    house = House(home, db, contents, clock=fakes.FakeClock(NOW + fakes.YEARS))
    number = asked(house)
    house.act("reply", number, SAM, "Still here.")
    house.settle()
    assert "Still here." in house.told(DANA)
    assert house.app.contents.rota.current is not None
    assert house.say(JONAS, TROUBLE).card.tone == "emergency"
    house.settle()
    assert len(house.pager.pages) == 1
    assert house.say(DANA, NONSENSE).delivery
    house.close()


def test_the_rota_calls_nobody_who_has_left(contents: Contents) -> None:
    rota = contents.rota.current
    assert rota is not None
    assert rota.on_duty(NOW)[0] == SAM
    without = replace(rota, works_here=lambda who: who != SAM)
    assert SAM not in without.on_duty(NOW)
    assert without.on_duty(NOW)[0] == INES
