"""What people do in Slack, on somebody else's server: every scene over signed HTTP and in Socket Mode."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from importlib.resources import files

import httpx
import pytest

from adapters.channels.slack_setup import _links
from bot.content import Faults, packaged_shelf
from bot.organisation import load_organisation
from tests.e2e.slack.workspace import DESK, GENERAL, SECRET, Json, Workspace, words, workspace
from tests.fakes.slack_checks import message_faults, view_faults
from tests.warm import data_folder

PORTS = {"events": (3310, 3311), "socket": (3320, 3321)}
QUESTION = "how do i report a suspicious email"
ANSWER = "How do I report a suspicious email?"
PHISHING = "phish-en-brand-login.eml"


@pytest.fixture(scope="module", params=["events", "socket"])
def slack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    data = data_folder(request.config, tmp_path_factory.mktemp(request.param))
    with workspace(request.param, *PORTS[request.param], data) as made:
        yield made


def own_links() -> tuple[str, ...]:
    """What may be a link: the organisation's own addresses and numbers."""
    org = load_organisation(packaged_shelf(), Faults())
    assert org is not None
    return tuple(_links(org).values())


LINKS = own_links()


def mail(name: str = PHISHING) -> bytes:
    return (files("tests") / "corpus/mail" / name).read_bytes()


def number(message: Json) -> str:
    """The ticket's number in a message."""
    found = re.search(r"SEC-\d+", words(message))
    assert found, words(message)
    return found[0]


def ticket_card(slack: Workspace, ticket: str) -> Json:
    """The ticket's card in the desk's channel."""
    return slack.told(DESK, f"{ticket} ·", thread="")


# employees


def test_ask_and_follow_up(slack: Workspace) -> None:
    asked = slack.say("dana.reyes", QUESTION)
    answer = slack.told(asked["channel"], ANSWER, "Report phishing", after=asked["ts"])
    assert answer["text"].startswith(ANSWER)
    unsure = slack.say("dana.reyes", "what happens if I clicked a link")
    back = slack.told(unsure["channel"], "Did this just happen to you?", after=unsure["ts"])
    followed = slack.say("dana.reyes", "no")
    slack.told(followed["channel"], "clicked a link", after=followed["ts"])
    assert back["ts"] < followed["ts"]


def test_a_mention_is_answered_in_its_thread_and_again_without_naming_us(slack: Workspace) -> None:
    asked = slack.say("jonas.keller", f"<@U0SECDESK> {QUESTION}", GENERAL)
    slack.told(GENERAL, ANSWER, thread=asked["ts"])
    answers = [m for m in slack.messages(GENERAL) if m.get("bot_id") and m.get("thread_ts") == asked["ts"]]
    assert 1 == len(answers)  # Slack sends a mention twice: as a message and as a mention


def test_a_confidential_mention_moves_to_a_private_reply(slack: Workspace) -> None:
    asked = slack.say("ama.mensah", "<@U0SECDESK> I clicked the link and entered my password", GENERAL)
    slack.told(slack.dm("ama.mensah"), "SEC-", "reset.northwind.example")
    pointer = slack.told(GENERAL, "This is better in private", after=asked["ts"])
    assert "ephemeral" == pointer["subtype"]
    assert "SEC-" not in " ".join(words(m) for m in slack.messages(GENERAL))


def test_what_is_said_in_a_channel_without_naming_us_is_left_alone(slack: Workspace) -> None:
    before = len(slack.messages(GENERAL))
    slack.say("lucia.romero", "I clicked a link and typed my password", GENERAL)
    asked = slack.say("lucia.romero", QUESTION)
    slack.told(asked["channel"], ANSWER, after=asked["ts"])
    assert before + 1 == len(slack.messages(GENERAL))


def test_a_button_is_answered_and_feedback_taken(slack: Workspace) -> None:
    asked = slack.say("lucia.romero", QUESTION)
    answer = slack.told(asked["channel"], ANSWER, after=asked["ts"])
    slack.press("lucia.romero", answer, "Why this answer?")
    slack.told(asked["channel"], "last reviewed on", after=answer["ts"])
    slack.press("lucia.romero", answer, "Solved")
    slack.told(asked["channel"], "Good to know.", after=answer["ts"])


def test_a_question_closes_once_it_is_answered(slack: Workspace) -> None:
    asked = slack.say("lucia.romero", "what happens if I clicked a link")
    question = slack.told(asked["channel"], "Did this just happen to you?", after=asked["ts"])
    slack.press("lucia.romero", question, "No, just asking")
    slack.shows(question, "You chose: No, just asking")


def test_an_edited_question_is_answered_anew_in_the_same_place(slack: Workspace) -> None:
    asked = slack.say("ines.brandt", "my keyboard is purple")
    first = slack.told(asked["channel"], after=asked["ts"])
    slack.edit("ines.brandt", asked, QUESTION)
    slack.shows(first, ANSWER)


def test_a_form_brings_a_person_and_the_desk_answers_resolves_and_it_opens_again(slack: Workspace) -> None:
    hello = slack.say("dana.reyes", "hello")
    card = slack.told(hello["channel"], "Talk to a person", after=hello["ts"])
    slack.press("dana.reyes", card, "Talk to a person")
    form = slack.opened("Talk to a person")
    assert [] == view_faults(form, LINKS)
    slack.submit("dana.reyes", text="my screen flickers when i open the portal")
    opened = slack.told(hello["channel"], "is with the security team", after=card["ts"])
    ticket = number(opened)
    desk = ticket_card(slack, ticket)
    assert "my screen flickers" in words(desk)

    # claim: the card changes in place, the person is told, a second analyst is told who has it
    slack.press("sam.ortiz", desk, "Claim")
    slack.shows(desk, "Sam Ortiz", "Give back")
    slack.told(hello["channel"], f"Sam Ortiz has your ticket {ticket} now", after=opened["ts"])
    slack.press("ines.brandt", desk, "Claim")
    late = slack.told(DESK, f"Sam Ortiz has {ticket} already", after=desk["ts"])
    assert ("ephemeral", "U0INESBRANDT") == (late["subtype"], late["ephemeral_to"])

    # relay: text and files, both ways; notes stay inside
    slack.say("sam.ortiz", "note: probably the old browser", DESK, thread=desk["ts"])
    slack.say("sam.ortiz", "Which browser is it?", DESK, thread=desk["ts"])
    reply = slack.told(hello["channel"], "Which browser is it?", after=opened["ts"])
    slack.say("dana.reyes", "the old one")
    slack.told(DESK, "the old one", thread=desk["ts"])
    slack.send("sam.ortiz", "guide.txt", b"Open the settings.", DESK, thread=desk["ts"])
    slack.wait(lambda: _files(slack, hello["channel"], "guide.txt"), "guide.txt with the person", lambda: "")
    slack.send("dana.reyes", "screen.png", b"\x89PNG fake", hello["channel"])
    slack.wait(lambda: _files(slack, DESK, "screen.png"), "screen.png at the desk", lambda: slack.said()[-2_000:])
    assert "probably the old browser" not in " ".join(words(m) for m in slack.messages(hello["channel"]))

    # the card's own button opens a form; resolving tells the person, who may open it again
    slack.press("sam.ortiz", slack.shows(desk, "Send answer"), "Send answer")
    slack.opened("Your answer to the person")
    slack.submit("sam.ortiz", text="Use the new browser.")
    slack.told(hello["channel"], "Use the new browser.", after=reply["ts"])
    slack.press("sam.ortiz", slack.shows(desk, "Resolve"), "Resolve")
    slack.shows(desk, "Closed", "Reopen")
    closed = slack.told(hello["channel"], f"{ticket} is closed", after=reply["ts"])
    slack.press("dana.reyes", closed, "Not solved")
    slack.told(hello["channel"], f"{ticket} is open again", after=closed["ts"])


def _files(slack: Workspace, channel: str, name: str) -> list[Json]:
    return [
        m for m in slack.messages(channel) if m.get("bot_id") and any(f["name"] == name for f in m.get("files", ()))
    ]


def test_the_slash_command_is_answered_in_private(slack: Workspace) -> None:
    slack.command("jonas.keller", QUESTION)
    slack.told(slack.dm("jonas.keller"), ANSWER)
    pointer = slack.told(GENERAL, "This is better in private", thread="")
    assert "U0JONASKELLER" == pointer["ephemeral_to"]


def test_app_home_shows_ones_own_and_its_buttons_work(slack: Workspace) -> None:
    slack.open_home("lucia.romero")
    home = slack.at_home("lucia.romero", "Talk to a person", "It has already happened", "Your tickets")
    assert [] == view_faults(home, LINKS)
    slack.press_home("lucia.romero", "Talk to a person")
    slack.opened("Talk to a person")
    slack.submit("lucia.romero", text="a question from home")
    told = slack.told(slack.dm("lucia.romero"), "is with the security team")
    slack.at_home("lucia.romero", number(told))


def test_an_uploaded_mail_gets_receipt_and_verdict_in_its_thread_and_a_dispute(slack: Workspace) -> None:
    sent = slack.send("jonas.keller", "strange.eml", mail())
    receipt = slack.told(sent["channel"], "Got it: SEC-", thread=sent["ts"])
    verdict = slack.told(sent["channel"], f"Your report {number(receipt)}", "phishing", "What I saw", thread=sent["ts"])
    slack.press("jonas.keller", verdict, "I see it differently")
    slack.told(sent["channel"], f"A person will look at {number(receipt)}", after=verdict["ts"])


def test_an_emergency_is_told_what_to_do_and_the_desk_sees_it(slack: Workspace) -> None:
    said = slack.say("lucia.romero", "I clicked the link and entered my password")
    card = slack.told(said["channel"], "SEC-", "+34", after=said["ts"])
    assert " · S3 · " in words(ticket_card(slack, number(card)))


# the platform


def test_every_message_view_and_home_is_one_that_slack_takes(slack: Workspace) -> None:
    asked = [entry for entry in slack.log() if entry["kind"] == "web_api" and entry["direction"] == "from_bot"]
    messages = [entry["detail"] for entry in asked if entry["summary"].startswith(("chat.post", "chat.update"))]
    views = [entry["detail"]["view"] for entry in asked if entry["summary"].startswith("views.")]
    assert len(messages) > 20
    assert len(views) > 3
    assert [] == [fault for message in messages for fault in message_faults(message, LINKS)]
    assert [] == [fault for view in views for fault in view_faults(view, LINKS)]


def test_nothing_went_wrong_behind_the_scenes(slack: Workspace) -> None:
    levels = [json.loads(line) for line in slack.said().splitlines() if line.startswith("{")]
    wrong = [line for line in levels if line["level"] in {"error", "critical"}]
    assert [] == wrong


def test_the_bot_is_ready_and_doctor_agrees(slack: Workspace) -> None:
    assert slack.ready()["ready"], slack.ready()
    said = slack.doctor()
    assert re.search(r"slack token\s.*secdesk in Northwind", said), said
    assert re.search(r"slack desk\s.*#security-desk", said), said
    if slack.mode == "socket":
        assert re.search(r"slack socket\s.*Slack lets us connect", said), said


def test_strangers_are_refused_over_http_and_have_no_door_in_socket_mode(slack: Workspace) -> None:
    body = json.dumps({"type": "event_callback"}).encode()
    stamp = str(int(time.time()))
    forged = {
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": f"v0={'0' * 64}",
        "Content-Type": "application/json",
    }
    answer = httpx.post(f"{slack.url}/slack/events", content=body, headers=forged)
    assert {"events": 401, "socket": 403}[slack.mode] == answer.status_code
    assert SECRET not in answer.text


def test_the_connection_is_made_anew_when_slack_was_away(slack: Workspace) -> None:
    if slack.mode != "socket":
        pytest.skip("there is no connection to keep over HTTP")
    assert slack.slack is not None
    slack.slack.kill()
    slack.slack.wait(10)
    slack.wait(lambda: _connection(slack) == "bad", "no connection while Slack is away", lambda: str(slack.ready()))
    slack.start_slack()
    slack.wait(lambda: _connection(slack) == "ok", "a connection again", lambda: str(slack.ready()))
    asked = slack.say("ines.brandt", QUESTION)
    slack.told(asked["channel"], ANSWER, after=asked["ts"])


def _connection(slack: Workspace) -> str:
    level: str = slack.ready()["checks"]["slack socket"]
    return level
