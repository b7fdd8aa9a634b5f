"""Every page of the application, over a desk with something on each of them.

The pages come from the application's own routes. A route that is answered with a page stands in `ADDRESSES` with what to ask for;
one that is not stands in `NO_PAGE` with the reason. What stands in neither makes `every_page` raise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from adapters.stores.figures import SqlFigureStore
from bot.learning.finished import Figure
from bot.learning.waves import Audience, Order
from bot.model import Severity
from bot.ports import Db
from bot.turn import TicketRequest
from tests.fakes.desk import CLARA, DANA, INES, JONAS, SAM, TROUBLE, House
from tests.fakes.web import FIGURES, figures
from tests.fakes.web_roles import form_of, signed_in_as

NOW = datetime(2026, 12, 1, 10, tzinfo=UTC).timestamp()  # a Tuesday morning
FILE, PART, MACHINES = "a file", "a part of another page, looked at there", "machines ask this"

ADDRESSES: Mapping[
    str, tuple[str, ...]
] = {  # route: what follows its address, by name; {…} is filled from what is there
    "/": ("",),
    "/chat": ("",),
    "/api/v1/docs": ("",),
    "/console/sign-in": ("", "?token=used"),
    "/console/sign-in/out": ("",),
    "/console/queue": ("", "?select=1", "?state=resolved", "?mine=1&q=nothing"),
    "/console/find": ("?q=99999", "?q=payroll", "?q=dana", "?q=mail&kind=answers"),
    "/console/tickets/{number}": ("", "?view=person"),
    "/console/mail": ("", "?state=all"),
    "/console/mail/{sha256}": ("", "?tab=headers&kind=spam"),
    "/console/pages": ("",),
    "/console/trackers": ("",),
    "/console/oncall": ("",),
    "/console/codes": ("",),
    "/console/procedures": ("",),
    "/console/procedures/calendar": ("",),
    "/console/procedures/{name}": ("",),
    "/console/runs/{run}": ("",),
    "/console/partners": ("",),
    "/console/partners/{partner}": ("",),
    "/console/partners/{partner}/report/{month}": ("",),
    "/console/partners/{partner}/review": ("",),
    "/console/disputes/{id}": ("",),
    "/console/knowledge": ("", "?q=nothing+at+all"),
    "/console/knowledge/new": ("",),
    "/console/knowledge/{name}": ("",),
    "/console/knowledge/{name}/edit": ("",),
    "/console/knowledge/{name}/changes/{change}": ("",),
    "/console/unanswered": ("",),
    "/console/people": ("", "?state=here"),
    "/console/people/one": ("?who=dana.reyes",),
    "/console/nudges": ("",),
    "/console/nudges/campaigns": ("",),
    "/console/updates": ("",),
    "/console/metrics": ("",),
    "/console/measurement": ("",),
    "/console/measurement/kept/{module}": ("",),
    "/console/access": ("",),
    "/console/audit": ("",),
    "/console/privacy": ("",),
    "/console/tokens": ("",),
    "/console/health": ("",),
}

NO_PAGE: Mapping[str, str] = {
    "/healthz": MACHINES, "/readyz": MACHINES, "/metrics": MACHINES, "/chat/updates": MACHINES,
    "/chat/file/{file}": FILE, "/console/measurement/figures.csv": FILE, "/console/metrics/{metric}.csv": FILE,
    "/console/runs/{run}/export/{form}": FILE,
    "/console/runs/{run}/files/{file}": FILE, "/console/partners/{partner}/report/{month}/pdf": FILE,
    "/console/partners/{partner}/report/{month}/json": FILE, "/console/partners/{partner}/review/ics": FILE,
    "/console/disputes/{id}/pdf": FILE, "/console/disputes/{id}/json": FILE,
    "/console/mail/{sha256}/frame": PART, "/console/queue/rows": PART,
    "/console": "leads to the queue",
}  # fmt: skip
_API = re.compile(r"/api/v1(?!/docs$)")
_MAIL = (
    b"From: IT Service <it@northw1nd-help.example>\r\nTo: ama.mensah@northwind.example\r\nSubject: Your mailbox is full\r\n"
    b"Message-ID: <9@northw1nd-help.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    b"<p>Act within the hour: <a href='https://northw1nd-help.example/login'>northwind.example</a></p>\r\n"
)


@dataclass(frozen=True)
class Page:
    """`name` says which, and is fit for a file; `route` it belongs to; `address` to ask for."""

    name: str
    route: str
    address: str


def every_page(app: Starlette, there: Mapping[str, str]) -> list[Page]:
    """All pages, in the order of the routes. Raises `AssertionError` naming routes that nobody has decided about.

    `there`: values for the routes' parameters, as "route parameter" or "parameter".
    """
    routes = [one.path for one in app.routes if isinstance(one, Route) and "GET" in (one.methods or ())]
    routes = [path for path in dict.fromkeys(routes) if not _API.match(path)]
    assert all(isinstance(one, Route | Mount) for one in app.routes)
    undecided = [path for path in routes if path not in ADDRESSES and path not in NO_PAGE]
    assert undecided == [], f"write these into ADDRESSES or NO_PAGE of {__name__}: {undecided}"
    gone = [path for path in (*ADDRESSES, *NO_PAGE) if path not in routes]
    assert set(gone) <= {"/console/trackers"}, gone  # which is there only with another ticket system
    return [
        Page(_name(path, more), path, _filled(path, there) + more)
        for path in routes
        for more in ADDRESSES.get(path, ())
    ]


def furnish(house: House, app: Starlette) -> dict[str, str]:
    """Something on every page; what `every_page` needs to know of it."""
    desk = house.app
    desk.work(lambda work: desk.measures.store.put(work.tx, [lately(one) for one in FIGURES], work.at))
    desk.work(lambda work: SqlFigureStore(desk.db).put(work.tx, figures(house.clock.now()), work.at))
    house.say(CLARA, "Is this email real?")
    house.say(CLARA, "how do I paint the purple fence of the garden")
    house.say(JONAS, "how do I paint the purple fence in the garden?")
    payroll = _ticket(house, "person", "Who may receive the payroll file?", "Can I send it to the auditor?", "S1")
    house.send("ama.mensah", _MAIL, "Your mailbox is full.eml", "I did not expect this one")
    house.say("tom.whitaker", TROUBLE)
    house.settle()
    report = house.rows("SELECT sha256 FROM mail")[0]["sha256"]
    number = next(one.number for one in house.tickets() if one.kind == "emergency")
    house.act("note", number, SAM, "Same sender as the mail that Ama reported.")
    house.act("reply", number, SAM, "I have signed you out everywhere. Choose a new password now.")
    house.act("resolve", payroll, INES, "Told by phone.")
    _ticket(house, "person", "A supplier's mails are held back", "They were sent on Monday.", "S1")
    desk.waves.start(
        desk.work, house.key(SAM), Order("ai-tools-and-data", Audience(), "Prompts", test=True), house.clock.now()
    )
    late, breach = _breach(house)
    browser = signed_in_as(house, "admin", app=app)
    dispute = _post(browser, "/console/partners/brightwell/dispute", ticket=late, breach=breach)
    made = begin(browser, desk.db)
    _post(browser, "/console/privacy/hold", subject=number, why="The insurer asks for it")
    _post(browser, "/console/privacy/hold", subject=payroll, why="Claim of a supplier")
    _post(browser, "/console/privacy/lift", subject=payroll, why="The claim is settled")
    desk.retention.run(desk.work, house.clock.now())
    house.settle()
    return {
        "number": number, "sha256": report, "partner": "brightwell", "month": "2026-11", "module": "answers",
        "id": dispute.rpartition("/")[2], **made,
    }  # fmt: skip


def lately(figure: Figure) -> Figure:
    """A figure of 2029 and 2030 as one of the last months before `NOW`."""
    year, rest = int(figure.period[:4]), figure.period[5:]
    if rest.startswith("Q"):
        return replace(figure, period="2026-Q3")
    month = 12 * year + int(rest) - 1 - 39
    return replace(figure, period=f"{month // 12}-{month % 12 + 1:02}")


def begin(browser: TestClient, db: Db) -> dict[str, str]:
    """Start a procedure and a draft as an author would; the names of both."""
    run = _post(browser, "/console/procedures/start", name="leaver")
    edit = "/console/knowledge/found-usb-stick/edit"
    shown = browser.get(edit).text
    hidden = {name: _field(shown, name) for name in ("base", "rev", "view", "languages")}
    _post(browser, edit, **hidden, text=_area(shown, "text"), **{"en.short": "Hand it in at reception.", "do": "save"})
    return {
        "run": run.rpartition("/")[2], "change": db.query("SELECT id FROM answer_change")[0]["id"],
        "name": "found-usb-stick", "/console/procedures/{name} name": "leaver",
    }  # fmt: skip


def _ticket(house: House, kind: str, subject: str, text: str, severity: Severity) -> str:
    request = TicketRequest(house.analyst(DANA).key, house.place(DANA), kind, subject, text, severity)
    return house.app.work(lambda work: house.app.tickets.open(work, request)).number


def _breach(house: House) -> tuple[str, str]:
    """A ticket that the partner answered too late, and the name of the breach."""
    number = _ticket(house, "question", "Mail is held back", "Since noon", "S2")
    house.act("claim", number)
    house.act("hand_over", number, SAM, "brightwell")
    house.clock.forward(7200)
    key = house.key(SAM)
    house.app.work(lambda work: house.app.tickets.partner_said(work, number, key, "We look at it."))
    contract = house.app.partners.parts.contract("brightwell")
    return number, next(one.name for one in house.app.partners.reports.breaches(contract, 0.0) if one.ticket == number)


def _post(browser: TestClient, path: str, **fields: str) -> str:
    """Where it led."""
    answer = browser.post(path, data=form_of(browser) | fields)
    assert answer.status_code == 303, (path, answer.status_code, answer.text[:2000])
    return str(answer.headers["location"])


def _field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    return found[1] if found else ""


def _area(page: str, name: str) -> str:
    from html import unescape

    found = re.search(rf'<textarea[^>]*name="{name}"[^>]*>(.*?)</textarea>', page, re.DOTALL)
    return unescape(found[1]) if found else ""


def _filled(path: str, there: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        return there.get(f"{path} {match[1]}") or there[match[1]]

    return re.sub(r"\{(\w+)(?::\w+)?\}", value, path)


def _name(path: str, more: str) -> str:
    """`console-tickets-number-view-person` of `/console/tickets/{number}?view=person`."""
    return re.sub(r"[^a-z0-9]+", "-", f"{path}{more}".lower()).strip("-") or "start"
