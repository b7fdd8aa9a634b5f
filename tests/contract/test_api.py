"""The API's tokens and its idempotency keys on both databases, and what is left of them when somebody is forgotten."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import pytest

from adapters.stores.api import SqlTokenStore
from adapters.stores.core import SqlCoreStore
from adapters.vault import KeyVault
from bot.errors import NotFound, Refused
from bot.model import Person, Place
from bot.ports import Db
from bot.tokens import KEPT_SECONDS, Tokens
from bot.turn import Work
from tests.contract.test_nudges import Auditor
from tests.fakes.web import sample_organisation

T = TypeVar("T")
NOW, DAY = 1_900_000_000.0, 86_400.0
SAM = Person("sam", "Sam", key="p_sam", roles=frozenset({"it_helpdesk"}))
HERE = Place("web", "web:sam")


@dataclass
class House:
    """Tokens over a database."""

    db: Db
    now: float = NOW

    def __post_init__(self) -> None:
        org = sample_organisation()
        self.tokens = Tokens(SqlTokenStore(self.db), KeyVault({1: b"k" * 32}), lambda: org, lambda _key: HERE)
        self.auditor = Auditor()

    def work(self, change: Callable[[Work], T]) -> T:
        with self.db.tx() as tx:
            return change(Work(tx, self.now, SqlCoreStore(self.db), self.auditor, {}))

    def token(self, name: str = "exports", scopes: tuple[str, ...] = ("see",), days: int = 30) -> tuple[str, str]:
        made, secret = self.work(lambda work: self.tokens.create(work, name, SAM, scopes, days, "cli"))
        return made.id, secret

    def begin(self, key: str, digest: str, token: str = "t") -> Any:
        with self.db.tx() as tx:
            return self.tokens.store.begin(tx, token, key, digest, self.now)


@pytest.fixture
def house(db: Db) -> House:
    return House(db)


def test_a_token_is_found_by_itself_and_by_nothing_else(house: House) -> None:
    name, secret = house.token()
    found = house.tokens.find(secret, NOW)
    assert found is not None
    assert (name, {"see"}, "p_sam", NOW + 30 * DAY) == (found.id, found.scopes, found.person, found.expires_at)
    for other in ("", secret[:-1], secret.swapcase(), secret + " ", name):
        assert house.tokens.find(other, NOW) is None
    assert secret not in str(house.db.query("SELECT * FROM api_token"))


def test_whoever_it_acts_as_hears_of_it_unless_they_made_it(house: House) -> None:
    for by, told in (("p_sam", 0), ("p_ines", 1), ("cli", 2)):
        house.work(lambda work, by=by: house.tokens.create(work, "exports", SAM, ("see",), 30, by))
        texts = [str(row["text"]) for row in house.db.query("SELECT text FROM utterance WHERE person = 'p_sam'")]
        assert told == len(texts)
    assert all("30 days" in text and "(see)" in text for text in texts)
    assert sum("on the server" in text for text in texts) == 1


def test_nobody_without_a_role_in_the_console_gets_one(house: House) -> None:
    for person in (replace(SAM, roles=frozenset()), replace(SAM, known=False)):
        with pytest.raises(Refused, match="no role in the console"):
            house.work(lambda work, person=person: house.tokens.create(work, "x", person, ("see",), 30, "p_sam"))
    assert [] == house.tokens.all()


def test_its_use_is_noted_once_a_minute(house: House) -> None:
    _, secret = house.token()
    for at, noted in ((NOW, NOW), (NOW + 30, NOW), (NOW + 61, NOW + 61)):
        house.tokens.find(secret, at)
        assert noted == house.tokens.all()[0].used_at


def test_it_ends_by_time_and_by_hand(house: House) -> None:
    name, secret = house.token(days=1)
    assert house.tokens.find(secret, NOW + DAY) is None
    other, held = house.token("another")
    house.work(lambda work: house.tokens.revoke(work, other, "cli"))
    assert house.tokens.find(held, NOW) is None
    assert ["revoked", "expired"] == sorted((one.state(NOW + DAY) for one in house.tokens.all()), reverse=True)
    with pytest.raises(NotFound):
        house.work(lambda work: house.tokens.revoke(work, other, "cli"))
    assert house.tokens.find(secret, NOW) is not None
    assert name != other


@pytest.mark.parametrize(
    ("name", "scopes", "days"),
    [
        ("  ", ("see",), 1),
        ("x", (), 1),
        ("x", ("see", "own"), 1),
        ("x", ("everything",), 1),
        ("x", ("see",), 0),
        ("x", ("see",), 367),
    ],
)
def test_a_token_that_cannot_be_is_refused(house: House, name: str, scopes: tuple[str, ...], days: int) -> None:
    with pytest.raises(Refused):
        house.token(name, scopes, days)
    assert [] == house.tokens.all()


def test_a_key_is_taken_once_and_kept_with_its_answer(house: House) -> None:
    assert house.begin("k", "asked") is None
    with house.db.tx() as tx:
        house.tokens.store.finish(tx, "t", "k", 201, "{}")
    assert {"digest": "asked", "status": 201, "body": "{}"} == dict(house.begin("k", "asked"))
    assert house.begin("k", "asked", token="another") is None


def test_a_key_whose_change_failed_is_free_again(house: House) -> None:
    def fail(work: Work) -> None:
        house.tokens.store.begin(work.tx, "t", "k", "asked", NOW)
        raise Refused("no")

    with pytest.raises(Refused):
        house.work(fail)
    assert house.begin("k", "asked") is None


def test_two_at_once_with_one_key_have_one_effect(house: House) -> None:
    """The second one waits for the first, and finds its answer."""
    began, seen = threading.Event(), list[Any]()

    def second() -> None:
        began.wait(5)
        seen.append(house.begin("k", "asked"))

    other = threading.Thread(target=second)
    other.start()
    with house.db.tx() as tx:
        assert house.tokens.store.begin(tx, "t", "k", "asked", NOW) is None
        began.set()
        other.join(0.2)
        assert [] == seen
        house.tokens.store.finish(tx, "t", "k", 200, "done")
    other.join(5)
    assert ["done"] == [row["body"] for row in seen]


def test_keys_are_forgotten_after_a_day(house: House) -> None:
    house.begin("old", "asked")
    house.now = NOW + DAY / 2
    house.begin("new", "asked")
    with house.db.tx() as tx:
        assert 1 == house.tokens.store.prune(tx, NOW + DAY + 1 - KEPT_SECONDS)
    assert house.begin("old", "something else") is None
    assert house.begin("new", "asked") is not None
