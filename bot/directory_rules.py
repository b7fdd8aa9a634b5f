"""`directory.yaml`: how sources are merged, which groups give which roles, and what makes a likely target."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from bot.content import Document, Faults, Shape, Shelf, parse, read
from bot.directory import FIELDS, SLACK, GroupRule, Rules

FILE = "directory.yaml"
SourceName = Literal["file", "csv", "scim", "slack"]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class GroupLine(Shape):
    """Members of a group get roles. `source` empty: of any source."""

    group: Text
    source: Literal["", "csv", "scim", "slack"] = ""
    roles: Annotated[list[Text], Field(min_length=1)]


class TargetLines(Shape):
    """What makes a likely target: words of titles, groups, mailboxes of such roles, `reports` attacks in `days`."""

    titles: list[Text] = []
    access: list[Text] = []
    mailboxes_of: list[Text] = []
    reports: int = Field(default=5, ge=1)
    days: int = Field(default=180, ge=1, le=366)


class DirectoryFile(Shape):
    """`directory.yaml`."""

    schema_: str = Field(alias="schema", pattern="^directory/1$")
    precedence: dict[str, Annotated[list[SourceName], Field(min_length=1)]] = {}
    groups: list[GroupLine] = []
    targets: TargetLines = TargetLines()


@dataclass(frozen=True)
class DirectoryRules:
    """What the file says, ready for use: how to merge, and what makes a likely target."""

    merging: Rules
    targets: TargetLines


def load_rules(
    shelf: Shelf, roles: Collection[str], desk: frozenset[str], entities: dict[str, str], language: str, timezone: str
) -> DirectoryRules:
    """Read directory.yaml. `desk`: roles that work in the console. `entities`: lower-case id or name → id.

    Raises `ContentError` with every fault.
    """
    faults = Faults()
    found = shelf.file(FILE)
    document = parse(found[0], found[1], faults) if found else None
    file = read(DirectoryFile, document, faults) if document else None
    if file and document:
        _check(file, document, roles, desk, faults)
    faults.check()
    file = file or DirectoryFile.model_validate({"schema": "directory/1"})
    merging = Rules(
        {name: tuple(order) for name, order in file.precedence.items()},
        tuple(GroupRule(line.group, frozenset(line.roles), line.source) for line in file.groups),
        language, timezone, entities, {SLACK: desk},
    )  # fmt: skip
    return DirectoryRules(merging, file.targets)


def _check(
    file: DirectoryFile, document: Document, roles: Collection[str], desk: frozenset[str], faults: Faults
) -> None:
    for name in file.precedence:
        if name not in {"default", *FIELDS}:
            mend = f"use one of: default, {', '.join(sorted(FIELDS))}"
            faults.add(document.file, document.place("precedence", name), f'"{name}" is no field of a person', mend)
    for i, group in enumerate(file.groups):
        for role in group.roles:
            if role not in roles:
                place = document.place("groups", i, "roles")
                faults.add(document.file, place, f'"{role}" is not in roles.yaml', "correct it or add the role")
        barred = sorted(desk.intersection(group.roles))
        if group.source == SLACK and barred:
            what = f'a Slack user group would give "{barred[0]}", and its members can edit it'
            faults.add(document.file, document.place("groups", i), what, "give roles of the desk by another source")
