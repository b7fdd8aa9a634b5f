"""What Slack remembers, on both databases; the pace with several replicas at once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from adapters.channels.slack_pace import CHANNEL, METHODS
from adapters.channels.slack_state import PARTS_KEPT, Install, Profile, SlackState
from adapters.stores.core import SqlCoreStore
from adapters.stores.slack import SqlSlackStore
from adapters.vault import KeyVault
from bot.model import Place
from bot.ports import Db
from bot.turn import place_key
from tests.fakes.desk import NOW, FakeClock

POST = METHODS["chat.postMessage"]
LANES = {"T1|chat.postMessage": POST, "T1|#C1": CHANNEL}
INSTALL = Install("T1", "xoxb-secret", "T1", "", "Northwind", "chat:write", "B1", "U0BOT")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def state_of(db: Db, clock: FakeClock, single: Install | None = None) -> SlackState:
    """A replica: its own memory, the same database."""
    return SlackState(db, SqlSlackStore(db), KeyVault({1: b"k" * 32}), clock, single)


def profile(user: str) -> Profile:
    return Profile("T1/", user, user.title(), f"{user}@northwind.example", "en", ours=True)


# pace


def test_replicas_share_one_lane(db: Db, clock: FakeClock) -> None:
    replicas = [state_of(db, clock) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        waits = list(pool.map(lambda i: replicas[i % 4].reserve(LANES, patient=False), range(16)))
    assert CHANNEL.burst == sum(seconds == 0 for seconds in waits)
    clock.forward(1.0)
    assert [True, False] == [
        replicas[0].reserve(LANES, patient=False) == 0,
        replicas[1].reserve(LANES, patient=False) == 0,
    ]


def test_a_full_lane_takes_nothing_from_the_others(db: Db, clock: FakeClock) -> None:
    state = state_of(db, clock)
    for _ in range(30):
        state.reserve(LANES, patient=False)
    left = POST.burst - CHANNEL.burst
    elsewhere = [state.reserve({"T1|chat.postMessage": POST, f"T1|#D{n}": CHANNEL}, patient=False) for n in range(left)]
    assert [0.0] * left == elsewhere
    assert state.reserve({"T1|chat.postMessage": POST}, patient=False) > 0
    assert 0 == state.reserve({"T2|chat.postMessage": POST}, patient=False)  # another workspace has a lane of its own


def test_whoever_is_patient_leaves_the_burst_to_the_others(db: Db, clock: FakeClock) -> None:
    state, lanes = state_of(db, clock), {"T1|chat.postMessage": POST}
    patient = [state.reserve(lanes, patient=True) for _ in range(5)]
    assert [True, False, False, False, False] == [seconds == 0 for seconds in patient]
    assert [0.0] * (POST.burst - 1) == [state.reserve(lanes, patient=False) for _ in range(POST.burst - 1)]
    assert state.reserve(lanes, patient=False) > 0


def test_a_pause_holds_everybody_and_a_shorter_one_never_ends_it(db: Db, clock: FakeClock) -> None:
    first, second = state_of(db, clock), state_of(db, clock)
    first.pause("T1|chat.postMessage", 60.0)
    second.pause("T1|chat.postMessage", 5.0)
    assert pytest.approx(60.0, abs=0.01) == second.reserve(LANES, patient=False)
    clock.forward(60.0)
    assert 0 == second.reserve(LANES, patient=False)
    assert 0 == second.reserve({"T1|chat.update": METHODS["chat.update"]}, patient=False)


def test_what_is_old_goes(db: Db, clock: FakeClock) -> None:
    state = state_of(db, clock)
    state.reserve(LANES, patient=False)
    state.pause("T1|views.open", 7_200.0)
    state.keep_part("k", 0, "C1", "1.1")
    with db.tx() as tx:
        SqlSlackStore(db).prune(tx, parts_before=NOW + 1, pace_before=NOW + 1)
    assert ["T1|views.open"] == [row["name"] for row in db.query("SELECT name FROM slack_pace")]
    assert {} == state.parts("k")


def test_tidying_up_happens_by_itself(db: Db, clock: FakeClock) -> None:
    state = state_of(db, clock)
    state.keep_part("k", 0, "C1", "1.1")
    clock.forward(PARTS_KEPT + 1)
    state._calls = 1_999
    state.reserve(LANES, patient=False)
    assert {} == state.parts("k")


# installations


def test_an_installation_is_for_all_replicas_with_its_token_sealed(db: Db, clock: FakeClock) -> None:
    state_of(db, clock).keep_install(INSTALL)
    other = state_of(db, clock)
    assert (INSTALL, [INSTALL], None) == (other.install("T1"), other.installs(), other.install("T2"))
    assert b"xoxb-secret" not in bytes(db.query("SELECT sealed FROM slack_install")[0]["sealed"])
    assert "xoxb-secret" not in repr(INSTALL)


def test_installing_again_replaces_the_token_and_taking_it_out_forgets_it(db: Db, clock: FakeClock) -> None:
    state = state_of(db, clock)
    state.keep_install(INSTALL)
    state.install("T1")
    state.keep_install(Install("T1", "xoxb-new", "T1"))
    assert "xoxb-new" == getattr(state.install("T1"), "token", "")
    state.drop_install("T1")
    assert (None, []) == (state.install("T1"), state.installs())


def test_one_workspace_needs_no_row(db: Db, clock: FakeClock) -> None:
    single = Install("", "xoxb-1")
    state = state_of(db, clock, single)
    state.drop_install("T1")
    assert (single, [single]) == (state.install("anything"), state.installs())


def test_the_state_of_an_installation_works_once_and_in_time(db: Db, clock: FakeClock) -> None:
    state, other = state_of(db, clock), state_of(db, clock)
    state.begin("s1", 600.0)
    state.begin("s2", 600.0)
    assert [True, False, False] == [other.finish("s1"), other.finish("s1"), other.finish("never begun")]
    clock.forward(601.0)
    assert not state.finish("s2")
    assert [] == db.query("SELECT * FROM slack_state")


# people


def test_a_person_keeps_the_pseudonym_that_later_rows_leave_out(db: Db, clock: FakeClock) -> None:
    state = state_of(db, clock)
    state.keep_user(profile("dana"), "p_1")
    state.keep_user(profile("dana"))
    known = state_of(db, clock).known("T1/", "dana")
    assert known is not None
    assert ("p_1", profile("dana")) == (known.person, known.profile)
    assert known == state.known_person("p_1")
    assert None is state.known("T2/", "dana")
    assert b"dana@" not in bytes(db.query("SELECT sealed FROM slack_user")[0]["sealed"])


def test_a_profile_grows_old_and_memory_can_be_emptied(db: Db, clock: FakeClock) -> None:
    state = state_of(db, clock)
    state.keep_user(profile("dana"))
    known = state.known("T1/", "dana")
    assert known is not None
    assert state.remembered("T1/", "dana") is known
    assert state.fresh(known)
    clock.forward(90_000)
    assert not state.fresh(known)
    state.forgotten()
    assert state.remembered("T1/", "dana") is None


# messages


def test_parts_that_went_out(db: Db, clock: FakeClock) -> None:
    state = state_of(db, clock)
    for part, message in ((0, "1.1"), (1, "1.2"), (1, "9.9"), (-1, "0.5")):
        state.keep_part("k", part, "T1/D1", message)
    assert {-1: ("T1/D1", "0.5"), 0: ("T1/D1", "1.1"), 1: ("T1/D1", "1.2")} == state.parts("k")


def delivered(db: Db, key: str, place: Place, ref: str, name: str) -> None:
    core = SqlCoreStore(db)
    row = {"id": name, "key": key, "channel": "slack", "place": place_key(place), "person": "p_1", "card": json.dumps({}),
           "priority": 0, "at": NOW}  # fmt: skip
    with db.tx() as tx:
        core.add_delivery(tx, row)
    core.settle_delivery(name, "sent", NOW, ref=ref)


def test_where_a_message_is_and_whether_it_stands_in_a_thread(db: Db, clock: FakeClock) -> None:
    state = state_of(db, clock)
    delivered(db, "reply:1", Place("slack", "T1/U1"), "T1/D1/1.1", "a")
    delivered(db, "reply:2", Place("slack", "T1/U1", "1.0"), "T1/D1/1.2", "b")
    assert (("T1/D1", "1.1"), None) == (state.sent_as("reply:1"), state.sent_as("reply:9"))
    asked = [state.sent_outside_threads("T1/D1", message) for message in ("1.1", "1.2", "1.3")]
    assert [True, False, False] == asked
