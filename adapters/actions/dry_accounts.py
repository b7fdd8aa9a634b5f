"""Account actions that only say what they would do: for organisations whose accounts are not connected."""

from __future__ import annotations


class DryAccounts:
    """Implements `bot.ports.AccountControl`."""

    name = "dry-run"
    dry = True

    def revoke(self, account: str, key: str) -> str:
        return "dry run: all sessions of the account would be closed; do it by hand"

    def block(self, account: str, key: str) -> str:
        return "dry run: sign-in to the account would be blocked; do it by hand"

    def unblock(self, account: str, key: str) -> str:
        return "dry run: sign-in to the account would be allowed again; do it by hand"
