"""A SCIM user (RFC 7643) as an entry of the directory. Plain values in, no library."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bot.directory import SCIM, Said
from bot.directory_forms import read_day, read_days, read_hours, read_leave

CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
OURS = "urn:ietf:params:scim:schemas:extension:secdesk:2.0:User"
_OBJECT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)  # as Microsoft Entra has them
_KINDS = {
    "guest": "guest",
    "contractor": "contractor",
    "external": "contractor",
    "vendor": "contractor",
    "temp": "contractor",
}


def said_of(user_id: str, user: Mapping[str, Any]) -> Said:
    """What an identity provider says of a user. What cannot be read is left out; `faults_of` names it."""
    work, ours = _part(user, ENTERPRISE), _part(user, OURS)
    days, hours, leave = (_read(ours, name) for name in ("workingDays", "workingHours", "leave"))
    outside = _text(user, "externalId")
    return Said(
        SCIM, user_id, "", _addresses(user), _name(user), _values(user, "roles"), _text(work, "organization"),
        _language(user), _text(user, "timezone"), _phone(user), _text(user, "title"), _text(work, "department"),
        _text(ours, "holidayRegion").upper() or _country(user), days, hours, leave or (), _read(ours, "startDate"),
        _read(ours, "endDate"), user.get("active") if isinstance(user.get("active"), bool) else None,
        _KINDS.get(_text(user, "userType").casefold(), "employee" if _text(user, "userType") else ""), frozenset(),
        frozenset(box.casefold() for box in ours.get("mailboxes") or () if isinstance(box, str)),
        (outside.casefold(),) if _OBJECT_ID.fullmatch(outside) else (),
    )  # fmt: skip


def faults_of(user: Mapping[str, Any]) -> list[str]:
    """What of our own attributes cannot be read, in words."""
    ours, found = _part(user, OURS), list[str]()
    for name, read in _READERS.items():
        try:
            read(ours.get(name))
        except ValueError as error:
            found.append(f"{name}: {error}")
    return found


def name_of(user: Mapping[str, Any]) -> str:
    """The user name, which is unique."""
    return _text(user, "userName")


def _leave(value: Any) -> Any:
    return tuple(span for text in value or () for span in read_leave(str(text))) or None


_READERS: Mapping[str, Any] = {
    "startDate": lambda value: read_day(value) if value else None,
    "endDate": lambda value: read_day(value) if value else None,
    "workingDays": lambda value: read_days(value) if value else None,
    "workingHours": lambda value: read_hours(value) if value else None,
    "leave": _leave,
}


def _read(ours: Mapping[str, Any], name: str) -> Any:
    try:
        return _READERS[name](ours.get(name))
    except ValueError:
        return None


def _part(user: Mapping[str, Any], schema: str) -> Mapping[str, Any]:
    found = user.get(schema)
    return found if isinstance(found, Mapping) else {}


def _text(raw: Mapping[str, Any], name: str, most: int = 320) -> str:
    value = raw.get(name)
    return value.strip()[:most] if isinstance(value, str) else ""


def _many(user: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The values of a multi-valued attribute, the main one first."""
    found = [item for item in user.get(name) or () if isinstance(item, Mapping)]
    return sorted(found, key=lambda item: (item.get("primary") is not True, item.get("type") != "work"))


def _values(user: Mapping[str, Any], name: str) -> frozenset[str]:
    return frozenset(value for item in _many(user, name) if (value := _text(item, "value")))


def _addresses(user: Mapping[str, Any]) -> tuple[str, ...]:
    found = [_text(item, "value") for item in _many(user, "emails")] + [_text(user, "userName")]
    return tuple(dict.fromkeys(address.casefold() for address in found if _is_address(address)))


def _is_address(text: str) -> bool:
    return "@" in text and "#" not in text and not any(char.isspace() for char in text)


def _name(user: Mapping[str, Any]) -> str:
    name = _part(user, "name")
    whole = " ".join(part for part in (_text(name, "givenName"), _text(name, "familyName")) if part)
    return _text(user, "displayName") or _text(name, "formatted") or whole


def _language(user: Mapping[str, Any]) -> str:
    wanted = re.match(r"[A-Za-z]{2,3}", _text(user, "preferredLanguage") or _text(user, "locale"))
    return wanted[0].casefold() if wanted else ""


def _phone(user: Mapping[str, Any]) -> str:
    order: Sequence[str] = ("work", "mobile")
    numbers = sorted(
        _many(user, "phoneNumbers"), key=lambda item: order.index(item["type"]) if item.get("type") in order else 9
    )
    return next((value for item in numbers if (value := _text(item, "value", 60))), "")


def _country(user: Mapping[str, Any]) -> str:
    country = next((value for item in _many(user, "addresses") if (value := _text(item, "country", 3))), "")
    return country.upper() if len(country) == 2 else ""
