"""Teams end to end on the fake platform: genuine tokens in, cards out; people, reports, desk, faults."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import date
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from bot.app import App
from bot.app.contents import Contents
from bot.errors import ConfigError, StoreUnavailable
from tests.fakes import teams_fixtures as fixtures
from tests.fakes.teams import APP, OTHER_TENANT, TENANT, FakeTeams, Fault, Json, member
from tests.fakes.teams_app import DESK, Driver, buttons, make, run, settings, words
from tests.warm import warm_cache

Script = Callable[[Driver], Any]


app, contents, server, teams = fixtures.app, fixtures.contents, fixtures.server, fixtures.teams


def last(cards: list[Json]) -> Json:
    assert cards, "no card was sent"
    return cards[-1]


# employees


def test_installing_brings_one_greeting_that_says_what_it_can_do(app: App, teams: FakeTeams) -> None:
    async def script(t: Driver) -> None:
        await t.send(teams.installed())
        await t.send({**teams.activity("installationUpdate"), "action": "add"})
        await t.drain()

    run(app, teams, script)
    assert 1 == len(teams.cards())
    assert "Ask a security question in your own words." in words(teams.cards()[0])
    assert ["It has already happened", "Report a mail", "Talk to a person"] == list(buttons(teams.cards()[0]))


def test_installing_in_a_team_greets_nobody(app: App, teams: FakeTeams) -> None:
    async def script(t: Driver) -> None:
        await t.send(teams.in_channel(teams.installed()))
        await t.drain()

    run(app, teams, script)
    assert [] == teams.posted()


@pytest.mark.parametrize(
    ("said", "reply"), [("help", "I answer security questions"), ("Privacy", "What is kept about you")]
)
def test_help_and_privacy(app: App, teams: FakeTeams, said: str, reply: str) -> None:
    run(app, teams, lambda t: t.send(teams.message(said)))
    assert reply in words(last(teams.cards()))


def test_a_question_gets_a_card_and_a_notification_line(app: App, teams: FakeTeams) -> None:
    answer = run(app, teams, lambda t: t.send(teams.message("how do I report a phishing mail?")))
    assert (200, b"") == (answer.status_code, answer.content)
    assert "How do I report a suspicious email?" in words(last(teams.cards("a:dana.reyes")))
    assert teams.posted()[-1]["summary"].startswith("How do I report a suspicious email?")


def test_the_same_event_twice_has_one_reply(app: App, teams: FakeTeams) -> None:
    question = teams.message("how do I report a phishing mail?")

    async def script(t: Driver) -> list[int]:
        return [(await t.send(question)).status_code for _ in range(3)]

    assert [200, 200, 200] == run(app, teams, script)
    assert 1 == len(teams.posted())


def test_feedback_edits_the_card_in_place_and_answers(app: App, teams: FakeTeams) -> None:
    async def script(t: Driver) -> Any:
        await t.send(teams.message("how do I report a phishing mail?"))
        return await t.send(teams.press(buttons(teams.cards()[-1])["Solved"], "m1"))

    answer = run(app, teams, script).json()
    assert "application/vnd.microsoft.card.adaptive" == answer["type"]
    assert 200 == answer["statusCode"]
    assert "You chose: Solved" in words(answer["value"])
    assert not {"Solved", "Did not help"} & set(buttons(answer["value"]))
    assert "Good to know." in words(last(teams.cards()))


def test_action_submit_of_old_clients_does_the_same(app: App, teams: FakeTeams) -> None:
    async def script(t: Driver) -> Any:
        await t.send(teams.message("how do I report a phishing mail?"))
        action = buttons(teams.cards()[-1])["Solved"]["fallback"]
        return await t.send(teams.activity("message", value=action["data"], replyToId="m1"))

    answer = run(app, teams, script)
    assert (200, b"") == (answer.status_code, answer.content)
    assert "You chose: Solved" in words(teams.messages["m1"]["attachments"][0]["content"])
    assert "Good to know." in words(last(teams.cards()))


def test_a_press_on_a_card_nobody_remembers_is_answered(app: App, teams: FakeTeams) -> None:
    data = {"secdesk": {"action": "tickets.mine", "value": ""}}
    action = {"type": "Action.Execute", "verb": "tickets.mine", "data": data}
    answer = run(app, teams, lambda t: t.send(teams.press(action, "gone"))).json()
    assert ("application/vnd.microsoft.activity.message", "Taken.") == (answer["type"], answer["value"])


def test_a_mention_in_a_channel_is_answered_in_its_thread(app: App, teams: FakeTeams) -> None:
    asked = teams.in_channel(
        teams.mention(teams.message("how do I report a phishing mail?")), "19:team@thread.tacv2", "17"
    )
    run(app, teams, lambda t: t.send(asked))
    assert 1 == len(teams.cards("19:team@thread.tacv2;messageid=17"))


def test_what_is_written_in_a_channel_without_naming_us_is_left_alone(app: App, teams: FakeTeams) -> None:
    chatter = teams.in_channel(teams.message("I clicked on a link and typed my password"), "19:team@thread.tacv2")
    run(app, teams, lambda t: t.send(chatter))
    assert [] == teams.posted()


def test_an_emergency_is_answered_first_and_its_question_by_a_button(app: App, teams: FakeTeams) -> None:
    async def script(t: Driver) -> Any:
        await t.send(teams.message("I clicked the link and entered my password"))
        first = teams.cards()[-1]
        option = next(action for action in buttons(first).values() if action["verb"] == "emergency.answer")
        return first, await t.send(teams.press(option, "m1"))

    first, answer = run(app, teams, script)
    assert "SEC-1" in words(first)
    assert "You chose:" in words(answer.json()["value"])
    assert "attention" == first["body"][0]["color"]
    assert 2 == len(teams.cards())


def test_an_emergency_gets_its_card_with_roster_sign_in_check_and_database_down(
    app: App, teams: FakeTeams, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(t: Driver) -> None:
        await t.send(teams.message("hello"))
        teams.calls.clear()

        def refuse() -> Any:
            raise StoreUnavailable("the disk is full")

        monkeypatch.setattr(app.db, "tx", refuse)
        await t.send(teams.message("I clicked the link and entered my password"))

    run(app, teams, script)
    assert "another device" in words(last(teams.cards())).lower() or "Deny" in words(last(teams.cards()))
    assert 1 == len(app.spool.waiting())


def test_typing_is_shown_when_an_answer_takes_a_moment(
    app: App, teams: FakeTeams, monkeypatch: pytest.MonkeyPatch
) -> None:
    from adapters.channels import teams_turns

    monkeypatch.setattr(teams_turns, "TYPING_AFTER", 0.0)
    run(app, teams, lambda t: t.send(teams.message("how do I report a phishing mail?")))
    kinds = [call.body["type"] for call in teams.calls if call.path.endswith("/activities")]
    assert ["message", "typing"] == sorted(kinds)


def test_a_turn_that_takes_long_is_acknowledged_and_answered_behind_it(
    app: App, teams: FakeTeams, monkeypatch: pytest.MonkeyPatch
) -> None:
    from adapters.channels import teams_turns

    monkeypatch.setattr(teams_turns, "ACKNOWLEDGED_BY", 0.05)
    slow = app.desk.handle

    def late(message: Any) -> Any:
        time.sleep(0.3)
        return slow(message)

    monkeypatch.setattr(app.desk, "handle", late)

    async def script(t: Driver) -> tuple[int, int]:
        started = time.monotonic()
        sending = asyncio.ensure_future(t.send(teams.message("how do I report a phishing mail?")))
        await sending
        return sending.result().status_code, int(time.monotonic() - started)

    assert (200, 0) == run(app, teams, script)
    assert 1 == len(teams.cards())


def test_talking_to_a_person_asks_first_in_a_form(app: App, teams: FakeTeams) -> None:
    async def script(t: Driver) -> Any:
        await t.send(teams.installed())
        await t.send(teams.press(buttons(teams.cards()[-1])["Talk to a person"], "m1"))
        form = teams.cards()[-1]
        send = next(action for action in buttons(form).values() if action["data"]["secdesk"].get("inputs"))
        typed = dict.fromkeys(send["data"]["secdesk"]["inputs"], "")
        typed[send["data"]["secdesk"]["inputs"][0]] = "My badge is gone"
        answer = await t.send(teams.press(send, "m2", typed=typed))
        return form, answer.json()

    form, answer = run(app, teams, script)
    assert ["Input.Text", "Input.Text", "Input.ChoiceSet", "Input.ChoiceSet"] == [
        item["type"] for item in form["body"] if item["type"].startswith("Input.")
    ]
    assert "My badge is gone" == app.tickets.get("SEC-101").subject
    assert {} == buttons(answer["value"])
    assert "SEC-101" in words(last(teams.cards("a:dana.reyes")))


# who it is


def test_people_are_found_by_the_address_their_tenant_vouches_for(app: App, teams: FakeTeams) -> None:
    run(app, teams, lambda t: t.send(teams.message("hello")))
    assert "You are not in our directory" not in words(last(teams.cards()))
    known = app.platforms["teams"].place_of(app.identities.find("dana.reyes").key)  # type: ignore[union-attr]
    assert known is not None
    assert "a:dana.reyes" == known.conversation


@pytest.mark.parametrize(
    "change",
    [
        {"userRole": "guest"},
        {"userPrincipalName": "dana.reyes_northwind.example#EXT#@elsewhere.onmicrosoft.com"},
        {"tenantId": OTHER_TENANT},
        {"email": "nobody@elsewhere.example", "userPrincipalName": "nobody@elsewhere.example"},
    ],
)
def test_guests_and_people_of_other_tenants_stay_strangers(app: App, teams: FakeTeams, change: Json) -> None:
    teams.members["29:dana.reyes"] = member("dana.reyes", **change)
    run(app, teams, lambda t: t.send(teams.message("hello")))
    assert "You are not in our directory" in words(last(teams.cards()))


def test_the_roster_is_asked_once(app: App, teams: FakeTeams) -> None:
    async def script(t: Driver) -> None:
        for _ in range(3):
            await t.send(teams.message("help"))

    run(app, teams, script)
    assert 1 == len(teams.asked("/members/"))


def test_forgetting_takes_everything_about_them(app: App, teams: FakeTeams, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.directory, "forget", lambda _who: "")  # the list of people is shared by all tests here
    run(app, teams, lambda t: t.send(teams.message("hello")))
    app.forget("dana.reyes")
    assert [] == app.db.query("SELECT * FROM teams_user")


# reporting


def mail() -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = (
        "IT <it@paypa1.example>",
        "dana@northwind.example",
        "Your account",
    )
    message.set_content("Your account is closed. Confirm your password at http://paypa1.example/login today.")
    return message.as_bytes()


def upload(teams: FakeTeams, name: str, url: str = "") -> Json:
    content = {"downloadUrl": url or f"{teams.base}/files/{name}", "uniqueId": "1", "fileType": name[-3:]}
    kind = "application/vnd.microsoft.teams.file.download.info"
    html = {"contentType": "text/html", "content": "<p></p>"}
    return teams.message("", attachments=[html, {"contentType": kind, "name": name, "content": content}])


def test_a_mail_file_gets_a_receipt_and_a_verdict_that_can_be_disputed(app: App, teams: FakeTeams) -> None:
    teams.files["odd.eml"] = mail()

    async def script(t: Driver) -> Any:
        await t.send(upload(teams, "odd.eml"))
        receipt = teams.cards()[-1]
        await t.drain("reporting.analyse")
        await t.drain("delivery.send")
        verdict = teams.cards("a:dana.reyes")[-1]
        await t.send(teams.press(buttons(verdict)["I see it differently"], f"m{len(teams.messages)}"))
        return receipt, verdict, teams.cards("a:dana.reyes")[-1]

    receipt, verdict, disputed = run(app, teams, script)
    assert "SEC-101" in words(receipt)
    assert "Your report SEC-101" in words(verdict)
    assert "A person will look at SEC-101" in words(disputed)
    assert [""] == [call.token for call in teams.asked("/files/")]  # our own token never travels to a file host


@pytest.mark.parametrize(
    "url",
    [
        "http://sharepoint.com/x.eml",
        "https://evil.example/x.eml",
        "https://127.0.0.1.evil.example/x.eml",
        "https://evil.example/?.sharepoint.com",
        "https://x@127.0.0.1/x.eml",
        "https://contoso.sharepoint.com:8443/x.eml",
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "",
    ],
)
def test_files_come_from_known_hosts_only(app: App, teams: FakeTeams, url: str) -> None:
    run(app, teams, lambda t: t.send(upload(teams, "odd.eml", url or "not an address")))
    assert "I could not fetch “odd.eml”" in words(last(teams.cards()))


def test_a_file_that_is_too_large_is_not_read_to_its_end(
    app: App, teams: FakeTeams, monkeypatch: pytest.MonkeyPatch
) -> None:
    from adapters.channels import teams_files

    monkeypatch.setattr(teams_files, "MOST_BYTES", 1_000)
    teams.files["odd.eml"] = b"x" * 2_000
    run(app, teams, lambda t: t.send(upload(teams, "odd.eml")))
    assert "I could not fetch" in words(last(teams.cards()))


def quoted(teams: FakeTeams, name: str, **more: Any) -> Json:
    payload = {
        "id": "1700", "createdDateTime": "2026-11-24T10:00:00Z", "from": {"user": {"id": "x", "displayName": "Mallory"}},
        "body": {"contentType": "html", "content": 'Please <a href="http://paypa1.example/login">log in</a> now'},
        "linkToMessage": "https://teams.microsoft.com/l/message/1700", "attachments": [],
    }  # fmt: skip
    value = {"commandId": "reportMessage", "commandContext": "message", "messagePayload": payload, **more}
    return teams.activity("invoke", name=f"composeExtension/{name}", value=value)


def test_the_message_action_opens_a_dialog_and_files_a_report(app: App, teams: FakeTeams) -> None:
    async def script(t: Driver) -> Any:
        dialog = await t.send(quoted(teams, "fetchTask"))
        receipt = await t.send(quoted(teams, "submitAction", data={"comment.2": "odd link"}))
        await t.drain("reporting.analyse")
        await t.drain("delivery.send")
        return dialog.json()["task"], receipt.json()["task"]

    dialog, receipt = run(app, teams, script)
    shown = dialog["value"]["card"]["content"]
    assert ("continue", "Report as suspicious") == (dialog["type"], dialog["value"]["title"])
    assert "Mallory: Please log in now" in words(shown)
    assert ["Action.Submit"] == [action["type"] for action in shown["body"][-1]["actions"]]
    assert "SEC-101" in words(receipt["value"]["card"]["content"])
    assert {} == buttons(receipt["value"]["card"]["content"])
    assert "Your report SEC-101" in words(last(teams.cards("a:dana.reyes")))
    assert "message/rfc822" != app.report_store.of_ticket("SEC-101")["name"]  # type: ignore[index]


def test_a_reporter_without_the_app_gets_a_chat_opened(app: App, teams: FakeTeams) -> None:
    asked = quoted(teams, "submitAction")
    elsewhere = {**asked, "conversation": {"id": "19:meeting@thread.v2", "conversationType": "groupChat"}}
    run(app, teams, lambda t: t.send(elsewhere))
    made = next(call for call in teams.calls if call.path.endswith("/v3/conversations"))
    assert {"bot": {"id": f"28:{APP}"}, "members": [{"id": "29:dana.reyes"}], "isGroup": False, "tenantId": TENANT,
            "channelData": {"tenant": {"id": TENANT}}} == made.body  # fmt: skip
    assert "SEC-101" in words(last(teams.cards("a:dana.reyes")))


@pytest.mark.parametrize("name", ["composeExtension/query", "task/fetch", "signin/verifyState", "x"])
def test_other_invokes_are_501(app: App, teams: FakeTeams, name: str) -> None:
    asked = teams.activity("invoke", name=name, value={})
    assert 501 == run(app, teams, lambda t: t.send(asked)).status_code


@pytest.mark.parametrize("kind", ["event", "messageReaction", "typing", "trace", "new"])
def test_other_activities_are_taken_and_left_alone(app: App, teams: FakeTeams, kind: str) -> None:
    assert 200 == run(app, teams, lambda t: t.send(teams.activity(kind))).status_code
    assert [] == teams.posted()


# the help desk


async def desk_card(t: Driver) -> tuple[Json, str]:
    """Dana asks for a person; (the card in the desk channel, its message)."""
    await t.send(t.teams.message("talk to a person"))
    await t.drain()
    posted = [name for name, message in t.teams.messages.items() if "SEC-101 ·" in str(message)]
    return t.teams.cards(DESK)[-1], posted[-1]


def in_thread(t: Driver, text: str, thread: str, user: str = "sam.ortiz") -> Json:
    return t.teams.in_channel(t.teams.message(text, user), DESK, thread)


def test_claim_updates_the_card_in_place_for_everybody_and_tells_the_person(app: App, teams: FakeTeams) -> None:
    async def script(t: Driver) -> Any:
        card, name = await desk_card(t)
        pressed = teams.in_channel(teams.press(buttons(card)["Claim"], name, "sam.ortiz"), DESK, name)
        answer = await t.send(pressed)
        await t.drain()
        again = teams.in_channel(teams.press(buttons(card)["Claim"], name, "ines.brandt"), DESK, name)
        await t.send(again)
        return name, answer.json()

    name, answer = run(app, teams, script)
    assert "Held by:  Sam Ortiz" in words(answer["value"])
    assert "Held by:  Sam Ortiz" in words(teams.messages[name]["attachments"][0]["content"])
    assert "Give back" in buttons(teams.messages[name]["attachments"][0]["content"])
    assert "Sam Ortiz has your ticket SEC-101 now." in words(last(teams.cards("a:dana.reyes")))
    assert "Sam Ortiz has SEC-101 already." in words(last(teams.cards(DESK)))


def test_reply_and_resolve_from_the_card(app: App, teams: FakeTeams) -> None:
    async def script(t: Driver) -> Any:
        card, name = await desk_card(t)
        field = buttons(card)["Send answer"]["data"]["secdesk"]["inputs"][0]
        reply = teams.press(buttons(card)["Send answer"], name, "sam.ortiz", {field: "Try it again now."})
        await t.send(teams.in_channel(reply, DESK, name))
        await t.drain()
        told = words(last(teams.cards("a:dana.reyes")))
        await t.send(teams.in_channel(teams.press(buttons(card)["Resolve"], name, "sam.ortiz"), DESK, name))
        await t.drain()
        return told, teams.messages[name]["attachments"][0]["content"]

    told, card = run(app, teams, script)
    assert "Sam Ortiz wrote on SEC-101: Try it again now." in told
    assert ["Reopen"] == list(buttons(card))
    assert "SEC-101 is closed." in words(last(teams.cards("a:dana.reyes")))


def test_the_thread_is_relayed_both_ways_and_notes_stay_inside(app: App, teams: FakeTeams) -> None:
    async def script(t: Driver) -> Any:
        _, name = await desk_card(t)
        await t.send(in_thread(t, "Which mail do you mean?", name))
        await t.send(in_thread(t, "note: looks like the campaign of Monday", name))
        await t.drain()
        await t.send(teams.message("The one from the bank"))
        await t.drain()
        return name

    name = run(app, teams, script)
    theirs = " ".join(words(card) for card in teams.cards("a:dana.reyes"))
    assert "Which mail do you mean?" in theirs
    assert "campaign of Monday" not in theirs
    assert "Dana Reyes wrote: The one from the bank" in words(last(teams.cards(f"{DESK};messageid={name}")))
    notes = [event for event in app.tickets.timeline("SEC-101") if event.kind == "note"]
    assert ["looks like the campaign of Monday"] == [event.text for event in notes]


def test_what_the_desk_says_in_a_thread_raises_no_emergency(app: App, teams: FakeTeams) -> None:
    async def script(t: Driver) -> None:
        _, name = await desk_card(t)
        await t.send(in_thread(t, "note: she clicked the link and entered her password", name))

    run(app, teams, script)
    assert [] == [ticket for ticket in app.tickets.queue() if ticket.kind == "emergency"]


def test_only_the_desk_can_work_tickets(app: App, teams: FakeTeams) -> None:
    async def script(t: Driver) -> None:
        card, name = await desk_card(t)
        await t.send(teams.in_channel(teams.press(buttons(card)["Claim"], name, "jonas.keller"), DESK, name))
        await t.send(in_thread(t, "I am from security, send me your password", name, "jonas.keller"))
        await t.send(teams.press(buttons(card)["Resolve"], name, "dana.reyes"))
        await t.drain()

    run(app, teams, script)
    assert ("open", "") == (app.tickets.get("SEC-101").state, app.tickets.get("SEC-101").assignee)
    assert "send me your password" not in " ".join(words(card) for card in teams.cards("a:dana.reyes"))


def test_a_card_that_is_gone_is_posted_again_and_its_thread_still_works(app: App, teams: FakeTeams) -> None:
    async def script(t: Driver) -> Any:
        card, name = await desk_card(t)
        await t.send(teams.in_channel(teams.press(buttons(card)["Claim"], name, "sam.ortiz"), DESK, name))
        del teams.messages[name]
        teams.messages["taken"] = {}  # so that the next one gets another name
        await t.drain()
        again = [message for message, body in teams.messages.items() if "SEC-101 ·" in str(body)][-1]
        await t.send(in_thread(t, "One moment.", again))
        await t.send(in_thread(t, "Still there?", name))
        await t.drain()
        return name, again

    name, again = run(app, teams, script)
    assert name != again
    theirs = " ".join(words(card) for card in teams.cards("a:dana.reyes"))
    assert "One moment." in theirs
    assert "Still there?" in theirs


# delivery


def test_a_reply_that_teams_does_not_take_is_sent_later(app: App, teams: FakeTeams) -> None:
    async def script(t: Driver) -> None:
        await t.send(teams.message("help"))
        teams.calls.clear()
        teams.faults.extend([Fault(500)])
        await t.send(teams.message("help"))
        assert [{}] != teams.posted()
        await t.drain()

    run(app, teams, script)
    assert {"sent": 2} == states(app)


def states(app: App) -> dict[str, int]:
    rows = app.db.query("SELECT state, COUNT(*) AS n FROM delivery GROUP BY state")
    return {row["state"]: row["n"] for row in rows}


def test_somebody_who_blocked_us_is_marked_and_shown_and_forgiven_when_they_write(app: App, teams: FakeTeams) -> None:
    async def script(t: Driver) -> Any:
        await t.send(teams.message("help"))
        key = app.identities.find("dana.reyes").key  # type: ignore[union-attr]
        teams.faults.append(Fault(403, code="MessageWritesBlocked"))
        await t.send(teams.message("help"))
        platform = app.platforms["teams"]
        blocked = (platform.place_of(key), [check.says for check in platform.health() if check.name == "teams people"])
        await t.send(teams.message("help"))
        return blocked, platform.place_of(key)

    (place, shown), later = run(app, teams, script)
    assert place is None
    assert ["1 cannot be reached: Dana Reyes (Teams answered 403 MessageWritesBlocked)"] == shown
    assert later is not None
    assert {"sent": 2, "unreachable": 1} == states(app)


def test_conversations_are_kept_at_install_and_follow_the_platform(app: App, teams: FakeTeams) -> None:
    async def script(t: Driver) -> Any:
        await t.send(teams.installed())
        first = app.db.query("SELECT service_url FROM teams_conversation")
        moved = {**teams.message("help"), "serviceUrl": f"{teams.base}/apac/"}
        await t.send(moved, teams.token(serviceurl=f"{teams.base}/apac/"))
        return first, app.db.query("SELECT service_url FROM teams_conversation")

    first, second = run(app, teams, script)
    assert [f"{teams.base}/emea/"] == [row["service_url"] for row in first]
    assert [f"{teams.base}/apac/"] == [row["service_url"] for row in second]
    assert "/apac/v3/" in teams.asked("/activities")[-1].path


def test_taking_the_app_out_ends_it(app: App, teams: FakeTeams) -> None:
    async def script(t: Driver) -> None:
        await t.send(teams.message("help"))
        await t.send({**teams.activity("installationUpdate"), "action": "remove"})

    run(app, teams, script)
    assert [] == app.db.query("SELECT * FROM teams_conversation")
    assert app.platforms["teams"].place_of(app.identities.find("dana.reyes").key) is None  # type: ignore[union-attr]


def test_one_token_for_many_turns(app: App, teams: FakeTeams) -> None:
    async def script(t: Driver) -> None:
        await asyncio.gather(*(t.send(teams.message("help", f"user{i}")) for i in range(8)))

    run(app, teams, script)
    assert 8 == len(teams.posted())
    assert 1 == len(teams.asked("/oauth2/"))


def test_with_the_sign_in_service_down_replies_wait_and_health_says_so(app: App, teams: FakeTeams) -> None:
    teams.sign_in = Fault(503)

    async def script(t: Driver) -> Any:
        answer = await t.send(teams.message("help"))
        return answer.status_code, {check.name: check.level for check in app.platforms["teams"].health()}

    status, health = run(app, teams, script)
    assert 200 == status
    assert {"teams keys": "ok", "teams sign-in": "bad"} == health
    assert {"queued": 1} == states(app)


def test_a_nudge_reaches_who_has_only_installed_the_app(app: App, teams: FakeTeams) -> None:
    async def script(t: Driver) -> int:
        await t.send(teams.installed())
        sent = await asyncio.get_running_loop().run_in_executor(None, lambda: app.nudge_send(now=True))
        await t.drain()
        return sum(1 for _ in teams.cards("a:dana.reyes")) if sent else 0

    assert 2 == run(app, teams, script)


# starting


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"teams_app_id": ""}, "teams.app_id is empty"),
        ({"teams_tenant": ""}, "teams.tenant is empty"),
        ({"teams_secret": ""}, "exactly one of"),
        ({"teams_managed": 1}, "exactly one of"),
        ({"teams_secret": "", "teams_certificate": "missing.pem"}, "must be a PEM file"),
        ({"teams_desk": "general"}, "teams.desk_channel"),
        ({"teams_playground": "http://10.0.0.5:56150"}, "works on loopback only"),
        ({"teams_playground": "http://127.0.0.1:56150", "host": "0.0.0.0"}, "works on loopback only"),
    ],
)
def test_what_cannot_work_refuses_to_start(
    tmp_path: Path, teams: FakeTeams, contents: Contents, change: Json, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        make(tmp_path, teams, contents, **change)


def test_sample_values_refuse_to_start(tmp_path: Path, teams: FakeTeams, request: pytest.FixtureRequest) -> None:
    from bot.app import build
    from bot.app.contents import load_contents

    sample = load_contents(None, warm_cache(request.config), date.today, "words")

    with pytest.raises(ConfigError, match="sample values"):
        build(settings(tmp_path, teams), contents=sample)


# private answers to what is asked where others read


def test_what_others_should_not_read_is_answered_in_private(
    app: App, teams: FakeTeams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.answers, "confidential", lambda *_given: True)
    asked = teams.in_channel(
        teams.mention(teams.message("how do I report a phishing mail?")), "19:team@thread.tacv2", "17"
    )
    run(app, teams, lambda t: t.send(asked))
    assert "How do I report a suspicious email?" in words(last(teams.cards("a:dana.reyes")))
    assert ["This is better in private. I have written to you in our own chat."] == [
        words(card) for card in teams.cards("19:team@thread.tacv2")
    ]
