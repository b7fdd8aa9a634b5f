"""The analyst's desk: the list, a hostile mail looked at, one verdict for all, exports, and what needs two people."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bot.errors import ChannelError
from bot.reporting.indicators import Indicator
from bot.reporting.sharing import Shared, as_csv, as_misp, as_stix, stix_text
from bot.turn import TicketRequest
from tests.fakes import mail_desk
from tests.fakes.mail_desk import HOSTILE
from tests.fakes.web import FACTS, Fixture
from tests.unit.test_web_security import csrf, signed_in


@pytest.fixture
def fixture(tmp_path: Path) -> Iterator[Fixture]:
    made = Fixture(tmp_path)
    yield made
    made.close()


@pytest.fixture
def sha(fixture: Fixture) -> str:
    return reported(fixture, "S2")


def reported(
    fixture: Fixture, severity: Any, data: bytes = HOSTILE, who: tuple[str, ...] = ("dana.reyes", "tom.whitaker")
) -> str:
    person = fixture.person("dana.reyes")
    place = mail_desk.web_place(fixture.vault, person.id)
    request = TicketRequest(person.key, place, "report", f"Reported {severity}", "a mail", severity)
    number = fixture.work(lambda work: fixture.tickets.open(work, request).number)
    return mail_desk.add_mail(fixture, ["dana.reyes", "tom.whitaker"], number, FACTS, data)


def post(browser: Any, sha: str, verb: str, **fields: str) -> Any:
    token = csrf(browser, f"/console/mail/{sha}")
    return browser.post(f"/console/mail/{sha}/{verb}", data={"csrf": token, "event": f"{verb}-{fields}", **fields})


def audited(fixture: Fixture) -> list[str]:
    rows = fixture.db.query("SELECT action, detail FROM audit WHERE action LIKE 'report.%' ORDER BY seq")
    return [f"{row['action']} {json.loads(row['detail']).get('how', '')}".strip() for row in rows]


def run_jobs(fixture: Fixture) -> None:
    """Jobs of the outbox that the desk made."""
    desk = fixture.services.mail_desk
    assert desk is not None
    for row in fixture.db.query("SELECT kind, payload FROM outbox WHERE kind LIKE 'reporting.%' ORDER BY id"):
        payload = json.loads(row["payload"])
        if row["kind"] == "reporting.act":
            desk.act(payload)
        if row["kind"] == "reporting.spread":
            desk._outcome.spread(payload)
    for row in fixture.db.query("SELECT id FROM delivery WHERE state = 'queued'"):
        fixture.deliver(row["id"])


# the list ----------------------------------------------------------------------------------------------------------------


def test_the_most_severe_stand_first_and_of_these_the_oldest(fixture: Fixture) -> None:
    for severity, tail in (("S1", b"a"), ("S2", b"b"), ("S2", b"c")):
        assert fixture.clock.at is not None
        fixture.clock.at += 60
        reported(fixture, severity, HOSTILE + tail)
    page = signed_in(fixture).get("/console/mail").text
    assert re.findall(r"SEC-\d+ · reports: \d", page) == [
        "SEC-102 · reports: 2",
        "SEC-103 · reports: 2",
        "SEC-101 · reports: 2",
    ]


def test_nothing_reported_says_how_to_try_it(fixture: Fixture) -> None:
    assert "send an .eml file" in signed_in(fixture).get("/console/mail").text


def test_how_fast_people_reported_is_shown_for_a_case_and_for_all(fixture: Fixture, sha: str) -> None:
    assert "not known" in signed_in(fixture).get(f"/console/mail/{sha}").text
    fixture.work(lambda work: work.tx.execute("UPDATE campaign SET delivered_at = reported_at - 720"))
    assert "12 min later" in signed_in(fixture).get(f"/console/mail/{sha}").text
    page = signed_in(fixture).get("/console/mail").text
    assert "From first delivery to first report: 12 min (median of 1 frauds in 90 days)." in page


def test_an_analyst_warns_everybody_who_got_it(fixture: Fixture, sha: str) -> None:
    clara = fixture.person("clara.moreau")
    campaigns = mail_desk.SqlCampaignStore(fixture.db)
    fixture.work(lambda work: campaigns.received(work.tx, sha, [clara.key]))
    sam = signed_in(fixture)
    page = sam.get(f"/console/mail/{sha}").text
    assert "1 of our people, 0 warned" in page
    assert "Warn everybody it was sent to" in page
    assert post(sam, sha, "warn").status_code == 303
    (job,) = fixture.db.query("SELECT payload FROM outbox WHERE kind = 'reporting.alert'")
    assert json.loads(job["payload"]) == {"campaign": sha}
    assert "Warn everybody it was sent to" not in sam.get(f"/console/mail/{sha}").text
    (declared,) = fixture.db.query("SELECT actor FROM ticket_event WHERE kind = 'declared'")
    assert declared["actor"] == fixture.person("sam.ortiz").key


def test_what_is_no_fraud_is_not_warned_of(fixture: Fixture, sha: str) -> None:
    sam = signed_in(fixture)
    fixture.work(lambda work: work.tx.execute("UPDATE campaign SET kind = 'suspicious'"))
    assert "/warn" not in sam.get(f"/console/mail/{sha}").text
    refused = post(sam, sha, "warn")
    assert "Give your verdict first." in sam.get(refused.headers["location"]).text
    assert fixture.db.query("SELECT 1 FROM outbox WHERE kind = 'reporting.alert'") == []


# looking -----------------------------------------------------------------------------------------------------------------


def test_the_frame_holds_nothing_that_loads_runs_or_leads_anywhere(fixture: Fixture, sha: str) -> None:
    sam = signed_in(fixture)
    answer = sam.get(f"/console/mail/{sha}/frame?tab=html")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none';")
    assert "allow-" not in policy
    body = answer.text.partition("<body>")[2]
    assert set(re.findall(r"<(\w+)", body)) == {"p", "b"}
    assert re.findall(r"<\w+ [^>]*>", body) == []
    assert "northwind.example [→ hxxps://northwind-login[.]example/…]" in body
    assert "[picture: our logo]" in body
    assert "reached" not in body.replace("hxxp", "")


def test_text_comes_first_and_headers_are_text(fixture: Fixture, sha: str) -> None:
    sam = signed_in(fixture)
    text = sam.get(f"/console/mail/{sha}/frame").text
    assert "hxxp://127[.]0[.]0[.]1:9/reached-text &lt;script&gt;" in text
    headers = sam.get(f"/console/mail/{sha}/frame?tab=headers").text
    assert "&lt;77@northwind-help[.]example&gt;" in headers or "77@northwind-help[.]example" in headers


def test_the_page_may_frame_ourselves_and_nothing_else(fixture: Fixture, sha: str) -> None:
    answer = signed_in(fixture).get(f"/console/mail/{sha}")
    assert answer.headers["content-security-policy"].endswith("frame-src 'self'")
    assert '<iframe class="letter"' in answer.text
    assert 'sandbox=""' in answer.text
    for words in ("Signs seen", "northwind-login[.]example", "Reported by", "Dana Reyes", "Tom Whitaker", sha):
        assert words in answer.text


def test_every_look_is_in_the_audit_log_before_it_is_shown(fixture: Fixture, sha: str) -> None:
    sam = signed_in(fixture)
    sam.get(f"/console/mail/{sha}")
    sam.get(f"/console/mail/{sha}/frame?tab=headers")
    post(sam, sha, "export", form="csv")
    post(sam, sha, "raw")
    looks = [line for line in audited(fixture) if line != "report.opened"]
    assert looks == ["report.read headers", "report.read export_csv", "report.read raw"]
    fixture.down = True
    assert sam.get(f"/console/mail/{sha}/frame").status_code == 503


def test_nobody_else_sees_any_of_it(fixture: Fixture, sha: str) -> None:
    stranger = fixture.client()
    for path in ("", f"/{sha}", f"/{sha}/frame"):
        answer = stranger.get(f"/console/mail{path}")
        assert "Reported by" not in answer.text
        assert "within the hour" not in answer.text
    assert signed_in(fixture).get("/console/mail/" + "0" * 64).status_code == 404


# verdicts ----------------------------------------------------------------------------------------------------------------


def test_a_verdict_is_previewed_and_then_answers_everybody(fixture: Fixture, sha: str) -> None:
    sam = signed_in(fixture)
    shown = post(sam, sha, "verdict", kind="spam", note="We know this sender.", do="preview").text
    assert "What reporters will read" in shown
    assert "We know this sender." in shown
    assert fixture.db.query("SELECT decided_by FROM campaign") == [{"decided_by": "secdesk"}]
    answer = post(sam, sha, "verdict", kind="spam", note="We know this sender.", do="send")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/console/mail/{sha}")
    assert fixture.db.query("SELECT decided_by FROM campaign") == [{"decided_by": "secdesk"}]
    fixture.wait()
    run_jobs(fixture)
    for who in ("dana.reyes", "tom.whitaker"):
        browser = fixture.client()
        browser.post("/who", data={"person": who})
        assert "We know this sender." in browser.get("/chat").text
    assert "Decided by Sam Ortiz" in sam.get(f"/console/mail/{sha}").text
    assert "report.outcome" in audited(fixture)


def test_after_a_verdict_the_next_report_that_waits_opens_by_itself(fixture: Fixture) -> None:
    first, second = reported(fixture, "S2", HOSTILE), reported(fixture, "S2", HOSTILE.replace(b"full", b"shut"))
    third = reported(fixture, "S1", HOSTILE.replace(b"full", b"old"))
    sam = signed_in(fixture)
    followed = [post(sam, sha, "verdict", kind="spam", do="next").headers["location"] for sha in (second, first, third)]
    assert followed == [f"/console/mail/{first}", f"/console/mail/{third}", "/console/mail"]
    page = sam.get("/console/mail").text
    assert ("goes out to everybody" in page, 'action="/console/undo"' in page) == (True, True)


def test_cases_are_put_together_and_apart_with_a_reason(fixture: Fixture) -> None:
    first, second = reported(fixture, "S2", HOSTILE), reported(fixture, "S2", HOSTILE.replace(b"full", b"shut"))
    sam = signed_in(fixture)
    assert "Take it out" not in sam.get(f"/console/mail/{second}").text  # the only mail of its case
    answer = post(sam, second, "merge", into="sec-101", why="Same sender.")
    page = sam.get(answer.headers["location"]).text
    assert ("SEC-102 is part of SEC-101 now." in page, "SEC-102: Same sender." in page, "Take it out" in page) == (
        True,
    ) * 3
    assert post(sam, second, "merge", into="SEC-999", why="x").status_code == 404
    assert "Say why" in sam.get(post(sam, second, "split", why=" ").headers["location"]).text
    page = sam.get(post(sam, second, "split", why="It was not.").headers["location"]).text
    assert ("This mail is SEC-103 now" in page, "SEC-101: It was not." in page) == (True, True)
    rows = fixture.db.query("SELECT sha256, ticket FROM mail ORDER BY ticket")
    assert [(row["sha256"], row["ticket"]) for row in rows] == [(first, "SEC-101"), (second, "SEC-103")]


def test_a_program_puts_cases_together_and_apart_warns_and_asks_for_a_purge(fixture: Fixture) -> None:
    first, second = reported(fixture, "S2", HOSTILE), reported(fixture, "S2", HOSTILE.replace(b"full", b"shut"))
    assert fixture.services.api is not None
    tokens, sam = fixture.services.api.tokens, fixture.person("sam.ortiz")
    secret = fixture.work(lambda work: tokens.create(work, "a test", sam, ["see", "work"], 30, "cli"))[1]
    program = fixture.client(authorization=f"Bearer {secret}")

    def does(number: str, what: str, **body: str) -> tuple[int, str]:
        response = program.post(f"/api/v1/reports/{number}/{what}", json=body)
        return response.status_code, response.json().get("id", "")

    assert does("SEC-102", "split", mail=second, why="It was not.")[0] == 403  # the only mail of its case
    assert does("SEC-102", "split", mail=first, why="It was not.")[0] == 404  # another case's
    assert does("SEC-102", "merge", into="SEC-101", why="") == (422, "")
    assert does("SEC-102", "merge", into="SEC-999", why="x")[0] == 404
    assert does("SEC-102", "merge", into="SEC-101", why="Same sender.") == (200, "SEC-101")
    assert program.get("/api/v1/reports/SEC-101").json()["mail_ids"] == sorted([first, second])
    assert does("SEC-101", "split", mail=second, why="It was not.") == (200, "SEC-103")
    rows = fixture.db.query("SELECT sha256, ticket FROM mail ORDER BY ticket")
    assert [(row["sha256"], row["ticket"]) for row in rows] == [(first, "SEC-101"), (second, "SEC-103")]
    assert does("SEC-101", "warn") == (200, "SEC-101")
    assert does("SEC-101", "warn", role="nobody")[0] == 404
    assert does("SEC-101", "actions", kind="purge") == (200, "SEC-101")
    assert does("SEC-101", "actions", kind="burn")[0] == 422
    assert [(row["kind"], row["state"]) for row in fixture.db.query("SELECT kind, state FROM mail_action")] == [
        ("purge", "asked")
    ]
    assert {"report.merge", "report.split", "report.purge_asked"} <= set(audited(fixture))


def test_a_verdict_that_nobody_gives_is_refused(fixture: Fixture, sha: str) -> None:
    answer = post(signed_in(fixture), sha, "verdict", kind="could_not_check", do="send")
    assert answer.status_code == 303
    assert fixture.db.query("SELECT decided_by FROM campaign") == [{"decided_by": "secdesk"}]


# exports -----------------------------------------------------------------------------------------------------------------

SHARED = Shared(
    "SEC-7", "likely_phishing", 1_900_000_000.25, "Northwind",
    (
        Indicator("email", "a'b@evil.example"), Indicator("url", "https://evil.example/a\\b"),
        Indicator("domain", "evil.example"),
        Indicator("file", "ab" * 32, "=cmd|x.exe"), Indicator("subject", "=HYPERLINK(1)"), Indicator("message_id", "<1@x>"),
        Indicator("reply_to", "b@evil.example"), Indicator("subject", "  +1"), Indicator("subject", "@x"),
    ),
)  # fmt: skip
UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"
STIX = {  # the published properties of STIX 2.1, sections 3.2, 4.5, 4.7 and 4.16
    "type": "object", "required": ["type", "id", "objects"], "additionalProperties": False,
    "properties": {
        "type": {"const": "bundle"}, "id": {"pattern": f"^bundle--{UUID}$"},
        "objects": {"type": "array", "items": {
            "type": "object", "required": ["type", "spec_version", "id", "created", "modified"],
            "properties": {"spec_version": {"const": "2.1"}, "created": {"pattern": TIME}, "modified": {"pattern": TIME},
                           "id": {"pattern": f"^(identity|indicator|report)--{UUID}$"},
                           "created_by_ref": {"pattern": f"^identity--{UUID}$"}},
            "oneOf": [
                {"properties": {"type": {"const": "identity"}}, "required": ["name"]},
                {"properties": {"type": {"const": "indicator"}, "pattern_type": {"const": "stix"},
                                "valid_from": {"pattern": TIME},
                                "pattern": {"pattern": r"^\[[a-z-]+:.+ = '.*'\]$"},
                                "indicator_types": {"items": {"enum": ["malicious-activity", "anomalous-activity", "unknown"]}}},
                 "required": ["pattern", "pattern_type", "valid_from"]},
                {"properties": {"type": {"const": "report"}, "published": {"pattern": TIME},
                                "object_refs": {"type": "array", "minItems": 1}},
                 "required": ["name", "published", "object_refs"]},
            ],
        }},
    },
}  # fmt: skip
MISP = {  # misp-core-format, sections 2.2 and 2.4
    "type": "object", "required": ["Event"],
    "properties": {"Event": {
        "type": "object", "required": ["uuid", "info", "date", "threat_level_id", "analysis", "distribution", "published",
                                       "timestamp", "Attribute"],
        "properties": {
            "uuid": {"pattern": f"^{UUID}$"}, "date": {"pattern": r"^\d{4}-\d\d-\d\d$"},
            "threat_level_id": {"enum": list("1234")},
            "analysis": {"enum": list("012")}, "distribution": {"enum": list("01234")}, "published": {"const": False},
            "timestamp": {"pattern": r"^\d+$"},
            "Attribute": {"type": "array", "items": {
                "type": "object", "required": ["uuid", "type", "category", "value", "to_ids"],
                "properties": {
                    "uuid": {"pattern": f"^{UUID}$"}, "to_ids": {"type": "boolean"}, "distribution": {"enum": list("012345")},
                    "category": {"enum": ["Payload delivery", "Network activity"]},
                    "type": {"enum": ["email-src", "email-reply-to", "url", "domain", "sha256", "filename|sha256",
                                      "email-subject", "email-message-id"]},
                },
            }},
        },
    }},
}  # fmt: skip


def test_stix_and_misp_have_the_published_shape() -> None:
    bundle, event = as_stix(SHARED), as_misp(SHARED)
    jsonschema.validate(bundle, STIX)
    jsonschema.validate(event, MISP)
    ids = {item["id"] for item in bundle["objects"]}
    assert len(ids) == len(SHARED.items) + 2
    assert set(bundle["objects"][-1]["object_refs"]) < ids
    assert bundle["objects"][1]["pattern"] == r"[email-message:from_ref.value = 'a\'b@evil.example']"
    assert bundle["objects"][1]["created"] == "2030-03-17T17:46:40.250Z"
    assert [item["to_ids"] for item in event["Event"]["Attribute"]] == [True] * 4 + [False] * 5
    assert as_stix(SHARED) == bundle
    assert stix_text("a\\'") == r"'a\\\''"


def test_no_cell_of_the_csv_is_a_formula() -> None:
    rows = list(csv.reader(io.StringIO(as_csv(SHARED))))
    assert rows[0] == ["kind", "value", "name"]
    assert rows[4][2] == "'=cmd|x.exe"
    assert [row[1] for row in rows if row[0] == "subject"] == ["'=HYPERLINK(1)", "'  +1", "'@x"]
    assert [value for row in rows for value in row if value.lstrip(" ").startswith(("=", "+", "-", "@", "\t"))] == []


def test_exports_leave_ourselves_out(fixture: Fixture, sha: str) -> None:
    sam = signed_in(fixture)
    answer = post(sam, sha, "export", form="csv")
    assert 'filename="SEC-101.csv"' in answer.headers["content-disposition"]
    values = [row[1] for row in csv.reader(io.StringIO(answer.text))]
    assert "it@northwind-help.example" in values
    assert "https://northwind-login.example/a" in values
    assert [value for value in values if value.endswith(("@northwind.example", "//northwind.example"))] == []
    jsonschema.validate(post(sam, sha, "export", form="stix").json(), STIX)
    jsonschema.validate(post(sam, sha, "export", form="misp").json(), MISP)
    assert post(sam, sha, "export", form="exe").status_code == 404


# actions -----------------------------------------------------------------------------------------------------------------


def test_a_purge_needs_a_second_person(fixture: Fixture, sha: str) -> None:
    sam, ines = signed_in(fixture), signed_in(fixture, "ines.brandt")
    post(sam, sha, "ask", kind="purge")
    again = post(sam, sha, "ask", kind="purge", other="1")
    assert "asked for already" in sam.get(again.headers["location"]).text
    (row,) = fixture.db.query("SELECT id, state, target FROM mail_action")
    assert b"northwind-help" not in bytes(row["target"])
    post(sam, sha, "decide", action=row["id"], do="approve")
    assert fixture.db.query("SELECT state FROM mail_action") == [{"state": "asked"}]
    page = sam.get(f"/console/mail/{sha}").text
    assert 'value="approve"' not in page
    post(ines, sha, "decide", action=row["id"], do="approve")
    run_jobs(fixture)
    run_jobs(fixture)
    assert fixture.control.asked == [("purge", ("<77@northwind-help.example>",), 1)]
    assert fixture.db.query("SELECT state, result FROM mail_action") == [{"state": "done", "result": "purge of 1"}]
    kinds = [event.kind for event in fixture.tickets.timeline("SEC-101")]
    assert kinds[-3:] == ["purge_asked", "purge_approved", "purge_done"]
    assert [line for line in audited(fixture) if "purge_" in line] == [
        "report.purge_asked", "report.purge_approved", "report.purge_done"
    ]  # fmt: skip


def test_a_refused_block_is_never_done_and_a_failed_one_is_said(fixture: Fixture, sha: str) -> None:
    sam, ines = signed_in(fixture), signed_in(fixture, "ines.brandt")
    post(sam, sha, "ask", kind="block")
    (row,) = fixture.db.query("SELECT id FROM mail_action")
    post(ines, sha, "decide", action=row["id"], do="refuse")
    run_jobs(fixture)
    assert fixture.control.asked == []
    post(sam, sha, "ask", kind="block", again="1")
    fixture.control.broken = ChannelError("a permission is missing")
    (row,) = fixture.db.query("SELECT id FROM mail_action WHERE state = 'asked'")
    post(ines, sha, "decide", action=row["id"], do="approve")
    run_jobs(fixture)
    assert "a permission is missing" in sam.get(f"/console/mail/{sha}").text


def test_our_own_sender_is_not_blocked_and_no_message_id_is_not_purged(fixture: Fixture) -> None:
    data = b"From: Dana <dana.reyes@northwind.example>\r\nSubject: Hi\r\n\r\nAre you at your desk?\r\n"
    sha, sam = reported(fixture, "S1", data), signed_in(fixture)
    for kind in ("block", "purge"):
        post(sam, sha, "ask", kind=kind)
    assert fixture.db.query("SELECT id FROM mail_action") == []
