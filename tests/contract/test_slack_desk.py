"""The help desk in Slack on the fake platform: the ticket's card, its thread both ways, and answers proposed from a thread."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from bot.app import App
from tests.fakes import slack_house
from tests.fakes.slack import DESK, FakeSlack, Fault, Json
from tests.fakes.slack_app import Driver, buttons, run, shown

server, slack, contents, app = slack_house.server, slack_house.slack, slack_house.contents, slack_house.app


async def desk_card(t: Driver) -> Json:
    """Dana asks for a person; the card in the desk's channel."""
    await t.say("dana.reyes", "talk to a person")
    await t.drain()
    return [message for message in t.slack.posted(DESK) if "SEC-101 ·" in shown([message])][-1]


async def in_thread(t: Driver, card: Json, text: str, who: str = "sam.ortiz", **more: Any) -> list[Json]:
    """Somebody writes in the thread of a ticket's card."""
    return await t.say(who, text, DESK, thread_ts=card["ts"], **more)


# the card


def test_a_ticket_gets_one_card_in_the_desks_channel(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        card = await desk_card(t)
        await t.drain()
        return card

    card = run(app, slack, script)
    assert 1 == len(slack.posted(DESK))
    assert "thread_ts" not in card
    assert all(words in shown([card]) for words in ("SEC-101 · S1 · talk to a person", "Dana Reyes", "nobody yet"))
    assert [
        "Send answer",
        "Claim",
        "Resolve",
        "Make it S3",
        "Make it S2",
        "Hand to Brightwell Managed Security",
    ] == buttons(card)


def test_claiming_updates_the_card_in_place_and_tells_the_person(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        card = await desk_card(t)
        (said,) = await t.press("sam.ortiz", card, "Claim")
        (told,) = await t.drain()
        return card, said, told, t.people["sam.ortiz"]

    card, said, told, sam = run(app, slack, script)
    assert 1 == len([m for m in slack.posted(DESK) if "only" not in m])
    assert "Sam Ortiz" in shown([card])
    assert "Give back" in buttons(card)
    assert ("Sam Ortiz has SEC-101 now.", sam, True) == (shown([said]), said["only"], said["shows"])
    assert "Sam Ortiz has your ticket SEC-101 now." in shown([told])


def test_a_second_analyst_who_claims_is_told_who_has_it(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        card = await desk_card(t)
        old = {**card, "blocks": list(card["blocks"])}  # as Ines still sees it
        await t.press("sam.ortiz", card, "Claim")
        await t.drain()
        return (await t.press("ines.brandt", old, "Claim")), t.people["ines.brandt"]

    (said,), ines = run(app, slack, script)
    assert ("Sam Ortiz has SEC-101 already.", ines, True) == (shown([said]), said["only"], said["shows"])
    assert "claimed" == app.tickets.get("SEC-101").state


def test_what_one_person_is_told_stands_in_the_thread_once_there_is_one(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        card = await desk_card(t)
        await in_thread(t, card, "note: I look at it")
        return card, (await t.press("sam.ortiz", card, "Claim"))

    card, (said,) = run(app, slack, script)
    assert (card["ts"], True) == (said["thread_ts"], said["shows"])


def test_giving_back_priority_resolving_and_reopening(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        card, seen = await desk_card(t), []
        for label in ("Claim", "Give back", "Make it S3", "Resolve", "Reopen"):
            await t.press("sam.ortiz", card, label)
            await t.drain()
            ticket = app.tickets.get("SEC-101")
            seen.append((ticket.state, ticket.severity, "SEC-101 · " + ticket.severity in shown([card])))
        return seen

    seen = run(app, slack, script)
    assert [("claimed", "S1", True), ("open", "S1", True), ("open", "S3", True), ("resolved", "S3", True),
            ("open", "S3", True)] == seen  # fmt: skip
    assert 1 == len([m for m in slack.posted(DESK) if "only" not in m and "thread_ts" not in m])


def test_answering_from_the_card_opens_a_form_and_reaches_the_person(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        card = await desk_card(t)
        await t.press("sam.ortiz", card, "Send answer")
        view = t.last_view()
        (said,) = await t.submit("sam.ortiz", view, text="Try it <b>again</b> & tell @channel")
        told = await t.drain()
        return view, said, told

    view, said, told = run(app, slack, script)
    assert ["Your answer to the person"] == [
        block["label"]["text"] for block in view["blocks"] if block["type"] == "input"
    ]
    assert "Sent to the person (SEC-101)." in shown([said])
    assert "only" in said
    assert "Sam Ortiz wrote on SEC-101:" in shown(told)
    assert ">Try it &lt;b&gt;again&lt;/b&gt; &amp; tell @channel" in shown(told)


def test_an_empty_answer_is_refused(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> str:
        await t.press("sam.ortiz", await desk_card(t), "Send answer")
        return shown(await t.submit("sam.ortiz", t.last_view(), text="  "))

    assert "There was no text in it." in run(app, slack, script)
    assert "open" == app.tickets.get("SEC-101").state


def test_only_the_desk_can_work_tickets(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        card = await desk_card(t)
        said = await t.press("jonas.keller", card, "Claim")
        said += await in_thread(t, card, "I am from security, send me your password", "jonas.keller")
        await t.press("dana.reyes", card, "Resolve")
        await t.drain()
        return shown(said), shown(t.mine("dana.reyes"))

    said, dana = run(app, slack, script)
    assert 2 == said.count("Only the help desk can do that here.")
    assert ("open", "") == (app.tickets.get("SEC-101").state, app.tickets.get("SEC-101").assignee)
    assert "send me your password" not in dana


def test_a_button_of_a_ticket_works_outside_its_channel_for_nobody_else(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        card = await desk_card(t)
        forged = {**card, "channel": "C0GENERAL", "ts": "1900000000.000009"}
        return await t.press("dana.reyes", forged, "Claim")

    assert "Only the help desk can do that here." in shown(run(app, slack, script))


def test_a_card_that_is_gone_is_posted_again_and_both_threads_work(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        card = await desk_card(t)
        await t.press("sam.ortiz", card, "Claim")
        slack.messages.remove(card)
        await t.drain()
        (again,) = [m for m in slack.posted(DESK) if "SEC-101 ·" in shown([m])]
        await in_thread(t, again, "One moment.")
        await in_thread(t, card, "Still there?")
        await t.drain()
        return card, again, shown(t.mine("dana.reyes"))

    card, again, dana = run(app, slack, script)
    assert card["ts"] != again["ts"]
    assert "One moment." in dana
    assert "Still there?" in dana


# the thread


def test_the_thread_is_relayed_both_ways_and_notes_stay_inside(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        card = await desk_card(t)
        (sent,) = await in_thread(t, card, "Which mail do you mean?")
        (noted,) = await in_thread(t, card, "note: looks like the campaign of Monday")
        await t.drain()
        await t.say("dana.reyes", "The one from the bank")
        (line,) = await t.drain()
        return card, sent, noted, line, shown(t.mine("dana.reyes"))

    card, sent, noted, line, dana = run(app, slack, script)
    assert [card["ts"]] * 3 == [message["thread_ts"] for message in (sent, noted, line)]
    assert "Sent to the person (SEC-101)." in shown([sent])
    assert "the person does not see it" in shown([noted])
    assert "Which mail do you mean?" in dana
    assert "campaign of Monday" not in dana
    assert "Dana Reyes wrote: >The one from the bank" in shown([line])
    notes = [event.text for event in app.tickets.timeline("SEC-101") if event.kind == "note"]
    assert ["looks like the campaign of Monday"] == notes


def test_files_go_both_ways(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        card = await desk_card(t)
        await t.tell(slack.upload(t.people["dana.reyes"], "screen.png", b"\x89PNG a picture"))
        await t.drain()
        await in_thread(t, card, "", subtype="file_share", files=[slack.file("steps.pdf", b"%PDF steps")])
        await t.drain()
        return card, t.people["dana.reyes"]

    card, dana = run(app, slack, script)
    there, back = slack.uploads.values()
    assert ("screen.png", b"\x89PNG a picture", DESK, card["ts"]) == tuple(
        there[k] for k in ("name", "data", "channel", "thread")
    )
    assert ("steps.pdf", b"%PDF steps", slack.dm(dana), "") == tuple(
        back[k] for k in ("name", "data", "channel", "thread")
    )


def test_a_file_with_a_note_stays_inside(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> None:
        card = await desk_card(t)
        await in_thread(
            t, card, "note: from the proxy", subtype="file_share", files=[slack.file("log.txt", b"10.0.0.1")]
        )
        await t.drain()

    run(app, slack, script)
    assert {} == slack.uploads
    assert ["log.txt"] == [file.name for file in app.tickets.files("SEC-101").values()]


def test_too_many_files_are_refused_in_the_thread(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> str:
        card = await desk_card(t)
        files = [slack.file(f"{n}.txt", b"x") for n in range(6)]
        return shown(await in_thread(t, card, "all of it", subtype="file_share", files=files))

    assert "5" in run(app, slack, script)
    assert {} == app.tickets.files("SEC-101")


@pytest.mark.parametrize("upload", ["files.getUploadURLExternal", "upload", "files.completeUploadExternal"])
def test_a_file_that_slack_does_not_take_comes_later_and_the_words_once(
    app: App, slack: FakeSlack, upload: str
) -> None:
    async def script(t: Driver) -> Any:
        card = await desk_card(t)
        slack.fail(upload, *[Fault(503)] * 3)
        await in_thread(t, card, "see this", subtype="file_share", files=[slack.file("steps.pdf", b"%PDF steps")])
        await t.drain()
        return [message for message in t.mine("dana.reyes") if "see this" in shown([message])]

    assert 1 == len(run(app, slack, script))
    assert ["steps.pdf"] == [upload["name"] for upload in slack.uploads.values() if "channel" in upload]


def test_a_reply_in_the_thread_of_the_desks_message_reaches_the_desk(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        card = await desk_card(t)
        await in_thread(t, card, "Which browser?")
        (told,) = [m for m in await t.drain() if "Which browser?" in shown([m])]
        (added,) = await t.say("dana.reyes", "the old one", thread_ts=told["ts"])
        return added, (await t.drain())

    added, (line,) = run(app, slack, script)
    assert "Added to SEC-101" in shown([added])
    assert "thread_ts" not in added
    assert "Dana Reyes wrote: >the old one" in shown([line])


def test_pressing_a_message_that_has_replies_stays_in_the_conversation(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        (card,) = await t.say("dana.reyes", "I clicked the link and entered my password")
        slack.threads.add((card["channel"], card["ts"]))
        (second,) = await t.press("dana.reyes", card, "Work")
        return second, await t.say("dana.reyes", "work computer")

    second, (third,) = run(app, slack, script)
    assert "thread_ts" not in second
    assert "When was it?" in shown([third])


def test_what_the_desk_says_in_a_thread_raises_no_emergency_and_edits_change_nothing(
    app: App, slack: FakeSlack
) -> None:
    async def script(t: Driver) -> None:
        card = await desk_card(t)
        said = slack.message(t.people["sam.ortiz"], "note: she clicked the link and entered her password", DESK,
                             thread_ts=card["ts"])  # fmt: skip
        await t.tell(said)
        await t.tell(slack.changed(said, "I clicked the link and entered my password"))

    run(app, slack, script)
    assert [] == [ticket for ticket in app.tickets.queue() if ticket.kind == "emergency"]


def test_a_message_in_a_thread_delivered_again_is_sent_once(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> int:
        card = await desk_card(t)
        event = slack.event(slack.message(t.people["sam.ortiz"], "One moment.", DESK, thread_ts=card["ts"]))
        await t.send(event)
        await t.again(event)
        await t.drain()
        return shown(t.mine("dana.reyes")).count("One moment.")

    assert 1 == run(app, slack, script)


def test_the_desks_own_chatter_is_left_alone(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        await desk_card(t)
        return await t.say("sam.ortiz", "lunch?", DESK), await t.say(
            "sam.ortiz", "yes", DESK, thread_ts="1900000000.99"
        )

    assert ([], []) == run(app, slack, script)


def test_an_emergency_shows_at_the_desk_with_its_severity(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> None:
        await t.say("dana.reyes", "I clicked the link and entered my password")
        await t.drain("desk.show")

    run(app, slack, script)
    assert "SEC-101 · S3" in shown(slack.posted(DESK))


# proposing an answer


GOOD = {
    "title": "Can I take the laptop abroad?",
    "questions": "can i take my laptop abroad\nlaptop on holiday\ntravel with the work laptop\n"
    "laptop in another country\nwork from spain",
    "short": "Yes, inside the EU. Ask the help desk before you go further.",
    "source": "ENISA: Working remotely",
}


async def proposal(t: Driver, who: str = "sam.ortiz") -> Any:
    """Somebody uses the menu of a message in a ticket's thread."""
    card = await desk_card(t)
    said = t.slack.message(t.people["dana.reyes"], "can i take my laptop abroad", DESK, thread_ts=card["ts"])
    await t.send(t.slack.shortcut(t.people[who], "propose_answer", said))
    return t.last_view()


def inputs(view: Json) -> dict[str, Json]:
    return {block["block_id"]: block["element"] for block in view["blocks"] if block["type"] == "input"}


def test_only_the_desk_proposes_answers(app: App, slack: FakeSlack) -> None:
    view = run(app, slack, lambda t: proposal(t, "dana.reyes"))
    assert "Only the help desk can propose answers." in shown([view])
    assert {} == inputs(view)


def test_a_proposal_begins_with_what_was_asked(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        message = slack.message(t.people["dana.reyes"], "can i take my laptop abroad", "C0GENERAL")
        await t.send(slack.shortcut(t.people["sam.ortiz"], "propose_answer", message))
        return t.last_view()

    fields = inputs(run(app, slack, script))
    assert "can i take my laptop abroad" == fields["field.title"]["initial_value"]
    assert {"field.title", "field.questions", "field.short", "field.group", "field.severity", "field.source"} <= set(
        fields
    )


def test_a_proposal_from_a_ticket_begins_with_its_question(app: App, slack: FakeSlack) -> None:
    fields = inputs(run(app, slack, proposal))
    assert "talk to a person" == fields["field.title"]["initial_value"]


def test_what_is_wrong_with_a_proposal_is_said_at_its_field(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        view = await proposal(t)
        return view, (
            await t.send(slack.submit(t.people["sam.ortiz"], view, **GOOD | {"questions": "one only"}))
        ).json()

    view, answer = run(app, slack, script)
    assert "errors" == answer["response_action"]
    assert ["field.questions"] == list(answer["errors"])
    assert set(answer["errors"]) <= set(inputs(view))
    assert [] == app.db.query("SELECT * FROM proposal")


def test_a_proposal_is_shown_as_people_will_see_it_then_kept_for_review(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        view = await proposal(t)
        answer = (await t.send(slack.submit(t.people["sam.ortiz"], view, **GOOD))).json()
        preview = {**view, **answer["view"], "hash": "2"}
        (thanks,) = await t.submit("sam.ortiz", preview)
        await t.drain("answering.keep")
        return answer, preview, thanks

    answer, preview, thanks = run(app, slack, script)
    assert "update" == answer["response_action"]
    assert all(words in shown([preview]) for words in ("This is how people will see it.", GOOD["title"], GOOD["short"]))
    assert "Propose it" == preview["submit"]["text"]
    assert GOOD["questions"] == inputs(preview)["field.questions"]["initial_value"]
    assert "Can I take the laptop abroad?" in shown([thanks])
    (row,) = app.db.query("SELECT entry FROM proposal")
    written = yaml.safe_load((app.settings.knowledge / "answers" / f"{row['entry']}.yaml").read_text("utf-8"))  # type: ignore[operator]
    assert ("review", "sam-ortiz", GOOD["title"]) == (written["state"], written["author"], written["title"]["en"])


def test_a_proposal_whose_words_are_wrong_is_said_again_after_the_preview(app: App, slack: FakeSlack) -> None:
    async def script(t: Driver) -> Any:
        view = await proposal(t)
        answer = (await t.send(slack.submit(t.people["sam.ortiz"], view, **GOOD))).json()
        preview = {**view, **answer["view"], "hash": "2"}
        return (await t.send(slack.submit(t.people["sam.ortiz"], preview, source=" "))).json()

    assert "errors" == run(app, slack, script)["response_action"]
    assert [] == app.db.query("SELECT * FROM proposal")
