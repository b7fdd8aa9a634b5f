"""What an endpoint of the API says of itself: its address, its scope, what goes in, what comes out, and what it does."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel

from adapters.web.api import shapes
from adapters.web.api.shapes import Query, Who
from adapters.web.services import WebServices
from bot.errors import SecdeskError
from bot.model import Person
from bot.permissions import Permission
from bot.tokens import Token
from bot.turn import Work
from bot.undo import Sent

BASE = "/api/v1"
PATH_PART = r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,119}"
KEY = r"[!-~]{1,128}"  # an Idempotency-Key
_TAG = r'(W/)?"[!#-~]{0,80}"'
MATCH = rf"(\*|{_TAG}(, ?{_TAG}){{0,9}})"  # an If-Match (RFC 9110, section 13.1.1)
_PARAMS = re.compile(r"\{(\w+)\}")


class Wanted(SecdeskError):
    """The request itself is wrong: `status`, and what to say."""

    def __init__(self, status: int, detail: str, errors: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(detail)
        self.status, self.errors = status, errors


@dataclass
class Call:
    """One request. `person` has the roles that the directory gives them now."""

    services: WebServices
    token: Token
    person: Person
    roles: frozenset[str]
    path: Mapping[str, str]
    query: Any
    body: Any
    match: str = ""  # If-Match
    _names: dict[str, Who | None] = field(default_factory=dict)

    def who(self, key: str) -> Who | None:
        """Somebody by pseudonym, None for nobody and for somebody forgotten."""
        if key == "secdesk":
            return Who(id="", name="Secdesk")
        if key not in self._names:
            person = self.services.identities.who(key) if key else None
            self._names[key] = Who(id=person.id, name=person.name) if person else None
        return self._names[key]

    def seen(self, action: str, subject: str) -> None:
        """That something about a person was read is in the audit log, as in the console: once an hour of a token."""
        hour = int(self.services.clock.now() // 3600)
        row = (self.person.key, action, subject)
        self.services.openings.note(self.services.work, f"{self.token.id} {hour}", row, token=self.token.id)


Read = Callable[[Call], BaseModel]
Change = Callable[[Call, Work], tuple[str, str] | shapes.Changed]  # (id, address below `BASE`) of what was changed
Prepare = Callable[
    [Call], tuple[Change, Callable[[], object]]
]  # what is left for the transaction, and what comes after it


@dataclass(frozen=True)
class Endpoint:
    """A route. Exactly one of `read`, `change` and `prepare`; what changes something takes an Idempotency-Key.

    `change` runs in one short transaction. What takes long, or writes files, is prepared before it.
    """

    method: Literal["GET", "POST", "DELETE"]
    path: str
    needs: Permission
    tag: str
    summary: str
    answer: type[BaseModel]
    read: Read | None = None
    change: Change | None = None
    prepare: Prepare | None = None
    query: type[Query] = Query
    body: type[BaseModel] | None = None
    status: int = 200
    versioned: bool = False  # takes If-Match

    @property
    def params(self) -> list[str]:
        """Names in the path."""
        return _PARAMS.findall(self.path)

    @property
    def changes(self) -> bool:
        """Whether it changes something."""
        return self.read is None

    @property
    def id(self) -> str:
        """`get_tickets_number`, for the description."""
        return "_".join([self.method.lower(), *re.findall(r"\w+", self.path)])


def sent_shape(name: str, place: str, sent: Sent | None) -> shapes.Sent:
    """What a change says that can be taken back."""
    if sent is None:
        return shapes.Sent(id=name, href=BASE + place, goes_out_at=None, undo=None)
    undo = f"{BASE}/unsent/{sent.id}"
    return shapes.Sent(id=name, href=BASE + place, goes_out_at=shapes.moment(sent.due_at), undo=undo)


def cursor_of(*parts: object) -> str:
    """An opaque name for a place in a list."""
    return urlsafe_b64encode("\n".join(map(str, parts)).encode()).decode().rstrip("=")


def place_of(cursor: str, kinds: tuple[Callable[[str], Any], ...]) -> tuple[Any, ...] | None:
    """What `cursor_of` was made of; None for none. Raises `Wanted`."""
    if not cursor:
        return None
    try:
        parts = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split("\n")
        return tuple(kind(part) for kind, part in zip(kinds, parts, strict=True))
    except (ValueError, UnicodeDecodeError):
        raise Wanted(422, "this cursor is not ours", (("query.cursor", "take the `next` of a page"),)) from None
