"""Slack's payloads as events: whose they are, what names them, where they belong."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.channels.slack import Address, address, aside
from adapters.channels.slack_blocks import LIMITS, Pressed, blocks, modal
from adapters.channels.slack_events import Event, direct, place_of, read
from adapters.channels.slack_forms import METADATA, Asked, action_of, errors
from adapters.channels.slack_pace import METHODS, Rate, taken, wait
from adapters.channels.slack_setup import desk_channel
from bot.cards import Card, Choices, Input, Text
from bot.model import Action, Place
from tests.fakes.cards import b
from tests.fakes.slack_checks import view_faults
from tests.fakes.slack_sent import GENERAL, Json, Sent


@pytest.fixture
def slack() -> Sent:
    return Sent()


def events(slack: Sent, *made: Json, **how: Any) -> list[Event]:
    return [read(slack.event(event, **how)) for event in made]


def test_a_mentions_two_events_have_one_key(slack: Sent) -> None:
    mention = slack.mention("U1", "is this real?")
    first, second = events(slack, mention, {**mention, "type": "message"})
    assert ("said", True, "is this real?") == (first.kind, first.mentions_us, first.text)
    assert (first.key, True) == (second.key, second.mentions_us)


def test_keys_tell_workspaces_channels_messages_and_edits_apart(slack: Sent) -> None:
    message = slack.message("U1", "hello")
    edited = slack.changed(message, "hello there")
    keys = [
        *(event.key for event in events(slack, message, {**message, "channel": "D2"}, slack.message("U1", "hello"))),
        *(event.key for event in events(slack, edited, slack.changed(message, "again"), slack.deleted(message))),
        *(event.key for event in events(slack, message, team="T2")),
    ]
    assert len(keys) == len(set(keys))
    assert [events(slack, message)[0].key] * 2 == [event.of for event in events(slack, edited, slack.deleted(message))]


def test_a_deleted_message_with_replies_comes_as_a_change(slack: Sent) -> None:
    message = slack.message("U1", "hello")
    (event,) = events(slack, slack.changed(message, "This message was deleted.", subtype="tombstone"))
    assert ("deleted", "U1", events(slack, message)[0].key) == (event.kind, event.user, event.of)


@pytest.mark.parametrize(
    ("how", "install"),
    [({}, "T0NORTH"), ({"enterprise": "E1"}, "T0NORTH"), ({"enterprise": "E1", "org_wide": True}, "E1")],
)
def test_whose_token_serves_an_event(slack: Sent, how: Json, install: str) -> None:
    assert install == events(slack, slack.message("U1", "x"), **how)[0].install


def test_an_interaction_of_an_organisation_wide_app_has_no_team(slack: Sent) -> None:
    body = {"type": "block_actions", "team": None, "enterprise": {"id": "E1"}, "is_enterprise_install": True,
            "user": {"id": "U1", "team_id": "T7"}, "trigger_id": "1", "actions": [{"action_id": "a.b~1", "value": "v"}],
            "container": {"type": "view"}}  # fmt: skip
    event = read(body)
    assert ("E1", "T7", "pressed", Pressed("a.b", "v")) == (event.install, event.team, event.kind, event.action)


@pytest.mark.parametrize(
    ("tokens", "kind"),
    [({"bot": ["U0BOT"]}, "removed"), ({"oauth": ["U1"]}, "other"), ({"oauth": ["U1"], "bot": []}, "other")],
)
def test_only_our_own_token_ends_an_installation(slack: Sent, tokens: Json, kind: str) -> None:
    assert kind == events(slack, {"type": "tokens_revoked", "tokens": tokens})[0].kind


def test_where_events_are(slack: Sent) -> None:
    private, threaded, root, public, answer = events(
        slack,
        slack.message("U1", "x"),
        slack.message("U1", "x", thread_ts="1.1"),
        slack.message("U1", "x") | {"ts": "1.1", "thread_ts": "1.1"},
        slack.mention("U1", "x") | {"ts": "2.2"},
        slack.message("U1", "x", GENERAL, thread_ts="1.1"),
    )
    assert [direct("U1", "T/"), direct("U1", "T/", "1.1"), direct("U1", "T/")] == [
        place_of(event, "T/") for event in (private, threaded, root)
    ]
    there = [Place("slack", f"T/{GENERAL}", thread, private=False) for thread in ("2.2", "1.1")]
    assert there == [place_of(event, "T/") for event in (public, answer)]


def test_addresses() -> None:
    assert [Address("", "U1"), Address("T1", "C1"), Address("E1", "C1", "U2")] == [
        address(text) for text in ("U1", "T1/C1", "E1/C1!U2")
    ]
    assert Place("slack", "T1/C1!U2", "", private=False) == aside(
        Place("slack", "T1/C1", "1.1", private=False), "U2", ""
    )


def test_a_pressed_line_is_called_by_its_words(slack: Sent) -> None:
    choices = Choices("", (b("Short", "a.b", "1"), b("A label far too long for a button & a phone", "a.b", "2")))
    message = {"channel": "D1", "ts": "1.1", "text": "x", "blocks": blocks(Card("", (choices,)), {})}
    body = slack.press("U1", message, "A label far too long for a button &amp; a phone")
    assert "A label far too long for a button & a phone" == read(body).label


def test_what_travels_in_a_form() -> None:
    asked = Asked("tickets.person", "mail", Place("slack", "T1/C1", "1.1", private=False), seen=True)
    assert asked == Asked.load(asked.dump())
    assert Action("tickets.person", "mail", {"text": "x"}) == action_of(asked, {"text": "x"})
    long = Asked("answering.none", '"' * 2_000, Place("slack", "U1"))
    assert METADATA >= len(long.dump())
    kept = Asked.load(long.dump())
    assert kept is not None
    assert ("answering.none", long.place) == (kept.action, kept.place)


def test_errors_stand_at_fields_that_the_form_has() -> None:
    found = errors({"title": "too long", "owner": "unknown"}, ["title", "short"])
    assert {"response_action": "errors", "errors": {"field.title": "too long unknown"}} == found


def test_a_modal_with_too_much_keeps_its_inputs_and_marks_what_is_gone() -> None:
    field = Input("text", "What?", "a.b", "Send", choose=(("v", "x" * 200),))
    card = Card("Form", (*(Text(f"Line {n}") for n in range(130)), field))
    view = modal(card, callback="c", metadata="", submit="Send", close="Cancel", trusted={})
    assert [] == view_faults(view)
    assert (LIMITS["view blocks"], "input") == (len(view["blocks"]), view["blocks"][-1]["type"])
    assert ["…"] == [block["elements"][0]["text"] for block in view["blocks"] if block["type"] == "context"]


def test_the_pace_lets_a_burst_ahead_and_then_one_a_period() -> None:
    rate, due = Rate(60, 3), 0.0
    for now, patient, seconds in ((100.0, False, 0.0), (100.0, False, 0.0), (100.0, False, 0.0), (100.0, False, 1.0),
                                  (100.0, True, 3.0), (101.0, False, 0.0), (110.0, True, 0.0)):  # fmt: skip
        assert pytest.approx(seconds) == wait(due, rate, now, patient=patient)
        due = taken(due, rate, now) if seconds == 0 else due


def test_every_lane_keeps_to_what_slack_publishes() -> None:
    """docs.slack.dev, rate limits: tiers by method. In a minute at most the average and one burst."""
    tiers = {"users.list": 20, "chat.update": 50, "conversations.info": 50, "users.info": 100, "views.open": 100,
             "views.update": 100, "views.publish": 100, "files.info": 100, "chat.postEphemeral": 100}  # fmt: skip
    assert tiers == {method: METHODS[method].per_minute for method in tiers}
    assert all(rate.burst < rate.per_minute / 2 for rate in METHODS.values())


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("C0DESK", "C0DESK"),
        (" https://north.slack.com/archives/C0DESK/p1 ", "C0DESK"),
        ("https://app.slack.com/client/T0NORTH/C0DESK", "T0NORTH/C0DESK"),
        ("T0NORTH/G0DESK", "T0NORTH/G0DESK"),
        ("#security", ""),
        ("", ""),
    ],
)
def test_the_desks_channel_by_id_or_link(given: str, found: str) -> None:
    assert found == desk_channel(given)
