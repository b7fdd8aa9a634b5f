"""Microsoft Entra accounts over Microsoft Graph v1.0: sessions closed, sign-in blocked, and allowed again.

The application needs `User.RevokeSessions.All`, `User.EnableDisableAccount.All` and `User.Read.All` (application, admin consent);
for accounts of administrators Entra asks for a directory role besides, and refuses without (403). Closing sessions ends refresh
tokens at once; access tokens that were handed out may live on for up to an hour, unless continuous access evaluation ends them.
Graph: learn.microsoft.com/graph/api/user-revokesigninsessions, /user-update (accountEnabled), /user-get.
"""

from __future__ import annotations

import urllib.parse
from typing import Any

from adapters.actions.graph_wire import GraphWire, part
from bot.errors import ChannelError


class GraphAccounts(GraphWire):
    """Implements `bot.ports.AccountControl`. Every action may be repeated."""

    permissions = (
        "User.RevokeSessions.All, User.EnableDisableAccount.All, User.Read.All; for administrators a directory role too"
    )

    def revoke(self, account: str, key: str) -> str:
        user = self._user(account)
        answer = self.call("POST", f"/v1.0/users/{part(str(user['id']))}/revokeSignInSessions")
        if (answer or {}).get("value") is False:
            raise ChannelError("Microsoft Graph did not close the sessions")
        return "sessions closed; what is open may live on for up to an hour"

    def block(self, account: str, key: str) -> str:
        return self._enable(account, enabled=False)

    def unblock(self, account: str, key: str) -> str:
        return self._enable(account, enabled=True)

    def _enable(self, account: str, *, enabled: bool) -> str:
        user = self._user(account)
        word = "allowed" if enabled else "blocked"
        if user.get("accountEnabled") is enabled:
            return f"sign-in was {word} already"
        self.call("PATCH", f"/v1.0/users/{part(str(user['id']))}", {"accountEnabled": enabled})
        return f"sign-in {word}"

    def _user(self, account: str) -> dict[str, Any]:
        """The one user with this sign-in name or, failing that, this mail address. Raises `ChannelError`."""
        fields = "$select=id,accountEnabled"
        if found := self.call("GET", f"/v1.0/users/{part(account)}?{fields}", missing=True):
            return found
        wanted = urllib.parse.quote(account.replace("'", "''"), safe="")  # OData: an apostrophe is doubled
        rows = self.get(f"/v1.0/users?$filter=mail%20eq%20'{wanted}'&{fields}") or []
        if len(rows) != 1:
            raise ChannelError(
                "Microsoft 365 has no such account" if not rows else "that address is not one account's alone"
            )
        return rows[0]
