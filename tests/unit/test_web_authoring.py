"""The console's pages for authors, without a script: list, editor, second person, history, undo."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.channels.slack_blocks import blocks
from adapters.channels.teams_cards import adaptive_cards
from adapters.web.app import create_web
from adapters.web.authoring_diff import compared
from adapters.web.authoring_form import applied, fields_of, lines_of
from adapters.web.authoring_preview import Part, Translators
from adapters.web.authoring_services import Authors
from bot.answering.answer_card import answer_card
from bot.content import Faults, parse
from tests.fakes.authoring import ENTRY, AuthorDesk, updates_of
from tests.fakes.web import Fixture, every_block
from tests.unit.test_web_security import signed_in

LOOK = Translators(lambda card: blocks(card, {}), adaptive_cards)
HOSTILE = '"><img src=x onerror=alert(1)>\u202efdp.exe'


@pytest.fixture
def fixture(tmp_path: Path) -> Iterator[Fixture]:
    made = Fixture(tmp_path / "web")
    yield made
    made.close()


@pytest.fixture
def desk(fixture: Fixture, tmp_path: Path) -> AuthorDesk:
    """The author's side behind the pages of the fixture."""
    return dress(fixture, AuthorDesk(tmp_path / "desk", db=fixture.db, clock=fixture.clock))


def dress(fixture: Fixture, desk: AuthorDesk) -> AuthorDesk:
    def card(entry: Any, lang: str, roles: frozenset[str]) -> Any:
        return answer_card(entry, lang, desk.org.values(), desk.org.words, desk.authoring.today(), question="q")

    fixture.services = replace(
        fixture.services,
        authors=Authors(desk.authoring, card, LOOK, updates_of(desk)),
        org=lambda: desk.org,
        words=lambda: desk.org.words,
    )
    fixture.app = create_web(fixture.services)
    return desk


@pytest.fixture
def sam(fixture: Fixture, desk: AuthorDesk) -> Any:
    return signed_in(fixture)


@pytest.fixture
def ines(fixture: Fixture, desk: AuthorDesk) -> Any:
    return signed_in(fixture, "ines.brandt")


def form_of(page: str) -> dict[str, str]:
    """What a browser would send of the editor's form."""
    sheet = page[page.index('<form id="sheet"') : page.index("</form>", page.index('<form id="sheet"'))]
    fields: dict[str, str] = {}
    for tag in re.findall(r"<input[^>]*>", sheet):
        name = re.search(r' name="([^"]*)"', tag)
        value = re.search(r' value="([^"]*)"', tag)
        if name and ('type="checkbox"' not in tag or " checked" in tag):
            fields[name[1]] = html.unescape(value[1] if value else "")
    for name_, inner in re.findall(r'<textarea[^>]* name="([^"]*)"[^>]*>\n?(.*?)</textarea>', sheet, re.S):
        fields[name_] = html.unescape(inner)
    for name_, inner in re.findall(r'<select[^>]* name="([^"]*)"[^>]*>(.*?)</select>', sheet, re.S):
        chosen = re.search(r'<option value="([^"]*)" selected', inner) or re.search(r'<option value="([^"]*)"', inner)
        fields[name_] = html.unescape(chosen[1]) if chosen else ""
    return fields


def press(browser: Any, path: str, do: str, changes: Mapping[str, str | None] | None = None) -> Any:
    """Open the editor, change some fields, press a button; the answer (redirects are followed)."""
    fields: dict[str, Any] = form_of(browser.get(path).text)
    for name, value in (changes or {}).items():
        fields = {**fields, name: value} if value is not None else {key: v for key, v in fields.items() if key != name}
    target = path.partition("?")[0]
    sent = {name: (None, value) for name, value in {**fields, "do": do}.items()}
    return browser.post(target, files=sent, follow_redirects=True)


def act(browser: Any, name: str, verb: str, **fields: str) -> Any:
    page = browser.get(f"/console/knowledge/{name}").text
    token, event = (re.search(rf'name="{key}" value="([^"]+)"', page) for key in ("csrf", "event"))
    assert token is not None
    data = {"csrf": token[1], "event": event[1] if event else verb, **fields}
    return browser.post(f"/console/knowledge/{name}/{verb}", data=data, follow_redirects=True)


EDIT = "/console/knowledge/usb/edit"
BETTER = {"en.short": "Bring it to reception."}


# the list


def test_the_list_shows_state_owner_review_hits_and_rating(desk: AuthorDesk, sam: Any) -> None:
    for rating in ("solved", "unhelpful", "unhelpful", "unhelpful", "unhelpful", ""):
        desk.ask("usb", "usb", rating)
    press(sam, "/console/knowledge/keys/edit", "send", {"en.short": "Go to reception."})
    page = sam.get("/console/knowledge").text
    rows = {row[0]: html.unescape(re.sub("<[^>]+>", " ", row[1])) for row in
            re.findall(r'<td role="cell"[^>]*><span><a href="/console/knowledge/(\w+)">(.*?)</tr>', page, re.S)}  # fmt: skip
    assert ["keys", "usb", "wifi"] == list(rows)  # what waits, what helps few, the rest
    for words in ("Published", "Service desk", "2027-05-02", " 6 ", "helped 1 of 5", "Helps few"):
        assert words in rows["usb"], words
    assert "Change waits for approval" in rows["keys"]
    assert "not rated yet" in rows["wifi"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("state=published", ["keys", "usb", "wifi"]), ("state=retired", []), ("state=draft", []), ("q=WIFI", ["wifi"]),
        ("q=about+us", ["usb"]), ("owner=awareness", ["keys"]), ("owner=awareness&q=usb", []),
        ("state=nonsense&sort=x", ["keys", "usb", "wifi"]),
        ("from=999999", ["keys", "usb", "wifi"]), ("from=-1", ["keys", "usb", "wifi"]), ("sort=title", ["keys", "usb", "wifi"]),
    ],
)  # fmt: skip
def test_it_is_sifted(desk: AuthorDesk, sam: Any, query: str, names: list[str]) -> None:
    page = sam.get(f"/console/knowledge?{query}").text
    assert names == sorted(re.findall(r'<span><a href="/console/knowledge/(\w+)">', page))
    assert ("No answer fits" in page) == (not names)


def test_many_answers_come_in_pages(desk: AuthorDesk, sam: Any) -> None:
    for number in range(60):
        name = f"n{number:02}"
        desk.own(name).write_text(ENTRY.format(name=name, golden=f"golden {name}", owner="awareness"))
    desk.reload()
    assert "1 to 50 of 63" in sam.get("/console/knowledge").text
    assert "51 to 63 of 63" in sam.get("/console/knowledge?from=50").text


def test_faults_of_the_files_are_still_listed(desk: AuthorDesk, sam: Any, fixture: Fixture) -> None:
    assert "Every file is in order." in sam.get("/console/knowledge").text


def test_only_the_desk_gets_in(fixture: Fixture, desk: AuthorDesk) -> None:
    stranger = fixture.client()
    for path in ("/console/knowledge", EDIT, "/console/knowledge/new", "/console/knowledge/usb"):
        assert stranger.get(path).status_code == 303
    assert stranger.post(EDIT, data={"do": "send"}).status_code == 303
    assert desk.authoring.open_change("usb") is None


# from the form to the file


def test_form_file_second_person_and_the_answer_is_live(desk: AuthorDesk, sam: Any, ines: Any) -> None:
    before = desk.text("usb")
    saved = press(sam, EDIT, "save", {"en.short": "Half a"})
    assert "The draft of usb is saved." in saved.text
    assert "Half a" in form_of(saved.text)["text"]
    sent = press(sam, EDIT, "send", BETTER)
    assert "usb waits for a second person now." in sent.text
    assert "A second person has to approve this." in sent.text
    assert 'action="/console/knowledge/usb/approve"' not in sent.text
    assert "second person" in act(sam, "usb", "approve").text
    assert not desk.own("usb").exists()
    shown = ines.get("/console/knowledge/usb").text
    assert ["Tell reception about the usb.", "Bring it to reception."] == [
        html.unescape(text)
        for kind in ("gone", "new")
        for text in re.findall(
            rf'<li class="{kind}">.*?<code dir="auto">\s+short: "(.*?)"</code>', html.unescape(shown)
        )
    ]
    assert "usb is published." in act(ines, "usb", "approve").text
    assert before.replace("Tell reception about the usb.", "Bring it to reception.").splitlines()[:24] == [
        line.replace("version: 4", "version: 3") for line in desk.text("usb").splitlines()[:24]
    ]
    assert "Bring it to reception." == desk.library.entries["usb"].answer["en"].short
    history = sam.get("/console/knowledge/usb").text
    assert ("Edited" in history, "approved by Ines Brandt" in history) == (True, True)
    link = re.search(r'href="(/console/knowledge/usb/changes/\w+)"', history)
    assert link is not None
    assert "Bring it to reception." in sam.get(link[1]).text
    assert 404 == sam.get(link[1].replace("usb", "wifi")).status_code
    assert "is taken back" in act(sam, "usb", "undo").text
    assert before == desk.text("usb")


def test_the_file_can_be_written_instead_and_both_are_one_text(desk: AuthorDesk, sam: Any) -> None:
    page = press(sam, EDIT, "yaml", BETTER).text
    assert 'name="view" value="yaml"' in page
    text = form_of(page)["text"]
    assert "Bring it to reception." in text
    assert "# Kept by service-desk. Ask before changing it." in text
    fields = {**form_of(page), "text": text.replace("Bring it", "Carry it"), "do": "form"}
    back = sam.post(EDIT, files={name: (None, value) for name, value in fields.items()})
    assert "Carry it to reception." == form_of(back.text)["en.short"]


def test_every_field_of_the_form_reaches_the_file(desk: AuthorDesk, sam: Any) -> None:
    changes: dict[str, str | None] = {
        "en.title": "A stick on the floor", "en.questions": "- one\r\n2) two\r\nthree\r\nfour\r\nfive six",
        "en.golden": "thumb drive on the floor", "en.steps": "First.\r\nRing {helpdesk_phone}.",
        "en.do_not": "Do not plug it in.", "severity": "S1", "button.person": "on",
        "role.all": None, "role.it_helpdesk": "on", "queue": "privacy", "owner": "awareness", "expires": "2027-04-01",
        "sources": "OWN | Northwind | Rules | 2026-11-02\nNCSC | NCSC | USB sticks", "related": "wifi", "page": "on",
    }  # fmt: skip
    page = press(sam, EDIT, "look", changes).text
    document = parse("", form_of(page)["text"].encode(), Faults())
    assert document is not None
    value = document.value
    assert ["one", "two", "three", "four", "five six"] == value["questions"]["en"]
    assert ["First.", "Ring {helpdesk_phone}."] == value["answer"]["en"]["steps"]
    assert (["it_helpdesk"], ["person"], "S1", "awareness") == (
        value["roles"], value["buttons"], value["severity"], value["owner"])  # fmt: skip
    assert {"queue": "privacy", "page": True} == value["escalate"]
    assert [("OWN", "2026-11-02"), ("NCSC", None)] == [(one["code"], one["checked"]) for one in value["sources"]]
    assert (["wifi"], "2027-04-01", ["helpdesk_phone"]) == (value["related"], value["expires"], value["placeholders"])
    assert "Nothing. It can be handed in." in page


def test_a_language_is_added_and_taken_away(desk: AuthorDesk, sam: Any) -> None:
    page = press(sam, EDIT, "language", {"language": "DE"}).text
    assert 'name="de.short"' in page
    fields = {
        **form_of(page),
        "de.title": "Über usb",
        "de.questions": "usb gefunden",
        "de.short": "Zum Empfang.",
        "do": "look",
    }
    page = sam.post(EDIT, files={name: (None, value) for name, value in fields.items()}).text
    assert "<summary>In German</summary>" in page
    assert "only 1 question(s)" in page
    fields = {**form_of(page), "de.title": "", "de.questions": "", "de.short": "", "do": "yaml"}
    page = sam.post(EDIT, files={name: (None, value) for name, value in fields.items()}).text
    assert desk.text("usb").rstrip("\n") == form_of(page)["text"].rstrip("\n")


def test_what_stands_against_it_is_said_at_its_line_and_its_field(desk: AuthorDesk, sam: Any) -> None:
    page = press(sam, EDIT, "send", {"en.short": "Go to http://reception.example now!", "group": "gardens"}).text
    assert "This stands against it:" in page
    assert [("22", "there is a raw web address in the text"), ("22", "there is an exclamation mark")] == [
        (line, what) for line, what in re.findall(r'data-line="(\d+)">Line \d+</a>: <span dir="auto">(.*?)</span>', page)
        if what.startswith("there is")
    ]  # fmt: skip
    assert (
        'id="en.short" name="en.short" rows="3" lang="en" aria-invalid="true" aria-describedby="fault-en.short"' in page
    )
    assert 'id="fault-en.short"' in page
    assert "Go to http://reception.example now!" == form_of(page)["en.short"]  # nothing is lost
    assert desk.authoring.open_change("usb") is None


def test_a_file_that_is_no_yaml_is_kept_as_it_is_typed(desk: AuthorDesk, sam: Any) -> None:
    page = press(sam, EDIT, "save", {"view": "yaml", "text": "schema: answer/1\nid: [usb\n"}).text
    assert "The draft of usb is saved." in page
    assert 'name="view" value="yaml"' in page
    assert re.search(r'<span id="line-\d" class="bad">', page)
    assert "schema: answer/1\nid: [usb\n" == form_of(page)["text"]


def test_an_edit_that_breaks_a_golden_question_is_refused_with_the_reason(desk: AuthorDesk, sam: Any) -> None:
    desk.trials.takes = {"hotel net": "usb"}
    questions = "usb one\nusb two\nusb three\nusb four\nnetwork of the house"
    page = press(sam, EDIT, "send", {**BETTER, "en.questions": questions})
    assert 409 == page.status_code
    assert "this entry takes the golden question &#34;hotel net&#34; from &#34;wifi&#34;" in page.text
    assert "network of the house" in form_of(page.text)["en.questions"]


def test_questions_are_tried_with_their_confidence(desk: AuthorDesk, sam: Any) -> None:
    for asked in ("badge gone", "usb two"):
        desk.ask(asked)
    page = press(
        sam,
        EDIT,
        "try",
        {"asked": "usb two\nhelp me\nlunch hunter2", "en.questions": "usb one\nusb two\nusb three\nusb four\nusb six"},
    ).text
    cells = re.findall(r'<tr role="row"><td role="cell" dir="auto" data-label="Question">(.*?)</tr>', page, re.S)
    rows = [re.sub(r"\s+", " ", html.unescape(re.sub("<[^>]+>", " ", row))).strip() for row in cells]
    assert [
        "usb two answered: About usb 90 % the same",
        "help me emergency card first 10 % the same",
        "lunch [removed] goes to a person 10 % the same",
    ] == rows[:3]
    assert "thumb drive on the floor" in rows[3]  # the golden question is tried along
    assert "No golden question breaks" in page
    assert "None." in page  # of the last questions nothing moves


def test_a_draft_says_which_of_the_last_questions_it_would_win(desk: AuthorDesk, sam: Any) -> None:
    desk.ask("stick in the lift")
    desk.trials.takes = {"stick in the lift": "usb"}
    page = press(sam, EDIT, "try", BETTER).text
    assert "stick in the lift" in page[page.index("Of the last 200 questions") :]


def test_previews_are_those_of_slack_teams_and_a_screen_reader(desk: AuthorDesk, sam: Any) -> None:
    page = press(sam, EDIT, "look", BETTER).text
    for place in ("slack", "teams", "spoken"):
        figure = re.search(rf'<figure class="{place}">(.*?)</figure>', page, re.S)
        assert figure is not None
        assert "Bring it to reception." in figure[1]
        assert "Ring +44 20 7946 0999." in figure[1]
        assert "Did not help" in figure[1]
    assert '<p dir="auto">[1] Solved  [2] Did not help  [3] Why this answer?</p>' in page


def test_the_script_gets_what_the_page_shows(desk: AuthorDesk, sam: Any) -> None:
    fields = {**form_of(sam.get(EDIT).text), **BETTER}
    answer = sam.post("/console/knowledge/usb/look", files={name: (None, value) for name, value in fields.items()})
    assert (200, False, True) == (answer.status_code, "<html" in answer.text, "Bring it to reception." in answer.text)
    assert desk.authoring.open_change("usb") is None


# new ones, and what brings people here


def test_a_new_answer_from_a_question_nobody_could_answer(desk: AuthorDesk, sam: Any, ines: Any) -> None:
    page = sam.get("/console/knowledge/new", params={"question": "where is my badge"}).text
    assert ("where is my badge", "where is my badge") == ((form := form_of(page))["en.title"], form["en.questions"])
    changes = {
        "en.questions": "where is my badge\nbadge gone\nlost badge\nno badge\nbadge missing", "en.golden": "my card has vanished",
        "en.short": "Ring reception.", "group": "devices", "sources": "Northwind: rules", "owner": "service-desk",
    }  # fmt: skip
    saved = press(sam, "/console/knowledge/new?question=where+is+my+badge", "save", changes)
    assert "/console/knowledge/where-is-my-badge/edit" == saved.url.path
    assert "New answer" not in re.findall("<h1.*?</h1>", saved.text)[0]
    assert "where-is-my-badge" in sam.get("/console/knowledge?state=draft").text
    press(sam, "/console/knowledge/where-is-my-badge/edit", "send")
    act(ines, "where-is-my-badge", "approve")
    assert "Ring reception." == desk.library.entries["where-is-my-badge"].answer["en"].short


def test_a_name_that_is_taken_or_none_is_refused(desk: AuthorDesk, sam: Any) -> None:
    page = press(sam, "/console/knowledge/new", "save", {"id": "usb", "en.title": "About sticks"})
    assert (409, True) == (page.status_code, "There is an answer called usb already" in page.text)
    assert "About sticks" == form_of(page.text)["en.title"]
    assert "Give it a line of title" in press(sam, "/console/knowledge/new", "save", {"en.title": ""}).text
    assert (
        "Give it a line of title"
        in press(sam, "/console/knowledge/new", "save", {"view": "yaml", "text": "id: ../../org\n"}).text
    )
    assert [] == desk.store.all_open()


def test_a_paraphrase_is_added_where_it_belongs(desk: AuthorDesk, sam: Any) -> None:
    page = sam.get(EDIT, params={"paraphrase": "stick  in the\nlift", "golden": "found a thing"}).text
    assert form_of(page)["en.questions"].endswith("usb five\nstick in the lift")
    assert "found a thing" == form_of(page)["en.golden"].splitlines()[-1]
    assert desk.authoring.open_change("usb") is None  # nothing is kept before somebody says so


def test_an_answer_that_waits_on_disk_is_approved_by_somebody_else(desk: AuthorDesk, sam: Any, ines: Any) -> None:
    text = ENTRY.format(name="badge", golden="my card has vanished", owner="service-desk")
    text = (
        text.replace("state: published", "state: review")
        .replace("kim-lee", "sam-ortiz")
        .replace("approved_by: ida-roth\n", "")
    )
    desk.own("badge").write_text(text)
    desk.reload()
    assert "Waits for approval" in sam.get("/console/knowledge?state=waiting").text
    assert "You wrote this." in act(sam, "badge", "adopt").text
    assert "badge is published." in act(ines, "badge", "adopt").text


# others, and the disk


def test_two_authors_meet(desk: AuthorDesk, sam: Any, ines: Any) -> None:
    theirs = form_of(ines.get(EDIT).text)
    press(sam, EDIT, "save", BETTER)
    late = ines.post(EDIT, files={name: (None, v) for name, v in {**theirs, "en.short": "Mine.", "do": "save"}.items()})
    assert (409, True) == (late.status_code, "Somebody else was first." in late.text)
    assert "Mine." == form_of(late.text)["en.short"]
    assert "Bring it to reception." == form_of(ines.get(EDIT).text)["en.short"]


def test_a_newer_file_on_disk_is_shown_and_gone_on_from(desk: AuthorDesk, sam: Any) -> None:
    press(sam, EDIT, "save", BETTER)
    desk.own("usb").write_text(desk.text("usb").replace("usb five", "usb 5"))
    desk.reload()
    page = sam.get(EDIT).text
    assert "The file was changed on disk since this was begun." in page
    assert "usb 5" in page
    assert "changed on disk" in press(sam, EDIT, "send").text
    disk = re.search(r'name="rebase" value="(\w+)"', page)
    assert disk is not None
    fields = {**form_of(page), "rebase": disk[1], "do": "look"}
    again = sam.post(EDIT, files={name: (None, value) for name, value in fields.items()}).text
    assert "The file was changed on disk" not in again
    fields = {**form_of(again), "en.questions": "usb one\nusb two\nusb three\nusb four\nusb 5", "do": "send"}
    sent = sam.post(EDIT, files={name: (None, value) for name, value in fields.items()}, follow_redirects=True)
    assert "waits for a second person" in sent.text


def test_sent_back_with_a_word_and_thrown_away(desk: AuthorDesk, sam: Any, ines: Any) -> None:
    press(sam, EDIT, "send", BETTER)
    assert "Say in a few words" in act(ines, "usb", "back", note=" ").text
    assert "usb is back with its author." in act(ines, "usb", "back", note="Which reception?").text
    assert "Sent back: Which reception?" in sam.get(EDIT).text
    assert "is thrown away" in act(sam, "usb", "drop").text
    assert desk.authoring.open_change("usb") is None


def test_keepers_alone_retire_and_give_away(desk: AuthorDesk, sam: Any, ines: Any) -> None:
    assert "/usb/retire" not in ines.get("/console/knowledge/usb").text
    assert "Only those who keep it" in act(ines, "usb", "retire").text
    assert "is still right" in act(sam, "usb", "still").text
    assert "has another owner" in act(sam, "usb", "owner", owner="awareness").text
    assert "keys is retired" in act(ines, "keys", "retire").text
    assert "retired" == desk.library.entries["keys"].state


def test_a_single_administrator_publishes_at_once(fixture: Fixture, tmp_path: Path) -> None:
    desk = dress(fixture, AuthorDesk(tmp_path / "alone", alone=True, db=fixture.db, clock=fixture.clock))
    sam = signed_in(fixture)
    assert "It is live at once." in sam.get(EDIT).text
    assert "usb is published." in press(sam, EDIT, "send", BETTER).text
    assert "Bring it to reception." == desk.library.entries["usb"].answer["en"].short


# what may not happen


def test_hostile_text_is_shown_as_text(desk: AuthorDesk, sam: Any) -> None:
    press(sam, EDIT, "save", {"en.short": HOSTILE, "en.title": HOSTILE, "owner": HOSTILE, "language": HOSTILE})
    for page in (
        EDIT,
        "/console/knowledge/usb",
        "/console/knowledge?state=draft",
        f"{EDIT}?paraphrase={HOSTILE}",
        f"/console/knowledge?q={HOSTILE}",
    ):
        text = sam.get(page).text
        assert "<img" not in text
        assert 'onerror=alert(1)>"' not in text
    assert HOSTILE.replace("\u202e", "\u202e") in (desk.authoring.open_change("usb") or desk).yaml  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["nobody", "..%2Forg", "USB", "a%00b", "usb%2F..%2Fwifi"])
def test_names_that_are_no_entries_are_404(desk: AuthorDesk, sam: Any, name: str) -> None:
    for path in ("", "/edit"):
        assert sam.get(f"/console/knowledge/{name}{path}").status_code in (404, 405)


def test_forms_of_others_change_nothing(desk: AuthorDesk, sam: Any, ines: Any) -> None:
    press(sam, EDIT, "send", BETTER)
    assert 403 == ines.post("/console/knowledge/usb/approve", data={"csrf": "x"}).status_code
    assert 403 == sam.post(EDIT, files={"do": (None, "send"), "csrf": (None, "x")}).status_code
    assert 404 == act(ines, "usb", "delete").status_code
    assert "waiting" == desk.authoring.open_change("usb").state  # type: ignore[union-attr]


def test_a_text_that_is_too_long_is_refused(desk: AuthorDesk, sam: Any) -> None:
    fields = {**form_of(sam.get(EDIT).text), "view": "yaml", "text": "x" * 300_000, "do": "save"}
    assert 413 == sam.post(EDIT, files={name: (None, value) for name, value in fields.items()}).status_code


def test_pressing_twice_publishes_once(desk: AuthorDesk, sam: Any, ines: Any) -> None:
    press(sam, EDIT, "send", BETTER)
    page = ines.get("/console/knowledge/usb").text
    data = {key: found[1] for key in ("csrf", "event") if (found := re.search(rf'name="{key}" value="([^"]+)"', page))}
    for _ in range(2):
        ines.post("/console/knowledge/usb/approve", data=data)
    assert [("edit", "published")] == [(item.kind, item.state) for item in desk.authoring.history("usb")]


# the parts


def test_the_form_leaves_alone_what_it_does_not_know() -> None:
    text = (
        ENTRY.format(name="usb", golden="x", owner="o")
        + 'for_roles:\n  executive:\n    en: {short: "Ring {oncall}."}  # asked for\n'
    )
    document = parse("", text.encode(), Faults())
    assert document is not None
    assert text == applied(text, document.value, fields_of(document.value))
    made = applied(text, document.value, {"en.short": "New."})
    assert '    en: {short: "Ring {oncall}."}  # asked for' in made
    assert 'placeholders: ["helpdesk_phone", "oncall"]' in made


@pytest.mark.parametrize(
    "value", [None, [], "x", {}, {"title": "x", "roles": 3, "answer": {"en": "x"}, "escalate": []}]
)
def test_any_shape_can_be_shown_as_a_form(value: Any) -> None:
    assert isinstance(fields_of(value), dict)


def test_pasted_lists_lose_their_marks() -> None:
    assert ["one", "two", "three", "4 eyes", "-5 degrees"] == lines_of("- one\n 2. two\n• three\n\n4 eyes\n-5 degrees")


def test_a_diff_numbers_what_went_and_came() -> None:
    lines = compared("a\nb\nc\nd\ne\nf\ng\nh\n", "a\nB\nc\nd\ne\nf\ng\nh\ni\n")
    kinds = [(line.kind, line.number, line.text) for line in lines]
    assert [("same", 1, "a"), ("gone", 2, "b"), ("new", 2, "B"), ("same", 3, "c"), ("same", 4, "d"), ("gap", 0, ""),
            ("same", 7, "g"), ("same", 8, "h"), ("new", 9, "i")] == kinds  # fmt: skip
    assert [] == compared("a\n", "a\n")


def test_every_block_has_a_form_in_every_preview() -> None:
    seen = LOOK(every_block())
    for parts in (seen.slack, seen.teams):
        words = " ".join([*(part.text for part in parts), *(label for part in parts for label in part.items)])
        for wanted in ("Plain <b>text</b>", "Small", "Quoted", "SEC-1", "One", "Dot", "Press", "This", "That"):
            assert wanted in words, wanted
    assert Part("heading", "All blocks") == seen.slack[0] == seen.teams[0]


# what an upgrade brought


def test_what_waits_for_a_decision_is_listed_and_decided(fixture: Fixture, desk: AuthorDesk, ines: Any) -> None:
    ours, mine = desk.place / "ours" / "answers", desk.text("wifi").replace("Tell reception", "Tell Sam")
    (ours / "badge.yaml").write_text(
        ENTRY.format(name="badge", golden="lost at the gate", owner="service-desk"), "utf-8"
    )
    desk.own("wifi").write_text(mine, "utf-8")
    (ours / "wifi.yaml").write_text(desk.text("wifi").replace("Tell Sam", "Tell <b>security</b>"), "utf-8")
    dress(fixture, desk)
    ines = signed_in(fixture, "ines.brandt")
    assert "2 to decide after an update" in ines.get("/console/knowledge").text
    page = ines.get("/console/updates").text
    assert ("About badge" in page, "Tell &lt;b&gt;security" in page, "<b>security" in page) == (True, True, False)
    for verb, name in (("use", "badge"), ("keep", "wifi")):
        form = page[page.index(f'action="/console/updates/{verb}"', page.index(f">{name}<") - 3000) :]
        csrf = re.search(r'name="csrf" value="([^"]+)"', form)
        assert csrf
        done = ines.post(f"/console/updates/{verb}", data={"csrf": csrf[1], "event": verb, "name": name})
        assert 303 == done.status_code
    assert "published" == desk.library.entries["badge"].state
    assert mine == desk.own("wifi").read_text("utf-8")
    assert "Nothing to decide" in ines.get("/console/updates").text


def test_what_does_not_wait_cannot_be_brought_into_use(fixture: Fixture, desk: AuthorDesk, sam: Any) -> None:
    csrf = re.search(r'name="csrf" value="([^"]+)"', sam.get("/console/updates").text)
    assert csrf
    assert 404 == sam.post("/console/updates/use", data={"csrf": csrf[1], "name": "nothing"}).status_code
