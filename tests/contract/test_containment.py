"""Sessions closed and sign-in blocked: one click for one's own reported account, else two people; a strict Graph."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from adapters.actions.dry_accounts import DryAccounts
from adapters.actions.graph_accounts import GraphAccounts
from bot.app.calling import account_control
from bot.cards import as_text, pressables
from bot.errors import ChannelError, Refused, RetryLater
from bot.settings import Settings
from tests.fakes import desk as fakes
from tests.fakes.desk import CLARA, DANA, INES, JONAS, SAM, TROUBLE, House
from tests.fakes.graph import CLIENT, SECRET, TENANT, FakeGraph

contents, home, house = fakes.contents, fakes.home, fakes.house
DANAS = "dana.reyes@northwind.example"


# Microsoft Graph ----------------------------------------------------------------------------------------------------


@pytest.fixture
def graph() -> Iterator[FakeGraph]:
    users = {
        "u1": {"userPrincipalName": DANAS, "mail": DANAS, "accountEnabled": True},
        "u2": {"userPrincipalName": "x7@corp.example", "mail": "o'neil@x.example", "accountEnabled": True},
        "u3": {"userPrincipalName": "a@corp.example", "mail": "twice@x.example", "accountEnabled": True},
        "u4": {"userPrincipalName": "b@corp.example", "mail": "twice@x.example", "accountEnabled": True},
    }
    made = FakeGraph(users=users, admins={"u3"})
    yield made
    assert made.faults == []
    made.close()


def accounts(graph: FakeGraph, secret: str = SECRET) -> GraphAccounts:
    return GraphAccounts(TENANT, CLIENT, secret, login=graph.url, graph=graph.url)


def test_sessions_are_closed_and_sign_in_is_blocked_and_allowed_again(graph: FakeGraph) -> None:
    one = accounts(graph)
    assert one.revoke(DANAS, "k") == "sessions closed; what is open may live on for up to an hour"
    assert one.block(DANAS, "k") == "sign-in blocked"
    assert graph.users["u1"] == {
        "userPrincipalName": DANAS, "mail": DANAS, "accountEnabled": False, "revoked": 1,
    }  # fmt: skip
    assert one.block(DANAS, "k") == "sign-in was blocked already"
    assert one.unblock(DANAS, "k") == "sign-in allowed"
    assert (graph.users["u1"]["accountEnabled"], graph.users["u2"]["accountEnabled"], graph.tokens) == (True, True, 1)


def test_an_account_is_found_by_its_mail_address_and_never_guessed(graph: FakeGraph) -> None:
    assert accounts(graph).block("o'neil@x.example", "k") == "sign-in blocked"
    assert graph.users["u2"]["accountEnabled"] is False
    for address, words in (("nobody@x.example", "no such account"), ("twice@x.example", "not one account's alone")):
        with pytest.raises(ChannelError, match=words):
            accounts(graph).revoke(address, "k")
    assert [user.get("revoked") for user in graph.users.values()] == [None] * 4


def test_a_path_is_no_way_out(graph: FakeGraph) -> None:
    with pytest.raises(ChannelError, match="no such account"):
        accounts(graph).block("../users/u1?x=", "k")
    assert graph.users["u1"]["accountEnabled"] is True


@pytest.mark.parametrize(("status", "error", "words"), [
    (429, RetryLater, "wait"), (503, RetryLater, "wait"), (403, ChannelError, "RevokeSessions"), (500, ChannelError, "HTTP 500"),
])  # fmt: skip
def test_refusals_are_said_or_waited_for(graph: FakeGraph, status: int, error: type[Exception], words: str) -> None:
    graph.refuse = [status]
    with pytest.raises(error, match=words):
        accounts(graph).revoke(DANAS, "k")


def test_an_administrators_account_needs_a_role_and_says_so(graph: FakeGraph) -> None:
    with pytest.raises(ChannelError, match="directory role"):
        accounts(graph).block("a@corp.example", "k")


def test_without_a_tenant_it_is_a_dry_run(tmp_path: Any) -> None:
    assert account_control(Settings(folder=tmp_path)).dry
    assert all("dry run" in getattr(DryAccounts(), kind)("a", "k") for kind in ("revoke", "block", "unblock"))
    full = Settings(folder=tmp_path, graph_tenant="t", graph_app_id="c", graph_secret="s")
    assert (account_control(full).dry, account_control(full).name) == (False, "Microsoft 365")


# the desk -----------------------------------------------------------------------------------------------------------


@dataclass
class FakeAccounts:
    """Keeps what it was asked; `broken` is raised instead."""

    name: str = "fake"
    dry: bool = False
    asked: list[tuple[str, str]] = field(default_factory=list)
    broken: ChannelError | None = None

    def revoke(self, account: str, key: str) -> str:
        return self._do("revoke", account)

    def block(self, account: str, key: str) -> str:
        return self._do("block", account)

    def unblock(self, account: str, key: str) -> str:
        return self._do("unblock", account)

    def _do(self, kind: str, account: str) -> str:
        if self.broken:
            raise self.broken
        self.asked.append((kind, account))
        return f"{kind} done"


@pytest.fixture
def control(house: House) -> FakeAccounts:
    """In place of what the settings would make."""
    made = FakeAccounts()
    parts = house.app.calling.containment._parts
    house.app.calling.containment._parts = fakes.replace(parts, control=made)
    return made


def trouble(house: House) -> str:
    house.say(DANA, TROUBLE)
    house.settle()
    return house.ticket().number


def states(house: House) -> list[tuple[str, str]]:
    return [
        (row["kind"], row["state"]) for row in house.rows("SELECT kind, state FROM containment ORDER BY asked_at, id")
    ]


def ask(house: House, number: str, kind: str, who: str = "", by: str = SAM) -> str:
    analyst = house.analyst(by)
    house.clock.forward(0.01)
    return house.app.work(lambda work: house.app.calling.containment.ask(work, number, kind, analyst, who))


def test_ones_own_reported_account_takes_one_click(house: House, control: FakeAccounts) -> None:
    number = trouble(house)
    reply = house.press(SAM, "contain.revoke", number)
    assert as_text(reply.card).startswith("It is being done now")
    assert control.asked == []  # a job does it, nobody waits
    house.settle()
    assert control.asked == [("revoke", DANAS)]
    assert states(house) == [("revoke", "done")]
    assert "your sessions were closed at" in house.told(DANA)
    assert ("revoke_done", "Dana Reyes: revoke done") in house.timeline(number)
    assert [row for row in house.audited() if row.startswith("account.")] == [
        "account.revoke_approved",
        "account.revoke_done",
    ]
    house.clock.forward(900)
    house.settle()
    assert "Done so far: sessions closed" in house.told(DANA)
    assert house.whole()


def test_somebody_elses_account_takes_two_different_people(house: House, control: FakeAccounts) -> None:
    number = trouble(house)
    assert ask(house, number, "block", CLARA) == "asked"
    house.settle()
    (row,) = house.rows("SELECT id FROM containment")
    refused = house.press(SAM, "contain.approve", row["id"])
    assert "Somebody else has to approve it" in as_text(refused.card)
    house.settle()
    assert control.asked == []
    house.press(INES, "contain.approve", row["id"])
    house.settle()
    assert control.asked == [("block", "clara.moreau@northwind.example")]
    again = house.press(INES, "contain.approve", row["id"])
    assert as_text(again.card) == "This was decided already."
    assert "locked" not in house.told(CLARA)  # who holds that account reads it too


def test_letting_somebody_in_again_takes_two_and_never_the_person(house: House, control: FakeAccounts) -> None:
    house.say(INES, TROUBLE)  # an analyst's own account
    house.settle()
    number = house.ticket().number
    house.press(SAM, "contain.block", number)
    house.settle()
    assert control.asked == [("block", "ines.brandt@northwind.example")]
    assert "Two other people" in as_text(house.press(INES, "contain.unblock", number).card)
    house.press(SAM, "contain.unblock", number)
    house.settle()
    step = house.rows("SELECT id FROM containment WHERE kind = 'unblock'")[0]["id"]
    for who in (SAM, INES):
        assert "neither who asked nor whose account it is" in as_text(house.press(who, "contain.approve", step).card)
    assert states(house)[-1] == ("unblock", "asked")
    third = second(house)
    house.app.work(lambda work: house.app.calling.containment.decide(work, step, third, approve=True))
    house.settle()
    assert control.asked[-1] == ("unblock", "ines.brandt@northwind.example")
    assert "Your account is open again" in house.told(INES)


def second(house: House) -> Any:
    """A third person of the desk."""
    return fakes.replace(house.analyst(JONAS), roles=frozenset({"it_helpdesk"}))


@pytest.mark.parametrize("who", [DANA, JONAS, "ruth.adeyemi", "stranger"])
@pytest.mark.parametrize("verb", ["revoke", "block", "unblock", "approve", "refuse"])
def test_every_button_asks_anew_who_may(house: House, control: FakeAccounts, who: str, verb: str) -> None:
    number = trouble(house)
    ask(house, number, "block", CLARA)
    step = house.rows("SELECT id FROM containment")[0]["id"]
    house.press(who, f"contain.{verb}", step if verb in {"approve", "refuse"} else number)
    house.settle()
    assert (states(house), control.asked) == ([("block", "asked")], [])


def test_no_emergency_no_account_and_no_such_step(house: House, control: FakeAccounts) -> None:
    house.say(DANA, "I want to talk to a person")
    house.press(DANA, "tickets.person", "Something")
    number = house.ticket().number
    for action, value in (("contain.revoke", number), ("contain.revoke", "SEC-999"), ("contain.approve", "nothing")):
        house.press(SAM, action, value)
    house.say("stranger", TROUBLE)
    guest = next(ticket.number for ticket in house.tickets() if ticket.kind == "emergency")
    assert "no account of this person" in as_text(house.press(SAM, "contain.block", guest).card)
    for who in ("nobody", "../x"):
        with pytest.raises(Refused, match="no account"):
            ask(house, guest, "block", who)
    assert (states(house), control.asked) == ([], [])


def test_pressing_twice_does_it_once_and_two_analysts_too(house: House, control: FakeAccounts) -> None:
    number = trouble(house)
    house.press(SAM, "contain.block", number, key="one")
    house.press(SAM, "contain.block", number, key="one")
    assert "under way" in as_text(house.press(INES, "contain.block", number).card)
    house.settle()
    house.app.calling.containment.run({"step": house.rows("SELECT id FROM containment")[0]["id"]})  # the job again
    assert control.asked == [("block", DANAS)]
    assert house.told(DANA).count("Your account is locked") == 1


def test_what_did_not_work_is_seen_and_can_be_tried_again(house: House, control: FakeAccounts) -> None:
    number = trouble(house)
    control.broken = ChannelError("Microsoft Graph: a permission is missing: x")
    house.press(SAM, "contain.revoke", number)
    house.settle()
    assert states(house) == [("revoke", "failed")]
    assert "not done: do it by hand (Microsoft Graph: a permission is missing: x)" in as_text(
        house.app.room.card_of(number)
    )
    assert "sessions were closed" not in house.told(DANA)
    control.broken = RetryLater("wait", 5.0)
    house.press(SAM, "contain.revoke", number)
    for _ in range(3):
        house.clock.forward(6)
        house.sweeper.sweep()
        house.jobs.run()
    assert states(house)[-1] == ("revoke", "approved")
    control.broken = None
    house.settle()
    assert states(house)[-1] == ("revoke", "done")


def test_a_dry_run_never_says_that_anything_was_done(house: House) -> None:
    number = trouble(house)
    assert "do it by hand" in as_text(house.press(SAM, "contain.revoke", number).card)
    house.press(SAM, "contain.block", number)
    house.settle()
    house.clock.forward(900)
    house.settle()
    assert "sessions" not in house.told(DANA)
    assert "locked" not in house.told(DANA)
    assert "Done so far" not in house.told(DANA)
    assert states(house) == [("revoke", "done"), ("block", "done")]
    assert "Block sign-in" in as_text(house.app.room.card_of(number))  # it is not blocked, so it is offered


def test_the_card_of_the_desk_offers_the_steps_and_the_second_click(house: House, control: FakeAccounts) -> None:
    number = trouble(house)
    card = house.app.room.card_of(number)
    actions = [button.action for button in pressables(card) if button.action.startswith("contain.")]
    assert actions == ["contain.revoke", "contain.block"]
    house.press_label(SAM, card, "Block sign-in")
    house.settle()
    ask(house, number, "revoke", CLARA)
    card = house.app.room.card_of(number)
    house.press_label(INES, card, "Approve: Close sessions of Clara Moreau")
    house.settle()
    assert control.asked == [("block", DANAS), ("revoke", "clara.moreau@northwind.example")]
    assert "contain.unblock" in [button.action for button in pressables(card)]
    house.act("resolve", number)
    offered = [button.action for button in pressables(house.app.room.card_of(number))]
    assert [action for action in offered if action.startswith("contain.")] == ["contain.unblock"]


def test_forgetting_somebody_leaves_no_step_about_them(house: House, control: FakeAccounts) -> None:
    number = trouble(house)
    house.press(SAM, "contain.block", number)
    house.settle()
    house.app.forget(DANA)
    assert house.count("containment") == 0
    assert "Dana Reyes" not in house.everything()
    assert house.whole()
