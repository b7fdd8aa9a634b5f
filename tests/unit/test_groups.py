"""Groups and courses: reading them, who is in a group, and what that does to a curriculum."""

from __future__ import annotations

import copy
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.content import Faults, Shelf, packaged_shelf
from bot.learning.lessons import read_lessons
from bot.learning.planner import Planner
from bot.learning.record import Learner, Record
from bot.learning.shapes import TRACKS, Group, Library, Vocabulary
from bot.learning.timing import Policy
from bot.organisation import load_organisation
from tests.fakes.lessons import lesson, raw, write

TODAY = date(2026, 11, 24)
KNOWN = Vocabulary(
    ["executive", "hr_legal", "it_helpdesk", "regular", "all"], ["helpdesk_phone"], ["some-entry"], ids={"kim"}
)
GROUP = {"name": {"en": "Payers"}, "concern": {"en": "paying"}, "people": ["kim"]}
COURSE = {
    "title": {"en": "Admins"}, "about": {"en": "Short."}, "roles": ["it_helpdesk"], "lessons": ["odd-prompt"],
    "legal_basis": {"en": "law"}, "owner": "awareness",
}  # fmt: skip
MONDAY = 1_795_428_000.0  # 23 November 2026, 10:00 UTC


def load(folder: Path, *lessons: dict[str, Any], groups: Any = None, courses: Any = None) -> tuple[Library, list[str]]:
    write(folder, *lessons)
    (folder / "learning").mkdir(exist_ok=True)
    for name, content in (("groups", groups), ("courses", courses)):
        if content is not None:
            text = yaml.safe_dump({"schema": f"{name}/1", name: content})
            (folder / "learning" / f"{name}.yaml").write_text(text, "utf-8")
    faults = Faults()
    library = read_lessons(Shelf(folder), KNOWN, faults, today=TODAY)
    return library, [f"{fault.what}, {fault.mend}" for fault in faults.found]


@pytest.mark.parametrize(
    ("group", "belongs"),
    [
        ({"people": ["kim"]}, True),
        ({"people": ["lee"]}, False),
        ({"roles": ["executive", "regular"]}, True),
        ({"roles": ["executive"]}, False),
        ({"roles": ["regular"], "entities": ["de"]}, True),
        ({"roles": ["regular"], "entities": ["fr"]}, False),
        ({"people": ["kim"], "entities": ["fr"]}, True),  # named is named, wherever they work
    ],
)
def test_who_is_in_a_group(group: dict[str, Any], belongs: bool) -> None:
    made = Group(name={"en": "x"}, concern={"en": "y"}, **group)
    assert made.holds("kim", {"regular"}, "de") is belongs


def test_lessons_of_a_group_go_to_it_and_to_nobody_else(tmp_path: Path) -> None:
    pay = raw(id="pay", curriculum="group", groups=["payers"], order=1)
    library, faults = load(tmp_path, raw(), pay, groups={"payers": GROUP})
    assert faults == []
    mine = library.groups_of("kim", {"regular"})
    assert [item.id for item in library.curriculum("regular", groups=mine)] == ["odd-prompt", "pay"]
    assert [item.id for item in library.curriculum("regular", groups=library.groups_of("lee", {"regular"}))] == [
        "odd-prompt"
    ]
    assert (library.lessons["pay"].fits({"regular"}, True), library.lessons["pay"].fits({"regular"}, False, mine)) == (
        False,
        True,
    )


def test_the_planner_gives_group_lessons_besides_those_of_the_role(tmp_path: Path) -> None:
    pay = raw(id="pay", curriculum="group", groups=["payers"], order=1)
    library, _ = load(tmp_path, raw(), pay, groups={"payers": GROUP})
    planner = Planner(library, Policy(new_per_year=0), lambda _region, _day: False)
    learner = Learner("p_1", values=frozenset({"helpdesk_phone"}), groups=frozenset({"payers"}))
    decision = planner.decide(learner, Record(), MONDAY)
    assert (decision.lesson, decision.reason) == ("odd-prompt", "core")  # two a year more than the role's own
    assert planner.decide(Learner("p_1", values=learner.values), Record(), MONDAY).reason == "up_to_date"


def test_why_a_group_lesson_came_names_the_group(tmp_path: Path) -> None:
    pay = raw(id="pay", curriculum="group", groups=["payers"], order=1)
    library, _ = load(tmp_path, pay, groups={"payers": GROUP})
    planner = Planner(library, Policy(), lambda _region, _day: False)
    learner = Learner("p_1", values=frozenset({"helpdesk_phone"}), groups=frozenset({"payers"}))
    decision = planner.decide(learner, Record(), MONDAY)
    assert (decision.reason, decision.facts) == ("group", (("group", "payers"),))


@pytest.mark.parametrize(
    ("lessons", "groups", "courses", "expected"),
    [
        ([raw(curriculum="group")], {"payers": GROUP}, None, '"groups" and curriculum group go together, give both'),
        ([raw(groups=["payers"])], {"payers": GROUP}, None, '"groups" and curriculum group go together, give both'),
        (
            [raw(curriculum="group", groups=["x-y-z"])],
            {"payers": GROUP},
            None,
            'the group "x-y-z" is not known, use one of',
        ),
        ([raw()], {"payers": {**GROUP, "roles": ["boss"]}}, None, 'the role "boss" is not known'),
        ([raw()], {"payers": {**GROUP, "roles": ["all"]}}, None, 'the role "all" is not known'),
        ([raw()], {"payers": {**GROUP, "people": []}}, None, 'nobody can be in the group "payers"'),
        ([raw()], {"payers": {**GROUP, "concern": {"de": "zahlen"}}}, None, "there is no en text, add en"),
        ([raw()], {"payers": {**GROUP, "colour": "red"}}, None, "is not a key that is known here"),
        ([raw()], None, {"admins": {**COURSE, "lessons": ["nowhere"]}}, 'the lesson "nowhere" does not exist'),
        ([raw(status="draft", approved_by=None)], None, {"admins": COURSE}, 'the lesson "odd-prompt" is not published'),
        ([raw(roles=["hr_legal"], curriculum="role")], None, {"admins": COURSE}, "is not for everybody in the course"),
        ([raw()], None, {"admins": {**COURSE, "roles": ["boss"]}}, 'the role "boss" is not known'),
        ([raw()], None, {"admins": {**COURSE, "title": {"de": "x"}}}, "there is no en text, add en"),
    ],
)
def test_each_mistake_is_a_fault(tmp_path: Path, lessons: Any, groups: Any, courses: Any, expected: str) -> None:
    _, faults = load(tmp_path, *lessons, groups=groups, courses=courses)
    assert [text for text in faults if expected in text], faults


def test_an_organisations_groups_and_courses_are_laid_over_ours(tmp_path: Path) -> None:
    (tmp_path / "learning").mkdir()
    own = {name: copy.deepcopy(GROUP) for name in ("payments", "field")}
    (tmp_path / "learning/groups.yaml").write_text(yaml.safe_dump({"schema": "groups/1", "groups": own}), "utf-8")
    shelf, faults = packaged_shelf(tmp_path), Faults()
    organisation = load_organisation(shelf, faults)
    assert organisation is not None
    known = Vocabulary(organisation.roles, organisation.catalogue, None, ids={"kim"})
    library = read_lessons(shelf, known, faults, today=TODAY)
    assert faults.found == []
    assert (sorted(library.groups), library.groups["payments"].people) == (["field", "leadership", "payments"], ["kim"])
    assert list(library.courses) == ["admin-security"]


def test_an_idle_group_and_somebody_who_left_are_noted(tmp_path: Path) -> None:
    _, faults = load(tmp_path, raw(), groups={"payers": {**GROUP, "people": ["kim", "gone"]}})
    assert faults == []
    library = read_lessons(Shelf(tmp_path / "empty", tmp_path), KNOWN, Faults(), today=TODAY)
    assert sorted(note.what for note in library.notes if note.kind == "group") == [
        '"gone" of the group "payers" is not in the directory',
        'the group "payers" has no published lesson',
    ]


def test_a_lesson_that_only_a_course_holds_is_in_no_curriculum() -> None:
    only = lesson("only-course", curriculum="course", roles=["it_helpdesk"])
    library = Library({only.id: only})
    assert [library.curriculum(track, high_risk=True) for track in TRACKS] == [[], [], [], []]


# what ships


@pytest.fixture(scope="module")
def shipped() -> Library:
    shelf, faults = packaged_shelf(), Faults()
    organisation = load_organisation(shelf, faults)
    assert organisation is not None, faults.found
    known = Vocabulary(organisation.roles, organisation.catalogue, None, unset=organisation.unset())
    library = read_lessons(shelf, known, faults, today=TODAY)
    assert faults.found == []
    return library


def test_every_shipped_lesson_is_there_in_four_languages(shipped: Library) -> None:
    lacking = {
        item.id: item.languages() for item in shipped.published() if set(item.languages()) != {"en", "de", "fr", "es"}
    }
    assert lacking == {}
    named = [texts for group in shipped.groups.values() for texts in (group.name, group.concern)]
    named += [
        texts for course in shipped.courses.values() for texts in (course.title, course.about, course.legal_basis)
    ]
    assert [texts for texts in named if set(texts) != {"en", "de", "fr", "es"}] == []


def test_no_translation_is_the_english_text(shipped: Library) -> None:
    same = [
        (item.id, path, lang)
        for item in shipped.published()
        for path, texts in item.texts()
        for lang in ("de", "fr", "es")
        if texts[lang] == texts["en"]
    ]
    assert same == []


def test_executives_also_learn_what_it_saves_and_how_to_set_up_their_devices(shipped: Library) -> None:
    mine = shipped.groups_of("somebody", {"executive"})
    extra = {item.id for item in shipped.curriculum("executive", groups=mine)} - {
        item.id for item in shipped.curriculum("executive")
    }
    assert extra == {"exec-what-it-saves", "exec-own-devices"}
    first = [item.id for item in shipped.curriculum("executive", groups=mine)][:6]
    assert extra < set(first)


def test_admins_have_a_course(shipped: Library) -> None:
    assert shipped.courses_of({"it_helpdesk"}) == ["admin-security"]
    assert shipped.courses_of({"regular", "executive", "hr_legal"}) == []
    own = {item.id for item in shipped.curriculum("it_helpdesk") if item.curriculum == "role"}
    assert own < set(shipped.courses["admin-security"].lessons)


def test_first_months_differ(shipped: Library) -> None:
    """Of the first four lessons of an executive, an HR lawyer and an admin only the shared core is the same."""
    months = {}
    for role in ("executive", "hr_legal", "it_helpdesk"):
        groups = shipped.groups_of("somebody", {role})
        months[role] = [item.id for item in shipped.curriculum(role, groups=groups)][:4]
    shared = set.intersection(*map(set, months.values()))
    assert shared == {"report-button-and-what-next", "clicked-tell-us-fast"}
    assert all(len(set(month) - shared) == 2 for month in months.values())
