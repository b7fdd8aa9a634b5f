"""Attachments that could harm, told by content and by tricks with their names. None is opened.

Sample: attachments.smuggling "The attached web page builds a file or page by itself when opened: invoice[.]html."
Sample: attachments.double_ending "The attachment's name pretends another type: invoice[.]pdf[.]exe."
"""

from __future__ import annotations

from collections.abc import Iterator

from bot.model import Finding
from bot.reporting.context import Context
from bot.reporting.explain import defang, found, short
from bot.reporting.mail_files import ending
from bot.reporting.mail_model import Attachment, Email

ID = "attachments"
_SIGNS = (
    "program", "script", "shortcut", "macro", "smuggling", "password_form", "double_ending", "disguised", "program_inside",
    "bomb", "active_pdf",
)  # fmt: skip
_PAGES = ("html", "htm", "shtml", "xhtml", "svg")
_GIVES_PASSWORD = (
    "password:", "password is", "passwort:", "passwort lautet", "mot de passe :", "mot de passe:", "contraseña:", "senha:",
    "wachtwoord:", "pin:",
)  # fmt: skip


def check(email: Email, context: Context) -> list[Finding]:
    """One finding a kind, for the first file that shows it."""
    findings: dict[str, Finding] = {}
    for file in email.attachments:
        for finding in _file(file, email, context):
            findings.setdefault(finding.check, finding)
    return list(findings.values())


def _file(file: Attachment, email: Email, context: Context) -> Iterator[Finding]:
    name = defang(short(file.name or "(no name)"))
    for trait in _SIGNS:
        if trait in file.traits:
            yield found(context, f"attachments.{trait}", file=name)
    if "encrypted" in file.traits:
        sign = "encrypted_password" if _password(email) else "encrypted"
        yield found(context, f"attachments.{sign}", file=name)
    page = file.type == "html" or ending(file.name) in _PAGES
    if page and "smuggling" not in file.traits and not file.inline:
        yield found(context, "attachments.web_page", file=name)
    if file.type in ("disk", "rar", "7z", "cab", "onenote"):
        yield found(context, "attachments.unusual_archive", file=name)


def _password(email: Email) -> bool:
    """The mail itself gives the password of an encrypted file."""
    text = email.text[:4000].lower()
    return any(word in text for word in _GIVES_PASSWORD)
