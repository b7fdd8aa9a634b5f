"""Signing in to the console through a provider that is really there, in a thread of this process."""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from starlette.testclient import TestClient

from adapters.web.sessions import inside
from adapters.web.signin import COOKIE
from adapters.web.signin_oidc import A_MINUTE, FLOW
from bot.settings import Settings
from tests.fakes.web import FakeClock, Fixture
from tests.unit.test_web_security import csrf

ROLES = ("sec-analysts=analyst", "kb=author", "kb=approver", "auditors=viewer", "it-admins=admin")
SAM = "sam.ortiz@northwind.example"


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    import werkzeug.serving
    from oidc_provider_mock import app

    class Quiet(werkzeug.serving.WSGIRequestHandler):
        def log(self, *_args: Any) -> None:
            return

    server = werkzeug.serving.make_server("127.0.0.1", 0, app(require_nonce=True), threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(5)
    server.server_close()


Make = Callable[..., Fixture]


@pytest.fixture
def make(tmp_path: Path, issuer: str) -> Iterator[Make]:
    made: list[Fixture] = []

    def one(**given: Any) -> Fixture:
        given = {"signin_client": "console", "signin_secret": "s3cret + and %", "signin_roles": ROLES, **given}
        settings = Settings(folder=Path(), issuer=issuer, **given)
        made.append(Fixture(tmp_path / str(len(made)), clock=FakeClock(None), settings=settings))
        return made[-1]

    yield one
    for fixture in made:
        fixture.close()


def at_provider(url: str, sub: str, issuer: str, action: str = "", **claims: object) -> str:
    """What the provider sends the browser back to when `sub`, of whom it says `claims`, signs in there. It has checked the
    address, unless `email_verified` is among the claims (None: it does not say)."""
    claims = {name: value for name, value in {"email_verified": True, **claims}.items() if value is not None}
    assert httpx.put(f"{issuer}/users/{sub}", json=claims).status_code == 204
    form = {"action": action} if action else {"sub": sub}
    answer = httpx.post(url, data=form, follow_redirects=False)
    assert answer.status_code in {302, 303}
    return str(answer.headers["location"])


def begun(browser: TestClient, target: str = "/console/audit") -> str:
    answer = browser.get("/console/sign-in/start", params={"next": target})
    assert answer.status_code == 303
    return str(answer.headers["location"])


def entered(fixture: Fixture, sub: str, target: str = "/console/audit", **claims: object) -> tuple[TestClient, Any]:
    """(a browser that has been at the provider and back, the page it came back to)."""
    browser = fixture.client()
    back = at_provider(begun(browser, target), sub, fixture.settings.issuer, **claims)
    return browser, browser.get(path_of(back), headers=ELSEWHERE)


def path_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


ELSEWHERE = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


def test_the_way_there_asks_for_a_code_with_proof(make: Make) -> None:
    url = begun(make().client())
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert {"response_type": "code", "client_id": "console", "scope": "openid email profile"}.items() <= asked.items()
    assert (asked["code_challenge_method"], len(asked["code_challenge"])) == ("S256", 43)
    assert asked["redirect_uri"] == "http://127.0.0.1:8765/console/sign-in/back"
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3


def test_somebody_of_the_directory_comes_in_as_themself(make: Make) -> None:
    fixture = make()
    browser, page = entered(fixture, "u-1", email=SAM, groups=["sec-analysts", "everybody"])
    assert 'content="0; url=/console/audit"' in page.text
    cookie = page.headers["set-cookie"].lower()
    assert all(word in cookie for word in ("httponly", "samesite=strict", "path=/console"))
    shown = browser.get("/console/audit").text
    assert "Sam Ortiz" in shown
    row = next(row for row in fixture.console.audit_tail(5) if row["action"] == "console.signin")
    assert (row["actor"], '"roles":"analyst"' in row["detail"].replace(" ", "")) == (
        fixture.person("sam.ortiz").key,
        True,
    )


MAY: list[tuple[object, list[int]]] = [  # groups; the queue, a note at a ticket that is not there, codes of callers
    (["auditors"], [200, 403, 403]),
    (["sec-analysts"], [200, 404, 200]),
    (["kb", "nothing"], [200, 403, 403]),
    ("it-admins", [200, 404, 200]),
]


def test_groups_say_what_one_may_do(make: Make) -> None:
    fixture = make()
    for groups, expected in MAY:
        browser, _ = entered(fixture, "u-2", email=SAM, groups=groups)
        form = {"csrf": csrf(browser, "/console/health"), "event": "e", "text": "x"}
        found = [browser.get("/console/queue"), browser.post("/console/tickets/SEC-1/note", data=form)]
        found.append(browser.get("/console/codes"))
        assert expected == [answer.status_code for answer in found]


def test_without_a_group_that_counts_nobody_comes_in(make: Make) -> None:
    fixture = make()
    for claims in ({"groups": ["everybody"]}, {"groups": {"sec-analysts": 1}}):
        browser, page = entered(fixture, "u-3", email=SAM, **claims)
        assert (page.status_code, COOKIE in browser.cookies) == (403, False)
        assert "nothing gives you a role" in page.text
        assert fixture.console.audit_tail(1)[0]["action"] == "console.refused"


def test_without_a_list_of_groups_the_directory_says_the_roles(make: Make) -> None:
    fixture = make(signin_roles=())
    assert entered(fixture, "u-4", email=SAM.upper())[0].get("/console/queue").status_code == 200
    for sub, address in (("u-5", "dana.reyes@northwind.example"), ("u-6", "nobody@else.example")):
        assert entered(fixture, sub, email=address)[1].status_code == 403


def test_somebody_of_no_directory_is_known_in_the_console_alone(make: Make) -> None:
    fixture = make()
    name = "Mo <b>\u202e Auditor"
    for _time in range(2):
        browser, _ = entered(fixture, "u-7", name=name, email="mo@else.example", groups=["sec-analysts"])
        page = browser.get("/console/queue").text
        assert "Mo &lt;b&gt;[U+202E] Auditor" in page
    rows = fixture.db.query("SELECT DISTINCT person FROM console_session")
    assert len(rows) == 1
    met = fixture.identities.who(rows[0]["person"])
    assert met is not None
    assert (met.known, met.id.startswith("oidc.")) == (False, True)


@pytest.mark.parametrize("said", [False, None, "true", 1])
def test_an_address_that_the_provider_has_not_checked_is_nobodys(make: Make, said: object) -> None:
    fixture = make()
    browser, _ = entered(fixture, "u-8", email=SAM, email_verified=said, name="Eve", groups=["auditors"])
    page = browser.get("/console/queue").text
    assert ("Eve" in page, "Sam Ortiz" in page) == (True, False)


def test_a_provider_that_never_says_so_can_be_trusted_and_one_that_says_no_cannot(make: Make) -> None:
    fixture = make(signin_unverified=1)
    for sub, said, name in (("u-81", False, "Eve"), ("u-82", None, "Sam Ortiz")):
        browser, _ = entered(fixture, sub, email=SAM, email_verified=said, name="Eve", groups=["auditors"])
        assert name in browser.get("/console/queue").text


def test_another_account_with_the_same_address_is_let_in_only_after_release(make: Make) -> None:
    fixture = make()
    groups = {"email": SAM, "groups": ["it-admins"]}
    first, _ = entered(fixture, "u-83", **groups)
    browser, page = entered(fixture, "u-84", **groups)
    assert (page.status_code, COOKIE in browser.cookies) == (403, False)
    assert "with another account" in page.text
    assert fixture.console.audit_tail(1)[0]["action"] == "console.stranger"
    key = fixture.person("sam.ortiz").key
    analyst, _ = entered(fixture, "u-85", email="ines.brandt@northwind.example", groups=["sec-analysts"])
    form = {"person": key, "event": "e"}
    assert "/console/access/release" not in analyst.get("/console/access").text
    answer = analyst.post("/console/access/release", data={"csrf": csrf(analyst, "/console/health"), **form})
    assert answer.status_code == 403
    assert "Release the account: Sam Ortiz" in first.get("/console/access").text
    assert first.post("/console/access/release", data={"csrf": csrf(first), **form}).status_code == 303
    assert fixture.console.audit_tail(1)[0]["action"] == "console.released"
    assert entered(fixture, "u-84", **groups)[0].get("/console/queue").status_code == 200
    assert entered(fixture, "u-83", **groups)[1].status_code == 403  # the first one is the other one now
    first.post("/console/access/release", data={"csrf": csrf(first), "person": "everybody", "event": "f"})
    assert fixture.db.query("SELECT subject FROM console_subject") == []


def test_roles_are_read_anew_at_each_sign_in(make: Make) -> None:
    fixture = make()
    first, _ = entered(fixture, "u-9", email=SAM, groups=["it-admins"])
    second, _ = entered(fixture, "u-9", email=SAM, groups=["auditors"])
    assert [browser.get("/console/people").status_code for browser in (first, second)] == [404, 404]
    assert [browser.get("/console/codes").status_code for browser in (first, second)] == [200, 403]


def test_whoever_has_left_the_directory_is_out_whatever_the_provider_says(make: Make) -> None:
    fixture = make()
    browser, _ = entered(fixture, "u-10", email=SAM, groups=["it-admins"])
    fixture.directory.replace([person for person in fixture.directory.people() if person.id != "sam.ortiz"])
    assert browser.get("/console/queue").status_code == 403
    assert entered(fixture, "u-10", email=SAM, groups=["it-admins"])[1].status_code == 403


def test_an_answer_counts_once_and_in_its_own_browser(make: Make) -> None:
    fixture = make()
    browser, other = fixture.client(), fixture.client()
    back = path_of(at_provider(begun(browser), "u-11", fixture.settings.issuer, email=SAM, groups=["kb"]))
    assert (other.get(back).status_code, COOKIE in other.cookies) == (403, False)
    begun(other)
    assert "begun in another browser" in other.get(back).text
    assert browser.get(back).status_code == 200
    again = browser.get(back)
    assert (again.status_code, FLOW in browser.cookies) == (403, False)


def test_breaking_off_there_is_said_kindly(make: Make) -> None:
    fixture = make()
    browser = fixture.client()
    url = begun(browser)
    state = parse_qs(urlsplit(url).query)["state"][0]
    assert "error=access_denied" in at_provider(url, "u-12", fixture.settings.issuer, "deny")
    page = browser.get("/console/sign-in/back", params={"error": "access_denied", "state": state})
    assert "was broken off" in page.text
    assert "console/sign-in/start" in page.text


OUTSIDE = ["https://evil.example", "//evil.example", "/console/\\evil", "/console/%0d%0aset", "/chat", "/console/ x"]


@pytest.mark.parametrize("target", [*OUTSIDE, "/console/%5Cevil.example", "/consolexevil", ""])
def test_the_way_back_stays_inside(target: str) -> None:
    assert inside(target) == "/console"


def test_the_way_back_is_where_one_wanted_to_go(make: Make) -> None:
    fixture = make()
    for target, expected in (("/console/queue?mine=1", "/console/queue?mine=1"), ("//evil.example", "/console")):
        page = entered(fixture, "u-13", target, email=SAM, groups=["kb"])[1].text
        assert f'content="0; url={expected}"' in page


def test_a_provider_that_is_away_is_said_and_links_still_work(tmp_path: Path) -> None:
    settings = Settings(folder=Path(), issuer="http://127.0.0.1:9", signin_client="console")
    fixture = Fixture(tmp_path, settings=settings)
    try:
        browser = fixture.client()
        page = browser.get("/console/sign-in/start")
        assert (page.status_code, "secdesk console-link" in page.text) == (503, True)
        token = fixture.link(admin=True).partition("token=")[2]
        assert browser.post("/console/sign-in", data={"token": token}).status_code == 303
        assert browser.get("/console/queue").status_code == 200
    finally:
        fixture.close()


def test_signing_out_goes_on_to_the_provider(make: Make) -> None:
    fixture = make()
    browser, _ = entered(fixture, "u-14", email=SAM, groups=["kb"])
    page = browser.post("/console/sign-out", data={"csrf": csrf(browser)})
    found = re.search(r'content="0; url=([^"]+)"', page.text)
    assert found is not None
    url = found[1].replace("&amp;", "&")
    asked = parse_qs(urlsplit(url).query)
    assert url.startswith(f"{fixture.settings.issuer}/oauth2/end_session?")
    assert asked["post_logout_redirect_uri"] == ["http://127.0.0.1:8765/console/sign-in/out"]
    assert asked["id_token_hint"][0].count(".") == 2
    assert browser.get("/console/queue").status_code == 303
    assert "You are signed out" in browser.get("/console/sign-in/out").text
    assert httpx.get(url).status_code == 200


def test_the_page_offers_the_provider_by_name(make: Make) -> None:
    page = make(signin_name="Northwind ID").client().get("/console/sign-in?next=/console/queue?mine=1").text
    assert "Sign in with Northwind ID" in page
    assert 'href="/console/sign-in/start?next=/console/queue%3Fmine%3D1"' in page
    assert "console-link" not in page


def test_of_logout_tokens_only_those_that_do_not_hold_are_counted(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider says in one minute of a whole company that it has signed out: that is not too often."""
    fixture = make()
    provider = fixture.services.provider
    assert provider is not None
    machine = fixture.client()

    def post() -> int:
        return int(machine.post("/console/sign-in/ended", data={"logout_token": "x"}).status_code)

    with monkeypatch.context() as patched:
        patched.setattr(provider, "ended", lambda _token: {"sub": "u", "jti": secrets.token_hex(4)})
        assert {post() for _ in range(A_MINUTE + 5)} == {200}
    assert [post() for _ in range(A_MINUTE + 1)] == [400] * A_MINUTE + [429]
    assert machine.get("/console/sign-in/start").status_code == 303  # people are not slowed down by it
