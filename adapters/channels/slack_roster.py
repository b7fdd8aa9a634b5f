"""Everybody of a workspace and its user groups, as Slack lists them, for the directory. Off until `slack.directory` is set."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from adapters.channels.slack_api import SlackFault
from adapters.channels.slack_state import Install
from bot.platforms import Workspace

log = logging.getLogger(__name__)
PAGE: Final = 200
USERS_MOST: Final = 500_000
SCOPE: Final = "usergroups:read"

Call = Callable[..., Awaitable[Mapping[str, Any]]]


async def listing(call: Call, install: Install, prefix: str, home: frozenset[str]) -> Workspace:
    """All users and user groups. Without the right to see groups there are none. Raises `ChannelError`."""
    users, cursor = list[Mapping[str, Any]](), "-"
    while cursor and len(users) < USERS_MOST:
        asked = {"limit": PAGE, "include_locale": "true", **({} if cursor == "-" else {"cursor": cursor})}
        page = await call(install.id, "users.list", asked, patience=120.0, patient=True)
        users += [user for user in page.get("members") or () if isinstance(user, Mapping)]
        cursor = str((page.get("response_metadata") or {}).get("next_cursor") or "")
    return Workspace(prefix, home, users, await _groups(call, install))


async def _groups(call: Call, install: Install) -> Sequence[Mapping[str, Any]] | None:
    try:
        answer = await call(install.id, "usergroups.list", {"include_users": "true"}, patience=120.0, patient=True)
    except SlackFault as fault:
        if fault.code != "missing_scope":
            raise
        log.warning("user groups are not read: the app lacks %s", SCOPE)
        return None
    return [group for group in answer.get("usergroups") or () if isinstance(group, Mapping)]
