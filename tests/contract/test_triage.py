"""Sorting the queue on both databases: who sees what, filters, search, views, merging, many at once and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bot.cards import as_text
from bot.errors import Conflict, NotFound, Refused
from bot.helpdesk.tickets import words_of
from bot.helpdesk.triage import Done, Filter, filter_from
from bot.model import Person
from bot.turn import TicketRequest, Work
from tests.fakes import desk as fakes
from tests.fakes.desk import CLARA, DANA, INES, JONAS, SAM, House

contents, home, house = fakes.contents, fakes.home, fakes.house


def opened(house: House, who: str = DANA, text: str = "A file", severity: Any = "S1", **more: Any) -> str:
    person = house.analyst(who)
    house.clock.forward(1)
    request = TicketRequest(person.key, house.place(who), "person", text, text, severity, **more)
    return house.app.work(lambda work: house.app.tickets.open(work, request)).number


def do(house: House, change: Callable[[Work], Any]) -> Any:
    house.clock.forward(1)
    return house.app.work(change)


def found(house: House, wanted: Filter | None = None, text: str = "") -> list[str]:
    return [ticket.number for ticket in house.app.triage.find(house.analyst(), wanted or Filter(), text)]


def bulk(house: House, numbers: list[str], what: str, value: Any = "") -> Done:
    sam = house.analyst()
    done: Done = do(house, lambda work: house.app.triage.bulk(work, numbers, sam, what, value))
    return done


# for somebody else --------------------------------------------------------------------------------------------------


def test_a_ticket_for_a_colleague_is_seen_by_both_and_both_hear_of_it(house: House) -> None:
    house.say(JONAS, "hello")
    reply = house.press(DANA, "tickets.person", "", {"text": "His laptop is odd", "behalf": "Jonas Keller"})
    ticket = house.ticket()
    assert f"{ticket.number} is open for Jonas Keller." in as_text(reply.card)
    assert (ticket.requester, ticket.opener, ticket.entity) == (house.key(JONAS), house.key(DANA), "de")
    house.act("reply", ticket.number, SAM, "Which laptop?")
    house.act("resolve", ticket.number, SAM, "Done.")
    house.settle()
    assert f"Dana Reyes opened {ticket.number} for you" in house.told(JONAS)
    for who in (JONAS, DANA):
        assert "Which laptop?" in house.told(who)
        assert "Done." in house.told(who)
        assert ticket.number in as_text(house.press(who, "tickets.mine").card)
        house.press(who, "tickets.say", ticket.number, {"text": f"from {who}"})
    said = [text for kind, text in house.timeline(ticket.number) if kind == "said"]
    assert said == [f"from {JONAS}", f"from {DANA}"]
    assert ticket.number not in as_text(house.press(CLARA, "tickets.mine").card)
    strange = house.press(CLARA, "tickets.say", ticket.number, {"text": "hm"})
    assert len([kind for kind, _ in house.timeline(ticket.number) if kind == "said"]) == 2
    assert "hm" not in as_text(strange.card)


@pytest.mark.parametrize("who", ["nobody.known", "dana.reyes", " "])
def test_for_nobody_or_oneself_is_no_ticket_for_somebody_else(house: House, who: str) -> None:
    house.press(DANA, "tickets.person", "", {"text": "x", "behalf": who})
    assert [ticket.opener for ticket in house.tickets()] == ([""] if who == " " else [])


def test_every_change_reaches_the_person_where_they_asked(house: House) -> None:
    number = opened(house)
    sam, ines = house.analyst(), house.analyst(INES)
    tickets = house.app.tickets
    for change in (
        lambda work: tickets.claim(work, number, sam),
        lambda work: tickets.release(work, number, sam),
        lambda work: tickets.assign(work, number, sam, ines),
        lambda work: tickets.raise_severity(work, number, "S2", sam.key),
        lambda work: tickets.wait(work, number, sam, "partner"),
        lambda work: tickets.hand_over(work, number, sam, "brightwell"),
        lambda work: tickets.hand_over(work, number, sam, ""),
        lambda work: tickets.resolve(work, number, sam),
        lambda work: tickets.reopen(work, number, sam),
    ):
        before = len(house.posts(DANA))
        do(house, change)
        house.settle()
        assert len(house.posts(DANA)) == before + 1
        assert number in as_text(house.posts(DANA)[-1])


def test_it_helped_is_kept_and_not_solved_counts_as_bad(house: House) -> None:
    number = opened(house)
    house.act("resolve", number)
    house.press(DANA, "tickets.good", number)
    assert house.ticket().satisfaction == "good"
    house.press(DANA, "tickets.reopen", number)
    assert (house.ticket().state, house.ticket().satisfaction) == ("open", "bad")
    house.press(JONAS, "tickets.good", number)
    assert house.ticket().satisfaction == "bad"


# finding ------------------------------------------------------------------------------------------------------------


def test_the_queue_has_emergencies_then_priority_then_what_is_due(house: House) -> None:
    slow, quick, put_back, pulled = (opened(house, severity=severity) for severity in ("S0", "S2", "S2", "S0"))
    worst, sam = opened(house, severity="S3"), house.analyst()
    do(house, lambda work: house.app.triage.priority(work, pulled, sam, 1))
    do(house, lambda work: house.app.triage.priority(work, put_back, sam, -1))
    assert found(house) == [worst, pulled, quick, slow, put_back]
    house.act("resolve", worst)
    assert found(house) == [pulled, quick, slow, put_back]
    assert found(house, Filter("resolved")) == [worst]
    house.act("wait", quick, SAM, "person")
    assert found(house) == [pulled, slow, quick, put_back]
    assert found(house, Filter("all")) == [worst, pulled, put_back, quick, slow]


def test_filters_narrow_and_join(house: House) -> None:
    sam = house.analyst()
    one, two = opened(house, DANA, severity="S2"), opened(house, JONAS, severity="S2", queue="identity")
    three = opened(house, JONAS)
    house.act("claim", one)
    do(house, lambda work: house.app.triage.tag(work, three, sam, "Travel"))
    do(house, lambda work: house.app.tickets.hand_over(work, two, sam, "brightwell"))
    for wanted, expected in (
        (Filter(severity="S2"), {one, two}), (Filter(queue="identity"), {two}), (Filter(entity="de"), {two, three}),
        (Filter(assignee=sam.key), {one}), (Filter(assignee="-"), {two, three}), (Filter(tag="travel"), {three}),
        (Filter(owner="brightwell"), {two}), (Filter(severity="S2", entity="uk"), {one}), (Filter("claimed"), {one}),
        (Filter(requester=house.key(JONAS), severity="S1"), {three}), (Filter(kind="report"), set()),
    ):  # fmt: skip
        assert set(found(house, wanted)) == expected, wanted


def test_search_finds_words_whatever_their_accents_and_case(house: House) -> None:
    one = opened(house, text="Überweisung an María: die Rechnung ist falsch")
    two = opened(house, JONAS, text="Rechnung vom Lieferanten")
    house.press(DANA, "tickets.say", one, {"text": "It is about Contoso"})
    house.act("reply", one, SAM, "We have asked the bank")
    assert found(house, text="rechnung") == [two, one]
    assert found(house, text="MARIA rechnung") == [one]
    assert found(house, text="uberweisung") == [one]
    assert found(house, text="contoso") == [one]
    assert found(house, text="bank asked") == [one]
    assert found(house, text=two.lower()) == [two]
    assert found(house, text="rechnung nowhere") == found(house, text="!") == []
    house.act("resolve", two)
    assert found(house, text="rechnung") == [one]
    assert found(house, Filter("all"), text="rechnung") == [two, one]
    assert found(house, text="' OR 1=1 --") == []


def test_words_are_folded_and_capped() -> None:
    assert words_of("Straße, ÉTÉ été x 42") == ["strasse", "ete", "42"]
    assert len(words_of(" ".join(f"w{n}" for n in range(999)))) == 200


def test_whoever_is_forgotten_is_found_by_nothing(house: House) -> None:
    number = opened(house, text="payroll question")
    other = opened(house, JONAS, text="Dana Reyes asked me about payroll")
    house.app.forget(DANA)
    assert found(house, text="payroll") == [other]
    assert found(house, text="dana") == []
    assert house.app.tickets.get(number).subject == ""


# views --------------------------------------------------------------------------------------------------------------


def test_views_are_ones_own_or_everybodys(house: House) -> None:
    sam, ines, wanted = house.analyst(), house.analyst(INES), Filter(severity="S2", assignee="-")
    mine = do(house, lambda work: house.app.triage.save_view(work, sam, "  Urgent,  free ", wanted))
    shared = do(house, lambda work: house.app.triage.save_view(work, sam, "All", Filter("all"), shared=True))
    assert house.app.triage.views(sam) == [(shared, "All", Filter("all")), (mine, "Urgent, free", wanted)]
    assert house.app.triage.views(ines) == [(shared, "All", Filter("all"))]
    with pytest.raises(NotFound):
        do(house, lambda work: house.app.triage.drop_view(work, ines, mine))
    do(house, lambda work: house.app.triage.drop_view(work, sam, mine))
    assert [view[1] for view in house.app.triage.views(sam)] == ["All"]
    with pytest.raises(Refused, match="Give the view a name"):
        do(house, lambda work: house.app.triage.save_view(work, sam, " ", wanted))
    assert filter_from({"severity": "S1", "odd": "x", "words": ["y"]}) == Filter(severity="S1")


# merging and linking ------------------------------------------------------------------------------------------------


def test_merged_tickets_are_one_for_everybody(house: House) -> None:
    house.say(JONAS, "hello")
    number, into, sam = opened(house, JONAS, "Printer mail"), opened(house, DANA, "Odd mail"), house.analyst()
    do(house, lambda work: house.app.triage.merge(work, number, sam, into))
    assert (house.app.tickets.get(number).state, house.app.tickets.get(number).merged_into) == ("resolved", into)
    house.act("reply", into, SAM, "It is spam.")
    house.settle()
    assert f"{number} is part of {into} now." in house.told(JONAS)
    assert "It is spam." in house.told(JONAS)
    house.press(JONAS, "tickets.say", number, {"text": "another one came"})
    assert ("said", "another one came") in house.timeline(into)
    assert [(row["other"], row["kind"]) for row in house.app.triage.links(number)] == [(into, "duplicate")]
    for wrong in (number, into):
        with pytest.raises(Refused):
            do(house, lambda work, wrong=wrong: house.app.triage.merge(work, into, sam, wrong))
    with pytest.raises(NotFound):
        do(house, lambda work: house.app.triage.merge(work, into, sam, "SEC-9999"))


def test_linked_tickets_name_each_other_once(house: House) -> None:
    one, two, sam = opened(house), opened(house, JONAS), house.analyst()
    for _ in range(2):
        do(house, lambda work: house.app.triage.link(work, one, two, sam))
    assert house.timeline(two)[-1] == ("linked", f"related: {one}")
    assert [kind for kind, _ in house.timeline(one)].count("linked") == 1
    with pytest.raises(Refused):
        do(house, lambda work: house.app.triage.link(work, one, one, sam))


# many at once -------------------------------------------------------------------------------------------------------

COLUMNS = "number, assignee, state, severity, priority, queue"


def picture(house: House) -> list[dict[str, Any]]:
    tags = house.rows("SELECT ticket, tag FROM ticket_tag ORDER BY ticket, tag")
    return [*house.rows(f"SELECT {COLUMNS} FROM ticket ORDER BY seq"), *tags]


@pytest.mark.parametrize(
    ("what", "value"),
    [("claim", ""), ("assign", INES), ("release", ""), ("resolve", ""), ("severity", "S3"), ("priority", 1),
     ("team", "identity"), ("tag", "travel"), ("untag", "old")],
)  # fmt: skip
def test_what_was_done_to_many_is_taken_back_whole(house: House, what: str, value: Any) -> None:
    sam = house.analyst()
    numbers = [opened(house, who) for who in (DANA, JONAS, CLARA)]
    house.act("claim", numbers[1], INES)
    do(house, lambda work: house.app.triage.tag(work, numbers[2], sam, "old"))
    before = picture(house)
    done = bulk(house, numbers, what, house.analyst(INES) if what == "assign" else value)
    assert set(done.changed) | set(done.refused) == set(numbers)
    assert picture(house) != before
    do(house, lambda work: house.app.triage.undo(work, done.id, sam))
    assert picture(house) == before
    with pytest.raises(Conflict, match="no longer be taken back"):
        do(house, lambda work: house.app.triage.undo(work, done.id, sam))
    assert house.whole()


def test_one_that_cannot_stops_no_other_and_says_why(house: House) -> None:
    free, taken = opened(house), opened(house, JONAS)
    house.act("claim", taken, INES)
    done = bulk(house, [free, taken, "SEC-9999"], "claim")
    assert done.changed == (free,)
    assert done.refused == {taken: f"Ines Brandt has {taken} already.", "SEC-9999": "SEC-9999"}


def test_undo_is_for_who_did_it_and_for_ten_minutes(house: House) -> None:
    number, ines, sam = opened(house), house.analyst(INES), house.analyst()
    done = bulk(house, [number], "claim")
    with pytest.raises(Conflict):
        do(house, lambda work: house.app.triage.undo(work, done.id, ines))
    house.clock.forward(601)
    with pytest.raises(Conflict):
        do(house, lambda work: house.app.triage.undo(work, done.id, sam))


@pytest.mark.parametrize(
    "numbers", [[], [f"SEC-{n}" for n in range(201)]],
)  # fmt: skip
def test_nothing_and_too_much_are_refused(house: House, numbers: list[str]) -> None:
    with pytest.raises(Refused, match="Choose up to 200"):
        bulk(house, numbers, "claim")


def test_only_the_desk_sorts(house: House) -> None:
    number, dana = opened(house), house.analyst(DANA)
    guest = replace(dana, known=False, roles=frozenset({"it_helpdesk"}))
    triage = house.app.triage
    before = picture(house)

    def tries(person: Person) -> list[Callable[[Work], Any]]:
        return [
            lambda _work: triage.find(person, Filter()),
            lambda _work: triage.views(person),
            lambda work: triage.tag(work, number, person, "x"),
            lambda work: triage.team(work, number, person, "x"),
            lambda work: triage.priority(work, number, person, 1),
            lambda work: triage.link(work, number, number, person),
            lambda work: triage.merge(work, number, person, number),
            lambda work: triage.bulk(work, [number], person, "resolve"),
            lambda work: triage.undo(work, "x", person),
            lambda work: triage.save_view(work, person, "x", Filter()),
            lambda work: triage.drop_view(work, person, "x"),
        ]

    for person in (dana, guest):
        for change in tries(person):
            with pytest.raises(Refused, match="help desk"):
                do(house, change)
    assert picture(house) == before
    assert list(bulk(house, [number], "assign", dana).refused) == [number]  # to nobody who does not work tickets
