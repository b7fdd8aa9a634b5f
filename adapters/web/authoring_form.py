"""The editor's form and the YAML file it stands for: fields of a file, and a file with fields changed in it.

Only what differs is written, so whatever the form does not know (texts for single roles, procedures, comments) stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from bot.answering.changes import ORDER
from bot.answering.checking import REVIEW
from bot.answering.yamltext import Path, Value, edited, written
from bot.content import Faults, parse
from bot.organisation import PLACEHOLDER

TEXTS = ("title", "short", "ring")  # of a language, one text
LISTS = ("questions", "golden", "steps", "do_not")  # of a language, one a line
_AT: Mapping[str, tuple[str, ...]] = {name: (name,) for name in ("title", "questions", "golden")}
_PLAIN = ("group", "severity", "emergency", "owner")
_DAYS = ("review_due", "expires")
_BUTTONS = ("report", "person", "emergency", "caller")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_CODE = re.compile(r"[^A-Za-z0-9]+")

Fields = Mapping[str, str]


def languages_of(value: Any, more: Iterable[str] = ()) -> list[str]:
    """Languages that a file or a form has something in; English first."""
    found = {"en", *(code for code in more if _LANGUAGE.fullmatch(code))}
    for part in ("title", "questions", "golden", "answer"):
        inside = value.get(part) if isinstance(value, dict) else None
        found |= {code for code in inside or () if isinstance(inside, dict) and _LANGUAGE.fullmatch(str(code))}
    return ["en", *sorted(found - {"en"})]


def fields_of(value: Any) -> dict[str, str]:
    """What the form shows of a parsed file. Values of another shape are left to the file's own view."""
    fields: dict[str, str] = {}
    for code in languages_of(value):
        for name in (*TEXTS, *LISTS):
            fields[f"{code}.{name}"] = _shown(_inside(value, _path(code, name)))
    for name in (*_PLAIN, *_DAYS):
        fields[name] = _shown(_inside(value, (name,)))
    for role in _names(value, ("roles",)):
        fields[f"role.{role}"] = "on"
    for button in _names(value, ("buttons",)):
        fields[f"button.{button}"] = "on"
    fields["queue"] = _shown(_inside(value, ("escalate", "queue"))) or "desk"
    fields["page"] = "on" if _inside(value, ("escalate", "page")) is True else ""
    fields["related"] = "\n".join(_names(value, ("related",)))
    fields["sources"] = "\n".join(_source_line(item) for item in _maps(value, ("sources",)))
    return fields


def applied(text: str, value: Any, fields: Fields) -> str:
    """The text with what was changed in the form. `value` is the text, parsed."""
    shown = fields_of(value)
    changes: dict[Path, Value] = {}
    for name, new in fields.items():
        if (path := _path_of(name)) and _tidy(name, new) != shown.get(name, ""):
            changes[path] = _value_of(name, _tidy(name, new))
    changes |= dict(_choices(value, shown, fields))
    if not changes:
        return text
    for code in languages_of(value):
        if all(fields.get(f"{code}.{name}", "x").strip() == "" for name in (*TEXTS[1:], "steps", "do_not")):
            changes = {path: new for path, new in changes.items() if path[:2] != ("answer", code)}
            changes[("answer", code)] = None
    return _with_placeholders(edited(text, changes, ORDER))


def new_text(name: str, owner: str, group: str, author: str, today: date, question: str = "") -> str:
    """A file to begin with, with the question that brought it."""
    return written(
        {
            "schema": "answer/1", "id": name, "version": 1, "state": "draft", "group": group, "roles": ["all"],
            "severity": "S0", "title": {"en": question[:300]},
            "questions": {"en": [line for line in question.splitlines() if line.strip()]},
            "golden": {"en": []}, "answer": {"en": {"short": ""}}, "buttons": [], "placeholders": [], "sources": [],
            "owner": owner, "author": author, "reviewed": today, "review_due": today + REVIEW,
        }
    )  # fmt: skip


def lines_of(text: str) -> list[str]:
    """What stands in a box, one item a line; bullets and numbers that were pasted along are taken off."""
    found = (re.sub(r"^\s*(?:[-•*]|\d{1,2}[.)])\s+", "", line).strip() for line in text.splitlines())
    return [line for line in found if line]


def field_of(path: tuple[str | int, ...]) -> str:
    """The form's field for a place in the file, "" if it has none."""
    names = [str(part) for part in path if isinstance(part, str)]
    match names:
        case ["title" | "questions" | "golden" as name, code, *_]:
            return f"{code}.{name}"
        case ["title" | "questions" | "golden" as name]:
            return f"en.{name}"
        case ["answer", code, "short" | "steps" | "do_not" | "ring" as name, *_]:
            return f"{code}.{name}"
        case ["answer", code]:
            return f"{code}.short"
        case ["escalate", *_]:
            return "page"
        case [name, *_] if name in {*_PLAIN, *_DAYS, "roles", "buttons", "related", "sources", "id"}:
            return name
    return ""


def _choices(value: Any, shown: Fields, fields: Fields) -> Iterator[tuple[Path, Value]]:
    """What boxes and selects say, where that is not what the file says."""
    if "roles" in fields:
        known = _names(value, ("roles",))
        ticked = [name.removeprefix("role.") for name in fields if name.startswith("role.")]
        wanted = ["all"] if not ticked or "all" in ticked else ticked
        if sorted(wanted) != sorted(known):
            yield ("roles",), wanted
    if "buttons" in fields:
        pressed = [name for name in _BUTTONS if f"button.{name}" in fields]
        if sorted(pressed) != sorted(_names(value, ("buttons",))):
            yield ("buttons",), pressed
    if "queue" in fields and fields["queue"] != shown["queue"]:
        yield ("escalate", "queue"), fields["queue"]
    if "pages" in fields and fields.get("page", "") != shown["page"]:
        yield ("escalate", "page"), fields.get("page", "") == "on"
    if "related" in fields and lines_of(fields["related"]) != _names(value, ("related",)):
        yield ("related",), lines_of(fields["related"]) or None
    if "sources" in fields and _tidy("sources", fields["sources"]) != shown["sources"]:
        yield ("sources",), [_source(line) for line in lines_of(fields["sources"])]


def _with_placeholders(text: str) -> str:
    """Declare the values that the texts use, and no others."""
    document = parse("", text.encode(), Faults())
    value = document.value if document and isinstance(document.value, dict) else {}
    used = set(PLACEHOLDER.findall(" ".join(_all_texts([value.get("answer"), value.get("for_roles")]))))
    declared = _names(value, ("placeholders",))
    wanted = [name for name in declared if name in used] + sorted(used - set(declared))
    return text if wanted == declared else edited(text, {("placeholders",): wanted}, ORDER)


def _all_texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _all_texts(item)


def _path(code: str, name: str) -> tuple[str, ...]:
    return (name, code) if name in _AT else ("answer", code, name)


def _path_of(field: str) -> Path | None:
    code, dot, name = field.partition(".")
    if dot and _LANGUAGE.fullmatch(code) and name in (*TEXTS, *LISTS):
        return _path(code, name)
    return (field,) if field in (*_PLAIN, *_DAYS) else None


def _value_of(field: str, text: str) -> Value:
    if field.partition(".")[2] in LISTS:
        return lines_of(text) or None
    if field in _DAYS:
        try:
            return date.fromisoformat(text) if text else None
        except ValueError:
            return text
    return text or None


def _tidy(field: str, text: str) -> str:
    """A field as it is compared and kept: line ends of one kind, no space around it."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    name = field.rpartition(".")[2]
    if name in (*LISTS, "sources", "related"):
        return "\n".join(lines_of(plain))
    return plain if name in ("short", "ring") else " ".join(plain.split())


def _inside(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _names(value: Any, path: tuple[str, ...]) -> list[str]:
    found = _inside(value, path)
    return [item for item in found if isinstance(item, str)] if isinstance(found, list) else []


def _maps(value: Any, path: tuple[str, ...]) -> list[dict[str, Any]]:
    found = _inside(value, path)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(str(item).strip() for item in value if isinstance(item, str | int | float))
    return str(value).strip() if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _source_line(item: Mapping[str, Any]) -> str:
    parts = [item.get("code"), item.get("publisher"), item.get("title"), item.get("checked")]
    return " | ".join(" ".join(str(part).split()) if part else "" for part in parts).strip(" |")


def _source(line: str) -> dict[str, Value]:
    """`CODE | Publisher | Title | 2027-01-31` as a source; the day may be missing, and the code is made up if it is."""
    parts = [part.strip() for part in line.split("|")]
    if len(parts) == 1:
        parts = ["", *parts]
    code, publisher, title, checked = [*parts, "", "", ""][:4]
    code = _CODE.sub("-", code or publisher).strip("-").upper()[:40] or "SOURCE"
    try:
        day: Value = date.fromisoformat(checked)
    except ValueError:
        day = checked or None
    return {"code": code, "title": title or publisher, "publisher": publisher or title, "checked": day}
