"""A move to another mail system, told in four steps on both databases: on whose day, once, and what holds or overtakes it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from adapters.stores.switchover import SqlSwitchStore
from bot.cards import Card, Text, as_text, load
from bot.content import Faults, Shelf, packaged_shelf
from bot.errors import ConfigError
from bot.learning.lessons import read_lessons
from bot.learning.migration import WaveFile
from bot.learning.shapes import Library, Vocabulary
from bot.learning.switchover import Switchover
from bot.learning.waves import Audience
from bot.learning.workdays import ONE_DAY
from bot.model import Person, Place
from bot.ports import Db
from tests.contract.test_waves import LONDON, ORGANISATION, House

WORDS = Vocabulary(ORGANISATION.roles, ORGANISATION.catalogue, None, None, ORGANISATION.unset())
CONTENT = read_lessons(packaged_shelf(), WORDS, Faults())
DAY = date(2026, 12, 7)  # a Monday
ONE = Audience(people=frozenset({"s1"}))


def entry(name: str, person: Person, at: float) -> Card | None:
    """The second one is for nobody."""
    return None if name == "report-button-missing" else Card(f"Answer {name}", (Text(person.name),), source=name)


class Moving(House):
    """Campaigns' house, with a migration."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.switch = Switchover(self.nudges, SqlSwitchStore(self.db), entry)

    def add(self, day: date = DAY, audience: Audience = ONE) -> str:
        today = datetime.fromtimestamp(self.now_, LONDON).date()
        return self.run(lambda work: self.switch.add(work, "p_boss", "Pilot", day, audience, today))

    def until(self, day: date) -> list[tuple[str, str, str]]:
        """Look morning and afternoon until noon of a day; what came, as (person, local time, title)."""
        end = datetime(day.year, day.month, day.day, 12, tzinfo=LONDON).timestamp()
        while self.now_ < end:
            self.switch.look(self.run, self.now_)
            hour = datetime.fromtimestamp(self.now_, LONDON).hour
            self.now_ += 3600 * {8: 4, 12: 3, 15: 17}.get(hour, 1)
        rows = self.db.query("SELECT person, created_at, card FROM delivery ORDER BY created_at, key")
        return [
            (row["person"], f"{datetime.fromtimestamp(row['created_at'], LONDON):%a %d %b %H}", load(row["card"]).title)
            for row in rows
        ]


@pytest.fixture
def house(db: Db) -> Moving:
    return Moving(db, content=CONTENT)


def test_four_messages_on_working_days_each_once(house: Moving) -> None:
    house.add()
    came = house.until(date(2026, 12, 20))
    assert [(when[:10], title) for _, when, title in came] == [
        ("Mon 30 Nov", "Your mail moves to a new protection system"),
        ("Fri 04 Dec", "The mail switch is about to happen"),  # the day before is a Sunday
        ("Mon 07 Dec", "Your mail is on the new protection system"),
        ("Mon 14 Dec", "One week on the new mail protection"),
    ]
    assert all(9 <= int(when[-2:]) <= 16 for _, when, _ in came)
    reasons = house.db.query("SELECT step, state, reason FROM wave_person ORDER BY planned_at")
    assert [(row["step"], row["state"], row["reason"]) for row in reasons] == [
        (f"{step}/2026-12-07", "out", "migration") for step in ("week_before", "day_before", "switch", "week_after")
    ]
    assert house.until(date(2026, 12, 31)) == came
    assert house.db.query("SELECT state FROM wave")[0]["state"] == "done"


def test_the_text_names_the_day_in_the_persons_language_with_an_answer_they_may_see(house: Moving) -> None:
    house.staff = [
        replace(house.staff[1], language=lang, id=lang, key=f"p_{lang}") for lang in ("de", "en", "es", "fr")
    ]
    house.add(audience=Audience())
    house.until(DAY + ONE_DAY)
    rows = house.db.query("SELECT person, card FROM delivery ORDER BY created_at DESC, person LIMIT 4")
    said = [as_text(load(row["card"])).splitlines()[1] for row in sorted(rows, key=lambda row: row["person"])]
    assert [line.split(".")[0] for line in said] == [
        "Die Umstellung war für Montag, 7",
        "The switch was planned for Monday 7 December 2026",
        "El cambio estaba previsto para el lunes 7 de diciembre de 2026",
        "La bascule était prévue le lundi 7 décembre 2026",
    ]
    assert {load(row["card"]).source for row in rows} == {"old-senders-and-quarantine"}


def test_who_has_stopped_tips_is_told_too_and_the_kill_switch_holds_everything(house: Moving) -> None:
    house.run(lambda work: house.nudges.store.stop(work.tx, "p_1", True, work.at))
    house.run(lambda work: house.nudges.switch_off(work, "p_boss"))
    house.add()
    assert house.until(date(2026, 12, 1)) == []
    house.run(lambda work: house.nudges.switch_off(work, "p_boss", off=False))
    assert len(house.until(date(2026, 12, 2))) == 1


def test_an_incident_and_leave_hold_a_step_until_the_next_one_says_it(house: Moving) -> None:
    house.nudges.leave_of = lambda _key: ((date(2026, 11, 25), date(2026, 12, 4)),)
    house.add()
    assert house.until(date(2026, 12, 7)) == []
    house.run(lambda work: house.nudges.store.hold(work.tx, "p_1", house.now_ + 2 * 86_400))
    (came,) = house.until(date(2026, 12, 11))
    assert came[1:] == ("Wed 09 Dec 12", "Your mail is on the new protection system")
    skipped = house.db.query("SELECT step, reason FROM wave_person WHERE state = 'skipped' ORDER BY step")
    assert [(row["step"], row["reason"]) for row in skipped] == [
        ("day_before/2026-12-07", "overtaken"),
        ("week_before/2026-12-07", "overtaken"),
    ]


def test_a_cancelled_or_paused_wave_tells_nobody_anything_more(house: Moving) -> None:
    wave = house.add()
    assert len(house.until(date(2026, 12, 1))) == 1
    house.run(lambda work: house.waves.pause(work, "p_boss", wave))
    assert len(house.until(date(2026, 12, 4))) == 1
    house.run(lambda work: house.waves.resume(work, "p_boss", wave))
    house.run(lambda work: house.waves.cancel(work, "p_boss", wave))
    house.until(date(2026, 12, 20))
    assert house.db.query("SELECT state FROM delivery")[0]["state"] == "failed"  # it had not gone yet
    assert house.told(wave).counts == {"cancelled": 1}


def test_another_day_is_told_afresh(house: Moving) -> None:
    wave = house.add()
    house.until(date(2026, 12, 1))
    house.run(lambda work: house.switch.move(work, "p_boss", wave, date(2026, 12, 14)))
    titles = [title for _, _, title in house.until(date(2026, 12, 8))]
    assert titles == ["Your mail moves to a new protection system"] * 2


def test_everybody_of_the_audience_is_accounted_for(house: Moving) -> None:
    house.places["p_4"] = None
    wave = house.add(audience=Audience(frozenset({"hr_legal"})))
    house.until(date(2026, 12, 1))
    told = house.told(wave)
    assert (told.total, told.counts, told.reasons) == (10, {"queued": 9, "unreachable": 1}, {"no_chat": 1})


def test_two_processes_that_look_at_once_tell_everybody_once(house: Moving) -> None:
    house.add(audience=Audience())
    house.now_ = datetime(2026, 11, 30, 12, tzinfo=ZoneInfo("Europe/London")).timestamp()
    other = Moving(house.db, content=CONTENT, now_=house.now_)
    told = [item.switch.look(item.run, house.now_) for item in (house, other)]
    assert told == [30, 0]
    assert len(house.db.query("SELECT id FROM delivery")) == 30


def with_waves(**waves: WaveFile) -> Library:
    assert CONTENT.migration is not None
    return replace(CONTENT, migration=CONTENT.migration.model_copy(update={"waves": waves}))


def test_a_file_of_waves_is_followed_but_what_was_cancelled_stays_so(house: Moving) -> None:
    pilot = WaveFile(title="Pilot", day=DAY, people=["s1"])
    house.content = with_waves(pilot=pilot)
    assert len(house.until(date(2026, 12, 1))) == 1
    house.run(lambda work: house.waves.cancel(work, "p_boss", "file-pilot"))
    house.switch.look(house.run, house.now_)
    assert house.told("file-pilot").state == "cancelled"
    house.content = with_waves(pilot=pilot.model_copy(update={"day": date(2026, 12, 14)}))
    house.switch.look(house.run, house.now_)
    assert house.told("file-pilot").state == "running"
    house.content = with_waves()
    house.switch.look(house.run, house.now_)
    assert house.told("file-pilot").state == "cancelled"


def test_a_file_that_cannot_be_read_cancels_nothing(house: Moving) -> None:
    house.content = with_waves(pilot=WaveFile(title="Pilot", day=DAY, people=["s1"]))
    house.switch.look(house.run, house.now_)
    house.content = replace(CONTENT, migration=None, migration_faulty=True)
    house.switch.look(house.run, house.now_)
    assert house.told("file-pilot").state == "running"
    house.content = replace(CONTENT, migration=None)  # somebody took the file away
    house.switch.look(house.run, house.now_)
    assert house.told("file-pilot").state == "cancelled"


def test_a_broken_file_of_waves_is_told_from_one_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "learning").mkdir()
    (tmp_path / "learning" / "migration.yaml").write_text("steps: [broken")
    known = Vocabulary(roles={"regular"}, placeholders=())
    found = [read_lessons(Shelf(tmp_path / "none", layer), known, Faults()) for layer in (tmp_path, None)]
    assert [(one.migration, one.migration_faulty) for one in found] == [(None, True), (None, False)]


def test_a_wave_long_past_is_refused(house: Moving) -> None:
    with pytest.raises(ConfigError, match="long past"):
        house.add(date(2026, 10, 1))


def test_the_place_is_asked_for_at_the_moment_of_sending(house: Moving) -> None:
    house.places["p_1"] = Place("slack", "C1", private=False)
    wave = house.add()
    house.until(date(2026, 12, 1))
    assert house.told(wave).reasons == {"no_chat": 1}
