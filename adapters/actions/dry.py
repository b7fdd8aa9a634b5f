"""Mail actions that only say what they would do: for organisations whose mail system is not connected."""

from __future__ import annotations

from collections.abc import Sequence


class DryRun:
    """Implements `bot.ports.MailControl`."""

    name = "dry-run"
    dry = True

    def purge(self, message_ids: Sequence[str], mailboxes: Sequence[str], key: str) -> str:
        return f"dry run: {len(message_ids)} mail(s) would be looked for in {len(mailboxes)} mailbox(es)"

    def block(self, senders: Sequence[str], mailboxes: Sequence[str], key: str) -> str:
        return f"dry run: {len(senders)} sender(s) would be blocked in {len(mailboxes)} mailbox(es)"
