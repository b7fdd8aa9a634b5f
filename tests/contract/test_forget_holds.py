"""Forgetting while a legal hold is on: what is held stays whole, everything else goes, and the rest goes after the release."""

from __future__ import annotations

from tests.fakes import desk as fakes
from tests.fakes.desk import DANA, INES, NONSENSE, House

contents, home, house = fakes.contents, fakes.home, fakes.house


def asked(house: House, words: str) -> str:
    before = {ticket.number for ticket in house.tickets()}
    house.press(DANA, "tickets.person", words)
    house.settle()
    (number,) = {ticket.number for ticket in house.tickets()} - before
    return number


def test_what_is_held_stays_and_goes_once_it_is_released(house: House) -> None:
    held = asked(house, "heldword: the laptop of Dana Reyes was taken")
    house.act("note", held, INES, "Dana Reyes rang again.")
    house.act("resolve", held)
    house.settle()
    free = asked(house, "freeword: Dana Reyes needs a badge")
    house.send(DANA)
    house.settle()
    app, key = house.app, house.key(DANA)
    app.work(lambda work: app.retention.hold(work, held, "claim", "p_admin"))
    done = app.forget(DANA)
    assert (held,) == done.held
    left = house.everything()
    assert ("heldword" in left, "freeword" in left, NONSENSE in left) == (True, False, False)
    assert ("note", "Dana Reyes rang again.") in house.timeline(held)
    assert {""} == {text for kind, text in house.timeline(free) if kind not in ("severity", "verdict")}
    assert 0 == house.count("mail")
    known = app.identities.as_met(key)
    assert known is not None
    assert known.name == "Dana Reyes"  # who it was is part of what is held
    app.work(lambda work: app.retention.release(work, held, "settled", "p_admin"))
    again = app.forget(DANA)
    assert () == again.held
    left = house.everything().casefold()
    assert [] == [name for name in ("heldword", "dana reyes", "dana.reyes") if name in left]
    assert app.identities.as_met(key) is None
    assert house.whole()


def test_a_held_mail_stays_with_who_reported_it(house: House) -> None:
    house.send(DANA)
    house.settle()
    number = house.rows("SELECT ticket FROM mail")[0]["ticket"]
    house.app.work(lambda work: house.app.retention.hold(work, number, "evidence", "p_admin"))
    assert (number,) == house.app.forget(DANA).held
    assert (1, 1) == (house.count("mail"), house.count("submission"))
    house.app.work(lambda work: house.app.retention.release(work, number, "settled", "p_admin"))
    house.app.forget(DANA)
    assert (0, 0) == (house.count("mail"), house.count("submission"))
