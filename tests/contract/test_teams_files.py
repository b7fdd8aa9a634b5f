"""Files in Teams, both ways: what people send with their words, what the desk is shown of it, and what people are sent."""

from __future__ import annotations

from typing import Any

import pytest

from bot.app import App
from bot.model import File
from tests.fakes import teams_fixtures as fixtures
from tests.fakes.teams import FakeTeams, Json
from tests.fakes.teams_app import DESK, Driver, buttons, run, words

app, contents, server, teams = fixtures.app, fixtures.contents, fixtures.server, fixtures.teams
FILE = "application/vnd.microsoft.teams.file.download.info"
CONSENT = "application/vnd.microsoft.teams.card.file.consent"
INFO = "application/vnd.microsoft.teams.card.file.info"
PNG = b"\x89PNG\r\n\x1a\nthe pixels"


def picture(teams: FakeTeams, address: str = "") -> Json:
    """A pasted one: it lies with the connector and wants our token."""
    return {"contentType": "image/*", "contentUrl": address or f"{teams.service_url}v3/attachments/p1/views/original"}


def upload(teams: FakeTeams, name: str) -> Json:
    return {"contentType": FILE, "name": name, "content": {"downloadUrl": f"{teams.base}/files/{name}"}}


async def talking(t: Driver) -> str:
    """Dana talks with the desk; the message of her ticket's card."""
    await t.send(t.teams.message("talk to a person"))
    await t.drain()
    return next(name for name, message in t.teams.messages.items() if "SEC-101 ·" in str(message))


def offers(teams: FakeTeams, conversation: str) -> list[Json]:
    """Files that were offered there."""
    attached = [item for message in teams.posted(conversation) for item in message["attachments"]]
    return [item for item in attached if item["contentType"] == CONSENT]


def answered(t: Driver, offer: Json, user: str, action: str = "accept", name: str = "") -> Json:
    """What Teams sends when somebody says yes or no to an offer."""
    name = name or offer["name"]
    info = {"contentUrl": f"https://northwind-my.sharepoint.com/{name}", "name": name, "uniqueId": "u1", "fileType": "png",
            "uploadUrl": f"{t.teams.base}/files/up-{name}"}  # fmt: skip
    value = {"type": "fileUpload", "action": action, "context": offer["content"][f"{action}Context"]}
    value |= {"uploadInfo": info} if action == "accept" else {}
    message = next(key for key, body in t.teams.messages.items() if offer in body.get("attachments", []))
    return t.teams.activity("invoke", user, name="fileConsent/invoke", value=value, replyToId=message)


@pytest.mark.parametrize("kind", ["file", "picture"])
def test_what_a_person_sends_while_talking_reaches_the_desk_which_can_have_it(
    app: App, teams: FakeTeams, kind: str
) -> None:
    teams.files["screen.png"] = teams.pictures["p1"] = PNG
    name = {"file": "screen.png", "picture": "picture.png"}[kind]

    async def script(t: Driver) -> Any:
        desk = await talking(t)
        sent = upload(teams, name) if kind == "file" else picture(teams)
        await t.send(teams.message("this is what I see", attachments=[sent]))
        await t.drain()
        line = next(card for card in teams.cards(f"{DESK};messageid={desk}") if name in words(card))
        got = await t.send(teams.in_channel(teams.press(buttons(line)["Send it to me"], "x", "sam.ortiz"), DESK, desk))
        offer = offers(teams, "a:sam.ortiz")[-1]
        accepted = await t.send(answered(t, offer, "sam.ortiz"))
        return got.json(), offer, accepted

    got, offer, accepted = run(app, teams, script)
    assert f"I offer you “{name}” in our own chat." == got["value"]
    assert (name, len(PNG)) == (offer["name"], offer["content"]["sizeInBytes"])
    assert (200, b"null") == (accepted.status_code, accepted.content)
    assert PNG == teams.files[f"up-{name}"]
    assert [f"bytes 0-{len(PNG) - 1}/{len(PNG)}"] == teams.ranges
    assert [""] == [call.token for call in teams.asked("/files/up-")]  # our own token never travels to a file host
    assert "this is what I see" in str(teams.cards(DESK))
    links = [
        item for body in teams.messages.values() for item in body.get("attachments", []) if item["contentType"] == INFO
    ]
    assert [(name, f"https://northwind-my.sharepoint.com/{name}", {"uniqueId": "u1", "fileType": "png"})] == [
        (link["name"], link["contentUrl"], link["content"]) for link in links
    ]
    assert offer not in [item for body in teams.messages.values() for item in body.get("attachments", [])]


def test_only_the_desk_is_offered_a_file(app: App, teams: FakeTeams) -> None:
    teams.pictures["p1"] = PNG

    async def script(t: Driver) -> str:
        desk = await talking(t)
        await t.send(teams.message("look", attachments=[picture(teams)]))
        await t.drain()
        line = next(card for card in teams.cards(f"{DESK};messageid={desk}") if "picture.png" in words(card))
        pressed = teams.press(buttons(line)["Send it to me"], "x", "jonas.keller")
        return str((await t.send(teams.in_channel(pressed, DESK, desk))).json()["value"])

    said = run(app, teams, script)
    assert "Only the help desk can do that here." == said
    assert [] == offers(teams, "a:jonas.keller")


def reply_with_file(t: Driver, name: str = "how-to.png") -> None:
    """The desk answers with a file, from wherever it can."""
    sam = t.app.person("sam.ortiz")
    sealed = t.app.tickets.sealed((File(name, PNG, "image/png"),), "en")
    t.app.work(lambda work: t.app.tickets.reply(work, "SEC-101", sam, "Do it as here.", sealed))


def test_what_the_desk_sends_is_offered_to_the_person_and_goes_where_they_agree(app: App, teams: FakeTeams) -> None:
    async def script(t: Driver) -> Any:
        await talking(t)
        reply_with_file(t)
        await t.drain()
        await t.drain()
        offer = offers(teams, "a:dana.reyes")
        declined = await t.send(answered(t, offer[0], "dana.reyes", "decline"))
        assert {} == teams.files
        await t.send(answered(t, offer[0], "dana.reyes"))
        return offer, declined.status_code

    offer, declined = run(app, teams, script)
    assert (1, 200) == (len(offer), declined)
    assert "Do it as here." in " ".join(words(card) for card in teams.cards("a:dana.reyes"))
    assert PNG == teams.files["up-how-to.png"]


def test_in_a_channel_the_file_is_for_whoever_it_was_sent_to(app: App, teams: FakeTeams) -> None:
    team = "19:team@thread.tacv2"

    async def script(t: Driver) -> list[str]:
        await t.send(teams.in_channel(teams.mention(teams.message("talk to a person")), team, "17"))
        reply_with_file(t)
        await t.drain()
        await t.drain()
        name, card = next(
            (n, b["attachments"][0]["content"]) for n, b in teams.messages.items() if "how-to.png" in str(b)
        )
        button, said = buttons(card)["Send it to me"], list[str]()
        other = {**button, "data": {"secdesk": {"action": "teams.file", "value": "another/1/x"}}}
        for who, pressed in (("jonas.keller", button), ("dana.reyes", other), ("dana.reyes", button)):
            answer = await t.send(teams.in_channel(teams.press(pressed, name, who), team, "17"))
            said.append(answer.json()["value"])
        return said

    assert [
        "Only the help desk can do that here.",
        "Only the help desk can do that here.",
        "I offer you “how-to.png” in our own chat.",
    ] == run(app, teams, script)
    assert (1, 0) == (len(offers(teams, "a:dana.reyes")), len(offers(teams, "a:jonas.keller")))


def test_an_offer_is_good_in_its_own_chat_only_and_only_as_it_was_made(app: App, teams: FakeTeams) -> None:
    async def script(t: Driver) -> list[str]:
        await talking(t)
        reply_with_file(t)
        await t.drain()
        await t.drain()
        offer = offers(teams, "a:dana.reyes")[0]
        given = dict(offer["content"]["acceptContext"]["secdesk"])
        await t.send(answered(t, offer, "jonas.keller"))
        for changed in ({**given, "file": "other"}, {**given, "for": "x"}, {}, {"file": 5, "for": given["for"]}):
            bent = answered(t, offer, "dana.reyes")
            bent["value"]["context"] = {"secdesk": changed}
            await t.send(bent)
        none = answered(t, offer, "dana.reyes")
        none["value"]["context"] = None
        await t.send(none)
        return [words(card) for card in teams.cards()]

    said = run(app, teams, script)
    assert 6 == said.count("This file is no longer kept.")
    assert {} == teams.files


@pytest.mark.parametrize("url", ["https://evil.example/up", "http://10.0.0.1/up", "", "file:///etc/passwd"])
def test_bytes_go_to_known_hosts_only(app: App, teams: FakeTeams, url: str) -> None:
    async def script(t: Driver) -> None:
        await talking(t)
        reply_with_file(t)
        await t.drain()
        await t.drain()
        accepted = answered(t, offers(teams, "a:dana.reyes")[0], "dana.reyes")
        accepted["value"]["uploadInfo"]["uploadUrl"] = url or "not an address"
        await t.send(accepted)

    run(app, teams, script)
    assert "“how-to.png” did not get through. Try it again in a minute." == words(teams.cards("a:dana.reyes")[-1])


@pytest.mark.parametrize(
    "address",
    [
        "http://evil.example/emea/v3/attachments/p1/views/original",
        "{base}/elsewhere/v3/attachments/p1/views/original",
        "{base}/emea/v3/conversations/x",
        "{base}/emea/v3/attachments/../conversations/x",
        "{base}/emea/v3/attachments/%2e%2e/conversations/x",
        "not an address",
    ],
)
def test_our_token_travels_to_the_connectors_attachments_only(app: App, teams: FakeTeams, address: str) -> None:
    where = address.replace("{base}", teams.base)
    run(app, teams, lambda t: t.send(teams.message("", attachments=[picture(teams, where)])))
    assert "I could not fetch “picture”" in words(teams.cards()[-1])
    assert [] == [call for call in teams.calls if call.method == "GET" and "/members/" not in call.path
                  and "openid" not in call.path and call.path != "/keys"]  # fmt: skip


def test_what_cannot_be_opened_is_said(app: App, teams: FakeTeams) -> None:
    card = {"contentType": "application/vnd.microsoft.card.thumbnail", "content": {}}

    async def script(t: Driver) -> None:
        await t.send(teams.message("", attachments=[card]))
        await t.send(teams.message("how do I report a phishing mail?", attachments=[card]))

    run(app, teams, script)
    first, second = (words(card) for card in teams.cards())
    assert "I cannot open what you sent. Send it as a file, or write it in words." == first
    assert "How do I report a suspicious email?" in second


def test_a_file_in_the_desks_thread_is_not_taken_for_sent(app: App, teams: FakeTeams) -> None:
    html = {"contentType": "text/html", "content": '<p>see here</p><attachment id="1"></attachment>'}

    async def script(t: Driver) -> str:
        desk = await talking(t)
        await t.send(teams.in_channel(teams.message("see here", "sam.ortiz", attachments=[html]), DESK, desk))
        await t.drain()
        return f"{DESK};messageid={desk}"

    thread = run(app, teams, script)
    assert "see here" in " ".join(words(card) for card in teams.cards("a:dana.reyes"))
    assert any("the person has not got yours" in words(card) for card in teams.cards(thread))
