"""Slack end to end on the fake platform, what everybody does: signed requests in, messages and views out."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from adapters.channels.slack import SlackChannel
from adapters.channels.slack_state import SlackState
from bot.app import App, refuse_samples
from bot.app.contents import Contents
from bot.cards import Card, Choices
from bot.errors import ConfigError, StoreUnavailable
from bot.model import Place
from bot.turn import Work
from tests.fakes import slack_house
from tests.fakes.cards import b
from tests.fakes.cards import organisation as sample_organisation
from tests.fakes.slack import GENERAL, FakeSlack, Fault, Json
from tests.fakes.slack_app import Driver, buttons, make, run, settings, shown

server, slack, contents, app = slack_house.server, slack_house.slack, slack_house.contents, slack_house.app

QUESTION = "how do I report a phishing mail?"
ANSWER = "How do I report a suspicious email?"
TROUBLE = "I clicked the link and entered my password"
MOVED = "This is better in private. I have written to you in our own chat."


# asking


def test_a_direct_message_is_answered_beside_it_with_a_text_form(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        message = slack.message(t.people["dana.reyes"], QUESTION)
        answer = await t.send(slack.event(message))
        return answer.status_code, answer.text, t.mine("dana.reyes")

    status, body, (message,) = run(app, slack, script)
    assert (200, "") == (status, body)
    assert ANSWER in shown([message])
    assert message["text"].startswith(ANSWER)
    assert "thread_ts" not in message
    assert (False, False, "none") == (message["unfurl_links"], message["unfurl_media"], message["parse"])


def test_a_message_in_a_thread_is_answered_there(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        return await t.say("dana.reyes", QUESTION, thread_ts="1800000000.000001")

    (message,) = run(app, slack, script)
    assert "1800000000.000001" == message["thread_ts"]


@pytest.mark.parametrize("repeats", ["delivered again", "at the same moment"])
def test_the_same_event_twice_has_one_reply(app: App, slack: FakeSlack, repeats: str) -> None:
    async def script(t: Driver) -> list[int]:
        event = slack.event(slack.message(t.people["dana.reyes"], QUESTION))
        if repeats == "delivered again":
            return [(await t.again(event, n)).status_code for n in range(3)]
        return [answer.status_code for answer in await asyncio.gather(*(t.again(event, n) for n in range(3)))]

    assert [200, 200, 200] == run(app, slack, script)
    assert 1 == len(slack.messages)
    assert 1 == app.db.query("SELECT COUNT(*) AS n FROM question")[0]["n"]


def test_a_delivery_that_comes_late_and_out_of_order_is_answered_too(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> list[str]:
        first, second = (slack.message(t.people["dana.reyes"], text) for text in (QUESTION, "help"))
        return [shown(await t.tell(event)) for event in (second, first)]

    helped, answered = run(app, slack, script)
    assert "I answer security questions" in helped
    assert ANSWER in answered


def test_a_mention_comes_as_two_events_and_is_answered_once_in_its_thread(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Json:
        mention = slack.mention(t.people["dana.reyes"], QUESTION)
        await asyncio.gather(*(t.send(slack.event({**mention, "type": kind})) for kind in ("message", "app_mention")))
        return mention

    mention = run(app, slack, script)
    (message,) = slack.messages
    assert (GENERAL, mention["ts"]) == (message["channel"], message["thread_ts"])
    assert ANSWER in shown([message])


def test_what_is_said_in_a_channel_without_naming_us_is_left_alone(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> None:
        await t.say("dana.reyes", TROUBLE, GENERAL)
        await t.say("dana.reyes", TROUBLE, GENERAL, thread_ts="1800000000.000001")

    run(app, slack, script)
    assert [] == slack.messages
    assert [] == slack.asked("users.info")


@pytest.mark.parametrize("where", ["channel", "thread"])
def test_what_others_should_not_read_is_answered_in_private(
    app: App, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr(app.answers, "confidential", lambda *_about: True)

    async def script(t: Driver) -> Any:
        more = {"thread_ts": "1900000000.000001"} if where == "thread" else {}
        await t.tell(slack.mention(t.people["dana.reyes"], QUESTION, **more))
        return t.people["dana.reyes"], t.mine("dana.reyes")

    dana, (private,) = run(app, slack, script)
    assert ANSWER in shown([private])
    (pointer,) = slack.posted(GENERAL)
    assert (MOVED, dana, True) == (shown([pointer]), pointer["only"], pointer["shows"])
    assert ("1900000000.000001" if where == "thread" else None) == pointer.get("thread_ts")


def test_an_emergency_in_a_channel_moves_to_private(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        await t.tell(slack.mention(t.people["dana.reyes"], TROUBLE))
        return shown(t.mine("dana.reyes")), slack.posted(GENERAL)

    card, pointers = run(app, slack, script)
    assert "SEC-101" in card
    assert [MOVED] == [shown([pointer]) for pointer in pointers]


def test_a_follow_up_in_the_thread_needs_no_mention(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        thread = slack.ts()
        await offered(t, Place("slack", GENERAL, thread, private=False))
        await t.say("jonas.keller", "1", GENERAL, thread_ts=thread)  # nobody has asked him anything
        before = len(slack.posted(GENERAL))
        return thread, before, await t.say("dana.reyes", "1", GENERAL, thread_ts=thread)

    thread, before, (answer,) = run(app, slack, script)
    assert (1, thread) == (before, answer["thread_ts"])
    assert ANSWER in shown([answer])


@pytest.mark.parametrize("text", [QUESTION, "what is the payload of a phishing mail"])
def test_the_command_is_answered_in_private(app: App, slack: FakeSlack, text: str) -> None:
    async def script(t: Driver) -> Any:
        answer = await t.send(slack.command(t.people["dana.reyes"], text))
        return answer.json(), t.mine("dana.reyes")

    said, mine = run(app, slack, script)
    assert {"response_type": "ephemeral", "text": MOVED} == said
    assert 1 == len(mine)
    assert [] == slack.posted(GENERAL)


def test_the_command_alone_says_what_we_do(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        here = slack.dm(t.people["dana.reyes"])
        answer = await t.send(slack.command(t.people["dana.reyes"], "", here))
        return answer.text, shown(t.mine("dana.reyes"))

    said, mine = run(app, slack, script)
    assert "" == said
    assert "I answer security questions" in mine


async def offered(t: Driver, place: Place | None = None) -> Json:
    """Dana is asked what she meant."""
    await t.say("dana.reyes", "hello")
    key = t.app.identities.find("dana.reyes").key  # type: ignore[union-attr]
    where = place or Place("slack", t.people["dana.reyes"])
    options = (
        b(ANSWER, "answering.ask", "report-suspicious-email"),
        b("None of these", "answering.none", "my chair is broken"),
    )
    card = Card("", (Choices("Did you mean one of these?", options),), "question")

    def ask(work: Work) -> None:
        work.say(key, where, card, "asked")
        work.dialogue(key, where, "answering.miss", {"text": "my chair is broken"})

    t.app.work(ask)
    (message,) = await t.drain("delivery.send")
    return message


def test_did_you_mean_closes_when_pressed_and_answers(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        asked = await offered(t)
        before = buttons(asked)
        (answer,) = await t.press("dana.reyes", asked, ANSWER)
        return before, asked, answer

    before, asked, answer = run(app, slack, script)
    assert [ANSWER, "None of these"] == before
    assert ANSWER in shown([answer])
    assert [] == buttons(asked)
    assert f"You chose: {ANSWER}" in shown([asked])


def test_none_of_these_brings_a_person(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> str:
        return shown(await t.press("dana.reyes", await offered(t), "None of these"))

    assert "SEC-101" in run(app, slack, script)
    assert "my chair is broken" == app.tickets.get("SEC-101").subject


@pytest.mark.parametrize(
    ("label", "rating", "said"), [("Solved", "solved", "Good to know"), ("Did not help", "unhelpful", "Thank")]
)
def test_feedback_is_kept_and_leaves_the_answer_as_it_is(
    app: App, slack: FakeSlack, label: str, rating: str, said: str
) -> None:
    async def script(t: Driver) -> Any:
        (answer,) = await t.say("dana.reyes", QUESTION)
        before = dict(answer)
        return before, answer, await t.press("dana.reyes", answer, label)

    before, after, (thanks,) = run(app, slack, script)
    assert before == after
    assert said in shown([thanks])
    assert [rating] == [row["rating"] for row in app.db.query("SELECT rating FROM question")]


def test_a_press_that_comes_twice_has_one_effect(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> int:
        (answer,) = await t.say("dana.reyes", QUESTION)
        press = slack.press(t.people["dana.reyes"], answer, "Why this answer?")
        for _ in range(3):
            await t.send(press)
        return len(slack.messages)

    assert 2 == run(app, slack, script)


def test_other_buttons_about_something_else_stay(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        (hello,) = await t.say("dana.reyes", "hello")
        await t.press("dana.reyes", hello, "Report a mail")
        return hello

    hello = run(app, slack, script)
    assert ["Talk to a person", "It has already happened"] == buttons(hello)
    assert "You chose: Report a mail" in shown([hello])


# a person, and emergencies


async def the_form(t: Driver) -> Json:
    """Dana presses "Talk to a person"."""
    (hello,) = await t.say("dana.reyes", "hello")
    await t.press("dana.reyes", hello, "Talk to a person")
    return t.last_view()


def test_talking_to_a_person_asks_in_a_form_first(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        view = await the_form(t)
        answer = await t.send(
            slack.submit(t.people["dana.reyes"], view, text="My badge is gone", urgency="urgent", reach="phone")
        )
        return view, answer, t.mine("dana.reyes")

    view, answer, mine = run(app, slack, script)
    assert ["text", "behalf", "urgency", "reach"] == [
        b["element"]["action_id"] for b in view["blocks"] if b["type"] == "input"
    ]
    assert (200, "") == (answer.status_code, answer.text)
    ticket = app.tickets.get("SEC-101")
    assert ("My badge is gone", "S2") == (ticket.subject, ticket.severity)
    assert "SEC-101 is with the security team" in shown(mine[-1:])
    assert "call_me" in [event.kind for event in app.tickets.timeline("SEC-101")]


def test_a_form_that_slack_has_no_time_for_is_left_out(app: App, slack: FakeSlack) -> None:
    slack.trigger_seconds = -1.0

    async def script(t: Driver) -> str:
        (hello,) = await t.say("dana.reyes", "hello")
        return shown(await t.press("dana.reyes", hello, "Talk to a person"))

    assert "SEC-101 is with the security team" in run(app, slack, script)


def test_a_form_sent_from_a_channel_is_answered_in_private(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        (answer,) = await t.tell(slack.mention(t.people["dana.reyes"], "hello"))
        await t.press("jonas.keller", answer, "Talk to a person")
        await t.submit("jonas.keller", t.last_view(), text="About my badge")
        return shown(t.mine("jonas.keller")), [shown([m]) for m in slack.posted(GENERAL) if "only" in m]

    private, pointers = run(app, slack, script)
    assert "SEC-101 is with the security team" in private
    assert [MOVED] == pointers


def test_a_form_sent_twice_is_taken_once(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> None:
        sent = slack.submit(t.people["dana.reyes"], await the_form(t), text="My badge is gone")
        for _ in range(3):
            assert 200 == (await t.send(sent)).status_code

    run(app, slack, script)
    assert ["opened"] == [event.kind for event in app.tickets.timeline("SEC-101") if event.kind in ("opened", "again")]


@pytest.mark.parametrize(
    "metadata", ["", "{}", "[1]", '["a"]', '["tickets.person","",["C1",1,true],false]', "x" * 3_000]
)
def test_a_view_that_is_none_of_ours_is_left_alone(app: App, slack: FakeSlack, metadata: str) -> None:
    async def script(t: Driver) -> Any:
        kept = {"callback_id": "form", "private_metadata": metadata}
        view = {"type": "modal", "id": "V1", "hash": "1", "blocks": [], **kept}
        answer = await t.send(slack.submit(t.people["dana.reyes"], view))
        return answer.status_code, answer.text

    assert (200, "") == run(app, slack, script)
    assert [] == app.tickets.queue()


def test_an_emergency_is_answered_first_and_its_questions_by_buttons_and_words(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        (card,) = await t.say("dana.reyes", TROUBLE)
        (second,) = await t.press("dana.reyes", card, "Work")
        (third,) = await t.say("dana.reyes", "work computer")
        return card, second, third

    card, second, third = run(app, slack, script)
    assert "SEC-101" in shown([card])
    assert "+44 20 7946 0000" in card["text"]
    assert "You chose: Work" in shown([card])
    assert "Which device is it about?" in shown([second])
    assert "When was it?" in shown([third])
    assert ["emergency"] == [ticket.kind for ticket in app.tickets.queue()]


def test_an_emergency_gets_its_card_with_slack_and_database_down(
    app: App, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    slack.fail("users.info", *[Fault(500)] * 9)

    def refuse() -> Any:
        raise StoreUnavailable("the disk is full")

    async def script(t: Driver) -> list[Json]:
        monkeypatch.setattr(app.db, "tx", refuse)
        return await t.say("dana.reyes", TROUBLE)

    (card,) = run(app, slack, script)
    assert "Deny" in shown([card])
    assert 1 == len(app.spool.waiting())


# App Home and suggestions


def test_app_home_has_tickets_tips_and_buttons(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        await t.say("dana.reyes", "talk to a person")
        await t.tell(slack.opened(t.people["dana.reyes"], "home"))
        first = slack.homes[t.people["dana.reyes"]]
        messages = await t.came(t.send(slack.press_home(t.people["dana.reyes"], "Stop tips")))
        return first, slack.homes[t.people["dana.reyes"]], messages

    first, second, said = run(app, slack, script)
    assert "SEC-101 Waiting for a person" in shown([first]).replace("\n", " ").replace("*", "")
    pressed = [
        label for view in (first, second) for label in ("Stop tips", "Send tips again") if label in shown([view])
    ]
    assert ["Stop tips", "Send tips again"] == pressed
    assert ["It has already happened", "Report a mail", "Talk to a person"] == buttons(first)[:3]
    assert "Fine, no more tips" in shown(said)


def test_a_form_from_app_home_is_answered_in_the_messages_and_shows_there(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        await t.tell(slack.opened(t.people["dana.reyes"], "home"))
        await t.send(slack.press_home(t.people["dana.reyes"], "Talk to a person"))
        said = shown(await t.submit("dana.reyes", t.last_view(), text="About my badge"))
        return said, shown([slack.homes[t.people["dana.reyes"]]])

    said, home = run(app, slack, script)
    assert "SEC-101 is with the security team" in said
    assert "About my badge" in home


def test_the_emergency_button_of_app_home(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> str:
        await t.tell(slack.opened(t.people["dana.reyes"], "home"))
        await t.send(slack.press_home(t.people["dana.reyes"], "It has already happened"))
        return shown(t.mine("dana.reyes"))

    assert "SEC-101" in run(app, slack, script)


def test_opening_the_messages_suggests_questions(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> str:
        await t.tell(slack.opened(t.people["dana.reyes"], "messages"))
        return slack.dm(t.people["dana.reyes"])

    channel = run(app, slack, script)
    (call,) = slack.asked("assistant.threads.setSuggestedPrompts")
    assert (channel, 4) == (call.body["channel_id"], len(call.body["prompts"]))
    assert [] == slack.messages


def test_a_status_is_shown_when_an_answer_takes_a_moment_and_goes_with_it(
    app: App, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    from adapters.channels import slack_replies

    monkeypatch.setattr(slack_replies, "STATUS_AFTER", 0.0)
    run(app, slack, lambda t: t.say("dana.reyes", QUESTION))
    assert ["is looking", ""] == slack.statuses


# tips


def test_the_buttons_of_a_tip(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        await t.say("dana.reyes", "hello")
        await asyncio.get_running_loop().run_in_executor(None, lambda: app.nudge_send(now=True))
        await t.drain()
        tip = t.mine("dana.reyes")[-1]
        choice = buttons(tip)[0]
        (feedback,) = await t.press("dana.reyes", tip, choice)
        return choice, tip, feedback, await t.press("dana.reyes", tip, "Why me?")

    choice, tip, feedback, (why,) = run(app, slack, script)
    assert f"You chose: {choice}" in shown([tip])
    assert "Only you see this." in shown([feedback])
    assert "It is one of the six tips that everybody here gets." in shown([why])
    assert ["answered"] == [row["state"] for row in app.db.query("SELECT state FROM nudge WHERE state = 'answered'")]


# edits and deletions


def test_an_edited_question_gets_its_new_answer_in_the_place_of_the_old_one(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        asked = slack.message(t.people["dana.reyes"], QUESTION)
        (answer,) = await t.tell(asked)
        before = shown([answer])
        event = slack.event(slack.changed(asked, "what is a good password?"))
        new = await t.came(t.send(event))
        new += await t.came(t.again(event))
        return before, answer, new

    before, answer, new = run(app, slack, script)
    assert ANSWER in before
    assert ANSWER not in shown([answer])
    assert "password" in shown([answer])
    assert [] == new


def test_who_edits_before_we_have_noted_that_the_answer_is_out_gets_the_new_one_in_its_place(
    app: App, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    known = SlackState.sent_as

    def late(state: SlackState, key: str) -> tuple[str, str] | None:
        looks.append(key)
        return known(state, key) if len(looks) > 2 else None

    async def script(t: Driver) -> Any:
        asked = slack.message(t.people["dana.reyes"], QUESTION)
        (answer,) = await t.tell(asked)
        monkeypatch.setattr(SlackState, "sent_as", late)
        return answer, await t.came(t.send(slack.event(slack.changed(asked, "what is a good password?"))))

    answer, new = run(app, slack, script)
    assert "password" in shown([answer])
    assert [] == new
    assert 3 == len(looks)


def test_previews_and_edits_that_change_no_words_are_left_alone(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> list[Json]:
        asked = slack.message(t.people["dana.reyes"], QUESTION)
        await t.tell(asked)
        return await t.tell(slack.changed(asked, QUESTION, attachments=[{"title": "a preview"}]))

    assert [] == run(app, slack, script)


def test_an_edit_that_makes_a_public_question_private_leaves_the_public_answer_alone(
    app: App, slack: FakeSlack
) -> None:
    async def script(t: Driver) -> Any:
        mention = slack.mention(t.people["dana.reyes"], QUESTION)
        (answer,) = await t.tell(mention)
        before = dict(answer)
        await t.tell(slack.changed({**mention, "type": "message"}, mention["text"].replace(QUESTION, TROUBLE)))
        return before, answer, t.mine("dana.reyes")

    before, answer, (private,) = run(app, slack, script)
    assert before == answer
    assert "SEC-101" in shown([private])


def test_what_is_deleted_is_taken_out_of_our_records(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> None:
        asked = slack.message(t.people["dana.reyes"], "the secret project is called Bluebird")
        await t.tell(asked)
        assert 0 < len(app.db.query("SELECT id FROM utterance WHERE text LIKE '%Bluebird%'"))
        await t.tell(slack.deleted(asked))

    run(app, slack, script)
    assert [] == app.db.query("SELECT id FROM utterance WHERE text LIKE '%Bluebird%' AND direction = 'in'")


def test_an_edit_of_what_the_desk_has_is_shown_there(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        await t.say("dana.reyes", "talk to a person")
        await t.drain()
        said = slack.message(t.people["dana.reyes"], "it is the blue door")
        await t.tell(said)
        await t.drain()
        (line,) = [message for message in slack.posted("C0DESK") if "blue door" in shown([message])]
        await t.tell(slack.changed(said, "it is the green door"))
        await t.drain()
        edited = shown([line])
        await t.tell(slack.deleted({**said, "text": "it is the green door"}))
        await t.drain()
        return edited, shown([line])

    edited, gone = run(app, slack, script)
    assert "it is the green door" in edited
    assert "green door" not in gone


# who it is


def test_people_are_found_by_the_address_their_workspace_vouches_for_and_asked_for_once(
    app: App, slack: FakeSlack
) -> None:
    async def script(t: Driver) -> Any:
        for _ in range(3):
            await t.say("dana.reyes", "hello")
        key = app.identities.find("dana.reyes").key  # type: ignore[union-attr]
        return t.people["dana.reyes"], app.platforms["slack"].place_of(key)

    dana, place = run(app, slack, script)
    assert "You are not in our directory" not in shown(slack.messages)
    assert dana == place.conversation
    assert 1 == len(slack.asked("users.info"))


@pytest.mark.parametrize(
    "change",
    [
        {"is_restricted": True},
        {"is_ultra_restricted": True},
        {"is_stranger": True},
        {"is_email_confirmed": False},
        {"is_bot": True},
        {"deleted": True},
        {"team_id": "T0ELSEWHERE"},
        {"team_id": ""},
        {"profile": {"real_name": "Dana Reyes", "email": "nobody@elsewhere.example"}},
    ],
)
def test_guests_bots_and_people_of_other_companies_stay_strangers(app: App, slack: FakeSlack, change: Json) -> None:
    async def script(t: Driver) -> list[Json]:
        slack.users[t.people["dana.reyes"]] |= change
        event = slack.event(slack.message(t.people["dana.reyes"], "hello"))
        foreign = {**event, "team_id": "T0ELSEWHERE"}  # what an event says about itself proves nothing
        foreign["authorizations"][0]["team_id"] = change.get("team_id", "T0NORTH")
        return await t.came(t.send(foreign))

    assert "You are not in our directory" in shown(run(app, slack, script))


def test_somebody_of_the_same_organisation_but_another_workspace_is_ours(
    app: App, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"ok": True, "team_id": "T0NORTH", "enterprise_id": "E0GROUP"}
    monkeypatch.setattr(slack, "_auth_test", lambda _body: own)

    async def script(t: Driver) -> list[Json]:
        slack.users[t.people["dana.reyes"]] |= {"team_id": "T0SOUTH", "enterprise_user": {"enterprise_id": "E0GROUP"}}
        return await t.say("dana.reyes", "hello")

    assert "You are not in our directory" not in shown(run(app, slack, script))


def test_everybody_of_the_directory_is_learnt_page_by_page_but_guests(
    app: App, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    from adapters.channels import slack_people

    monkeypatch.setattr(slack_people, "PAGE", 2)

    async def script(t: Driver) -> Any:
        slack.users[t.people["jonas.keller"]] |= {"team_id": "T0ELSEWHERE"}
        platform = t.platform
        (install,) = platform._state.installs()
        return await platform._people.sync(install, "", platform._met), t.people

    found, people = run(app, slack, script)
    assert (3, 2) == (found, len(slack.asked("users.list")))
    places = {name: app.platforms["slack"].place_of(app.identities.find(name).key) for name in people}  # type: ignore[union-attr]
    assert {name: people[name] for name in people if name != "jonas.keller"} == {
        name: place.conversation for name, place in places.items() if place
    }


def test_a_tip_reaches_who_has_never_written(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        platform = t.platform
        (install,) = platform._state.installs()
        await platform._people.sync(install, "", platform._met)
        await asyncio.get_running_loop().run_in_executor(None, lambda: app.nudge_send(now=True))
        await t.drain()
        return [len(t.mine(name)) for name in ("dana.reyes", "jonas.keller")]

    assert [1, 1] == run(app, slack, script)


def test_forgetting_takes_everything_about_them(app: App, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.directory, "forget", lambda _who: "")  # the list of people is shared by all tests here
    run(app, slack, lambda t: t.say("dana.reyes", "hello"))
    assert 1 == len(app.db.query("SELECT * FROM slack_user"))
    app.forget("dana.reyes")
    assert [] == app.db.query("SELECT * FROM slack_user")


def test_in_their_own_language(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        stranger = slack.user("sasha.outside", "sasha@elsewhere.example", is_restricted=True, locale="de-DE")
        await t.tell(slack.message(stranger, "hello"))
        return t.platform._state.known("", stranger).profile

    profile = run(app, slack, script)
    assert ("de", False) == (profile.language, profile.ours)


# starting


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"slack_bot_token": ""}, "not both"),
        ({"slack_client_id": "1.2"}, "not both"),
        ({"slack_bot_token": "xoxp-1"}, "no bot token"),
        ({"slack_bot_token": "", "slack_client_id": "1.2"}, "SECDESK_SLACK_CLIENT_SECRET"),
        ({"slack_signing_secret": ""}, "SECDESK_SLACK_SIGNING_SECRET"),
        ({"slack_socket": 1, "slack_app_token": "xoxb-1"}, "SECDESK_SLACK_APP_TOKEN"),
        ({"slack_desk": "#security"}, "slack.desk_channel"),
        ({"slack_api": "http://slack.com/api/"}, "https"),
    ],
)
def test_what_cannot_work_refuses_to_start(
    tmp_path: Path, slack: FakeSlack, contents: Contents, change: Json, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        make(tmp_path, slack, contents, **change)


def test_sample_values_refuse_to_start(tmp_path: Path, slack: FakeSlack) -> None:
    with pytest.raises(ConfigError, match="sample values"):
        refuse_samples(settings(tmp_path, slack), sample_organisation(), {"slack": SlackChannel})  # type: ignore[dict-item]


@pytest.mark.parametrize("given", ["C0DESK", "https://north.slack.com/archives/C0DESK", "T0NORTH/C0DESK"])
def test_the_desks_channel_is_one_whatever_it_is_given_by(
    tmp_path: Path, slack: FakeSlack, contents: Contents, given: str
) -> None:
    made = make(tmp_path, slack, contents, slack_desk=given)
    assert Place("slack", "C0DESK", private=False) == made.platforms["slack"].desk()
    made.close()
