"""The frozen shape of a reported mail, and the caps that keep hostile ones small."""

from __future__ import annotations

from dataclasses import dataclass

MAX_BYTES = 30_000_000  # from here on a mail is refused before parsing
MAX_HEADER_BYTES = 256 * 1024  # of one header block
MAX_HEADERS = 500
MAX_VALUE = 16 * 1024  # characters of one header value
MAX_ADDRESSES = 100  # of one header
MAX_PARTS = 300
MAX_DEPTH = 40  # of nested multiparts
MAX_INNER_DEPTH = 3  # of forwarded mails in forwarded mails
MAX_INNER = 10  # forwarded mails in one mail
MAX_TEXT = 200_000  # characters of readable text
MAX_HTML = 1_000_000  # characters of HTML handed to the HTML parser
MAX_HTML_DEPTH = 256  # deeper nesting takes seconds to parse, and no real mail has it
MAX_LINKS = 1_000
MAX_URL = 4_000
MAX_FILES = 100


@dataclass(frozen=True)
class Address:
    """One mailbox as written: decoded display name, and what stands for the address (may be malformed)."""

    name: str = ""
    email: str = ""

    @property
    def domain(self) -> str:
        """The part behind the last @, lower case, without a root dot. Empty if there is none."""
        _, at, domain = self.email.rpartition("@")
        return domain.strip(" .[]<>\"'").lower() if at else ""


@dataclass(frozen=True)
class Link:
    """A place a click, a form or a picture leads to.

    `shown` is the visible text (with the alternative text of pictures), `target` the cleaned URL, `host` its host in ASCII.
    `kind`: `a` link, `form`, `refresh` (the page moves by itself), `text` (typed out in plain text), `code` (a QR code).
    `picture`: the visible part is a picture only.
    """

    shown: str
    target: str
    host: str
    kind: str = "a"
    picture: bool = False


@dataclass(frozen=True)
class Attachment:
    """An attached file. Only its description is kept, never its content.

    `type` is found by content, `declared` is what the mail says. `traits` are facts such as `macro`, `encrypted`, `program`,
    `script`, `shortcut`, `smuggling`, `disguised`, `double_ending`; `members` the first names in an archive.
    """

    name: str
    declared: str
    type: str
    size: int
    sha256: str
    inline: bool = False
    traits: tuple[str, ...] = ()
    members: tuple[str, ...] = ()


@dataclass(frozen=True)
class AuthResult:
    """One method of our own gateway's Authentication-Results (RFC 8601), e.g. `dmarc`, `fail`, `example.com`."""

    method: str
    result: str
    domain: str = ""


@dataclass(frozen=True)
class Page:
    """What a reader of the HTML sees, and what it hides from them."""

    text: str = ""
    hidden: str = ""
    links: tuple[Link, ...] = ()
    pictures: tuple[str, ...] = ()  # sources: a host, "data:" or "cid:"
    trackers: tuple[str, ...] = ()  # hosts that pictures nobody sees are fetched from
    linked_pictures: int = 0
    password_field: bool = False
    script: bool = False
    cut: bool = False  # too deep or too long: read with the simpler reader


@dataclass(frozen=True)
class Email:
    """A parsed mail. Every field is decoded, capped and possibly a lie of the sender; `defects` names what was malformed."""

    sha256: str
    size: int = 0
    form: str = "eml"  # eml, msg or tnef
    sender: Address = Address()
    senders: tuple[Address, ...] = ()  # everything in From
    sent_by: Address = Address()  # the Sender header
    reply_to: tuple[Address, ...] = ()
    subject: str = ""
    date: str = ""  # ISO 8601 in UTC, empty if missing or unreadable
    message_id: str = ""
    text: str = ""  # what the reader sees, from HTML where there is HTML
    plain: str = ""  # the plain text alternative
    html: str = ""  # as sent, capped; never show it unsanitised
    hidden: str = ""
    links: tuple[Link, ...] = ()
    pictures: tuple[str, ...] = ()
    trackers: tuple[str, ...] = ()
    linked_pictures: int = 0
    password_field: bool = False
    script: bool = False
    attachments: tuple[Attachment, ...] = ()
    codes: tuple[str, ...] = ()  # what QR codes say
    auth: tuple[AuthResult, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    inner: tuple[Email, ...] = ()
    defects: tuple[str, ...] = ()
