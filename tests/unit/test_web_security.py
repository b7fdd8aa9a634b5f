"""The guard around every request, and signing in to the console."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.datastructures import Headers
from starlette.requests import Request

from adapters.web.app import create_web
from adapters.web.languages import preferred
from adapters.web.limits import Limit
from adapters.web.security import UPLOAD_BYTES, Signer, host_allowed, refusal
from adapters.web.signin import A_MINUTE, COOKIE, LINK_SECONDS, POSTS_A_MINUTE
from bot.organisation import Words
from bot.settings import Settings
from tests.fakes.web import Fixture

OURS = "http://127.0.0.1:8765"


@pytest.fixture
def fixture(tmp_path: Path) -> Iterator[Fixture]:
    made = Fixture(tmp_path)
    yield made
    made.close()


def settings(**given: Any) -> Settings:
    return Settings(folder=Path(), **given)


# Host -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765", "LOCALHOST", "[::1]:8765"])
def test_loopback_names_are_ours(host: str) -> None:
    assert host_allowed(settings(), host)


OTHERS = ["", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "192.168.1.5", "evil.example:8765"]
MALFORMED = ["127.0.0.1:8765@evil.example", "127.0.0.1:port", "127.0.0.1/x", "[::1", "127.0.0.1:8765, evil.example"]


@pytest.mark.parametrize("host", OTHERS + MALFORMED)
def test_any_other_name_is_not(host: str) -> None:
    assert not host_allowed(settings(), host)


def test_behind_a_proxy_the_public_name_is_ours() -> None:
    proxied = settings(host="0.0.0.0", public_url="https://desk.northwind.example")
    assert host_allowed(proxied, "desk.northwind.example")
    assert not host_allowed(proxied, "127.0.0.1:8765")
    assert not host_allowed(proxied, "10.0.0.7:8765")
    assert host_allowed(proxied, "10.0.0.7:8765", by_address=True)
    assert not host_allowed(proxied, "evil.example", by_address=True)


def test_an_open_bind_answers_to_addresses_only() -> None:
    bound = settings(host="0.0.0.0")
    assert host_allowed(bound, "10.0.0.7:8765")
    assert not host_allowed(bound, "evil.example:8765")


def test_a_wrong_host_is_told_where_to_go(fixture: Fixture) -> None:
    answer = fixture.client(host="evil.example").get("/")
    assert (answer.status_code, OURS in answer.text) == (421, True)
    assert answer.headers["content-type"].startswith("text/plain")


# Origin ---------------------------------------------------------------------------------------------------------------

POSTS: list[tuple[dict[str, str], bool]] = [
    ({"origin": OURS}, True),
    ({"origin": OURS, "sec-fetch-site": "same-origin"}, True),
    ({"origin": "null", "sec-fetch-site": "same-origin"}, True),
    ({"sec-fetch-site": "same-origin"}, True),
    ({}, False),
    ({"origin": "null"}, False),
    ({"origin": "null", "sec-fetch-site": "cross-site"}, False),
    ({"origin": "http://evil.example"}, False),
    ({"origin": "http://127.0.0.1:9000"}, False),
    ({"origin": "http://localhost:8765"}, False),
    ({"origin": "https://127.0.0.1:8765"}, False),
    ({"origin": OURS, "sec-fetch-site": "cross-site"}, False),
    ({"origin": "http://evil.example", "sec-fetch-site": "same-origin"}, False),
    ({"sec-fetch-site": "same-site"}, False),
]


@pytest.mark.parametrize(("sent", "good"), POSTS)
def test_changes_come_from_our_own_page(sent: dict[str, str], good: bool) -> None:
    headers = Headers({"host": "127.0.0.1:8765", **sent})
    expected = None if good else (403, "web.refused.origin")
    assert refusal(settings(), "POST", "/who", "http", headers) == expected


def test_behind_tls_the_public_origin_is_ours() -> None:
    proxied = settings(host="0.0.0.0", public_url="https://desk.northwind.example")
    headers = Headers({"host": "desk.northwind.example", "origin": "https://desk.northwind.example"})
    assert refusal(proxied, "POST", "/console/sign-in", "http", headers) is None


@pytest.mark.parametrize(
    ("sent", "good"),
    [
        ({}, True),
        ({"sec-fetch-site": "none", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}, True),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}, True),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}, False),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}, False),
        ({"sec-fetch-site": "same-site", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty"}, False),
    ],
)
def test_other_sites_may_link_to_us_and_no_more(sent: dict[str, str], good: bool) -> None:
    headers = Headers({"host": "127.0.0.1:8765", **sent})
    assert (refusal(settings(), "GET", "/chat/updates", "http", headers) is None) == good


def test_a_refused_request_changes_nothing(fixture: Fixture) -> None:
    browser = fixture.client(origin="http://evil.example", **{"sec-fetch-site": "cross-site"})
    answer = browser.post("/who", data={"person": "dana.reyes"})
    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)


# Headers, sizes, faults -----------------------------------------------------------------------------------------------


PATHS = [("/", 200), ("/nowhere", 404), ("/console/queue", 303), ("/healthz", 200), ("/static/app.css", 200)]
PATHS += [("/static/", 404), ("/static/../app.py", 404), ("/console/sign-in?token=x", 410)]


@pytest.mark.parametrize(("path", "status"), PATHS)
def test_every_answer_carries_the_headers(fixture: Fixture, path: str, status: int) -> None:
    answer = fixture.client().get(path)
    assert answer.status_code == status
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    expected = "public, max-age=31536000, immutable" if path == "/static/app.css" else "no-store"
    assert answer.headers["cache-control"] == expected


def test_a_fault_of_ours_is_a_page_with_the_headers(fixture: Fixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fixture.directory, "people", lambda: 1 / 0)
    answer = fixture.client().get("/")
    assert answer.status_code == 500
    assert "Something broke on our side" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_no_page_holds_inline_script_or_style(fixture: Fixture) -> None:
    browser = signed_in(fixture)
    browser.post("/who", data={"person": "dana.reyes"})
    browser.post("/chat/send", data={"event": "12345678", "text": "i clicked a link"})
    pages = ["/chat", "/console/queue", "/console/mail", "/console/pages", "/console/knowledge", "/console/nudges",
             "/console/audit", "/console/health"]  # fmt: skip
    for page in pages:
        answer = browser.get(page)
        assert answer.status_code == 200
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", answer.text)


@pytest.mark.parametrize("path", ["/who", "/console/sign-in", "/chat/act"])
def test_long_forms_are_refused_in_words(fixture: Fixture, path: str) -> None:
    browser = fixture.client()
    browser.post("/who", data={"person": "dana.reyes"})
    answer = browser.post(path, data={"person": "x" * 400_000})
    assert (answer.status_code, "too large" in answer.text) == (413, True)


def test_an_upload_over_thirty_megabytes_is_refused_in_words(fixture: Fixture) -> None:
    browser = fixture.client(accept="application/json")
    browser.post("/who", data={"person": "dana.reyes"})
    for size in (UPLOAD_BYTES + 1, UPLOAD_BYTES + 1024 * 1024):
        answer = browser.post("/chat/send", data={"event": "12345678"}, files={"files": ("big.eml", b"x" * size)})
        assert answer.status_code == 413
        assert "30 MB" in answer.json()["problem"]
    assert fixture.handled == []


def test_an_upload_of_thirty_megabytes_is_taken(fixture: Fixture) -> None:
    browser = fixture.client()
    browser.post("/who", data={"person": "dana.reyes"})
    files = {"files": ("big.eml", b"x" * UPLOAD_BYTES)}
    assert browser.post("/chat/send", data={"event": "12345678"}, files=files).status_code == 303
    assert len(fixture.handled[0].files[0].data) == UPLOAD_BYTES


# Signed values --------------------------------------------------------------------------------------------------------


def test_a_signed_value_cannot_be_changed_or_used_elsewhere(fixture: Fixture) -> None:
    who, flash = Signer(fixture.vault, "who"), Signer(fixture.vault, "flash")
    token = who.seal({"a": "ü"})
    assert who.open(token) == {"a": "ü"}
    assert [who.open(bad) for bad in ("", ".", "x.y", token[:-1], "A" + token, token + "é")] == [None] * 6
    assert flash.open(token) is None


def test_the_chosen_person_is_signed(fixture: Fixture) -> None:
    browser = fixture.client()
    browser.post("/who", data={"person": "dana.reyes"})
    assert browser.get("/chat").status_code == 200
    browser.cookies.set("secdesk_who", browser.cookies["secdesk_who"].replace("I", "J", 1))
    assert browser.get("/chat").status_code == 303


# Signing in -----------------------------------------------------------------------------------------------------------


def signed_in(fixture: Fixture, who: str = "sam.ortiz") -> Any:
    browser = fixture.client()
    token = fixture.link(who).partition("token=")[2]
    answer = browser.post("/console/sign-in", data={"token": token, "next": "/console/queue"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/queue")
    return browser


def csrf(browser: Any, page: str = "/console/queue") -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', browser.get(page).text)
    assert found is not None
    return found[1]


def test_looking_at_a_link_does_not_use_it_up(fixture: Fixture) -> None:
    link, browser = fixture.link(), fixture.client()
    for _ in range(3):
        answer = browser.get(link)
        assert (answer.status_code, "signs you in as Sam Ortiz" in answer.text) == (200, True)
        assert "set-cookie" not in answer.headers
    assert browser.get("/console/queue").status_code == 303


def test_a_link_used_twice_says_how_to_get_another(fixture: Fixture) -> None:
    token = fixture.link().partition("token=")[2]
    assert fixture.client().post("/console/sign-in", data={"token": token}).status_code == 303
    second = fixture.client().post("/console/sign-in", data={"token": token})
    assert (second.status_code, "set-cookie" in second.headers) == (410, False)
    assert "has been used" in second.text
    assert "secdesk console-link" in second.text
    assert "has been used" in fixture.client().get(f"/console/sign-in?token={token}").text


@pytest.mark.parametrize("late", [LINK_SECONDS, LINK_SECONDS + 80_000])
def test_an_old_link_says_how_to_get_another(fixture: Fixture, late: float) -> None:
    token = fixture.link().partition("token=")[2]
    assert fixture.clock.at is not None
    fixture.clock.at += late
    answer = fixture.client().post("/console/sign-in", data={"token": token})
    assert (answer.status_code, "too old" in answer.text) == (410, True)
    assert "secdesk console-link" in answer.text


def test_an_invented_link_opens_nothing(fixture: Fixture) -> None:
    for token in ("", "x", "x" * 400):
        answer = fixture.client().post("/console/sign-in", data={"token": token})
        assert "set-cookie" not in answer.headers
        assert "secdesk console-link" in answer.text


def test_neither_token_is_in_the_database(fixture: Fixture) -> None:
    token = fixture.link().partition("token=")[2]
    browser = fixture.client()
    browser.post("/console/sign-in", data={"token": token})
    stored = str(fixture.db.query("SELECT * FROM console_link")) + str(
        fixture.db.query("SELECT * FROM console_session")
    )
    assert token not in stored
    assert browser.cookies[COOKIE] not in stored
    assert "sam" not in stored


def test_the_session_cookie_stays_at_home(fixture: Fixture) -> None:
    browser = fixture.client()
    token = fixture.link().partition("token=")[2]
    cookie = browser.post("/console/sign-in", data={"token": token}).headers["set-cookie"].lower()
    assert all(word in cookie for word in ("httponly", "samesite=strict", "path=/console", "max-age=28800"))


def test_a_session_ends_after_eight_hours_however_much_it_is_used(fixture: Fixture) -> None:
    browser = signed_in(fixture)
    assert fixture.clock.at is not None
    for _hour in range(8):
        assert browser.get("/console/queue").status_code == 200
        fixture.clock.at += 3600
    assert browser.get("/console/queue").status_code == 303


def test_a_session_nobody_uses_ends_and_a_page_that_looks_by_itself_is_no_use(fixture: Fixture) -> None:
    browser = signed_in(fixture)
    assert fixture.clock.at is not None
    for _quarter in range(7):
        fixture.clock.at += 900
        assert browser.get("/console/queue/rows", headers={"sec-fetch-dest": "empty"}).status_code == 200
    fixture.clock.at += 899
    assert browser.get("/console/queue").status_code == 200
    fixture.clock.at += 2 * 3600
    assert browser.get("/console/queue").status_code == 303


def test_signing_in_anew_ends_what_the_browser_had(fixture: Fixture) -> None:
    browser = signed_in(fixture)
    old = browser.cookies[COOKIE]
    browser.post("/console/sign-in", data={"token": fixture.link().partition("token=")[2]})
    assert browser.cookies[COOKIE] != old
    other = fixture.client()
    other.cookies.set(COOKIE, old, domain="127.0.0.1", path="/console")
    assert (browser.get("/console/queue").status_code, other.get("/console/queue").status_code) == (200, 303)


def test_too_many_attempts_and_too_many_forms_wait(fixture: Fixture, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (A_MINUTE, POSTS_A_MINUTE) == (60, 240)
    monkeypatch.setattr("adapters.web.signin.A_MINUTE", 3)
    monkeypatch.setattr("adapters.web.signin.POSTS_A_MINUTE", 2)
    fixture.app = create_web(fixture.services)
    browser = signed_in(fixture)
    form = {"csrf": csrf(browser), "key": "x"}
    sent = [browser.post("/console/pages/acknowledge", data=form) for _ in range(3)]
    assert [answer.status_code for answer in sent] == [404, 404, 429]
    assert 0 < int(sent[-1].headers["retry-after"]) <= 60
    assert browser.get("/console/queue").status_code == 200
    tried = [fixture.client().post("/console/sign-in", data={"token": "x"}).status_code for _ in range(3)]
    assert tried == [410, 410, 429]  # one was used by the first browser of this address
    assert fixture.client().get(fixture.link()).status_code == 200  # looking is no attempt


def test_after_a_minute_there_is_room_again() -> None:
    now = [0.0]
    limit = Limit(2, lambda: now[0])
    assert [limit.wait("a"), limit.wait("b"), limit.wait("a"), limit.wait("a")] == [0, 0, 0, 61]
    now[0] = 59.0
    assert limit.wait("a") == 2
    now[0] = 60.0
    assert [limit.wait("a"), limit.wait("a")] == [0, 0]


def test_signing_out_ends_the_session_on_our_side(fixture: Fixture) -> None:
    browser = signed_in(fixture)
    kept = browser.cookies[COOKIE]
    assert browser.post("/console/sign-out", data={"csrf": csrf(browser)}).status_code == 303
    browser.cookies.set(COOKIE, kept, domain="127.0.0.1", path="/console")
    assert browser.get("/console/queue").status_code == 303
    assert "You are signed out" in browser.get("/console/sign-in?state=out").text


def test_signing_out_needs_our_form(fixture: Fixture) -> None:
    browser = signed_in(fixture)
    kept = browser.cookies[COOKIE]
    browser.post("/console/sign-out", data={"csrf": "x"})
    browser.cookies.set(COOKIE, kept, domain="127.0.0.1", path="/console")
    assert browser.get("/console/queue").status_code == 200


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/console/tickets/SEC-1", "/console/tickets/SEC-1"),
        ("/console/queue?mine=1", "/console/queue?mine=1"),
        ("https://evil.example/console", "/console"),
        ("//evil.example", "/console"),
        ("/consolexevil", "/console"),
        ("/console/\\evil.example", "/console"),
        ("/console/\r\nset-cookie: x=y", "/console"),
        ("", "/console"),
    ],
)
def test_afterwards_one_is_inside_the_console(fixture: Fixture, target: str, expected: str) -> None:
    token = fixture.link().partition("token=")[2]
    answer = fixture.client().post("/console/sign-in", data={"token": token, "next": target})
    assert answer.headers["location"] == expected


def test_a_link_from_a_chat_comes_home_first(fixture: Fixture) -> None:
    """A strict cookie is not sent when another site's link is followed; our own page's refresh brings it along."""
    sent = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    answer = fixture.client().get("/console/tickets/SEC-101", headers=sent)
    assert answer.status_code == 200
    assert 'content="0; url=/console/tickets/SEC-101"' in answer.text
    again = fixture.client().get("/console/tickets/SEC-101")
    assert again.headers["location"] == "/console/sign-in?next=/console/tickets/SEC-101"


def test_the_desk_role_is_asked_for_every_time(fixture: Fixture) -> None:
    browser = signed_in(fixture)
    token = csrf(browser)
    fixture.directory.replace([person for person in fixture.directory.people() if person.id != "sam.ortiz"])
    assert browser.get("/console/queue").status_code == 403
    assert browser.post("/console/pages/acknowledge", data={"csrf": token, "key": "x"}).status_code == 403


def test_a_link_for_somebody_without_a_desk_role_is_no_use(fixture: Fixture) -> None:
    answer = fixture.client().get(fixture.link("dana.reyes"))
    assert (answer.status_code, "does not work on the desk" in answer.text) == (410, True)
    token = fixture.link("dana.reyes").partition("token=")[2]
    browser = fixture.client()
    browser.post("/console/sign-in", data={"token": token})
    assert browser.get("/console/queue").status_code == 403


@pytest.mark.parametrize("token", ["", "x", "A" * 43])
def test_a_form_without_the_sessions_token_does_nothing(fixture: Fixture, token: str) -> None:
    browser = signed_in(fixture)
    other = signed_in(fixture, "ines.brandt")
    for sent in (token, csrf(other)):
        answer = browser.post("/console/pages/acknowledge", data={"csrf": sent, "key": "page:1"})
        assert (answer.status_code, "This form is too old" in answer.text) == (403, True)


def test_sign_in_and_out_are_in_the_audit_log(fixture: Fixture) -> None:
    browser = signed_in(fixture)
    browser.post("/console/sign-out", data={"csrf": csrf(browser)})
    actions = [row["action"] for row in reversed(fixture.console.audit_tail(10))]
    assert actions == ["console.link", "console.signin", "console.signout"]


def test_without_loopback_or_with_a_provider_there_is_no_local_chat(tmp_path: Path) -> None:
    for name in ("host", "issuer", "channels"):
        given = {"host": "0.0.0.0", "issuer": "https://id.example", "channels": ()}[name]
        made = Fixture(tmp_path / name, settings=settings(**{name: given}))
        try:
            browser = made.client()
            assert browser.get("/").headers["location"] == "/console"
            assert browser.post("/who", data={"person": "dana.reyes"}).status_code == 404
            assert browser.get("/chat").status_code == 404
        finally:
            made.close()


# before anybody is known


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        ("de-CH, de;q=0.9, en;q=0.8", "de"), ("it, fr;q=0.5, es;q=0.7", "es"), ("FR", "fr"), ("de;q=0, en;q=0.1", "en"),
        ("", ""), ("*", ""), ("it", ""), ("de;q=x, es;q=2", "es"), (";;q=,,=" * 50, ""), ("x," * 5000 + "de", ""),
    ],
)  # fmt: skip
def test_the_language_that_a_browser_asks_for(asked: str, language: str) -> None:
    headers = [(b"accept-language", asked.encode())]
    assert preferred(Request({"type": "http", "headers": headers}), {"en", "de", "fr", "es"}) == language


@pytest.mark.parametrize("path", ["/console/sign-in", "/console/sign-in?token=x", "/nothing-here"])
def test_a_page_for_nobody_known_speaks_the_browsers_language_else_the_organisations(
    fixture: Fixture, path: str
) -> None:
    english = fixture.org.words.by_language["en"]
    german = {key: f"DE {text}" for key, text in english.items()}
    fixture.org = replace(fixture.org, words=Words({"en": english, "de": german}))

    def spoken(wanted: str) -> tuple[bool, bool]:
        page = fixture.client().get(path, headers={"accept-language": wanted}).text
        return '<html lang="de"' in page, "<h1>DE " in page

    assert [spoken(wanted) for wanted in ("de-AT, en;q=0.3", "en, de;q=0.3", "fr")] == [
        (True, True),
        (False, False),
        (False, False),
    ]
