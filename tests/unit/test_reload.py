"""Edits while Secdesk runs: the last good version stays, faults are told, a good edit is live at the next look."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from bot.answering.entries import Library
from bot.answering.search import Index
from bot.app import build
from bot.app.contents import Beside, Contents, lesson_told, load_contents
from bot.cards import as_text
from bot.content import Faults, packaged_shelf
from bot.errors import ContentError, Fault
from bot.model import Person
from bot.organisation import load_words
from bot.reload import Poller, Watched
from bot.settings import Settings
from tests.fakes import desk as fakes
from tests.fakes.desk import NOW, SAM

FAULT = Fault("x.yaml", 1, 1, "wrong", "correct it")


# one kind of content


class Source:
    """What lies on disk, and what loading it does."""

    def __init__(self) -> None:
        self.version: Any = 1
        self.stamp: Any = 1

    def edit(self, version: Any) -> None:
        self.version, self.stamp = version, self.stamp + 1

    def load(self) -> Any:
        if isinstance(self.version, Exception):
            raise self.version
        return self.version

    def watched(self, **more: Any) -> Watched[Any]:
        return Watched("x", self.load, lambda: self.stamp, **more)


def test_a_good_edit_is_taken_once() -> None:
    source = Source()
    watched = source.watched()
    assert (watched.current, watched.poll()) == (1, False)
    source.edit(2)
    assert (watched.poll(), watched.current, watched.poll()) == (True, 2, False)


def test_a_bad_edit_leaves_the_last_good_version_and_tells() -> None:
    source = Source()
    watched = source.watched()
    source.edit(ContentError([FAULT]))
    assert (watched.poll(), watched.current, watched.faults) == (False, 1, (FAULT,))
    assert watched.poll() is False
    source.edit(3)
    assert (watched.poll(), watched.current, watched.faults) == (True, 3, ())


def test_any_other_error_is_a_fault_too() -> None:
    source = Source()
    watched = source.watched()
    source.edit(KeyError("surprise"))
    assert (watched.poll(), watched.current) == (False, 1)
    assert [str(fault) for fault in watched.faults] == ["x:0:0: this cannot be loaded (KeyError), undo the last edit"]


def test_a_file_that_cannot_be_read_is_tried_again() -> None:
    source = Source()
    watched = source.watched()
    source.edit(OSError(13, "Permission denied", "/x/org.yaml"))
    assert watched.poll() is False
    assert [str(fault) for fault in watched.faults] == [
        "/x/org.yaml:0:0: the file cannot be read (Permission denied), check that it is there and may be read"
    ]
    source.version = 2  # with the same stamp: only the rights have changed
    assert (watched.poll(), watched.current) == (True, 2)


def test_a_bad_start_uses_the_spare_or_refuses() -> None:
    source = Source()
    source.version = ContentError([FAULT])
    watched = source.watched(spare=lambda: "ships")
    assert (watched.current, watched.faults) == ("ships", (FAULT,))
    source.edit(2)
    assert (watched.poll(), watched.current, watched.faults) == (True, 2, ())
    source.version = ContentError([FAULT])
    with pytest.raises(ContentError):
        source.watched()
    source.version = OSError(13, "Permission denied", "/x/org.yaml")
    with pytest.raises(ContentError, match="the file cannot be read"):
        source.watched()


def test_the_poller_looks_at_everything_though_one_breaks() -> None:
    first, second, seen = Source(), Source(), threading.Event()

    class Breaks(Watched[Any]):
        def poll(self) -> bool:
            raise RuntimeError

    class Tells(Watched[Any]):
        def poll(self) -> bool:
            seen.set()
            return False

    broken = Breaks("broken", first.load, lambda: 1)
    good = Tells("good", second.load, lambda: 1)
    poller = Poller([broken, good], interval=0.001)
    poller.start()
    assert seen.wait(10)
    poller.stop()


# all of it, with an overlay


@pytest.fixture(scope="module")
def overlay(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An organisation's own folder with a copy of some of ours."""
    folder = tmp_path_factory.mktemp("overlay")
    for name in ("org.yaml", "people.yaml", "oncall.yaml"):
        (folder / name).write_text((files("knowledge") / name).read_text("utf-8"), "utf-8")
    (folder / "answers").mkdir()
    return folder


@pytest.fixture(scope="module")
def live(request: pytest.FixtureRequest, overlay: Path) -> Iterator[Contents]:
    """Loaded once; each test leaves the overlay as it was. Edits keep the fitted search: it is not what is tested here."""
    cache = fakes.cache_folder(request.config)
    real = Index.fit

    def fit(library: Library, *, previous: Index | None = None, **more: Any) -> Index:
        return previous or real(library, **more)

    with fakes.alone(cache):
        contents = load_contents(overlay, cache, lambda: date(2030, 3, 17), "words")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Index, "fit", fit)
        yield contents


Edit = Callable[..., None]


@pytest.fixture
def edit(live: Contents, overlay: Path) -> Iterator[Edit]:
    """Write into the overlay and look; everything is put back at the end."""
    before = {path: path.read_text("utf-8") for path in overlay.rglob("*.yaml")}

    def change(name: str, text: str) -> None:
        path = overlay / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        later = path.stat().st_mtime_ns + 1_000_000_000 * (1 + len(list(overlay.rglob("*"))))
        os.utime(path, ns=(later, later))
        look(live)

    yield change
    for path in overlay.rglob("*.yaml"):
        if path not in before:
            path.unlink()
    for path, text in before.items():
        path.write_text(text, "utf-8")
    look(live)
    assert live.faults() == []


def look(contents: Contents) -> None:
    for item in contents.watched():
        item.poll()


def faults(contents: Contents, overlay: Path) -> list[str]:
    return [str(fault).replace(f"{overlay}/", "") for fault in contents.faults()]


def entry(name: str = "public-wifi") -> str:
    text = (files("knowledge") / "answers" / f"{name}.yaml").read_text("utf-8")
    assert 'state: "published"' in text
    assert 'severity: "S0"' in text
    return text


def test_an_edit_of_the_organisation_is_picked_up(live: Contents, overlay: Path, edit: Edit) -> None:
    text = (overlay / "org.yaml").read_text("utf-8")
    edit("org.yaml", text.replace("+44 20 7946 0000", "+44 20 7946 7777"))
    assert live.organisation.current.values()["helpdesk_phone"] == "+44 20 7946 7777"


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("schema: org/1\nname: [\n", "org.yaml:3:1: this is not valid YAML ("),
        ("schema: org/1\nname: A\nname: B\n", 'org.yaml:3:1: the key "name" stands here twice, keep one of them'),
        ("[" * 200_000, "org.yaml:1:41: nested deeper than 40 levels, flatten it"),
        ("", "org.yaml:1:1: the file is empty, fill it or delete it"),
    ],
)
def test_a_broken_organisation_keeps_the_last_good_one(
    live: Contents, overlay: Path, edit: Edit, broken: str, said: str
) -> None:
    before = live.organisation.current
    edit("org.yaml", broken)
    assert live.organisation.current is before
    (fault,) = faults(live, overlay)
    assert fault.startswith(said)


def test_an_empty_rota_keeps_the_last_good_one(live: Contents, overlay: Path, edit: Edit) -> None:
    edit("oncall.yaml", "schema: oncall/1\nstart: 2026-01-05\nweekly: []\n")
    rota = live.rota.current
    assert rota is not None
    assert SAM in rota.on_duty(NOW)
    assert faults(live, overlay) == ["oncall.yaml:3:1: nobody is on call, put at least one person under weekly"]


def test_somebody_unknown_on_the_rota_is_a_fault(live: Contents, overlay: Path, edit: Edit) -> None:
    edit("oncall.yaml", 'schema: oncall/1\nstart: 2026-01-05\nweekly: ["sam.ortiz", "noone"]\n')
    assert faults(live, overlay) == ['oncall.yaml:3:1: "noone" is not in people.yaml, correct the id']


def test_people_are_picked_up_and_their_faults_are_all_said(live: Contents, overlay: Path, edit: Edit) -> None:
    good = (overlay / "people.yaml").read_text("utf-8")
    edit("people.yaml", good + '  - {id: "new.one", name: "New One", roles: ["regular"]}\n')
    assert live.directory.find("NEW.ONE") == Person(
        "new.one", "New One", roles=frozenset({"regular"}), language="en", timezone="Europe/London"
    )
    edit(
        "people.yaml",
        good + '  - {id: "Sam.Ortiz", name: "x", roles: ["king"], entity: "mars", timezone: "Mars/Base"}\n'
        '  - {id: "one@x.example", name: "One", email: "one@x.example", roles: []}\n',
    )
    line = len(good.splitlines()) + 1
    assert faults(live, overlay) == [
        f'people.yaml:{line}:5: "Sam.Ortiz" stands here twice, keep one of them',
        f'people.yaml:{line}:34: "king" is not in roles.yaml, correct it or add the role',
        f'people.yaml:{line}:51: "mars" is not an entity of org.yaml, correct it or add it',
        f'people.yaml:{line}:67: "Mars/Base" is not a time zone, write one like Europe/Berlin',
    ]
    assert live.directory.find("new.one") is not None  # the last good list


def test_a_lesson_that_waits_is_in_no_curriculum_until_it_is_let_in(request: pytest.FixtureRequest) -> None:
    held = {"clicked-tell-us-fast": "waiting", "bank-change-call-back": "out"}
    beside = Beside(held=lambda: tuple(held.items()), lessons=lambda: held)
    live = load_contents(None, fakes.cache_folder(request.config), lambda: date(2030, 3, 17), "words", beside=beside)

    def published() -> list[bool]:
        names = {lesson.id for lesson in live.lessons.current.published()}
        return [name in names for name in ("clicked-tell-us-fast", "bank-change-call-back")]

    assert [False, False] == published()
    del held["clicked-tell-us-fast"]
    assert live.lessons.poll()
    assert [True, False] == published()
    assert "retired" == live.lessons.current.lessons["bank-change-call-back"].status
    lesson = live.lessons.current.lessons["clicked-tell-us-fast"]
    assert (lesson.title["de"], lesson.body["de"]) == lesson_told(live, lesson.id, "de")
    assert ("", "") == lesson_told(live, "nothing", "de")


def test_an_answer_is_edited_retired_and_broken(live: Contents, overlay: Path, edit: Edit) -> None:
    name = "answers/public-wifi.yaml"
    edit(name, entry().replace("version: ", "version: 9"))
    assert live.knowledge.current.library.entries["public-wifi"].version >= 90
    edit(name, entry().replace('state: "published"', 'state: "retired"'))
    assert "public-wifi" not in {item.id for item in live.knowledge.current.library.published()}
    edit(name, entry().replace('state: "published"', 'state: "publisht"').replace('severity: "S0"', 'severity: "S9"'))
    assert "public-wifi" not in {item.id for item in live.knowledge.current.library.published()}
    assert len(faults(live, overlay)) == 2
    assert {fault.split(":")[0] for fault in faults(live, overlay)} == {name}


def test_every_fault_of_every_file_is_said_at_once(live: Contents, overlay: Path, edit: Edit) -> None:
    (overlay / "search").mkdir(exist_ok=True)
    (overlay / "answers" / "odd.yaml").write_text("a: 1\na: 2\n")
    (overlay / "search" / "generic.yaml").write_text("schema: generic/1\nlnies: []\n")
    (overlay / "answers" / "public-wifi.yaml").write_text(entry().replace('state: "published"', 'state: "publisht"'))
    edit("smalltalk.yaml", "schema: smalltalk/1\nhello: {en: hi}\n")
    assert sorted({fault.split(":")[0] for fault in faults(live, overlay)}) == [
        "answers/odd.yaml",
        "answers/public-wifi.yaml",
        "search/generic.yaml",
        "smalltalk.yaml",
    ]
    assert live.knowledge.current.smalltalk.kind("hello") == "hello"


def test_a_broken_emergency_file_leaves_ours_in_use(live: Contents, overlay: Path, edit: Edit) -> None:
    edit("emergencies/device.yaml", "schema: emergency/1\nid: [\n")
    assert live.gate.current.look(fakes.TROUBLE).level == "fire"
    assert "device" in live.gate.current.kinds
    assert [fault.split(":")[0] for fault in faults(live, overlay)] == ["emergencies/device.yaml"]


def test_words_that_are_edited_keep_the_rest(live: Contents, overlay: Path, edit: Edit) -> None:
    edit("copy/en.yaml", 'desk.stale: "Too late, ask again."\n')
    words = live.organisation.current.words
    ours = load_words(packaged_shelf(), Faults())
    assert words.say("en", "desk.stale") == "Too late, ask again."
    assert words.say("en", "desk.broken", helpdesk_phone="+1") == ours.say("en", "desk.broken", helpdesk_phone="+1")


def test_wording_of_mails_is_picked_up(live: Contents, edit: Edit) -> None:
    edit("phishing/wording/account.yaml", "category: account\nabout: ours\nphrases:\n  en: [zebra crossing]\n")
    assert live.mail.current.base.phrases["account"] == ("zebra crossing",)


def test_a_deleted_overlay_file_brings_ours_back(live: Contents, overlay: Path, edit: Edit) -> None:
    edit("answers/public-wifi.yaml", entry().replace('state: "published"', 'state: "retired"'))
    (overlay / "answers" / "public-wifi.yaml").unlink()
    look(live)
    assert "public-wifi" in {item.id for item in live.knowledge.current.library.published()}


# starting with something broken


@pytest.fixture
def started(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings of a folder with an overlay that each test breaks."""
    data = fakes.data_folder(tmp_path / "data", fakes.cache_folder(request.config))
    (tmp_path / "knowledge").mkdir()
    return Settings(folder=tmp_path, data=data, knowledge=tmp_path / "knowledge", search="words")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("org.yaml", "schema: org/1\nname: A\nvalues: {helpdesk_phone: ''}\n", 'the value "oncall"'),
        ("org.yaml", "name: [", "org.yaml:2:1: this is not valid YAML"),
        ("people.yaml", "schema: people/1\npeople: {}\n", 'people.yaml:2:1: "people": input should be a valid list'),
    ],
)
def test_a_start_without_an_honest_organisation_is_refused(started: Settings, name: str, text: str, said: str) -> None:
    (started.knowledge / name).write_text(text, "utf-8")
    with pytest.raises(ContentError) as raised:
        build(started)
    assert said in str(raised.value)


def test_a_start_with_broken_content_uses_what_ships_and_says_so(started: Settings) -> None:
    """One start with everything broken that may be: each start loads everything and takes a second."""
    overlay = started.knowledge
    for name, text in {
        "oncall.yaml": "schema: oncall/1\nstart: 2026-01-05\nweekly: []\n",
        "sla.yaml": "schema: sla/1\ntargets: {}\n",
        "smalltalk.yaml": "- broken\n",
        "answers/public-wifi.yaml": entry().replace('severity: "S0"', 'severity: "S9"'),
        "answers/mine.yaml": "schema: [\n",
        "emergencies/device.yaml": "id: [\n",
        "search/generic.yaml": "broken\n",
    }.items():
        (overlay / name).parent.mkdir(exist_ok=True)
        (overlay / name).write_text(text, "utf-8")
    app = build(started, clock=fakes.FakeClock())
    try:
        contents = app.contents
        found = {str(fault).replace(f"{overlay}/", "").split(":")[0] for fault in contents.faults()}
        assert found == {
            "oncall.yaml", "sla.yaml", "smalltalk.yaml", "answers/public-wifi.yaml", "answers/mine.yaml",
            "emergencies/device.yaml", "search/generic.yaml",
        }  # fmt: skip
        dana = app.person("dana.reyes")
        asked = app.ask(contents.knowledge.current.library.entries["public-wifi"].questions["en"][0], dana)
        assert asked.entry == "public-wifi"
        assert contents.knowledge.current.smalltalk.kind("hello") == "hello"
        assert contents.sla.current["S3"].acknowledge == 5
        emergency = app.ask(fakes.TROUBLE, dana)
        assert emergency.outcome == "emergency"
        rota = contents.rota.current
        assert rota is not None
        assert rota.on_duty(NOW) == []
        shutil.rmtree(overlay)
        overlay.mkdir()
        look(contents)
        assert contents.faults() == []
        assert contents.rota.current is not None
        assert contents.rota.current.on_duty(NOW)[0] == SAM
        assert "+44 20 7946 0000" in as_text(emergency.card)
    finally:
        app.close()
