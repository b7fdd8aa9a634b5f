"""A table of people (CSV) as entries of the directory. Every row that cannot be taken is named with its line."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bot.directory import CSV, Said, known_zone
from bot.directory_forms import read_day, read_days, read_hours, read_leave
from bot.errors import ConfigError

BYTES = 200 << 20
ROWS = 500_000
CELL = 4_000  # characters
_ADDRESS = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+")
_ALIASES = {
    "mail": "email", "emailaddress": "email", "workemail": "email", "username": "email", "displayname": "name",
    "fullname": "name", "jobtitle": "title", "tz": "timezone", "locale": "language", "tags": "roles", "role": "roles",
    "startdate": "start", "firstday": "start", "enddate": "end", "lastday": "end", "workingdays": "days",
    "workinghours": "hours", "usertype": "kind", "employment": "kind", "phonenumber": "phone", "holidayregion": "region",
    "company": "entity", "group": "groups", "delegatedmailboxes": "mailboxes", "absence": "leave",
}  # fmt: skip
COLUMNS = (
    "id", "email", "name", "roles", "groups", "entity", "language", "timezone", "phone", "title", "department", "days",
    "hours", "region", "leave", "start", "end", "kind", "active", "mailboxes",
)  # fmt: skip
_YES, _NO = {"yes", "true", "1", "active", "ja", "oui", "sí", "si"}, {"no", "false", "0", "inactive", "nein", "non"}


@dataclass(frozen=True)
class Bad:
    """A row that cannot be taken, by its line in the file."""

    line: int
    column: str
    what: str

    def __str__(self) -> str:
        return f"line {self.line}, {self.column}: {self.what}"


@dataclass(frozen=True)
class Table:
    """What a file holds. `unknown`: columns that nothing is taken from."""

    entries: tuple[Said, ...]
    bad: tuple[Bad, ...]
    unknown: tuple[str, ...]
    rows: int


@dataclass(frozen=True)
class Names:
    """What rows may refer to. `entities`: lower-case id or name."""

    roles: Collection[str]
    entities: Collection[str]


def read_table(data: bytes, names: Names) -> Table:
    """Every row of a file. Raises `ConfigError` if it is no such table at all."""
    text = _text(data)
    first = text.lstrip("\r\n").partition("\n")[0]
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t|", key=first.count), strict=False)
    csv.field_size_limit(1 << 20)
    header, unknown = _header(rows)
    entries, bad, seen = list[Said](), list[Bad](), dict[str, int]()
    count = 0
    for line, cells in _lines(rows, bad):
        count += 1
        if count > ROWS:
            raise ConfigError(f"there are more than {ROWS} rows: split the file")
        raw = {name: cells[i].strip()[:CELL] for i, name in header.items() if i < len(cells)}
        said = _row(line, raw, names, bad)
        for name in said.names if said else ():
            if name in seen:
                bad.append(Bad(line, "email", f"{name} stands in line {seen[name]} too"))
                break
        else:
            if said:
                entries.append(said)
                seen.update((name, line) for name in said.names)
    return Table(tuple(entries), tuple(bad), unknown, count)


def _text(data: bytes) -> str:
    """UTF-8 or UTF-16 with its mark, else what Excel writes on Windows."""
    if len(data) > BYTES:
        raise ConfigError(f"the file has {len(data) >> 20} MB; at most {BYTES >> 20} are read: split it")
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    if b"\x00" in data[:4096] or data[:2] == b"PK":
        raise ConfigError("this is no text: save the sheet as .csv")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _header(rows: Iterator[list[str]]) -> tuple[dict[int, str], tuple[str, ...]]:
    """Columns by number, and those that nothing is taken from."""
    found: dict[int, str] = {}
    unknown: list[str] = []
    for i, title in enumerate(next((row for row in rows if any(cell.strip() for cell in row)), [])):
        plain = re.sub(r"[^a-z]", "", title.casefold())
        name = _ALIASES.get(plain, plain)
        if name in COLUMNS and name not in found.values():
            found[i] = name
        elif title.strip():
            unknown.append(title.strip()[:60])
    if not {"id", "email"} & set(found.values()):
        raise ConfigError(f"the first row names no column id or email; columns are: {', '.join(COLUMNS)}")
    return found, tuple(unknown)


def _lines(rows: Any, bad: list[Bad]) -> Iterator[tuple[int, list[str]]]:
    while True:
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            bad.append(Bad(rows.line_num, "row", str(error)))
            continue
        if any(cell.strip() for cell in cells):
            yield rows.line_num, cells


def _row(line: int, raw: Mapping[str, str], names: Names, bad: list[Bad]) -> Said | None:
    before, values = len(bad), dict[str, Any]()
    for name, read in _READERS.items():
        if text := raw.get(name, ""):
            try:
                values[name] = read(text)
            except ValueError as error:
                bad.append(Bad(line, name, str(error)))
    for role in sorted(values.get("roles", frozenset()) - frozenset(names.roles)):
        bad.append(Bad(line, "roles", f'"{role}" is not in roles.yaml'))
    if values.get("entity") and values["entity"].casefold() not in names.entities:
        bad.append(Bad(line, "entity", f'"{values["entity"]}" is not an entity of org.yaml'))
    if "start" in values and "end" in values and values["end"] < values["start"]:
        bad.append(Bad(line, "end", "this is before the start"))
    address, person = values.pop("email", ""), values.pop("id", "")
    if not address and not person and len(bad) == before:
        bad.append(Bad(line, "email", "there is neither an id nor an address"))
    if len(bad) > before:
        return None
    said = Said(CSV, f"{CSV}:{(person or address).casefold()}", person, (address,) if address else ())
    return replace(said, **values)


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text) or len(text) > 320:
        raise ValueError(f'"{text[:60]}" is no address')
    return text.casefold()


def _zone(text: str) -> str:
    if not known_zone(text):
        raise ValueError(f'"{text[:60]}" is no time zone; write one like Europe/Berlin')
    return text


def _language(text: str) -> str:
    found = re.match(r"[A-Za-z]{2,3}(?![A-Za-z])", text)
    if not found:
        raise ValueError(f'"{text[:20]}" is no language; write a code like en, de or fr')
    return found[0].casefold()


def _kind(text: str) -> str:
    plain = {"external": "contractor", "vendor": "contractor", "member": "employee"}.get(
        text.casefold(), text.casefold()
    )
    if plain not in {"employee", "contractor", "guest"}:
        raise ValueError(f'"{text[:40]}" is none of employee, contractor, guest')
    return plain


def _active(text: str) -> bool:
    if text.casefold() not in _YES | _NO:
        raise ValueError(f'"{text[:20]}" is neither yes nor no')
    return text.casefold() in _YES


def _many(text: str) -> frozenset[str]:
    return frozenset(part for item in re.split(r"[;|,\n]", text) if (part := item.strip()))


_READERS: Mapping[str, Callable[[str], Any]] = {
    "id": lambda text: text[:120], "email": _address, "name": lambda text: text[:200], "roles": _many, "groups": _many,
    "entity": str, "language": _language, "timezone": _zone, "phone": lambda text: text[:60],
    "title": lambda text: text[:200], "department": lambda text: text[:200], "days": read_days, "hours": read_hours,
    "region": lambda text: text[:10].upper(), "leave": read_leave, "start": read_day, "end": read_day, "kind": _kind,
    "active": _active, "mailboxes": lambda text: frozenset(_address(part) for part in _many(text)),
}  # fmt: skip
