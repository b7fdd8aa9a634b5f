"""Cards of the desk lead to the console: each to a page that is there, at our own address, and back to it after signing in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from adapters.channels.slack_blocks import messages
from adapters.channels.teams_cards import adaptive_cards
from adapters.mailers.compose import _block
from bot.app.contents import Contents
from bot.cards import Card, Link, as_text, dump, load
from bot.helpdesk.paging import page_card
from bot.ports import Db
from tests.fakes import desk as fakes
from tests.fakes.desk import DANA, SAM, House
from tests.fakes.teams_cards import walk
from tests.fakes.web_roles import browser_of, signed_in_as, whole_app

contents, home = fakes.contents, fakes.home


@pytest.fixture
def house(db: Db, home: Path, contents: Contents) -> Iterator[House]:
    made = House(home, db, contents)
    yield made
    made.close()


def links(card: Card) -> list[Link]:
    return [block for block in card.blocks if isinstance(block, Link)]


def pages(card: Card) -> list[str]:
    return [urlsplit(link.url).path for link in links(card)]


def cards(house: House) -> list[Card]:
    """Every card of the desk that has a page."""
    house.press(DANA, "tickets.person", "The projector blinks in violet")
    house.send(DANA)
    house.settle()
    app, sam = house.app, house.person(SAM)
    sam = app.work(lambda work: app.identities.meet(work.tx, sam, work.at))
    ours = [app.room.card_of(ticket.number) for ticket in house.tickets()]
    procedure = next(one.procedure for one in app.contents.procedures.current.published() if one.procedure.start.manual)
    run = app.work(lambda work: app.procedures.runs.start(work, procedure.id, sam)).id
    step = house.press(SAM, "procedure.show", run).card
    words, link = app.organisation().words, app.settings.console("/tickets/SEC-101")
    return [*ours, step, page_card(words, "en", "c1", "Somebody is in trouble", "SEC-101", link), reminder(house)]


def reminder(house: House) -> Card:
    """The question whether an answer is still right."""
    reviews, (entry, *_) = house.app.reviews, house.app.authoring.library.published()
    from bot.answering.reviews import Due

    person = house.app.identities.find(SAM)
    assert person is not None
    return Card("", tuple(reviews._question(person, Due(entry, date(2030, 1, 1), 0), 0)))


def test_each_leads_to_a_page_of_ours_that_is_there(house: House) -> None:
    found = cards(house)
    browser = signed_in_as(house, "analyst", app=whole_app(house))
    for card in found:
        assert links(card)
        for link in links(card):
            assert (link.url, True) == (
                link.url,
                link.url.startswith(house.app.settings.url + "/console/") and link.opens,
            )
            assert (link.url, 200) == (link.url, browser.get(urlsplit(link.url).path).status_code)
    sha = house.db.query("SELECT sha256 FROM mail")[0]["sha256"]
    assert ["/console/tickets/SEC-102", f"/console/mail/{sha}"] in [pages(card) for card in found]


def test_both_platforms_and_mail_have_something_to_press_and_no_address_in_the_text(house: House) -> None:
    for card in cards(house):
        url = links(card)[0].url
        slack = [
            item["text"]["text"]
            for message in messages(card)
            for item in message["blocks"]
            if item["type"] == "section" and "text" in item
        ]
        assert [f"<{link.url}|{link.label}>" for link in links(card)] == [text for text in slack if "/console/" in text]
        teams = [item for adaptive in adaptive_cards(card) for item in walk(adaptive["body"])]
        assert [link.url for link in links(card)] == [
            item["url"] for item in teams if item.get("type") == "Action.OpenUrl"
        ]
        assert [] == [item for item in teams if "/console/" in str(item.get("text", ""))]
        assert f'<a href="{url}">' in _block(links(card)[0], lambda _button: "")
        assert url in as_text(card)
        assert card == load(dump(card))


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "https://evil.example/", "https://a@b/console", "https://a/console\n", "https://a/consoles",
        "https://a/console/<b>", "https://a/console|x", "//a/console", "", "https://a/console/../%0a\u202e",
    ],
)  # fmt: skip
def test_nothing_else_becomes_something_to_press(url: str) -> None:
    card = Card("", (Link("Press", url),))
    assert not links(card)[0].opens
    assert "|Press>" not in json.dumps(messages(card))
    assert "Action.OpenUrl" not in json.dumps(adaptive_cards(card))
    assert "<a " not in _block(links(card)[0], lambda _button: "")


def test_a_link_from_a_chat_opens_after_signing_in_on_the_page_wanted(house: House) -> None:
    house.press(DANA, "tickets.person", "The projector blinks in violet")
    wanted = "/console/tickets/SEC-101?view=person"
    app = whole_app(house)
    browser = browser_of(app)
    from_chat = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    opening = browser.get(wanted, headers=from_chat)
    assert (200, f"url={wanted}") == (opening.status_code, re.findall(r"url=[^\"]+", opening.text)[0])
    asked = browser.get(wanted)
    assert 303 == asked.status_code
    assert "secdesk console-link" in browser.get(asked.headers["location"]).text
    _, url = house.app.console_link(SAM)
    page = browser.get(url.removeprefix(house.app.settings.url)).text
    fields = dict(re.findall(r'name="(token|next)" value="([^"]*)"', page))
    entered = browser.post("/console/sign-in", data=fields)
    assert (303, wanted) == (entered.status_code, entered.headers["location"])
    assert "The projector blinks" in browser.get(wanted).text
    assert "secdesk_wanted" not in browser.cookies


@pytest.mark.parametrize("bad", ["https%3A//evil.example", "//evil.example", "/console/../x\\y", "%00", "/chat"])
def test_what_was_wanted_is_a_page_of_the_console(house: House, bad: str) -> None:
    browser = browser_of(whole_app(house))
    browser.cookies.set("secdesk_wanted", bad, domain="127.0.0.1", path="/console/sign-in")
    _, url = house.app.console_link(SAM)
    page = browser.get(url.removeprefix(house.app.settings.url)).text
    assert "/console" == dict(re.findall(r'name="(token|next)" value="([^"]*)"', page))["next"]
