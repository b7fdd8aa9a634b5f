"""What Teams remembers, and the cards of the desk's channels, on both databases; the pace with several replicas at once."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from adapters.channels.teams import Places
from adapters.channels.teams_pace import TENANT, THREAD
from adapters.channels.teams_state import Profile, TeamsState, Where
from adapters.stores.rooms import SqlRoomStore
from adapters.stores.teams import SqlTeamsStore
from adapters.vault import KeyVault
from bot.model import Place
from bot.ports import Db, SentRef

NOW = 1_900_000_000.0
LANES = (("tenant:t", TENANT), ("thread:x", THREAD))


class Clock:
    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


def state_of(db: Db, clock: Clock) -> TeamsState:
    """A replica: its own memory, the same database."""
    return TeamsState(db, SqlTeamsStore(db), KeyVault({1: b"k" * 32}), clock)


def profile(user: str) -> Profile:
    return Profile(f"29:{user}", f"aad-{user}", "t", user.title(), f"{user}@northwind.example", ours=True)


def test_replicas_share_one_bucket(db: Db, clock: Clock) -> None:
    replicas = [state_of(db, clock) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        waits = list(pool.map(lambda i: replicas[i % 4].reserve(LANES), range(20)))
    assert 7 == sum(seconds == 0 for seconds in waits)  # 7 in a second for one thread, however many ask
    clock.at += 1.5
    assert [True, False] == [replicas[0].reserve(LANES) == 0, replicas[1].reserve(LANES) == 0]  # and 8 in two


def test_many_who_ask_at_once_share_a_transaction(db: Db, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    state, batches = state_of(db, clock), list[int]()
    real = state.reserve_all
    monkeypatch.setattr(state, "reserve_all", lambda wanted: batches.append(len(wanted)) or real(wanted))
    places = Places(state)

    async def ask() -> list[float]:
        first = asyncio.ensure_future(places(LANES))
        await asyncio.sleep(0)
        first.cancel()  # the others still get their answer
        return await asyncio.gather(*(places(LANES) for _ in range(12)))

    waits = asyncio.run(ask())
    assert 13 == sum(batches)
    assert 3 > len(batches)
    assert 6 == sum(seconds == 0 for seconds in waits)


def test_a_full_lane_takes_nothing_from_the_others(db: Db, clock: Clock) -> None:
    state = state_of(db, clock)
    for _ in range(30):
        state.reserve(LANES)
    others = [state.reserve((("tenant:t", TENANT), (f"thread:{i}", THREAD))) for i in range(43)]
    assert [0.0] * 43 == others
    assert state.reserve((("tenant:t", TENANT), ("thread:z", THREAD))) > 0  # 50 in a second for the tenant


def test_old_pace_and_old_cards_go(db: Db, clock: Clock) -> None:
    store = SqlTeamsStore(db)
    state = state_of(db, clock)
    state.reserve(LANES)
    state.sent("a:x", "m1", "reply:1", 0)
    with db.tx() as tx:
        store.prune(tx, cards_before=NOW + 1, pace_before=NOW + 1)
    assert ([], []) == (db.query("SELECT * FROM teams_pace"), db.query("SELECT * FROM teams_card"))


def test_a_conversation_is_known_to_every_replica_and_moves(db: Db, clock: Clock) -> None:
    first, second = state_of(db, clock), state_of(db, clock)
    where = Where("https://emea.example/", "t", "28:a", "personal")
    first.keep("a:x", where)
    assert where == second.where("a:x")
    assert second.where("a:other") is None
    second.keep("a:x", Where("https://apac.example/", "t", "28:a", "personal"))
    assert "https://apac.example/" == getattr(state_of(db, clock).where("a:x"), "service_url", "")
    second.left("a:x")
    assert state_of(db, clock).where("a:x") is None


def test_a_person_keeps_what_later_rows_leave_out(db: Db, clock: Clock) -> None:
    state = state_of(db, clock)
    state.keep_user(profile("dana"), conversation="a:x")
    state.keep_user(profile("dana"), person="p_1")
    known = state_of(db, clock).known("t", "aad-dana")
    assert known is not None
    assert ("p_1", "a:x", profile("dana")) == (known.person, known.conversation, known.profile)
    assert "a:x" == getattr(state.known_person("p_1"), "conversation", "")
    assert b"dana@" not in bytes(db.query("SELECT sealed FROM teams_user")[0]["sealed"])


def test_unreachable_until_heard_from_again(db: Db, clock: Clock) -> None:
    state = state_of(db, clock)
    state.keep_user(profile("dana"), person="p_1", conversation="a:x")
    state.unreachable("a:x", "403")
    assert [("p_1", "403")] == [(row["person"], row["reason"]) for row in state.cannot_be_reached()]
    state.keep_user(profile("dana"))
    assert [] == state.cannot_be_reached()


def test_a_profile_grows_old(db: Db, clock: Clock) -> None:
    state = state_of(db, clock)
    state.keep_user(profile("dana"))
    known = state.known("t", "aad-dana")
    assert known is not None
    assert state.fresh(known)
    clock.at += 90_000
    assert not state.fresh(known)


def test_parts_of_a_card_that_went_out(db: Db, clock: Clock) -> None:
    state = state_of(db, clock)
    state.sent("a:x", "m1", "k", 0)
    state.sent("a:x", "m2", "k", 1)
    state.sent("a:x", "m2", "k", 1)
    assert {0: "m1", 1: "m2"} == state.sent_parts("k")


ROOM = Place("teams", "19:desk", private=False)


def test_one_job_at_a_card_at_a_time(db: Db) -> None:
    rooms = SqlRoomStore(db)

    def take(at: float) -> bool:
        with db.tx() as tx:
            return rooms.lease(tx, "SEC-1", ROOM, at, at + 60) is not None

    assert [True, False, True] == [take(NOW), take(NOW + 30), take(NOW + 61)]
    with db.tx() as tx:
        rooms.release(tx, "SEC-1", ROOM)
    assert take(NOW + 62)


def test_every_thread_a_ticket_has_had_leads_to_it(db: Db) -> None:
    rooms = SqlRoomStore(db)
    for message in ("m1", "m2", "m2"):
        with db.tx() as tx:
            rooms.lease(tx, "SEC-1", ROOM, NOW, NOW)
            rooms.posted(tx, "SEC-1", ROOM, SentRef("teams", "19:desk", message), "shown", 3)
            rooms.relayed(tx, "SEC-1", ROOM, 4)
    assert ["SEC-1", "SEC-1", ""] == [rooms.ticket_at("teams", "19:desk", name) for name in ("m1", "m2", "m3")]
    row = db.query("SELECT message, shown, relayed FROM desk_card")[0]
    assert ("m2", "shown", 4) == (row["message"], row["shown"], row["relayed"])
