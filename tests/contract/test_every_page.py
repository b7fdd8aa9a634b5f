"""Every page of the application's routes, in every language, with something on it and with nothing on it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from adapters.directories.file import FileDirectory
from adapters.stores.open import open_db
from bot.app.contents import Contents
from bot.data_map import load_data_map
from bot.organisation import Words
from tests.fakes.desk import DANA, FakeClock, House, fixed
from tests.fakes.every_page import ADDRESSES, NO_PAGE, NOW, Page, every_page, furnish
from tests.fakes.web_roles import browser_of, signed_in_as, whole_app
from tests.warm import data_folder, loaded_once

LANGUAGES = ("en", "de", "fr", "es")
IN_ENGLISH = {"/api/v1/docs", "/"}  # for those who program; and names of people
CONTENT = re.compile(  # names of things, formats and scopes: the same in every language, or translated where they are kept
    r"SEC-\d+|RUN-\d+|\bS2\b|CSV|SHA-256|STIX 2.1|MISP|\bEnter\b|\b(?:manage|people|see|send|work|write|approve)\b"
    r"|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) ?(?=\d{4})|Dana Reyes|Brightwell Managed Security|Leaver|Answers"
    r"|Prompts|how do I paint the purple fence in the garden\?|Do weekly tips lead to more real reports\?|Allow-list changes"
    r"|Rules of quarantine|Scanning for malware|Telling our own people|Administrator of the console|Executive|HR and legal"
    r"|IT and help desk|Likely target|Staff|Viewer in the console"
)
DATA_MAP = load_data_map()  # translated in its own file, which has a test of its own
DECLARED = {
    texts["en"].casefold()
    for texts in (*DATA_MAP.purposes.values(), *(one.name for one in DATA_MAP.elsewhere.values()))
}
SHOWN_IN_BRACES = {"{helpdesk_phone}"}  # told to authors, as the way to write a value
SAYS_SO = {"console-sign-in-token-used": 410}  # pages that say what is wrong


class Seen(HTMLParser):
    """Of a page: its language, its first heading, the labels we wrote into it, and every text a person reads."""

    LABELS = frozenset({"th", "button", "label", "summary", "legend", "h1", "h2", "h3", "dt", "caption"})
    SPOKEN = ("aria-label", "placeholder", "title", "data-label", "alt")
    SILENT = frozenset({"script", "style", "title", "svg", "pre", "textarea", "code"})
    VOID = frozenset({"meta", "link", "input", "br", "hr", "img", "col", "wbr"})

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.lang, self.heading, self.text = "", "", ""
        self.labels: list[str] = []
        self._open: list[tuple[str, bool]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.lang = self.lang or str(given.get("lang", "")) if tag == "html" else self.lang
        self.labels += [str(given[name]) for name in self.SPOKEN if given.get(name)]
        if tag not in self.VOID:
            self._open.append((tag, given.get("dir") == "auto"))
        if tag in self.LABELS:
            self.labels.append("")

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        tags = {tag for tag, _ in self._open}
        if tags & self.SILENT:
            return
        self.text += data
        if "h1" in tags:
            self.heading += data
        if tags & self.LABELS and not any(auto for _, auto in self._open):
            self.labels[-1] += data


@pytest.fixture(scope="module")
def contents(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Contents:
    cache = data_folder(request.config, tmp_path_factory.mktemp("cache")) / "cache"
    return loaded_once(None, cache, lambda: datetime.fromtimestamp(NOW, UTC).date(), "words")


def built(contents: Contents, folder: object) -> House:
    return House(folder, open_db("", folder), contents, clock=FakeClock(NOW))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def house(contents: Contents, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = built(contents, tmp_path_factory.mktemp("every"))
    yield made
    made.app.close()


@pytest.fixture(scope="module")
def app(house: House) -> Starlette:
    return whole_app(house)


@pytest.fixture(scope="module")
def there(house: House, app: Starlette) -> dict[str, str]:
    return furnish(house, app)


def reader(house: House, app: Starlette) -> TestClient:
    """An administrator of the console, who has chosen somebody in the chat too."""
    browser = signed_in_as(house, "admin", app=app)
    browser.post("/who", data={"person": DANA})
    return browser


def looked(browser: TestClient, page: Page) -> Seen:
    answer = (browser_of(browser.app) if page.route == "/" else browser).get(page.address)  # type: ignore[arg-type]
    assert (page.name, answer.status_code) == (page.name, SAYS_SO.get(page.name, 200))
    assert answer.headers["content-type"].startswith("text/html"), page.name
    return Seen(answer.text)


def test_a_route_that_nobody_has_decided_about_is_refused(app: Starlette, there: dict[str, str]) -> None:
    assert [set(ADDRESSES) & set(NO_PAGE), all(NO_PAGE.values())] == [set(), True]
    assert {one.route for one in every_page(app, there)} == set(ADDRESSES) - {"/console/trackers"}
    more = Starlette(routes=[*app.routes, Route("/console/forgotten", lambda _request: None)])
    with pytest.raises(AssertionError, match="/console/forgotten"):
        every_page(more, there)
    with pytest.raises(AssertionError, match="/console/queue"):
        every_page(Starlette(routes=[]), there)


def test_what_is_no_page_is_none(house: House, app: Starlette, there: dict[str, str]) -> None:
    """So that nobody silences a page by calling it a file."""
    browser = reader(house, app)
    more = {"metric": "containment", "form": "json", "file": "nothing-there"} | there
    pages = []
    for route, why in NO_PAGE.items():
        if why.startswith("a part") or route not in {one.path for one in app.routes if isinstance(one, Route)}:
            continue
        answer = browser.get(re.sub(r"\{(\w+)\}", lambda match: more[match[1]], route))
        if answer.status_code == 200 and answer.headers["content-type"].startswith("text/html"):
            pages.append(route)
    assert pages == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_speaks_the_language(
    contents: Contents, tmp_path_factory: pytest.TempPathFactory, language: str
) -> None:
    """A key without words is an error on the page; a value that nobody gave stands there in braces."""
    directory = FileDirectory(None)
    directory.replace([replace(person, language=language) for person in contents.directory.people()])
    house = built(replace(contents, directory=directory), tmp_path_factory.mktemp("spoken"))
    app = whole_app(house)
    there = furnish(house, app)
    browser = reader(house, app)
    spoken = house.app.organisation().words.by_language[language]
    holes = {}
    for page in every_page(app, there):
        seen = looked(browser, page)
        if page.route.startswith("/console/") and not page.route.startswith("/console/sign-in"):
            assert (page.name, seen.lang) == (page.name, language)
            assert spoken["console.signout"] in seen.labels, page.name
        assert seen.heading.strip(), page.name
        if found := set(re.findall(r"\{[a-z_]+\}", seen.text)) - SHOWN_IN_BRACES:
            holes[page.name] = found
    assert holes == {}


def test_every_label_on_every_page_comes_from_the_words(
    contents: Contents, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """With each of our texts in ⟦brackets⟧, what stands in a label without them was written into a template, or is data."""
    org = contents.organisation.current
    marked = {key: f"⟦{text}⟧" for key, text in org.words.by_language["en"].items()}
    words = Words(dict.fromkeys(("en",), marked))
    house = built(
        replace(contents, organisation=fixed("organisation", replace(org, words=words))),
        tmp_path_factory.mktemp("marked"),
    )
    try:
        app = whole_app(house)
        there = furnish(house, app)
        browser = reader(house, app)
        written: dict[str, str] = {}
        for page in every_page(app, there):
            if page.route in IN_ENGLISH:
                continue
            for label in looked(browser, page).labels:
                bare = re.sub(r"⟦[^⟦⟧]*(?:⟦[^⟦⟧]*⟧[^⟦⟧]*)*⟧", "", label)
                bare = "" if bare.strip().casefold() in DECLARED else CONTENT.sub("", bare)
                if re.search(r"[A-Za-z]{3}", bare):
                    written.setdefault(bare, page.name)
        assert written == {}
    finally:
        house.app.close()


SEARCHED = {"/console/knowledge", "/console/people"}  # never empty by themselves: something ships, or somebody looks
NEVER_EMPTY = {  # pages that list nothing, or whose list ships with Secdesk or is there with the first look
    "/", "/chat", "/api/v1/docs", "/console/sign-in", "/console/sign-in/out", "/console/oncall", "/console/procedures",
    "/console/procedures/calendar", "/console/partners", "/console/knowledge/new", "/console/measurement", "/console/nudges",
    "/console/access", "/console/audit", "/console/health",
}  # fmt: skip


def test_every_list_says_what_to_do_when_it_is_empty(
    contents: Contents, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """On a desk that nobody has asked anything: a heading and a sentence."""
    house = built(contents, tmp_path_factory.mktemp("empty"))
    try:
        app = whole_app(house)
        browser = signed_in_as(house, "admin", app=app)
        silent = []
        for route in ADDRESSES:
            if "{" in route or route in NEVER_EMPTY or route in {"/console/trackers", "/console/people/one"}:
                continue
            answer = browser.get(route + ("?q=nothing+at+all" if route in SEARCHED else ""))
            found = re.findall(r'<div class="empty">.*?<h2>([^<]+)</h2><p>(.+?)</p>', answer.text, re.DOTALL)
            if not found or any(len(text) < 20 for _, text in found):
                silent.append(route)
        assert silent == []
    finally:
        house.app.close()
