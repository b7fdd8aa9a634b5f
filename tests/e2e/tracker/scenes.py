"""Secdesk beside a real Request Tracker: both ways, an outage, a death in the wrong moment. `run` brings the server."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from adapters.stores.open import open_db
from adapters.trackers.rt import RequestTracker as Adapter
from bot.app.contents import Contents
from bot.app.tracking import doctor
from bot.errors import ChannelError
from tests.e2e.tracker.server import RequestTracker, request_tracker
from tests.fakes import desk as fakes
from tests.fakes.desk import DANA, SAM, House
from tests.fakes.trackers import Killed

contents, home = fakes.contents, fakes.home


@pytest.fixture(scope="module")
def rt() -> Iterator[RequestTracker]:
    folder = Path(tempfile.mkdtemp(prefix="secdesk-rt-"))
    folder.chmod(0o755)
    with request_tracker(folder) as made:
        yield made


@pytest.fixture
def house(rt: RequestTracker, tmp_path: Path, home: Path, contents: Contents) -> Iterator[House]:
    db = open_db("", tmp_path)
    letters = os.urandom(3).hex().translate(str.maketrans("0123456789", "GHIJKLMNOP")).upper()  # numbers of its own
    chosen = {"tracker": "rt", "tracker_url": rt.url, "tracker_token": rt.token, "tracker_queue": "Security",
              "ticket_prefix": f"E{letters}"}  # fmt: skip
    made = House(home, db, contents, settings=chosen)
    yield made
    made.close()
    db.close()


class Rt:
    """What is in Request Tracker, as somebody there sees it."""

    def __init__(self, rt: RequestTracker, number: str) -> None:
        self.ours = Adapter(rt.url, rt.token, "Security")
        self.theirs = Adapter(rt.url, rt.other, "Security")
        self.number = number

    @cached_property
    def remote(self) -> str:
        (found,) = {str(item["id"]) for item in self.ours._items("/tickets", query=f"CF.{{Secdesk}} = '{self.number}'")}
        return found

    def history(self) -> list[str]:
        """Types of transactions that a person or a program asked for, in order."""
        rows = self.ours._items(f"/ticket/{self.remote}/history", fields="Type,Field,NewValue")
        kinds = [(row["Type"], row.get("Field") or "", row.get("NewValue") or "") for row in rows]
        return [
            " ".join(part for part in kind if part)
            if kind[0] in {"Status"}
            else kind[1]
            if kind[0] == "Set"
            else kind[0]
            for kind in kinds
            if kind[0] in {"Create", "Correspond", "Comment", "Status"}
            or (kind[0] == "Set" and kind[1] in {"Owner", "Priority"})
        ]

    def does(self, method: str, path: str, body: Any) -> None:
        self.theirs._wire.send(method, f"/ticket/{self.remote}{path}", body)


def asked(house: House, text: str) -> str:
    house.press(DANA, "tickets.person", "", {"text": text})
    return house.tickets()[-1].number


def minute(house: House) -> None:
    house.settle()
    house.clock.forward(60)
    assert house.app.tracking
    house.app.tracking.poll({})
    house.settle()


def test_both_ways(house: House, rt: RequestTracker) -> None:
    number = asked(house, "My badge is lost, since Monday — größer als 'alles'")
    house.act("claim", number)
    house.act("reply", number, SAM, "Where did you see it last?")
    house.act("note", number, SAM, "Second badge this year")
    house.app.work(lambda work: house.app.tickets.raise_severity(work, number, "S2"))
    house.settle()
    there = Rt(rt, number)
    stands = there.ours.ticket(there.remote)
    assert stands is not None
    assert (stands.status, stands.owner, stands.severity) == ("open", "sam.ortiz@northwind.example", "S2")
    history = [what for what in there.history() if not what.startswith("Status")]
    assert history == ["Create", "Comment", "Owner", "Correspond", "Comment", "Priority"]  # first the conversation
    there.does("POST", "/correspond", {"Content": "Your new one lies at the door", "ContentType": "text/plain"})
    there.does("POST", "/comment", {"Content": "<p>Ask the <b>guard</b></p>", "ContentType": "text/html"})
    there.does("PUT", "", {"Status": "resolved"})
    minute(house)
    lines = house.timeline(number)
    assert lines.count(("reply", "Sam Ortiz: Your new one lies at the door")) == 1
    assert [text for kind, text in lines if kind == "note"] == ["Second badge this year", "Sam Ortiz: Ask the guard"]
    assert house.ticket().state == "resolved"
    assert "Your new one lies at the door" in house.told(DANA)
    assert len([what for what in there.history() if what in {"Correspond", "Comment"}]) == 5
    house.press(DANA, "tickets.reopen", number)
    house.say(DANA, "It is not there")
    minute(house)
    stands = there.ours.ticket(there.remote)
    assert stands is not None
    assert stands.status == "open"
    assert house.ticket().state == "claimed"


def test_an_outage_and_what_the_desk_sees_of_it(house: House, rt: RequestTracker) -> None:
    number = asked(house, "The door does not close")
    house.settle()
    there = Rt(rt, number)
    rt.stop()
    house.act("claim", number)
    for n in range(2):
        house.act("reply", number, SAM, f"answer {n}")
    house.act("resolve", number)
    house.settle()
    assert house.app.tracking
    (row,) = house.app.tracking.undelivered()
    assert (row["ticket"], row["error"]) == (number, "it cannot be reached (ConnectionRefusedError)")
    assert "bad" in [check.level for check in doctor(house.app)]
    rt.start()
    house.app.work(lambda work: house.app.tracking.retry(work, number))  # type: ignore[union-attr]
    house.settle()
    minute(house)
    assert house.app.tracking.undelivered() == []
    history = [what for what in there.history() if what != "Status Status open"]
    assert history == ["Create", "Comment", "Owner", *["Correspond"] * 2, "Status Status resolved"]
    assert [check.level for check in doctor(house.app)] == ["ok", "ok"]


def test_killed_between_creating_and_storing(house: House, rt: RequestTracker) -> None:
    number = asked(house, "A camera hangs loose")
    assert house.app.tracking
    tracker: Any = house.app.tracking.tracker
    house.act("note", number, SAM, "only once")
    real_open, real_send = tracker.open, tracker.send

    def dies(do: Any) -> Any:
        def call(*given: Any) -> Any:
            do(*given)
            raise Killed

        return call

    tracker.open = dies(real_open)
    with pytest.raises(Killed):
        house.app.tracking.sync(number)
    tracker.open, tracker.send = real_open, dies(real_send)
    house.clock.forward(200)
    with pytest.raises(Killed):
        house.app.tracking.sync(number)
    tracker.send = real_send
    house.clock.forward(200)
    minute(house)
    assert (
        Rt(rt, number).history().count("Comment") == 2
    )  # conversation and note; and `remote` finds exactly one ticket


def test_what_request_tracker_refuses_is_said(house: House, rt: RequestTracker) -> None:
    wrong = Adapter(rt.url, "1-1-" + "0" * 32, "Security")
    with pytest.raises(ChannelError, match="refuses our sign-in"):
        wrong.look()
    with pytest.raises(ChannelError, match=r"no queue Nowhere|lack a right"):
        Adapter(rt.url, rt.token, "Nowhere").look()
