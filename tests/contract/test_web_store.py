"""Posts, console links, sessions and the console's lists, on both databases."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from adapters.channels.web import WebChannel
from adapters.stores.console import SqlConsoleStore
from adapters.stores.core import SqlCoreStore
from adapters.stores.reports import SqlReportStore
from adapters.stores.tickets import SqlTicketStore
from adapters.stores.webchat import SqlWebStore
from bot.cards import dump, load, text_card
from bot.errors import RetryLater, StoreUnavailable, Unreachable
from bot.model import Place
from bot.ports import Db, SentRef
from tests.fakes.web import FakeClock

CARD = dump(text_card("Hello"))


@pytest.fixture
def web(db: Db) -> SqlWebStore:
    return SqlWebStore(db)


def test_a_post_is_there_once_for_its_key(web: SqlWebStore) -> None:
    first = web.add_post("c", "key", CARD, 10.0)
    assert first == web.add_post("c", "key", dump(text_card("Other")), 11.0)
    assert [(first, CARD, 10.0)] == [(row["id"], row["card"], row["at"]) for row in web.posts("c", 10)]


def test_posts_keep_their_order_and_the_last_ones_are_kept(web: SqlWebStore) -> None:
    ids = [web.add_post("c", f"key {n}", CARD, 10.0) for n in range(5)]
    web.add_post("other", "elsewhere", CARD, 10.0)
    assert ids[2:] == [row["id"] for row in web.posts("c", 3)]


def test_the_stamp_grows_with_every_change(web: SqlWebStore) -> None:
    stamps = [web.stamp("c")]
    post = web.add_post("c", "key", CARD, 10.0)
    stamps.append(web.stamp("c"))
    web.choose("c", post, "Yes")
    stamps.append(web.stamp("c"))
    web.replace_post("c", post, CARD)
    stamps.append(web.stamp("c"))
    web.add_post("c", "key", CARD, 10.0)
    assert [*stamps, web.stamp("c")] == [0, 1, 2, 3, 3]


def test_only_the_own_conversation_can_be_changed(web: SqlWebStore) -> None:
    post = web.add_post("c", "key", CARD, 10.0)
    assert (web.choose("other", post, "Yes"), web.replace_post("other", post, "{}")) == (False, False)
    assert [(row["chosen"], row["card"]) for row in web.posts("c", 10)] == [("", CARD)]


def test_a_new_card_forgets_what_was_chosen_on_the_old_one(web: SqlWebStore) -> None:
    post = web.add_post("c", "key", CARD, 10.0)
    assert web.choose("c", post, "Yes")
    assert web.posts("c", 1)[0]["chosen"] == "Yes"
    assert web.replace_post("c", post, CARD)
    assert web.posts("c", 1)[0]["chosen"] == ""


def test_posts_at_the_same_moment_all_get_a_place_of_their_own(web: SqlWebStore) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: web.add_post("c", f"key {n % 10}", CARD, 10.0), range(20)))
    rows = web.posts("c", 50)
    assert 10 == len(rows) == len({row["seq"] for row in rows})


def test_a_forgotten_conversation_leaves_nothing(db: Db, web: SqlWebStore) -> None:
    web.add_post("c", "key", CARD, 10.0)
    web.add_post("kept", "other", CARD, 10.0)
    with db.tx() as tx:
        web.forget_conversation(tx, "c")
    assert (web.posts("c", 10), web.stamp("c"), len(web.posts("kept", 10))) == ([], 0, 1)


async def _send(channel: WebChannel, key: str) -> SentRef:
    return await channel.send(Place("web", "c"), text_card("Hello"), key)


def test_the_channel_posts_once_and_replaces(web: SqlWebStore) -> None:
    channel = WebChannel(web, FakeClock(50.0))
    ref = asyncio.run(_send(channel, "key"))
    assert ref == asyncio.run(_send(channel, "key"))
    asyncio.run(channel.update(ref, text_card("New")))
    rows = web.posts("c", 10)
    assert [(load(row["card"]).title, row["at"]) for row in rows] == [("New", 50.0)]
    with pytest.raises(Unreachable):
        asyncio.run(channel.update(SentRef("web", "other", ref.id), text_card("New")))


def test_the_channel_asks_to_come_again_when_nothing_can_be_written() -> None:
    class Down:
        def add_post(self, conversation: str, key: str, card: str, at: float) -> str:
            raise StoreUnavailable("down")

        def replace_post(self, conversation: str, post: str, card: str) -> bool:
            raise StoreUnavailable("down")

    channel = WebChannel(Down(), FakeClock())
    with pytest.raises(RetryLater):
        asyncio.run(_send(channel, "key"))
    with pytest.raises(RetryLater):
        asyncio.run(channel.update(SentRef("web", "c", "x"), text_card("New")))


# what the console lists


def _ticket(db: Db, seq: int, severity: str, state: str) -> None:
    row = {"number": f"SEC-{seq}", "seq": seq, "kind": "person", "subject": "s", "severity": severity, "state": state,
           "queue": "desk", "requester": "p_dana", "assignee": "", "place": "", "join_key": "", "created_at": 1.0,
           "updated_at": 1.0, "acknowledged_at": 0.0, "resolved_at": 0.0, "next_due_at": 9.0}  # fmt: skip
    with db.tx() as tx:
        SqlTicketStore(db).add_ticket(tx, row)


def test_open_tickets_are_counted_by_severity(db: Db) -> None:
    for seq, severity, state in ((1, "S3", "open"), (2, "S1", "claimed"), (3, "S1", "open"), (4, "S0", "resolved")):
        _ticket(db, seq, severity, state)
    assert SqlConsoleStore(db).ticket_counts() == {"S3": 1, "S1": 2}


def test_a_call_is_answered_by_the_first_one(db: Db) -> None:
    tickets, console = SqlTicketStore(db), SqlConsoleStore(db)
    with db.tx() as tx:
        tickets.add_page(tx, "page:1", "SEC-1", "Help", 10.0)
        tickets.add_page(tx, "page:2", "SEC-2", "Help too", 20.0)
    assert console.open_pages() == 2
    with db.tx() as tx:
        answered = (console.acknowledge_page(tx, "page:2", 30.0), console.acknowledge_page(tx, "page:2", 31.0))
    assert answered == (True, False)
    assert (console.open_pages(), [row["key"] for row in console.pages(10)]) == (1, ["page:1", "page:2"])
    row = console.page("page:2")
    assert row is not None
    assert row["acknowledged_at"] == 30.0


def test_mails_are_listed_with_their_reporters(db: Db) -> None:
    reports, console = SqlReportStore(db), SqlConsoleStore(db)
    with db.tx() as tx:
        for n, sha in enumerate(("aa", "bb")):
            reports.add_mail(tx, {"sha256": sha, "name": f"{sha}.eml", "size": 1, "body": b"x", "at": float(n)})
            reports.bind_ticket(tx, sha, f"SEC-{n}")
        for n, person in enumerate(("p_dana", "p_tom")):
            reports.add_submission(tx, {"id": f"s{n}", "sha256": "aa", "person": person, "place": "", "at": 1.0})
        reports.decide(tx, "aa", "spam", "secdesk", "{}", "{}", 5.0)
    assert [(row["sha256"], row["state"], row["reporters"]) for row in console.mails("", 10)] == [
        ("bb", "checking", 0),
        ("aa", "decided", 2),
    ]
    assert [row["sha256"] for row in console.mails("checking", 10)] == ["bb"]
    assert console.mail_counts() == {"": 1, "spam": 1}
    mail = console.mail_of_ticket("SEC-0")
    assert mail is not None
    assert (mail["name"], console.mail_of_ticket("SEC-9")) == ("aa.eml", None)


def test_told_holds_the_cards_of_one_ticket_in_order(db: Db) -> None:
    core = SqlCoreStore(db)
    for n, (ticket, direction) in enumerate((("SEC-1", "out"), ("SEC-1", "in"), ("SEC-2", "out"), ("SEC-1", "out"))):
        card = CARD if direction == "out" else ""
        row = {"id": f"u{n}", "person": "p_dana", "place": "", "direction": direction, "text": "t", "card": card,
               "delivery": "", "ticket": ticket, "at": float(n)}  # fmt: skip
        with db.tx() as tx:
            core.add_utterance(tx, row)
    assert [row["id"] for row in SqlConsoleStore(db).told("SEC-1")] == ["u0", "u3"]


def test_counts_of_jobs_messages_and_failures(db: Db) -> None:
    core, console = SqlCoreStore(db), SqlConsoleStore(db)
    with db.tx() as tx:
        core.enqueue(tx, "delivery.send", "delivery:1", json.dumps({}), 0.0, 0.0)
        core.enqueue(tx, "oncall.page", "page:1", json.dumps({}), 0.0, 0.0)
        core.first_time(tx, "event", 0.0)
    core.failed("page:1", "nobody is on call")
    assert (console.outbox(), console.deliveries(), console.events()) == ({"queued": 1, "failed": 1}, {}, 1)
    assert [(row["key"], row["error"]) for row in console.failures(10)] == [("page:1", "nobody is on call")]
