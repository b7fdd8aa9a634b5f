"""Letters to a reporting mailbox, as the mail programs make them that people forward with."""

from __future__ import annotations

from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP

BOX = "report@northwind.example"
PHISH = (
    b"Received: from mx.northwind.example by store.northwind.example; Sun, 17 Mar 2030 09:00:00 +0000\r\n"
    b"From: Parcel <info@parcel-fee.example>\r\nTo: dana.reyes@northwind.example\r\nSubject: Your parcel\r\n"
    b"Message-ID: <1@parcel-fee.example>\r\nDate: Sun, 17 Mar 2030 08:59:00 +0000\r\n\r\n"
    b"Pay the fee of 1.99 within the hour or your parcel goes back: http://parcel-fee.example/pay\r\n"
)
QUOTES = {
    "gmail": (
        "Fwd: Your parcel",
        "---------- Forwarded message ---------\nFrom: Parcel <info@parcel-fee.example>\n"
        "Date: Sun, Mar 17, 2030 at 9:00 AM\nSubject: Your parcel\nTo: <dana.reyes@northwind.example>\n\n",
    ),
    "outlook": (
        "FW: Your parcel",
        "From: Parcel <info@parcel-fee.example>\nSent: Sunday, 17 March 2030 09:00\n"
        "To: Dana Reyes <dana.reyes@northwind.example>\nSubject: Your parcel\n\n",
    ),
    "outlook_de": (
        "WG: Your parcel",
        "Von: Parcel <info@parcel-fee.example>\nGesendet: Sonntag, 17. März 2030 09:00\nAn: Dana Reyes\n"
        "Betreff: Your parcel\n\n",
    ),
    "outlook_fr": (
        "TR: Your parcel",
        "De : Parcel <info@parcel-fee.example>\nEnvoyé : dimanche 17 mars 2030 09:00\nÀ : Dana Reyes\n"
        "Objet : Your parcel\n\n",
    ),
    "thunderbird": (
        "Fwd: Your parcel",
        "-------- Forwarded Message --------\nSubject: \tYour parcel\nDate: \tSun, 17 Mar 2030 08:59:00 +0000\n"
        "From: \tParcel <info@parcel-fee.example>\nTo: \tdana.reyes@northwind.example\n\n\n",
    ),
    "apple": (
        "Fwd: Your parcel",
        "Begin forwarded message:\n\n> From: Parcel <info@parcel-fee.example>\n> Subject: Your parcel\n"
        "> Date: 17 March 2030 at 09:00:00 GMT\n> To: Dana Reyes\n> \n",
    ),
    "edited": (
        "please look at this",
        "---------- Forwarded message ---------\nDe: Parcel <info@parcel-fee.example>\nDate: dim. 17 mars 2030\n"
        "Subject: Your parcel\nTo: <dana.reyes@northwind.example>\n\n",
    ),
}
LURE = "Pay the fee of 1.99 within the hour or your parcel goes back: http://parcel-fee.example/pay\n"


def letter(
    subject: str = "Fwd: Your parcel", text: str = "", *, sender: str = "Dana Reyes <dana.reyes@northwind.example>",
    mails: Sequence[bytes] = (), number: int = 1, **headers: str,
) -> bytes:  # fmt: skip
    """A letter with mails attached as a mail program does. `headers` come on top, `_` as `-`."""
    message = EmailMessage(policy=SMTP)
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message["From"], message["To"], message["Subject"] = sender, BOX, subject
    message["Message-ID"] = f"<letter-{number}@northwind.example>"
    message["Date"] = "Sun, 17 Mar 2030 10:00:00 +0000"
    message.set_content(text or "\n")
    data = message.as_bytes()
    if not mails:
        return data
    head, _, body = data.partition(b"\r\n\r\n")
    kept = [line for line in head.split(b"\r\n") if not line.lower().startswith((b"content-", b"mime-version"))]
    edge = b"=_b%d" % number
    parts = [b"--" + edge + b"\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + body]
    parts += [
        b'--%s\r\nContent-Type: message/rfc822; name="mail-%d.eml"\r\nContent-Disposition: attachment; filename="mail-%d.eml"'
        b"\r\n\r\n%s" % (edge, place, place, mail)
        for place, mail in enumerate(mails, 1)
    ]
    mime = [b"MIME-Version: 1.0", b'Content-Type: multipart/mixed; boundary="%s"' % edge]
    return b"\r\n".join([*kept, *mime, b"", *parts, b"--" + edge + b"--", b""])


def inline(program: str, note: str = "", **more: str) -> bytes:
    """A letter that quotes the lure as a mail program does."""
    subject, block = QUOTES[program]
    lure = "> " + LURE if program == "apple" else LURE
    return letter(subject, f"{note}\n\n{block}{lure}" if note else block + lure, **more)  # type: ignore[arg-type]
