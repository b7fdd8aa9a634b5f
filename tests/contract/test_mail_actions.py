"""Purge and block: Microsoft Graph against a strict fake, the dry run, and the desk over the whole app on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from adapters.actions.dry import DryRun
from adapters.actions.graph import GraphControl
from bot.app.analysts import mail_control, mail_desk
from bot.errors import ChannelError, NotFound, Refused, RetryLater
from bot.model import Kind
from bot.settings import Settings
from tests.fakes import desk as fakes
from tests.fakes.desk import DANA, INES, MAIL, SAM, House
from tests.fakes.graph import CLIENT, SECRET, TENANT, FakeGraph

contents, home = fakes.contents, fakes.home
ODD = "<it's 1@evil.example>"


@pytest.fixture
def graph() -> Iterator[FakeGraph]:
    made = FakeGraph(
        {"a@x.example": {"m1": (ODD, "inbox"), "m2": ("<2@evil.example>", "inbox"), "m3": (ODD, "archive")},
         "b@x.example": {"m9": ("<9@other.example>", "inbox")}}
    )  # fmt: skip
    yield made
    assert made.faults == []
    made.close()


def control(graph: FakeGraph, secret: str = SECRET) -> GraphControl:
    return GraphControl(TENANT, CLIENT, secret, login=graph.url, graph=graph.url)


BOXES = ["a@x.example", "b@x.example", "gone@x.example"]


def test_a_purge_hides_every_copy_and_nothing_else(graph: FakeGraph) -> None:
    said = control(graph).purge([ODD], BOXES, "k")
    assert said == "2 mail(s) taken out of 2 mailbox(es), 1 not there"
    hidden = "recoverableitemsdeletions"
    assert graph.boxes["a@x.example"] == {"m1": (ODD, hidden), "m2": ("<2@evil.example>", "inbox"), "m3": (ODD, hidden)}
    assert graph.boxes["b@x.example"]["m9"][1] == "inbox"
    assert control(graph).purge([ODD], BOXES, "k").startswith("0 mail(s)")


def test_a_block_is_one_rule_a_mailbox_however_often(graph: FakeGraph) -> None:
    one = control(graph)
    for _ in range(2):
        assert one.block(["bad@evil.example"], BOXES, "key-1") == "1 sender(s) blocked in 2 mailbox(es), 1 not there"
    assert [len(graph.rules[box]) for box in BOXES[:2]] == [1, 1]
    assert graph.rules["a@x.example"][0]["actions"] == {"delete": True, "stopProcessingRules": True}
    assert graph.tokens == 1


@pytest.mark.parametrize(("status", "error", "words"), [
    (429, RetryLater, "wait"), (503, RetryLater, "wait"), (403, ChannelError, "Mail.ReadWrite"), (401, ChannelError, "sign-in"),
    (500, ChannelError, "HTTP 500"),
])  # fmt: skip
def test_refusals_are_said_or_waited_for(graph: FakeGraph, status: int, error: type[Exception], words: str) -> None:
    graph.refuse = [status]
    with pytest.raises(error, match=words) as raised:
        control(graph).purge([ODD], BOXES[:1], "k")
    if status == 429:
        assert isinstance(raised.value, RetryLater)
        assert raised.value.seconds == 7.0


def test_our_token_is_taken_nowhere_else(graph: FakeGraph) -> None:
    graph.refuse = [302]
    with pytest.raises(ChannelError, match="HTTP 302"):
        control(graph).purge([ODD], BOXES[:1], "k")
    assert graph.faults == []  # nobody asked for what it pointed to


def test_a_wrong_secret_and_a_server_that_is_not_there(graph: FakeGraph) -> None:
    with pytest.raises(ChannelError, match="sign-in"):
        control(graph, "wrong").purge([ODD], BOXES, "k")
    with pytest.raises(RetryLater, match="cannot be reached"):
        GraphControl(TENANT, CLIENT, SECRET, login="http://127.0.0.1:9", graph=graph.url).purge([ODD], BOXES, "k")


def test_without_a_tenant_it_is_a_dry_run(tmp_path: Any) -> None:
    assert mail_control(Settings(folder=tmp_path)).dry
    assert "would be looked for in 3" in DryRun().purge([ODD], BOXES, "k")
    assert "would be blocked in 3" in DryRun().block(["a@b.example"], BOXES, "k")
    full = Settings(folder=tmp_path, graph_tenant="t", graph_app_id="c", graph_secret="s")
    assert (mail_control(full).dry, mail_control(full).name) == (False, "Microsoft 365")


def test_the_desk_over_the_whole_app(db: Any, home: Any, contents: Any) -> None:
    house = House(home, db, contents)
    try:
        house.send(DANA)
        house.settle()
        desk, app = mail_desk(house.app), house.app
        sam, ines = (app.identities.find(who) for who in (SAM, INES))
        assert sam
        assert ines
        sam, ines = (app.work(lambda work, who=who: app.identities.meet(work.tx, who, work.at)) for who in (sam, ines))
        (case,) = desk.cases("open", 10)
        assert (case["ticket"], case["mails"], desk.cases("judged", 10)) == ("SEC-101", 1, [])
        sha = case["sha256"]
        assert "hxxp://parcel-fee[.]example/pay" in desk.view(app.work, sha, sam, "text").text
        assert app.work(lambda work: desk.raw(work, sha, sam)) == MAIL
        target = desk.target(app.work, sha, "purge", sam)
        assert target == ["<1@parcel-fee.example>"]
        assert app.work(lambda work: desk.ask(work, "SEC-101", "purge", target, sam)) is True
        assert app.work(lambda work: desk.ask(work, "SEC-101", "purge", target, ines)) is False
        (action,) = desk.dossier(sha).actions
        with pytest.raises(Refused, match="Somebody else"):
            app.work(lambda work: desk.decide(work, action.id, sam, approve=True))
        app.work(lambda work: desk.decide(work, action.id, ines, approve=True))
        with pytest.raises(Refused, match="already"):
            app.work(lambda work: desk.decide(work, action.id, ines, approve=False))
        with pytest.raises(NotFound):
            app.work(lambda work: desk.decide(work, "nothing", ines, approve=True))
        house.settle()
        assert [(item.state, "dry run" in item.result) for item in desk.dossier(sha).actions] == [("done", True)]
        app.work(lambda work: app.reports.judge(work, "SEC-101", sam, Kind.SPAM, sha256=sha))
        house.settle()
        assert [row["ticket"] for row in desk.cases("judged", 10)] == ["SEC-101"]
        assert house.whole()
    finally:
        house.close()
