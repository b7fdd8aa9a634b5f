"""400 forwards of 400 people, as different as mail programs make them: one campaign of many copies, and mails of their own."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from importlib.resources import files
from pathlib import Path

import yaml

from tests.fakes.letters import letter
from tests.fakes.outlook_files import compound, msg

GATEWAY = "mx.northwind.example"
_WORDS = (
    *(
        "account",
        "invoice",
        "parcel",
        "delivery",
        "payroll",
        "holiday",
        "meeting",
        "contract",
        "renewal",
        "storage",
        "mailbox",
    ),
    *(
        "licence",
        "survey",
        "training",
        "travel",
        "budget",
        "supplier",
        "refund",
        "shipment",
        "policy",
        "review",
        "access",
    ),
    *("badge", "printer", "laptop", "calendar", "bonus", "salary", "transfer", "approval", "signature", "archive"),
)


@dataclass(frozen=True)
class Reporter:
    """Somebody of the directory."""

    number: int

    @property
    def id(self) -> str:
        return f"person.{self.number:03}"

    @property
    def address(self) -> str:
        return f"{self.id}@northwind.example"


def people(count: int) -> list[Reporter]:
    return [Reporter(number) for number in range(count)]


def directory(folder: Path, reporters: list[Reporter]) -> None:
    """Write them as the organisation's people, beside those of the sample."""
    rows = [{"id": who.id, "name": f"Person {who.number}", "email": who.address, "roles": ["regular"], "entity": "uk",
             "timezone": "Europe/London"} for who in reporters]  # fmt: skip
    sample = yaml.safe_load((files("knowledge") / "people.yaml").read_text("utf-8"))
    folder.mkdir()
    (folder / "people.yaml").write_text(json.dumps({**sample, "people": [*sample["people"], *rows]}))


def forwards(reporters: list[Reporter]) -> Iterator[bytes]:
    """Each reporter's letter. Every second one is of the same campaign."""
    for who in reporters:
        yield _forward(who, _text(who.number))


def _text(number: int) -> tuple[str, str]:
    """Subject and text of the mail that is forwarded."""
    if number % 2:
        return "Your parcel", (
            f"Your parcel could not be delivered because the address is incomplete. Pay the fee of {number}.99 euros within"
            f" the hour and tell us where to bring it: http://parcel-fee.example/pay?id={number} or it goes back tomorrow."
        )
    some = random.Random(number)
    words = " ".join(some.choices(_WORDS, k=60))
    return f"About the {some.choice(_WORDS)} {some.choice(_WORDS)}", f"{words}: http://site-{number}.example/{number}"


def _forward(who: Reporter, said: tuple[str, str]) -> bytes:
    number, (subject, text) = who.number, said
    sender = f"Person {number} <{who.address}>"
    vouched = f"{GATEWAY}; dmarc=pass header.from=northwind.example"
    mail = _mail(number, subject, text, who.address)
    more = {"sender": sender, "number": number, "Authentication_Results": vouched}
    match number % 10:
        case 0 | 1:  # inline, as Gmail does
            head = f"---------- Forwarded message ---------\nFrom: Shop <info@shop-{number}.example>\nDate: Sun, Mar 17, 2030\n"
            return letter(f"Fwd: {subject}", f"{head}Subject: {subject}\nTo: <{who.address}>\n\n{text}", **more)
        case 2 | 3:  # inline, as Outlook does
            head = f"From: Shop <info@shop-{number}.example>\nSent: Sunday, 17 March 2030 09:00\nTo: Person {number}\n"
            return letter(f"FW: {subject}", f"{head}Subject: {subject}\n\n{text}", **more)
        case 4 | 5:  # a forward in a forward
            return letter(f"Fwd: {subject}", mails=[_enclosed(mail, number)], **more)
        case 6:
            return _with_outlook_file(letter(f"Fwd: {subject}", **more), number, subject, text)
        case _:
            return letter(f"Fwd: {subject}", mails=[mail], **more)


def _mail(number: int, subject: str, text: str, to: str) -> bytes:
    return (
        f"Received: from out by {GATEWAY}; Sun, 17 Mar 2030 09:00:00 +0000\r\n"
        f"From: Shop <info@shop-{number}.example>\r\nTo: {to}\r\n"
        f"Subject: {subject}\r\nMessage-ID: <{number}@shop.example>\r\nDate: Sun, 17 Mar 2030 08:59:00 +0000\r\n\r\n{text}\r\n"
    ).encode()


def _enclosed(mail: bytes, number: int) -> bytes:
    edge = b"=_in%d" % number
    return (
        b"From: Colleague <colleague@northwind.example>\r\nSubject: Fwd: look\r\nMIME-Version: 1.0\r\nMessage-ID: <in-%d@x>\r\n"
        b'Content-Type: multipart/mixed; boundary="%s"\r\n\r\n--%s\r\nContent-Type: message/rfc822\r\n\r\n%s\r\n--%s--\r\n'
        % (number, edge, edge, mail, edge)
    )


def _with_outlook_file(cover: bytes, number: int, subject: str, text: str) -> bytes:
    """The letter with the mail as Outlook saves it."""
    file = compound(msg(headers=f"From: Shop <info@shop-{number}.example>\r\nSubject: {subject}\r\n\r\n", body=text,
                        p0037=subject))  # fmt: skip
    message = message_from_bytes(cover, policy=policy.SMTP)
    message.add_attachment(file, maintype="application", subtype="vnd.ms-outlook", filename=f"mail-{number}.msg")
    return message.as_bytes()
