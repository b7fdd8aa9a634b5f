"""The console's page of campaigns: tried, started, followed, held, cancelled; the switches for all tips."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.stores.learning import SqlLearningStore
from adapters.stores.switchover import SqlSwitchStore
from adapters.stores.waves import SqlWaveStore
from adapters.web.app import create_web
from adapters.web.campaign_services import Campaigns
from bot.content import Faults, packaged_shelf
from bot.learning.migration import read_migration
from bot.learning.nudges import Nudges
from bot.learning.pseudonym import Codes
from bot.learning.shapes import Vocabulary
from bot.learning.switchover import Switchover
from bot.learning.waves import Waves
from tests.fakes.lessons import curriculum
from tests.fakes.web import Fixture
from tests.unit.test_web_security import csrf, signed_in

KNOWN = Vocabulary(roles={"executive"}, placeholders={"quarantine_url", "report_button"})
PAGE = "/console/nudges/campaigns"


@pytest.fixture
def fixture(tmp_path: Path) -> Iterator[Fixture]:
    made = Fixture(tmp_path)
    library = replace(curriculum(), migration=read_migration(packaged_shelf(), KNOWN, Faults()))
    nudges = Nudges(
        lessons=lambda: library,
        organisation=lambda: made.org,
        directory=made.identities,
        store=SqlLearningStore(made.db, Codes(made.vault.digest)),
        place_of=made.chat_of,
        meet=lambda people: made.identities.meet_all(people, made.clock.now()),
    )
    switch = Switchover(nudges, SqlSwitchStore(made.db), lambda _entry, _person, _at: None)
    campaigns = Campaigns(nudges, Waves(nudges, SqlWaveStore(made.db)), lambda work: work() and None, switch)
    made.services = replace(made.services, campaigns=campaigns)
    made.app = create_web(made.services)
    yield made
    made.close()


@pytest.fixture
def sam(fixture: Fixture) -> Any:
    return signed_in(fixture)


def send(client: Any, path: str, **fields: str) -> str:
    """Send a form of the page and follow; the page then."""
    done = client.post(f"{PAGE}/{path}", data={"csrf": csrf(client, PAGE), **fields})
    assert done.status_code == 303, done.text
    return str(client.get(done.headers["location"]).text)


def the(fixture: Fixture) -> Any:
    assert fixture.services.campaigns
    return fixture.services.campaigns


def test_a_try_shows_who_would_get_it_and_sends_nothing(fixture: Fixture, sam: Any) -> None:
    assert "No campaigns yet" in sam.get(PAGE).text
    page = send(sam, "start", lesson="core-1", title="Fraud <b>wave</b>", test="1")
    people = len(list(fixture.identities.people()))
    assert f"{people} queued" in page
    assert "Fraud &lt;b&gt;wave&lt;/b&gt;" in page
    assert fixture.db.query("SELECT id FROM delivery") == []
    assert the(fixture).waves.all()[0].test


def test_a_campaign_for_a_role_is_paused_resumed_and_cancelled_at_once(fixture: Fixture, sam: Any) -> None:
    page = send(sam, "start", lesson="core-1", role="executive", test="")
    (told,) = the(fixture).waves.all()
    assert (told.total, told.state, f"0 of {told.total} done" in page) == (2, "running", True)
    assert "is paused" in send(sam, "hold", campaign=told.id, what="pause")
    assert "not in a state" in send(sam, "hold", campaign=told.id, what="pause")
    assert "goes on" in send(sam, "hold", campaign=told.id, what="resume")
    assert "2 do not get it" in send(sam, "hold", campaign=told.id, what="cancel")
    assert the(fixture).waves.progress(told.id).counts == {"cancelled": 2}
    actions = {row["action"] for row in fixture.db.query("SELECT action FROM audit")}
    assert {f"learning.campaign{end}" for end in ("", "_pause", "_resume", "_cancel")} <= actions


def test_a_wave_is_announced_followed_and_cancelled(fixture: Fixture, sam: Any) -> None:
    day = (datetime.fromtimestamp(fixture.clock.now(), UTC) + timedelta(days=30)).date().isoformat()
    page = send(sam, "wave", day=day, role="executive", title="Pilot <i>")
    assert f"people are told before and after {day}" in page
    assert "Pilot &lt;i&gt;" in page
    (told,) = the(fixture).waves.all()
    assert told.state == "running"
    send(sam, "hold", campaign=told.id, what="cancel")
    assert the(fixture).waves.progress(told.id).state == "cancelled"
    for bad in ("soon", "2001-01-01", ""):
        assert "Name the day of the switch" in send(sam, "wave", day=bad)
    assert len(the(fixture).waves.all()) == 1


def test_the_switches_for_all_tips(fixture: Fixture, sam: Any) -> None:
    assert "Off for everybody" in send(sam, "switch", what="off")
    assert the(fixture).nudges.policy().switched_off
    send(sam, "switch", what="on")
    assert "Test mode: nothing is sent" in send(sam, "switch", what="test")
    send(sam, "switch", what="live")
    policy = the(fixture).nudges.policy()
    assert (policy.switched_off, policy.test) == (False, False)


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("start", {"lesson": "nothing"}),
        ("start", {"lesson": "core-1", "role": "king"}),
        ("hold", {"campaign": "w1", "what": "cancel"}),
        ("wave", {"day": "2030-01-01", "role": "king"}),
        ("switch", {"what": "explode"}),
    ],
)
def test_what_does_not_exist_changes_nothing(fixture: Fixture, sam: Any, path: str, fields: dict[str, str]) -> None:
    answer = sam.post(f"{PAGE}/{path}", data={"csrf": csrf(sam, PAGE), **fields})
    assert answer.status_code in (400, 404, 409)
    assert the(fixture).waves.all() == []


def test_without_the_forms_token_nothing_is_done(fixture: Fixture, sam: Any) -> None:
    assert sam.post(f"{PAGE}/switch", data={"what": "off"}).status_code == 403
    assert not the(fixture).nudges.policy().switched_off
