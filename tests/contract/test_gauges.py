"""What is watched from outside, on both databases: ages grow while something waits, and are 0 where nothing does."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.web.metrics import WATCHED, Metrics
from bot.app import gauges
from tests.fakes import desk as fakes
from tests.fakes.desk import DANA, TROUBLE, House

contents, home, house = fakes.contents, fakes.home, fakes.house


class Running:
    def state(self) -> tuple[str, str]:
        return "running", ""


def read(house: House) -> Any:
    return gauges.read(house.app, Running())  # type: ignore[arg-type]


def test_every_figure_has_its_metric_and_every_metric_its_figure(house: House) -> None:
    found = read(house)
    assert set(WATCHED) == set(found)
    metrics = Metrics()
    metrics.watch(found)
    assert b"secdesk_engine_running 1.0" in metrics.text()


def test_nothing_waits_in_an_empty_house(house: House) -> None:
    found = read(house)
    quiet = [name for name, (_, label) in WATCHED.items() if name.endswith("seconds")]
    assert dict.fromkeys(quiet, 0.0) == {name: found[name] for name in quiet}
    assert ({}, {}) == (found["tickets_overdue"], found["nudges_sent_day"])


def test_what_waits_grows_old(house: House) -> None:
    house.desk.handle(house.message(DANA, TROUBLE))
    house.clock.forward(300)
    found = read(house)
    assert pytest.approx(300, abs=5) == found["outbox_oldest_seconds"]
    assert pytest.approx(300, abs=5) == found["delivery_oldest_seconds"]
    assert pytest.approx(300, abs=5) == found["unanswered_oldest_seconds"]
    house.sweeper.sweep()
    found = read(house)
    assert (0.0, True) == (found["outbox_oldest_seconds"], found["engine_lag_seconds"] > 250)
    house.settle()
    found = read(house)
    assert (0.0, 0.0, 0.0) == (
        found["engine_lag_seconds"],
        found["delivery_oldest_seconds"],
        found["outbox_oldest_seconds"],
    )
    assert found["page_oldest_seconds"] > 0
    house.clock.forward(30 * 86_400)
    assert sum(read(house)["tickets_overdue"].values()) == 1


def test_backups_deletion_and_tips_are_seen(house: House) -> None:
    house.say(DANA, "hello")
    house.app.nudge_send(now=True)
    house.app.work(lambda work: work.audit("secdesk", "backup.made", "everything"))
    house.app.retention.run(house.app.work, house.clock.now())
    found = read(house)
    assert (house.clock.now(), house.clock.now()) == (
        found["backup_timestamp_seconds"],
        found["retention_timestamp_seconds"],
    )
    assert sum(found["nudges_sent_day"].values()) >= 1
    house.clock.forward(2 * 86_400)
    assert {} == read(house)["nudges_sent_day"]
