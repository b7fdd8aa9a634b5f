"""Privacy of reported mail on both databases: sealed, kept for a set time, no more than a set amount, taken back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bot.app.analysts import mail_desk
from bot.cards import as_text
from bot.errors import NotFound
from bot.reporting.keeping import what_stays
from tests.fakes import desk as fakes
from tests.fakes.desk import DANA, JONAS, MAIL, SAM, House

contents, home = fakes.contents, fakes.home
DAY = 86_400.0
SECRET = b"the colour of the boat is turquoise"


def letter(number: int, size: int = 0) -> bytes:
    """A mail of its own words."""
    words = " ".join(
        f"{word}{chr(97 + number)}" for word in ("harbour", "lantern", "meadow", "violin", "orchard", "saddle")
    )
    head = MAIL.replace(b"<1@", f"<{number}@".encode()).replace(b"Your parcel", f"Parcel {words}".encode())
    return head.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + words.encode() + b"\r\n" + SECRET + b"\r\n" + b"x" * size


@pytest.fixture
def house(db: Any, home: Any, contents: Any) -> Any:
    made = House(home, db, contents, settings={"mail_days": 30, "mail_person_mb": 1, "mail_total_mb": 1})
    yield made
    made.close()


def everything(house: House) -> bytes:
    """Every byte that the mail's tables hold."""
    tables = (
        "mail",
        "submission",
        "campaign",
        "campaign_sample",
        "campaign_trait",
        "ticket",
        "ticket_event",
        "delivery",
    )
    rows = [house.rows(f"SELECT * FROM {table}") for table in tables]
    cells = [value for table in rows for row in table for value in row.values()]
    return b"\n".join(bytes(v) if isinstance(v, (bytes, memoryview)) else str(v).encode() for v in cells)


def test_no_word_of_a_body_is_stored_in_clear(house: House, home: Path) -> None:
    house.send(DANA, letter(1))
    house.settle()
    (row,) = house.rows("SELECT state, facts FROM mail")
    assert row["state"] == "decided"
    assert SECRET not in everything(house)
    assert {"text", "hidden"} & set(json.loads(row["facts"])) == set()
    assert "subject" in json.loads(row["facts"])
    for path in home.rglob("*"):
        assert not path.is_file() or SECRET not in path.read_bytes(), path


def test_content_goes_after_the_set_time_and_the_verdict_stays(house: House) -> None:
    house.send(DANA, letter(1))
    house.settle()
    (before,) = house.rows("SELECT * FROM mail")
    house.clock.forward(30 * DAY - 60)
    assert house.app.work(house.app.prune_mail) == 0
    house.clock.forward(120)
    assert house.app.work(house.app.prune_mail) == 1
    assert house.app.work(house.app.prune_mail) == 0
    (after,) = house.rows("SELECT * FROM mail")
    assert (bytes(after["body"]), after["name"]) == (b"", "")
    for kept in ("sha256", "kind", "verdict", "decided_at", "ticket"):
        assert after[kept] == before[kept]
    assert json.loads(after["facts"])["sha256"] == before["sha256"]
    assert "subject" not in json.loads(after["facts"])
    assert house.audited()[-1] == "report.content_deleted"
    desk, sam = mail_desk(house.app), house.app.identities.find(SAM)
    assert sam
    assert desk.dossier(after["sha256"]).gone
    with pytest.raises(NotFound):
        house.app.work(lambda work: desk.raw(work, after["sha256"], sam))
    assert house.whole()


def test_what_stays_names_nobody() -> None:
    facts = {"from": "Ann <a@b>", "subject": "Hi", "sha256": "ab", "size": 3, "form": "msg", "links": [1],
             "attachments": [{"name": "cv.pdf", "type": "pdf", "size": 9, "sha256": "cd", "traits": ["x"]}]}  # fmt: skip
    expected = {"sha256": "ab", "size": 3, "form": "msg", "attachments": [{"type": "pdf", "size": 9, "sha256": "cd"}]}
    assert json.loads(what_stays(json.dumps(facts))) == expected
    assert json.loads(what_stays(""))["attachments"] == []


def test_the_schedule_runs_it(house: House) -> None:
    house.send(DANA, letter(1))
    house.settle()
    house.clock.forward(31 * DAY)
    house.app.handlers()["privacy.retention"]({})  # a night, so that the clock is trusted
    house.app.handlers()["reporting.prune"]({})
    assert [bytes(row["body"]) for row in house.rows("SELECT body FROM mail")] == [b""]


def test_too_much_in_all_takes_the_oldest_first(house: House) -> None:
    for number, who in enumerate((DANA, JONAS, SAM), 1):
        house.send(who, letter(number, 450_000))
        house.settle()
        house.clock.forward(60)
    assert house.app.work(house.app.prune_mail) == 1
    rows = house.rows("SELECT LENGTH(body) AS n, kind FROM mail ORDER BY created_at")
    assert [row["n"] > 0 for row in rows] == [False, True, True]
    assert all(row["kind"] for row in rows)


def test_one_person_reports_so_much_in_a_day(house: House) -> None:
    house.send(DANA, letter(1, 700_000))
    refused = as_text(house.send(DANA, letter(2, 700_000), "big.eml").card)
    assert refused.startswith("“big.eml” is more than I can take from one person in a day. Ring ")
    assert "SEC-" in as_text(house.send(JONAS, letter(2, 700_000)).card)
    house.clock.forward(DAY + 60)
    assert "SEC-" in as_text(house.send(DANA, letter(3, 700_000)).card)


def test_a_private_mail_is_deleted_by_the_desk_too(house: House) -> None:
    house.send(DANA, letter(1), "salary.eml")
    house.settle()
    (row,) = house.rows("SELECT sha256 FROM mail")
    desk, sam = mail_desk(house.app), house.app.identities.find(SAM)
    assert sam
    assert house.app.work(lambda work: desk.forget(work, row["sha256"], sam)) is True
    assert house.app.work(lambda work: desk.forget(work, row["sha256"], sam)) is False
    assert house.count("campaign_sample") == 0
    assert house.audited()[-1] == "report.content_deleted"
    assert desk.dossier(row["sha256"]).gone
