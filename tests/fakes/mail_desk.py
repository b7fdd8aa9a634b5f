"""The analyst's desk over the fixture's database: real cases and verdicts, the mail read in this process."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from adapters.channels.web import web_place
from adapters.stores.campaigns import SqlCampaignStore
from adapters.stores.mail_desk import SqlMailDeskStore
from adapters.stores.reports import SqlReportStore
from bot.errors import ChannelError
from bot.model import Finding, Kind, Verdict
from bot.reporting.mail_desk import DeskParts, MailDesk
from bot.reporting.outline import Outline, outline
from bot.reporting.parts import Examined, Parts, clues_text, verdict_text
from bot.reporting.reports import Reports
from bot.reporting.safe_view import SafeView, safe_view
from bot.reporting.screenshots import Picture
from bot.turn import Work, place_key

if TYPE_CHECKING:
    from tests.fakes.web import Fixture

HOSTILE = (
    b"From: IT Service <it@northwind-help.example>\r\nTo: dana.reyes@northwind.example\r\nReply-To: box@other.example\r\n"
    b"Subject: Your mailbox is full\r\nMessage-ID: <77@northwind-help.example>\r\nDate: Sun, 17 Mar 2030 10:00:00 +0000\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n"
    b"Act within the hour: http://127.0.0.1:9/reached-text <script>top.document.title='out'</script>\r\n"
    b"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    b"<html><head><meta http-equiv=refresh content='0;url=http://127.0.0.1:9/reached-refresh'><link rel=stylesheet "
    b"href=http://127.0.0.1:9/reached-css><base href=http://127.0.0.1:9/></head><body onload=\"top.document.title='out'\" "
    b"background=http://127.0.0.1:9/reached-back><script>top.document.title='out';fetch('http://127.0.0.1:9/reached')</script>"
    b'<p style="background:url(http://127.0.0.1:9/reached-style)">Act <b>within the hour</b>: '
    b'<a href="https://northwind-login.example/a" target=_top>northwind.example</a></p>'
    b"<img src=http://127.0.0.1:9/reached-pixel.gif onerror=\"top.document.title='out'\" alt='our logo'>"
    b"<iframe src=http://127.0.0.1:9/reached-frame></iframe><form action=http://127.0.0.1:9/reached-form>"
    b"<input name=p type=password><button>Sign in</button></form><svg onload=alert(1)><image href=http://127.0.0.1:9/s /></svg>"
    b"<object data=http://127.0.0.1:9/reached-object></object><video src=http://127.0.0.1:9/reached-video></video>"
    b"</body></html>\r\n--b--\r\n"
)
SIGNS = (
    Finding("links", "The link says northwind.example and leads to hxxps://northwind-login[.]example.", 3.0),
    Finding("sender", "The sender's address is new to us and looks like our own.", 2.0),
    Finding("wording", "It presses you to act within the hour.", 1.0),
)


@dataclass
class FakeControl:
    """Keeps what it was asked; `broken` is raised instead."""

    name: str = "fake"
    dry: bool = True
    asked: list[tuple[str, tuple[str, ...], int]] = field(default_factory=list)
    broken: ChannelError | None = None

    def purge(self, message_ids: Sequence[str], mailboxes: Sequence[str], key: str) -> str:
        return self._do("purge", message_ids, mailboxes)

    def block(self, senders: Sequence[str], mailboxes: Sequence[str], key: str) -> str:
        return self._do("block", senders, mailboxes)

    def _do(self, kind: str, target: Sequence[str], mailboxes: Sequence[str]) -> str:
        if self.broken:
            raise self.broken
        self.asked.append((kind, tuple(target), len(mailboxes)))
        return f"{kind} of {len(target)}"


class Here:
    """Reads mails in this process."""

    def outline(self, data: bytes, name: str) -> Outline:
        return outline(data, name)

    def look(self, data: bytes, name: str) -> Picture:
        return Picture()

    def view(self, data: bytes, name: str) -> SafeView:
        return safe_view(data, name)


def reports(fixture: Fixture) -> Reports:
    """The pillar."""
    return Reports(
        Parts(
            db=fixture.db, store=SqlReportStore(fixture.db), campaigns=SqlCampaignStore(fixture.db),
            core=fixture.core, auditor=fixture.audit, vault=fixture.vault,
            identities=fixture.identities, escalation=fixture.tickets, organisation=lambda: fixture.org, clock=fixture.clock,
            admit=lambda _data, _name: None, examine=lambda _data, _name, _history: Examined(verdict(), {}), reader=Here(),
            promise=lambda _severity, at: at + 3600, when=lambda _person, _to, _at: "soon",
            place_of=lambda key: None, listeners={},
        )
    )  # fmt: skip


def make(fixture: Fixture, made: Reports, control: FakeControl | None = None) -> MailDesk:
    """The desk."""
    return MailDesk(
        DeskParts(
            db=fixture.db, store=SqlMailDeskStore(fixture.db), mails=SqlReportStore(fixture.db),
            campaigns=SqlCampaignStore(fixture.db), vault=fixture.vault, viewer=Here(),
            outcome=made.outcome, regrouping=made.regrouping,
            alerts=made.alerts, escalation=fixture.tickets, control=control or FakeControl(),
            mailboxes=lambda: ["dana.reyes@northwind.example"], own_domains=lambda: ("northwind.example",),
            work=lambda tx: Work(tx, fixture.clock.now(), fixture.core, fixture.audit, {}), committed=lambda: None,
        )
    )  # fmt: skip


def verdict() -> Verdict:
    """Likely phishing, with three signs and a check that could not run."""
    return Verdict(Kind.LIKELY_PHISHING, 0.97, SIGNS, ("attachments",), 6.0)


def add_mail(
    fixture: Fixture, who: Sequence[str], ticket: str, facts: dict[str, Any], data: bytes = HOSTILE, campaign: str = ""
) -> str:
    """A decided mail of a case, reported by some people; its SHA-256."""
    store, campaigns = SqlReportStore(fixture.db), SqlCampaignStore(fixture.db)
    sha, found = hashlib.sha256(data).hexdigest(), verdict()
    people = [fixture.person(one) for one in who]
    with fixture.db.tx() as tx:
        at = fixture.clock.now()
        body = fixture.vault.seal("mail", data)
        store.add_mail(
            tx, {"sha256": sha, "name": "Your mailbox is full.eml", "size": len(data), "body": body, "at": at}
        )
        campaigns.add(tx, campaign or sha, ticket, 0.0, at)
        store.bind(tx, sha, ticket, campaign or sha, json.dumps({"content": sha, "leads": [], "files": []}), 0.0)
        for person in people:
            place = place_key(web_place(fixture.vault, person.id))
            row = {"id": uuid.uuid4().hex, "sha256": sha, "person": person.key, "place": place, "at": at}
            store.add_submission(tx, row)
            campaigns.reported(tx, campaign or sha, 0.0, at)
        store.decide(
            tx, sha, found.kind, "secdesk", verdict_text(found), json.dumps(facts), at, clues=clues_text(SIGNS)
        )
        campaigns.change(tx, campaign or sha, {"kind": found.kind, "decided_by": "secdesk", "decided_at": at})
    return sha
