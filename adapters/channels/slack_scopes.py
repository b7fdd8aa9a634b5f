"""What the app asks a workspace for, and why. The manifest holds the same; a test compares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from adapters.channels.slack_events import PROPOSE, REPORT

SCOPES: Final[Mapping[str, str]] = {
    "app_mentions:read": "be asked in channels",
    "assistant:write": "suggest questions, show that somebody is looking",
    "channels:history": "read what is written in the threads of the desk's channel",
    "channels:read": "let doctor see the desk's channel",
    "chat:write": "answer",
    "commands": "the slash command and the message menu",
    "files:read": "fetch mails and files that are sent to it",
    "files:write": "pass files on between people and the desk",
    "groups:history": "the same where the desk's channel is private",
    "groups:read": "the same for doctor",
    "im:history": "read direct messages to it",
    "users:read": "know who writes",
    "users:read.email": "find them in the directory",
}
EVENTS: Final = (
    "app_home_opened",
    "app_mention",
    "app_uninstalled",
    "message.channels",
    "message.groups",
    "message.im",
    "tokens_revoked",
)
SHORTCUTS: Final = (REPORT, PROPOSE)
COMMANDS: Final = ("/secdesk",)
