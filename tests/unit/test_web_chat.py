"""The local web chat: choosing who one is, sending, pressing, uploading, and what is shown when little works."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.channels.web import web_place
from adapters.web import chat
from bot.cards import text_card
from bot.errors import StoreUnavailable
from bot.model import Action, Message, Reply
from tests.fakes.web import PHONE, Fixture

EVENT = "0123456789abcdef"


@pytest.fixture
def fixture(tmp_path: Path) -> Iterator[Fixture]:
    made = Fixture(tmp_path)
    yield made
    made.close()


@pytest.fixture
def browser(fixture: Fixture) -> Any:
    made = fixture.client()
    made.post("/who", data={"person": "dana.reyes"})
    return made


def say(browser: Any, text: str, event: str = EVENT, **options: Any) -> Any:
    return browser.post("/chat/send", data={"event": event, "text": text}, **options)


def press(browser: Any, *button: str, event: str = EVENT, post: str = "") -> Any:
    return browser.post("/chat/act", data={"event": event, "post": post, "press": json.dumps(list(button))})


def lines(browser: Any) -> list[str]:
    """What the page shows, one text a line."""
    html = re.sub(r"<svg.*?</svg>", "", browser.get("/chat").text, flags=re.DOTALL)
    items = re.findall(r'<li id="m-.*?</li>\n(?=<li|\s*</ol>|\s*$)', html, flags=re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", item).split()) for item in items]


# choosing -------------------------------------------------------------------------------------------------------------


def test_everybody_can_be_chosen_and_tags_stay_private(fixture: Fixture) -> None:
    page = fixture.client().get("/").text
    for person in fixture.directory.people():
        assert person.name in page
    assert "Somebody who is not in the directory" in page
    assert "Likely target" not in page


def test_a_chosen_person_talks_as_themselves(fixture: Fixture, browser: Any) -> None:
    say(browser, "Is this real?")
    message = fixture.handled[0]
    dana = fixture.directory.find("dana.reyes")
    assert dana is not None
    assert (message.person, message.place) == (dana, web_place(fixture.vault, "dana.reyes"))
    assert (message.text, message.at) == ("Is this real?", fixture.clock.now())


def test_a_guest_is_not_known_and_keeps_their_conversation(fixture: Fixture) -> None:
    browser = fixture.client()
    browser.post("/who", data={"person": ""})
    say(browser, "Is this real?")
    say(browser, "Is it?")
    first, second = fixture.handled
    assert not first.person.known
    assert first.person == second.person
    other = fixture.client()
    other.post("/who", data={"person": ""})
    say(other, "Is this real?")
    assert fixture.handled[2].person.id != first.person.id


def test_somebody_who_is_gone_has_to_choose_again(fixture: Fixture, browser: Any) -> None:
    fixture.directory.replace([])
    assert browser.get("/chat").headers["location"] == "/"
    assert say(browser, "hello").headers["location"] == "/"
    assert browser.get("/chat/updates").status_code == 403
    assert fixture.handled == []


def test_nobody_of_that_name_is_said_in_words(fixture: Fixture) -> None:
    answer = fixture.client().post("/who", data={"person": "nobody"})
    assert (answer.status_code, "not in the directory" in answer.text) == (404, True)


def test_leaving_goes_back_to_the_choice(browser: Any) -> None:
    assert browser.get("/").headers["location"] == "/chat"
    assert browser.post("/leave").headers["location"] == "/"
    assert browser.get("/chat").headers["location"] == "/"


def test_the_search_finds_by_name(fixture: Fixture) -> None:
    page = fixture.client().get("/?q=ruth").text
    assert ("Ruth Adeyemi" in page, "Dana Reyes" in page) == (True, False)
    assert "Nobody by that name" in fixture.client().get("/?q=zzz").text


# talking --------------------------------------------------------------------------------------------------------------


def test_the_conversation_reads_in_order(browser: Any) -> None:
    assert say(browser, "Is this real?").headers["location"] == "/chat#latest"
    shown = lines(browser)
    assert len(shown) == 2
    assert shown[0].startswith("You said Is this real?")
    assert shown[1].startswith("Secdesk said Send it to me")


def test_a_double_submit_has_one_effect(fixture: Fixture, browser: Any) -> None:
    for _ in range(2):
        say(browser, "Is this real?")
    assert [message.key for message in fixture.handled] == [fixture.handled[0].key] * 2
    assert len(lines(browser)) == 2


def test_the_same_form_with_other_words_is_something_new(fixture: Fixture, browser: Any) -> None:
    say(browser, "Is this real?")
    say(browser, "Is that real?")
    press(browser, "tickets.mine", "", "My tickets")
    press(browser, "tickets.mine", "x", "My tickets")
    assert len({message.key for message in fixture.handled}) == 4


def test_the_same_words_in_a_new_form_are_said_again(fixture: Fixture, browser: Any) -> None:
    say(browser, "hello?", event="aaaaaaaaaaaa")
    say(browser, "hello?", event="bbbbbbbbbbbb")
    assert len({message.key for message in fixture.handled}) == 2


def test_two_people_never_share_an_event(fixture: Fixture, browser: Any) -> None:
    other = fixture.client()
    other.post("/who", data={"person": "tom.whitaker"})
    say(browser, "hello?")
    say(other, "hello?")
    assert len({message.key for message in fixture.handled}) == 2
    assert len(lines(other)) == 2


def test_an_event_key_holds_nothing_of_the_text(fixture: Fixture, browser: Any) -> None:
    say(browser, "secretword?")
    assert re.fullmatch(r"web:[0-9a-f]{40}", fixture.handled[0].key)


@pytest.mark.parametrize("event", ["", "short", "x" * 100, "bad event id!"])
def test_a_form_without_a_proper_event_id_still_works(fixture: Fixture, browser: Any, event: str) -> None:
    say(browser, "hello?", event=event)
    assert len(fixture.handled) == 1


def test_four_thousand_characters_are_taken_and_one_more_is_not(fixture: Fixture, browser: Any) -> None:
    lines_of_text = ("x" * 99 + "\r\n") * 40  # browsers send two characters a line end and count one
    assert say(browser, lines_of_text).status_code == 303
    answer = say(browser, "y" * 4001)
    assert (answer.status_code, "longer than 4000 characters" in answer.text) == (413, True)
    assert "y" * 4001 in answer.text
    assert [len(message.text) for message in fixture.handled] == [3999]


def test_nothing_is_said_in_words(fixture: Fixture, browser: Any) -> None:
    assert "There was nothing in it" in say(browser, "  ").text
    assert "There was nothing in it" in browser.post("/chat/act", data={"event": EVENT, "press": "x"}).text
    assert fixture.handled == []


def test_hostile_text_is_shown_as_text(browser: Any) -> None:
    say(browser, "<script>alert(1)</script>?")
    page = browser.get("/chat").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;?" in page


# pressing -------------------------------------------------------------------------------------------------------------


def test_a_pressed_button_is_an_action_in_the_persons_words(fixture: Fixture, browser: Any) -> None:
    press(browser, "emergency.answer", "yes", "Yes, I typed it")
    message = fixture.handled[0]
    assert (message.text, message.action) == ("", Action("emergency.answer", "yes", {"typed": "Yes, I typed it"}))
    assert lines(browser)[0].startswith("You said Yes, I typed it")


def test_a_sent_form_is_an_action_with_its_fields(fixture: Fixture, browser: Any) -> None:
    data = {"event": EVENT, "press": '["tickets.say", "SEC-1", ""]', "field.text": "more\r\nwords"}
    browser.post("/chat/act", data=data)
    assert fixture.handled[0].action == Action("tickets.say", "SEC-1", {"text": "more\nwords"})


def test_an_answered_question_stays_answered(browser: Any) -> None:
    say(browser, "i clicked it")
    post = re.findall(r'name="post" value="([0-9a-f]+)"', browser.get("/chat").text)[0]
    press(browser, "emergency.answer", "no", "No", post=post)
    page = browser.get("/chat").text
    assert "You chose: No" in page
    assert "Not sure" not in page


def test_nobody_can_mark_a_post_of_somebody_else(fixture: Fixture, browser: Any) -> None:
    say(browser, "i clicked it")
    post = fixture.web.posts(web_place(fixture.vault, "dana.reyes").conversation, 1)[0]["id"]
    other = fixture.client()
    other.post("/who", data={"person": "tom.whitaker"})
    press(other, "emergency.answer", "no", "No", post=post)
    assert "You chose" not in browser.get("/chat").text


# uploading ------------------------------------------------------------------------------------------------------------


def test_mails_are_uploaded_with_or_without_words(fixture: Fixture, browser: Any) -> None:
    files = [("files", ("a.eml", b"From: x\n\nhi", "message/rfc822")), ("files", ("b.msg", b"\xd0\xcf", ""))]
    say(browser, "these two", files=files)
    say(browser, "", files=files[:1])
    first, second = fixture.handled
    assert [(file.name, file.data) for file in first.files] == [("a.eml", b"From: x\n\nhi"), ("b.msg", b"\xd0\xcf")]
    assert (first.text, second.text, len(second.files)) == ("these two", "", 1)
    assert first.key != second.key


def test_an_empty_picker_is_no_file(fixture: Fixture, browser: Any) -> None:
    say(browser, "hello?", files={"files": ("", b"")})
    assert fixture.handled[0].files == ()


def test_more_than_five_files_are_refused_in_words(fixture: Fixture, browser: Any) -> None:
    files = [("files", (f"{n}.eml", b"x")) for n in range(6)]
    answer = say(browser, "", files=files)
    assert (answer.status_code, "That did not work" in answer.text) == (400, True)
    assert fixture.handled == []


# live -----------------------------------------------------------------------------------------------------------------


def test_updates_come_when_there_is_something_new(fixture: Fixture, browser: Any) -> None:
    assert browser.get("/chat/updates?stamp=0").status_code == 204
    say(browser, "hello?")
    fresh = browser.get("/chat/updates?stamp=0").json()
    assert (fresh["stamp"], "Send it to me" in fresh["html"]) == (1, True)
    assert browser.get("/chat/updates?stamp=1").status_code == 204
    place = web_place(fixture.vault, "dana.reyes")
    asyncio.run(fixture.channel.send(place, text_card("From the desk"), "another key"))
    assert "From the desk" in browser.get("/chat/updates?stamp=1").json()["html"]


def test_the_script_gets_the_same_lines_as_the_page(browser: Any) -> None:
    answer = say(browser, "hello?", headers={"accept": "application/json"}).json()
    assert (answer["stamp"], answer["unsaved"], answer["down"]) == (1, "", False)
    assert "hello?" in answer["html"]
    assert "Send it to me" in answer["html"]
    assert re.fullmatch(r"[0-9a-f]{24}", answer["event"])


# when little works ----------------------------------------------------------------------------------------------------


def test_a_reply_that_could_not_be_stored_is_shown(fixture: Fixture, browser: Any) -> None:
    fixture.down = True
    page = say(browser, "i clicked it")
    assert page.status_code == 200
    assert "You did right to tell us" in page.text
    assert "Not saved yet" in page.text
    answer = say(browser, "i clicked it", headers={"accept": "application/json"}).json()
    assert "You did right to tell us" in answer["unsaved"]


def test_with_the_database_gone_the_card_and_its_buttons_are_there(
    fixture: Fixture, browser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_args: object, **_named: object) -> Any:
        raise StoreUnavailable("gone")

    fixture.down = True
    monkeypatch.setattr(fixture.db, "query", gone)
    assert "I cannot read our conversation" in browser.get("/chat").text
    page = say(browser, "i clicked it").text
    assert "You did right to tell us" in page
    assert PHONE in page
    assert press(browser, "emergency.answer", "yes", "Yes").status_code == 200
    assert fixture.handled[-1].action == Action("emergency.answer", "yes", {"typed": "Yes"})
    assert browser.get("/chat/updates?stamp=0").status_code == 503
    console = fixture.client()
    console.cookies.set("secdesk_console", "x")
    answer = console.get("/console/queue")
    assert (answer.status_code, "We cannot reach our records" in answer.text) == (503, True)


def test_a_reply_that_cannot_be_posted_now_is_shown(
    fixture: Fixture, browser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stuck(*_args: object) -> Any:
        raise RuntimeError("the channel is stuck")

    monkeypatch.setattr(fixture.channel, "send", stuck)
    assert "Send it to me" in say(browser, "hello?").text


def test_a_slow_database_does_not_keep_the_card(
    fixture: Fixture, browser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    release = threading.Event()

    async def handle(message: Message) -> Reply:
        return Reply(text_card("The card", tone="emergency"), message.place, "delivery")

    def slow(_delivery: str) -> bool:
        return release.wait(30)

    object.__setattr__(fixture.services, "handle", handle)
    object.__setattr__(fixture.services, "deliver", slow)
    monkeypatch.setattr(chat, "PATIENCE", 0.05)
    page = say(browser, "help").text
    release.set()
    assert "The card" in page
    assert "I cannot read our conversation" in page
