"""What a person judged of earlier mails counts for later ones, on both databases."""

from __future__ import annotations

from typing import Any

from adapters.stores.campaigns import SqlCampaignStore
from bot.cards import as_text
from bot.model import Kind
from bot.reporting.context import History
from tests.fakes import desk as fakes
from tests.fakes.desk import DANA, JONAS, SAM, House

contents, home = fakes.contents, fakes.home


def letter(words: str, link: str, sender: str = "Office <office@club.example>") -> bytes:
    return f"From: {sender}\r\nSubject: {words}\r\n\r\n{words} {words.upper()}: {link}\r\n".encode()


def test_a_sender_and_a_link_that_a_person_judged(db: Any, home: Any, contents: Any) -> None:
    house = House(home, db, contents)
    try:
        house.send(DANA, letter("summer party in the garden with music", "http://rare-place.example/a"))
        house.settle()
        store = SqlCampaignStore(db)
        (first,) = house.rows("SELECT id FROM campaign")
        assert store.history(first["id"], 8) == History(cases=1)
        sam = house.app.identities.find(SAM)
        assert sam
        sam = house.app.work(lambda work: house.app.identities.meet(work.tx, sam, work.at))
        house.app.work(lambda work: house.app.reports.judge(work, "SEC-101", sam, Kind.LIKELY_PHISHING))
        house.settle()
        same_sender = letter("quarterly minutes of the rowing committee", "http://another.example/b")
        house.send(JONAS, same_sender)
        house.settle()
        assert "found an earlier mail of this sender to be fraud" in as_text(house.posts(JONAS)[-1])
        same_link = letter(
            "lost keys near the entrance hall", "http://rare-place.example/z", "Desk <desk@hall.example>"
        )
        house.send(SAM, same_link)
        house.settle()
        told = as_text(house.posts(SAM)[-1])
        assert "A link goes to rare-place[.]example, as in an earlier mail" in told
        assert house.whole()
    finally:
        house.close()
