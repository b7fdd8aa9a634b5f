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
PAGES_MOST: Final = 10_000  # of any size: a cursor that leads nowhere ends
SCOPE: Final = "usergroups:read"

Call = Callable[..., Awaitable[Mapping[str, Any]]]


async def listing(call: Call, install: Install, prefix: str, home: frozenset[str]) -> Workspace:
    """All users and user groups. Without the right to see groups there are none. Raises `ChannelError`."""
    users, cursor = list[Mapping[str, Any]](), "-"
    for _ in range(PAGES_MOST):
        if not cursor or len(users) >= USERS_MOST:
            break
        asked = {"limit": PAGE, "include_locale": "true", **({} if cursor == "-" else {"cursor": cursor})}
        page = await call(install.id, "users.list", asked, patience=120.0, patient=True)
        users += _items(page.get("members"))
        further = page.get("response_metadata")
        cursor = str(further.get("next_cursor") or "") if isinstance(further, Mapping) else ""
    return Workspace(prefix, home, users, await _groups(call, install))


async def _groups(call: Call, install: Install) -> Sequence[Mapping[str, Any]] | None:
    try:
        answer = await call(install.id, "usergroups.list", {"include_users": "true"}, patience=120.0, patient=True)
    except SlackFault as fault:
        if fault.code != "missing_scope":
            raise
        log.warning("user groups are not read: the app lacks %s", SCOPE)
        return None
    return _items(answer.get("usergroups"))


def _items(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
