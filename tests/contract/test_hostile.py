"""Whatever an outsider can write, on every page and in every CSV: no live markup, no turned-round text, no formula.

The desk is filled through its own doors (chat, reported mail, directory, import, ticket system), then every GET route of the
application is asked for, with hostile query parameters too. A new page is looked at without a line here.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Match
from starlette.testclient import TestClient

from adapters.directories.file import FileDirectory
from adapters.shown import INVISIBLE
from adapters.stores.open import open_db
from adapters.web.console import needed
from bot.app.ticket_import import import_tickets
from bot.directory import Said
from bot.model import Person
from bot.permissions import allowed
from bot.turn import TicketRequest
from tests.contract.test_permissions import guarded
from tests.fakes.desk import DANA, SAM, House
from tests.fakes.web_roles import form_of, signed_in_as, whole_app
from tests.warm import data_folder, loaded_once

MARK = "zqxmark"
LIVE = f'{MARK}"\'><script>alert(1)</script><img src=x onerror=alert(2)><svg/onload=alert(3)><a href="javascript:alert(4)">'
TURNED = f"{MARK} \u202egpj.exe\u202c \u200bzero\ufeff \u2066iso\u2069"
LONG = MARK + "W" * 400
FORMULAS = ("=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1", "\r=1", '=HYPERLINK("http://evil.example")')
ALL = f"{LIVE} {TURNED} {{{{7*7}}}} ${{7*7}} {{phone}} %s"
NUMBER = re.compile(r"[-+]?\d+([.,]\d+)?%?")


@pytest.fixture(scope="module")
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("hostile")
    contents = loaded_once(
        None, data_folder(request.config, folder) / "cache", lambda: datetime.now(UTC).date(), "words"
    )
    directory = FileDirectory(None)
    directory.replace(list(contents.directory.people()))
    made = House(folder, open_db("", folder), replace(contents, directory=directory))
    fill(made)
    yield made
    made.app.close()


@pytest.fixture(scope="module")
def app(house: House) -> Starlette:
    return whole_app(house)


@pytest.fixture(scope="module")
def browser(house: House, app: Starlette) -> TestClient:
    return signed_in_as(house, "admin", app=app)


def mail(subject: str, sender: str, text: str, attachment: str) -> bytes:
    name = attachment.replace('"', "'").replace("\r", " ").replace("\n", " ")
    return (
        f"From: {sender} <a@evil.example>\r\nTo: dana.reyes@northwind.example\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n"
        f"Message-ID: <{abs(hash(subject))}@evil.example>\r\n"
        'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n'
        f"<p>{text}</p><a href='http://evil.example/{MARK}'>bank.example</a>\r\n--b\r\n"
        f'Content-Type: application/octet-stream; name="{name}"\r\nContent-Disposition: attachment; filename="{name}"\r\n\r\n'
        "MZ\r\n--b--\r\n"
    ).encode("utf-8", "surrogateescape")


def fill(house: House) -> None:
    """Everything that somebody outside can write."""
    who = [Said("csv", f"x{n}", addresses=(f"x{n}@northwind.example",), name=text, title=text, department=text, phone="+44 1",
                roles=frozenset({"regular"})) for n, text in enumerate((LIVE, TURNED, LONG, *FORMULAS))]  # fmt: skip

    def people(work: Any, seq: int) -> None:
        for one in who:
            house.app.sources.put(work, seq, one, "csv")

    house.app.sources.change(people)
    for n, text in enumerate((ALL, LONG, *FORMULAS)):
        asker = f"x{n}" if house.app.directory.find(f"x{n}") else DANA
        house.say(asker, f"{text} purple elephant number {n}?")
        house.say(asker, f"talk to a person about {text}")
    for text in (ALL, FORMULAS[0]):
        house.send(DANA, mail(text, text, text, f"{text}.exe"), f"{text[:80]}.eml", text)
    house.settle()
    asked = house.app.identities.meet_all([house.person(DANA)], house.clock.now())[0]
    page = TicketRequest(asked.key, house.place(DANA), "person", ALL, ALL, "S2", page=ALL)
    house.app.work(lambda work: house.app.tickets.open(work, page))
    house.say(DANA, f"how high do xylophones of {MARK} fly {TURNED} in the purple forest?")
    house.desk.handle(
        replace(house.message(DANA, "talk to a person"), person=Person("guest-1", ALL, ALL, known=False), key="g")
    )
    house.say(DANA, f"i clicked a link {ALL} and typed my password")
    house.settle()
    for ticket in house.tickets("unresolved")[:3]:
        house.act("note", ticket.number, SAM, ALL)
        house.act("reply", ticket.number, SAM, ALL)
        house.app.work(
            lambda work, number=ticket.number: house.app.tickets.log(work, number, "tracker", "from_tracker", ALL)
        )
    rows = "".join(
        f"S-{n},{_cell(text)},Open,To Do,Low,{_cell(text)},,,,{_cell(text)},\n"
        for n, text in enumerate((ALL, *FORMULAS))
    )
    path = house.folder / "export.csv"
    path.write_text(
        f"Issue key,Summary,Status,Status Category,Priority,Reporter,Assignee,Created,Resolved,Description,Comment\n{rows}",
        "utf-8",
    )
    import_tickets(house.app, path, write=True)
    house.settle()


def _cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


class Page(HTMLParser):
    """What in a page would do something."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.live: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        own = tag == "script" and not re.fullmatch(r"/static/[a-z.-]+\?v=[0-9a-f]+", found.get("src", ""))
        if own or tag in {"style", "object", "embed", "base", "math", "foreignobject"}:
            self.live.append(f"<{tag}>")
        if tag in {"img", "iframe", "video", "audio"} and not found.get("src", "").startswith(
            ("/console/", "/static/", "/chat/")
        ):
            self.live.append(f"<{tag} src={found.get('src')}>")
        self.live += [f"{tag} {name}" for name in found if name.startswith("on") or name == "style"]
        for name in ("href", "src", "action", "formaction"):
            target = found.get(name, "/").strip().lower()
            inside = target.startswith(("/", "#", "?", "tel:", "mailto:")) and not target.startswith("//")
            if not inside and not target.startswith(("https://reset.", "https://")):
                self.live.append(f"{tag} {name}={target[:60]}")
            if "evil.example" in target.split("?")[0]:
                self.live.append(f"{tag} {name}={target[:60]}")

    def handle_data(self, data: str) -> None:
        self.text += data


def pages(house: House, app: Starlette) -> list[str]:
    """Addresses of every GET route, with things that are there, and once more with a hostile query."""
    tickets = [ticket.number for ticket in house.tickets()]
    shas = [row["sha256"] for row in house.db.query("SELECT sha256 FROM mail")]
    people = [row["id"] for row in house.db.query("SELECT id FROM roster WHERE source = 'csv'")]
    there = {
        "number": [*tickets[:3], *tickets[-2:]],
        "sha256": shas,
        "name": ["real-or-phishing"],
        "module": ["answers"],
    }
    found: list[str] = []
    for route, method in guarded(app):
        if method != "GET":
            continue
        names = re.findall(r"\{(\w+)(?::\w+)?\}", route.path)
        first = there.get(names[0], ["nothing-there"]) if names else [""]
        for value in first:
            path = re.sub(r"\{\w+(?::\w+)?\}", lambda _m, value=value: value, route.path, count=1)
            found.append(re.sub(r"\{\w+(?::\w+)?\}", "nothing-there", path))
    found += [f"/console/mail/{sha}/frame?tab={tab}" for sha in shas for tab in ("text", "html", "headers")]
    found += [f"/console/people/one?who={person}" for person in people]
    found += [f"/console/tickets/{number}?view=person" for number in tickets[:2]]
    return found


QUERY = dict.fromkeys(
    ("q", "state", "who", "owner", "next", "from", "question", "paraphrase", "golden", "kind", "tag", "severity", "queue",
     "assignee", "sort", "month", "before", "entity", "token", "view", "tab"), ALL,
)  # fmt: skip


def wrong_in(html: str) -> list[str]:
    page = Page(html)
    found = [*page.live, *(["markup as it was written"] if "<script>alert" in html or "<img src=x" in html else [])]
    found += [f"U+{ord(hidden[0]):04X}" for hidden in [INVISIBLE.search(html)] if hidden]
    found += ["a template ran"] if f"{MARK}49" in html or ">49<" in html else []
    return found


def test_no_page_holds_what_somebody_else_wrote_alive(house: House, app: Starlette, browser: TestClient) -> None:
    bad, marked, turned = dict[str, list[str]](), set[str](), set[str]()
    for path in pages(house, app):
        for query in ({}, QUERY) if not re.search(r"[?]|SEC-|[0-9a-f]{64}", path) else ({},):
            answer = browser.get(path, params=query or None)
            if "text/html" not in answer.headers.get("content-type", ""):
                continue
            if answer.status_code >= 500 or (found := wrong_in(answer.text)):
                bad[f"{path} {'with a query' if query else ''}"] = (
                    found if answer.status_code < 500 else [str(answer.status_code)]
                )
            if not query and MARK in answer.text:
                marked.add(path.partition("?")[0].split("/")[2])
                turned |= {path} if "[U+202E]" in answer.text else set()
            assert "unsafe" not in answer.headers["content-security-policy"]
            assert answer.headers["cache-control"] == "no-store"
    assert bad == {}
    assert {"queue", "tickets", "mail", "people", "pages", "oncall"} <= marked  # it was there to be seen
    assert len(turned) > 5


FORM = re.compile(r'<form[^>]*method="post"[^>]*action="([^"]+)"')


@pytest.mark.parametrize("role", ["viewer", "author", "approver"])
def test_what_a_role_may_not_do_is_not_offered(house: House, app: Starlette, role: str) -> None:
    """On pages with something on them: each form and each page in the navigation leads where this role may go."""
    browser, offered = signed_in_as(house, role, app=app), set[tuple[str, str]]()
    for path in pages(house, app):
        answer = browser.get(path)
        if answer.status_code == 200 and "text/html" in answer.headers["content-type"]:
            offered |= {("POST", action) for action in FORM.findall(answer.text)}
            offered |= {("GET", link) for link in re.findall(r'<li><a href="(/console/[a-z/]+)"', answer.text)}
    refused = []
    for method, address in sorted(
        offered - {("POST", "/console/sign-out"), ("POST", "/chat/act")}
    ):  # a preview of a card has dead buttons
        scope = {"type": "http", "method": method, "path": address, "root_path": "", "headers": []}
        matched = [(route, child) for route, how in guarded(app) if how == method
                   for match, child in [route.matches(scope)] if match is Match.FULL]  # fmt: skip
        assert matched, address
        permission = needed(matched[0][0].needs, matched[0][1]["path_params"])  # type: ignore[attr-defined]
        if not allowed({role}, permission):
            refused.append((method, address, permission))
    assert refused == []
    assert len(offered) > 10


def test_somebodys_own_name_is_text_too(house: House, app: Starlette) -> None:
    named = Person("oidc.test", ALL, ALL, known=False)

    class Named:
        app = house.app

        def person(self, _who: str) -> Person:
            return named

    desk: Any = Named()
    viewer = signed_in_as_person(house, desk, app)
    for path in ("/console/queue", "/console/access", "/console/health"):
        answer = viewer.get(path)
        assert (answer.status_code, wrong_in(answer.text), MARK in answer.text) == (200, [], True)


def signed_in_as_person(house: House, desk: Any, app: Starlette) -> TestClient:
    """A browser of somebody whom only the provider knows."""
    made = House.__new__(House)
    made.app = house.app
    made.person = desk.person  # type: ignore[method-assign]
    return signed_in_as(made, "viewer", app=app)


def test_the_local_chat_shows_text(house: House, app: Starlette) -> None:
    from tests.fakes.web_roles import browser_of

    chat = browser_of(app)
    chat.post("/who", data={"person": DANA})
    answer = chat.get("/chat")
    assert (answer.status_code, wrong_in(answer.text), MARK in answer.text) == (200, [], True)
    assert wrong_in(chat.get("/").text) == []


def cells(text: str) -> list[str]:
    return [cell for row in csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")) for cell in row]


def formula(cell: str) -> bool:
    """Whether a spreadsheet would run a cell (OWASP, CSV injection). A number is one."""
    return cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r")) and not NUMBER.fullmatch(cell)


def test_no_csv_holds_a_formula(house: House, app: Starlette, browser: TestClient) -> None:
    looked = 0
    for row in house.db.query("SELECT sha256 FROM mail"):
        answer = browser.post(f"/console/mail/{row['sha256']}/export", data=form_of(browser) | {"form": "csv"})
        assert answer.status_code == 200
        assert [cell for cell in cells(answer.text) if formula(cell)] == []
        looked += len(cells(answer.text))
    for path in pages(house, app):
        answer = browser.get(path)
        if "text/csv" in answer.headers.get("content-type", ""):
            assert [cell for cell in cells(answer.text) if formula(cell)] == []
            looked += 1
    assert looked > 20


@pytest.mark.parametrize("text", FORMULAS)
def test_each_writer_of_csv_takes_the_formula_out(text: str) -> None:
    from adapters.papers.table import table
    from bot.reporting.sharing import Indicator, Shared, as_csv

    written = [
        as_csv(Shared("SEC-1", "malicious", 0.0, "x", (Indicator("url", text, text),))),
        table(["what"], [[text]]).decode(),
    ]
    for out in written:
        assert [cell for cell in cells(out) if formula(cell)] == []
        assert len(cells(out)) >= 2


def test_what_is_looked_for_would_be_found() -> None:
    assert wrong_in(f"<p>{LIVE}</p>") != []
    assert "U+202E" in wrong_in(f"<p>{TURNED}</p>")
    assert wrong_in('<a href="https://evil.example/x">x</a>') != []
    assert wrong_in('<p class="x">fine</p>') == []
    assert [formula(cell) for cell in ("=1", " +x", "-5", "-5.5", "a=1", "@x", "")] == [
        True,
        True,
        False,
        False,
        False,
        True,
        False,
    ]
