"""Microsoft 365: mails out of mailboxes, and senders kept out of them, over Microsoft Graph v1.0.

The application needs the permissions `Mail.ReadWrite` and `MailboxSettings.ReadWrite` (application, admin consent). A purged mail
is moved to the folder `recoverableitemsdeletions`, where people don't see it and an administrator can bring it back. Graph knows
no block list of the tenant in v1.0, so blocking is a rule of each inbox; large tenants rather block at their gateway.
Graph: learn.microsoft.com/graph/api/message-move, /mailfolder-post-messagerules.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Sequence

from adapters.actions.graph_wire import GraphWire, part

HIDDEN = "recoverableitemsdeletions"


class GraphControl(GraphWire):
    """Implements `bot.ports.MailControl`. Thread-safe. Both actions may be repeated."""

    permissions = "Mail.ReadWrite and MailboxSettings.ReadWrite"

    def purge(self, message_ids: Sequence[str], mailboxes: Sequence[str], key: str) -> str:
        moved = skipped = 0
        for mailbox in mailboxes:
            box = f"/v1.0/users/{part(mailbox)}"
            for message_id in message_ids:
                found = self._found(box, message_id)
                if found is None:
                    skipped += 1  # no mailbox of that name
                    break
                for one in found:
                    self.call("POST", f"{box}/messages/{part(one)}/move", {"destinationId": HIDDEN})
                    moved += 1
        return f"{moved} mail(s) taken out of {len(mailboxes) - skipped} mailbox(es), {skipped} not there"

    def block(self, senders: Sequence[str], mailboxes: Sequence[str], key: str) -> str:
        done = skipped = 0
        name = f"Secdesk {key[:16]}"
        rule = {
            "displayName": name, "sequence": 1, "isEnabled": True,
            "conditions": {"fromAddresses": [{"emailAddress": {"address": sender}} for sender in senders]},
            "actions": {"delete": True, "stopProcessingRules": True},
        }  # fmt: skip
        for mailbox in mailboxes:
            rules = f"/v1.0/users/{part(mailbox)}/mailFolders/inbox/messageRules"
            known = self.get(rules)
            if known is None:
                skipped += 1
                continue
            if all(item.get("displayName") != name for item in known):
                self.call("POST", rules, rule)
            done += 1
        return f"{len(senders)} sender(s) blocked in {done} mailbox(es), {skipped} not there"

    # inside

    def _found(self, box: str, message_id: str) -> list[str] | None:
        """Ids of the mails with this Message-ID that people can see; None if there is no such mailbox."""
        quoted = message_id.replace("'", "''")  # OData: an apostrophe is doubled
        query = urllib.parse.urlencode({"$filter": f"internetMessageId eq '{quoted}'", "$select": "id"})
        rows = self.get(f"{box}/messages?{query}")
        return None if rows is None else [str(row["id"]) for row in rows]
