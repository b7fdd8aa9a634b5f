"""Lessons for tests: made in memory, or written to a folder as YAML."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from bot.content import Faults, packaged_shelf
from bot.learning.privacy import read_privacy
from bot.learning.shapes import Lesson, Library

PAGES = read_privacy(packaged_shelf(), Faults())
BASE: dict[str, Any] = {
    "schema": "lesson/1",
    "id": "odd-prompt",
    "version": 1,
    "status": "published",
    "title": {"en": "A prompt you did not start"},
    "roles": ["all"],
    "curriculum": "core",
    "order": 1,
    "topic": "prompts",
    "behaviour": "report",
    "obligation": "recommended",
    "body": {"en": "Press Deny when a prompt comes and you are not signing in. Then ring {helpdesk_phone}."},
    "action": {"kind": "button", "label": {"en": "I got one"}, "intent": "emergency"},
    "question": {
        "prompt": {"en": "A caller asks you to press Approve. What do you do?"},
        "options": [
            {
                "id": "a",
                "text": {"en": "Press Approve, since they sound sure"},
                "feedback": {"en": "Press Deny first."},
            },
            {
                "id": "b",
                "text": {"en": "Press Deny and tell us"},
                "correct": True,
                "feedback": {"en": "Yes. That is it."},
            },
            {"id": "unsure", "text": {"en": "Not sure"}, "feedback": {"en": "When in doubt, press Deny."}},
        ],
    },
    "schedule": {"spaced": True},
    "triggers": [{"event": "question.topic", "topic": "prompts", "cooldown_days": 30}],
    "placeholders": ["helpdesk_phone"],
    "sources": [{"code": "NCSC-PH", "title": "Phishing attacks", "publisher": "NCSC", "checked": "2026-11-01"}],
    "kb": ["some-entry"],
    "owner": "awareness",
    "author": "author",
    "approved_by": "lead",
    "reviewed": "2026-11-20",
    "review_due": "2027-05-20",
}


def raw(**changes: Any) -> dict[str, Any]:
    """The base lesson as plain values; `a__b=x` sets a nested one, None takes a key out."""
    lesson = copy.deepcopy(BASE)
    for path, value in changes.items():
        *parents, last = path.split("__")
        place: Any = lesson
        for part in parents:
            place = place[int(part)] if part.isdecimal() else place[part]
        if value is None:
            del place[last]
        else:
            place[int(last) if last.isdecimal() else last] = value
    return lesson


def lesson(name: str, **changes: Any) -> Lesson:
    """A lesson in memory."""
    return Lesson.model_validate(raw(id=name, **changes))


def library(*lessons: Lesson) -> Library:
    """A library of these."""
    return Library({item.id: item for item in sorted(lessons, key=lambda item: item.id)}, privacy=PAGES)


def curriculum() -> Library:
    """Six core lessons, six for each role, four for people at high risk."""
    made = [lesson(f"core-{n}", order=n) for n in range(1, 7)]
    for role in ("executive", "hr_legal", "it_helpdesk", "regular"):
        name = role.replace("_", "-")
        made += [lesson(f"{name}-{n}", order=n, curriculum="role", roles=[role]) for n in range(1, 7)]
    made += [lesson(f"risk-{n}", order=n, curriculum="high_risk", tags=["high_risk"]) for n in range(1, 5)]
    return library(*made)


def write(folder: Path, *lessons: Mapping[str, Any], names: Mapping[int, str] | None = None) -> Path:
    """Write lessons as `folder/lessons/<id>.yaml`; `names` gives other file names by position."""
    home = folder / "lessons"
    home.mkdir(parents=True, exist_ok=True)
    for place, item in enumerate(lessons):
        name = (names or {}).get(place, str(item.get("id", place)))
        (home / f"{name}.yaml").write_text(yaml.safe_dump(dict(item), sort_keys=False, allow_unicode=True), "utf-8")
    return folder
