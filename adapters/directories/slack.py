"""Slack's users and user groups as entries of the directory.

Only addresses that Slack has confirmed count. Bots and people of other companies are nobody here; guests are guests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.directory import SLACK, Said
from bot.platforms import Workspace


def said_by_slack(workspace: Workspace) -> list[Said]:
    """What a workspace says of its people."""
    groups = _groups(workspace.groups or ())
    found = (_said(user, workspace, groups) for user in workspace.users)
    return [said for said in found if said is not None]


def _said(user: Mapping[str, Any], workspace: Workspace, groups: Mapping[str, frozenset[str]]) -> Said | None:
    shown, org = _part(user, "profile"), _part(user, "enterprise_user")
    theirs = {_text(user, "team_id"), _text(org, "enterprise_id")} - {""}
    if any(user.get(flag) is True for flag in ("is_bot", "is_app_user", "is_stranger", "is_invited_user")):
        return None
    user_id = _text(user, "id")
    if not user_id or user_id == "USLACKBOT" or not workspace.home & theirs:
        return None
    address = _text(shown, "email").casefold()
    good = "@" in address and user.get("is_email_confirmed", True) is True
    guest = user.get("is_restricted") is True or user.get("is_ultra_restricted") is True
    return Said(
        SLACK, f"{SLACK}:{workspace.prefix}{user_id}", "", (address,) if good else (),
        _text(shown, "real_name") or _text(user, "real_name") or _text(user, "name"),
        language=_text(user, "locale")[:2].casefold(), timezone=_text(user, "tz"), phone=_text(shown, "phone")[:60],
        title=_text(shown, "title"), active=False if user.get("deleted") is True else None,
        kind="guest" if guest else "", groups=groups.get(user_id, frozenset()),
    )  # fmt: skip


def _groups(listed: Sequence[Mapping[str, Any]]) -> dict[str, frozenset[str]]:
    """Groups of each user: by handle and by name."""
    found: dict[str, set[str]] = {}
    for group in listed:
        if group.get("date_delete"):
            continue
        names = {name for name in (_text(group, "handle"), _text(group, "name")) if name}
        users = group.get("users")
        for user in users if isinstance(users, list) else ():
            if isinstance(user, str):
                found.setdefault(user, set()).update(names)
    return {user: frozenset(names) for user, names in found.items()}


def _part(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = raw.get(name)
    return value if isinstance(value, Mapping) else {}


def _text(raw: Mapping[str, Any], name: str) -> str:
    value = raw.get(name)
    return value.strip()[:320].replace("\x00", "") if isinstance(value, str) else ""
