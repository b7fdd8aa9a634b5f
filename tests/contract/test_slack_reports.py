"""Reporting in Slack on the fake platform: uploads, the message's own menu, files from where they should come."""

from __future__ import annotations

import asyncio
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest

from adapters.channels import slack_files, slack_forms, slack_replies
from bot.app import App
from tests.fakes import slack_house
from tests.fakes.outlook_files import compound, msg
from tests.fakes.slack import DESK, GENERAL, TOKEN, FakeSlack, Fault, Json
from tests.fakes.slack_app import Driver, buttons, run, shown

server, slack, contents, app = slack_house.server, slack_house.slack, slack_house.contents, slack_house.app


def mail() -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = (
        "IT <it@paypa1.example>",
        "dana@northwind.example",
        "Your account",
    )
    message.set_content("Your account is closed. Confirm your password at http://paypa1.example/login today.")
    return message.as_bytes()


async def sent(t: Driver, name: str, data: bytes, text: str = "", **more: Any) -> list[Json]:
    """Dana uploads a file."""
    return await t.tell(t.slack.upload(t.people["dana.reyes"], name, data, text, **more))


# uploads


def test_a_mail_gets_receipt_and_verdict_under_it_and_can_be_disputed(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        upload = slack.upload(t.people["dana.reyes"], "odd.eml", mail())
        (receipt,) = await t.tell(upload)
        (verdict,) = await t.drain("reporting.analyse", "delivery.send")
        before = buttons(verdict)
        (noted,) = await t.press("dana.reyes", verdict, "I see it differently")
        return upload["ts"], receipt, verdict, before, noted

    upload, receipt, verdict, before, noted = run(app, slack, script)
    assert [upload] * 3 == [message["thread_ts"] for message in (receipt, verdict, noted)]
    assert "Got it: SEC-101" in shown([receipt])
    assert "Your report SEC-101" in shown([verdict])
    assert ["It has already happened", "I see it differently"] == before
    assert "A person will look at SEC-101" in shown([noted])
    assert "You chose: I see it differently" in shown([verdict])
    assert "disputed" in [event.kind for event in app.tickets.timeline("SEC-101")]


def test_an_outlook_message_is_a_mail_too(app: App, slack: FakeSlack) -> None:
    outlook = compound(
        msg(p0037="Your parcel", p5d01="info@parcel-fee.example", body="Pay at http://parcel-fee.example")
    )
    run(app, slack, lambda t: sent(t, "odd.msg", outlook))
    assert "Got it: SEC-101" in shown(slack.messages)


def test_a_file_that_is_no_mail_is_answered_so(app: App, slack: FakeSlack) -> None:
    run(app, slack, lambda t: sent(t, "notes.pdf", b"%PDF-1.7\n%not a mail"))
    assert "I can read mails saved as .eml or .msg" in shown(slack.messages)


def test_a_mail_and_a_cry_for_help_get_both_answers(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> str:
        await sent(t, "odd.eml", mail(), "I clicked the link and entered my password")
        await t.drain("delivery.send")
        return shown(t.mine("dana.reyes"))

    said = run(app, slack, script)
    assert "Stop using that page" in said
    assert "Got it: SEC-" in said
    assert {"emergency", "report"} == {ticket.kind for ticket in app.tickets.queue()}


def test_a_mention_with_a_mail_is_answered_in_its_thread(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        mention = slack.mention(t.people["dana.reyes"], "is this real?", files=[slack.file("odd.eml", mail())])
        (receipt,) = await t.tell(mention)
        (verdict,) = await t.drain("reporting.analyse", "delivery.send")
        return mention["ts"], receipt, verdict

    thread, receipt, verdict = run(app, slack, script)
    assert [(GENERAL, thread)] * 2 == [(m["channel"], m["thread_ts"]) for m in (receipt, verdict)]


def test_the_same_upload_delivered_again_is_one_report(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> None:
        event = slack.event(slack.upload(t.people["dana.reyes"], "odd.eml", mail()))
        await asyncio.gather(t.send(event), t.again(event))
        await t.again(event, 2)

    run(app, slack, script)
    assert 1 == len(slack.messages)
    assert 1 == app.db.query("SELECT COUNT(*) AS n FROM submission")[0]["n"]


def test_a_mail_in_a_talk_with_the_desk_is_a_report_in_that_talk(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> list[Json]:
        await t.say("dana.reyes", "talk to a person")
        return await sent(t, "odd.eml", mail())

    (receipt,) = run(app, slack, script)
    assert "Got it: SEC-102" in shown([receipt])
    assert "thread_ts" not in receipt


# files: type, size, host


REFUSED = "I could not fetch “odd.eml”"


@pytest.mark.parametrize(
    "url",
    [
        "http://files.slack.com/x.eml",
        "https://evil.example/x.eml",
        "https://files.slack.com.evil.example/x.eml",
        "https://evil.example/?files.slack.com",
        "https://x@127.0.0.1/x.eml",
        "https://127.0.0.1:8443/x.eml",
        "file:///etc/passwd",
        "https://[::1",
        "not an address",
    ],
)
def test_our_token_goes_to_slacks_own_hosts_only(app: App, slack: FakeSlack, url: str) -> None:
    async def script(t: Driver) -> None:
        file = slack.file("odd.eml", mail(), url_private=url, url_private_download=url)
        event = slack.event(slack.message(t.people["dana.reyes"], "", subtype="file_share", files=[file]))
        await t.send(event)
        await t.again(event)

    run(app, slack, script)
    assert [1, []] == [shown(slack.messages).count(REFUSED), slack.asked("file")]


def test_a_redirect_is_not_followed(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> None:
        url = f"{slack.base}/elsewhere/x"
        file = slack.file("odd.eml", mail(), url_private=url, url_private_download=url)
        await t.tell(slack.message(t.people["dana.reyes"], "", subtype="file_share", files=[file]))

    run(app, slack, script)
    assert REFUSED in shown(slack.messages)
    assert [] == slack.asked("file")


def test_the_sign_in_page_is_not_taken_for_the_file(app: App, slack: FakeSlack) -> None:
    slack.scopes = tuple(scope for scope in slack.scopes if scope != "files:read")
    run(app, slack, lambda t: sent(t, "odd.eml", mail()))
    assert REFUSED in shown(slack.messages)
    assert [] == app.tickets.queue()


def test_a_page_that_somebody_sends_is_a_file_like_any(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> None:
        file = slack.file("page.html", b"<html>invoice</html>", mimetype="text/html")
        await t.tell(slack.message(t.people["dana.reyes"], "", subtype="file_share", files=[file]))

    run(app, slack, script)
    assert "“page.html” is neither" in shown(slack.messages)


@pytest.mark.parametrize("says", [2_000, 0])
def test_a_large_file_is_not_read_to_its_end(
    app: App, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch, says: int
) -> None:
    monkeypatch.setattr(slack_files, "MOST_BYTES", 1_000)

    async def script(t: Driver) -> None:
        file = slack.file("odd.eml", b"x" * 2_000, size=says)
        await t.tell(slack.message(t.people["dana.reyes"], "", subtype="file_share", files=[file]))

    run(app, slack, script)
    assert REFUSED in shown(slack.messages)
    assert (0 if says else 1) == len(slack.asked("file"))


def test_all_files_of_a_message_together_are_limited(
    app: App, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack_files, "ALL_BYTES", 1_000)

    async def script(t: Driver) -> None:
        files = [slack.file("first.eml", mail()), slack.file("odd.eml", b"x" * 900)]
        await t.tell(slack.message(t.people["dana.reyes"], "", subtype="file_share", files=files))

    run(app, slack, script)
    assert REFUSED in shown(slack.messages)
    assert "Got it: SEC-101" in shown(slack.messages)


def test_a_file_that_did_not_come_whole_is_not_taken(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> None:
        file = slack.file("odd.eml", mail(), size=len(mail()) + 5)
        await t.tell(slack.message(t.people["dana.reyes"], "", subtype="file_share", files=[file]))

    run(app, slack, script)
    assert REFUSED in shown(slack.messages)


def test_a_file_that_is_named_only_is_asked_for(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> None:
        file = slack.file("odd.eml", mail())
        bare = {"id": file["id"], "mode": "file_access", "file_access": "check_file_info", "name": "odd.eml"}
        await t.tell(slack.message(t.people["dana.reyes"], "", subtype="file_share", files=[bare]))

    run(app, slack, script)
    assert "Got it: SEC-101" in shown(slack.messages)
    assert [TOKEN] == [call.token for call in slack.asked("file")]


def test_a_deleted_file_is_no_file(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> None:
        file = slack.file("odd.eml", mail(), mode="tombstone")
        await t.tell(slack.message(t.people["dana.reyes"], "help", files=[file]))

    run(app, slack, script)
    assert "I answer security questions" in shown(slack.messages)


# the message's own menu


def bait(t: Driver, **more: Any) -> Json:
    """What somebody wrote in a channel."""
    author = t.slack.user("mallory", "mallory@elsewhere.example")
    return t.slack.message(author, "Log in at <http://paypa1.example/login|our portal> now &amp; win", GENERAL, **more)


async def reported(t: Driver, message: Json, who: str = "dana.reyes") -> list[Json]:
    return await t.came(t.send(t.slack.shortcut(t.people[who], "report_message", message)))


def stored(app: App, number: str) -> Any:
    """The mail that a report became."""
    row = app.report_store.of_ticket(number)
    assert row is not None
    return message_from_bytes(app.vault.unseal("mail", app.report_store.body(row["sha256"])), policy=default)


def test_a_reported_message_carries_author_words_and_place(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        message = bait(t)
        head, receipt = await reported(t, message)
        view = t.last_view()
        (verdict,) = await t.drain("reporting.analyse", "delivery.send")
        await t.drain("desk.show")
        return message, head, receipt, view, verdict, t.people["dana.reyes"]

    message, head, receipt, view, verdict, dana = run(app, slack, script)
    link = f"https://north.slack.example/archives/{GENERAL}/p{message['ts']}"
    assert {slack.dm(dana)} == {m["channel"] for m in (head, receipt, verdict)}
    assert {head["ts"]} == {m["thread_ts"] for m in (receipt, verdict)}
    assert "Log in at our portal (http://paypa1.example/login) now &amp; win" in shown([head])
    assert all(part in shown([head]) for part in ("Mallory", link))
    assert "Got it: SEC-101" in shown([receipt])
    assert "Got it: SEC-101" in shown([view])
    assert "submit" not in view
    assert "Your report SEC-101" in shown([verdict])
    mail = stored(app, "SEC-101")
    assert ("Mallory", link) == (mail["From"].addresses[0].display_name, mail["X-Chat-Link"])
    assert "http://paypa1.example/login" in mail.get_body().get_content()
    assert link in shown(slack.posted(DESK))


def test_files_of_a_reported_message_are_examined_with_it(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> None:
        files = [
            slack.file("invoice.pdf.exe", b"MZ not really"),
            slack.file("gone.txt", b"", url_private="", url_private_download=""),
        ]
        await reported(t, bait(t, files=files))

    run(app, slack, script)
    mail = stored(app, "SEC-101")
    assert [("invoice.pdf.exe", b"MZ not really")] == [
        (p.get_filename(), p.get_content()) for p in mail.iter_attachments()
    ][:1]
    assert "[file: gone.txt]" in mail.get_body().get_content()


def test_a_mail_in_a_reported_message_is_examined_as_the_mail_that_it_is(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> None:
        await reported(t, bait(t, files=[slack.file("odd.eml", mail())]))

    run(app, slack, script)
    assert "Your account" == stored(app, "SEC-101")["Subject"]


def test_an_author_of_the_workspace_is_named_and_a_bot_by_its_id(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> None:
        said = t.slack.message(t.people["jonas.keller"], "click here", GENERAL)
        await reported(t, said)
        await reported(t, {**said, "user": "", "bot_id": "B0WEB", "ts": "1900000000.5", "text": "a hook"})

    run(app, slack, script)
    names = [stored(app, number)["From"].addresses[0].display_name for number in ("SEC-101", "SEC-102")]
    assert ["Jonas Keller", "B0WEB"] == names


def test_a_report_is_taken_without_permalink_author_and_thread(app: App, slack: FakeSlack) -> None:
    slack.fail("chat.getPermalink", Fault(error="channel_not_found"))
    slack.fail("chat.postMessage", Fault(error="fatal_error"), *[Fault(500)] * 2)

    async def script(t: Driver) -> Any:
        message = bait(t)
        slack.users.clear()
        await reported(t, message)
        return t.last_view()

    assert "Got it: SEC-101" in shown([run(app, slack, script)])


def test_loading_is_shown_while_a_report_takes_a_moment(
    app: App, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack_forms, "AT_ONCE", 0.0)
    run(app, slack, lambda t: reported(t, bait(t)))
    opened, updated = slack.asked("views.open")[0].body["view"], slack.asked("views.update")[0].body["view"]
    assert "One moment." in shown([opened])
    assert "Got it: SEC-101" in shown([updated])


def test_slack_is_answered_before_a_slow_report_is_done(
    app: App, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack_replies, "ACKNOWLEDGED_BY", 0.01)
    monkeypatch.setattr(slack_forms, "AT_ONCE", 0.0)
    slack.fail("chat.getPermalink", Fault(wait=0.2))

    async def script(t: Driver) -> Any:
        answer = await t.send(slack.shortcut(t.people["dana.reyes"], "report_message", bait(t)), settle=False)
        early = app.tickets.queue()
        await t.settle()
        return answer.status_code, early, t.last_view()

    status, early, view = run(app, slack, script)
    assert (200, []) == (status, early)
    assert "Got it: SEC-101" in shown([view])


def test_a_report_is_taken_when_its_modal_cannot_be_opened(app: App, slack: FakeSlack) -> None:
    slack.trigger_seconds = -1.0
    run(app, slack, lambda t: reported(t, bait(t)))
    assert "Got it: SEC-101" in shown(slack.messages)


def test_two_people_report_the_same_message_and_each_is_told(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        message = bait(t)
        await reported(t, message)
        await reported(t, message, "jonas.keller")
        await t.drain("reporting.analyse", "delivery.send")
        return shown(t.mine("dana.reyes")), shown(t.mine("jonas.keller"))

    dana, jonas = run(app, slack, script)
    assert "Your report SEC-101" in dana
    assert "Your report SEC-101" in jonas
    assert 1 == len(app.tickets.queue("all"))
