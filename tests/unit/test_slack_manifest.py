"""`manifest/slack/manifest.yaml` asks for what the adapter uses and for nothing else; what that is comes from the adapter itself.

Scopes: from the Web API methods that its code calls, the events it reads and the files it fetches. Events: from what the
translator understands. Commands, shortcuts and the rest: from what is registered with the SDK. Only what Slack documents is
written down here.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.channels import slack_app, slack_edge, slack_events, slack_oauth, slack_scopes
from adapters.channels.slack_pace import METHODS
from bot.settings import SETTINGS

ROOT = Path(__file__).resolve().parent.parent.parent
FILE = ROOT / "manifest/slack/manifest.yaml"
SOURCES = sorted((ROOT / "adapters/channels").glob("slack*.py"))
HOST = "https://secdesk.example.com"

# What Slack demands (docs.slack.dev/reference/methods), for a bot token. None: any token, or none at all.
SCOPES_OF: dict[str, tuple[str, ...]] = {
    "apps.connections.open": (),  # an app-level token
    "assistant.threads.setStatus": ("assistant:write",),
    "assistant.threads.setSuggestedPrompts": ("assistant:write",),
    "auth.revoke": (),  # a token gives itself back
    "auth.test": (),
    "chat.getPermalink": (),
    "chat.postEphemeral": ("chat:write",),
    "chat.postMessage": ("chat:write",),
    "chat.update": ("chat:write",),
    "conversations.info": ("channels:read", "groups:read"),  # of the desk's channel, public or private
    "files.completeUploadExternal": ("files:write",),
    "files.getUploadURLExternal": ("files:write",),
    "files.info": ("files:read",),
    "oauth.v2.access": (),
    "users.info": ("users:read",),
    "users.list": ("users:read",),
    "views.open": (),
    "views.publish": (),
    "views.update": (),
}
# Events a bot may subscribe to, and the scope each of them needs (docs.slack.dev/reference/events).
SCOPE_OF_EVENT: dict[str, str] = {
    "app_context_changed": "", "app_home_opened": "", "app_mention": "app_mentions:read", "app_uninstalled": "",
    "tokens_revoked": "", "file_shared": "files:read", "file_deleted": "files:read",
    "assistant_thread_started": "assistant:write", "assistant_thread_context_changed": "assistant:write",
    "channel_archive": "channels:read", "channel_created": "channels:read", "channel_deleted": "channels:read",
    "channel_rename": "channels:read", "channel_shared": "channels:read",
    "function_executed": "", "grid_migration_finished": "", "group_archive": "groups:read", "link_shared": "links:read",
    "member_joined_channel": "channels:read", "message.channels": "channels:history", "message.groups": "groups:history",
    "message.im": "im:history", "message.mpim": "mpim:history", "pin_added": "pins:read", "reaction_added": "reactions:read",
    "subteam_created": "usergroups:read", "team_join": "users:read", "user_change": "users:read",
    "user_profile_changed": "users.profile:read",
}  # fmt: skip
CHANNELS = {"im": "D0SOMEBODY", "channels": "C0DESK", "groups": "G0DESK", "mpim": "G0THREE"}
NOT_WANTED = {"message.mpim"}  # understood as any message is; but no group conversation is the desk's channel


def manifest() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
    return loaded


def asked_for(path: str) -> Any:
    found: Any = manifest()
    for name in path.split("."):
        found = found[name]
    return found


# scopes


def calls() -> Iterator[tuple[str, ast.Call]]:
    """(name of what is called, the call) in the adapter's code."""
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                yield node.func.attr, node


def called() -> set[str]:
    """Web API methods that the adapter's code calls."""
    found = set()
    for name, call in calls():
        if name in {"call", "asked", "api_call"}:
            (method,) = [arg.value for arg in call.args if isinstance(arg, ast.Constant) and "." in str(arg.value)] or [
                ""
            ]
            found.add(str(method))
        elif name.startswith(
            ("oauth_", "auth_", "chat_", "views_", "users_", "conversations_", "files_", "reactions_")
        ):
            found.add(name.replace("_", "."))  # as the SDK's client names it
    return found - {""}


def test_every_call_names_its_method() -> None:
    """A method that is put together at run time would not be seen here."""
    unnamed = [
        ast.unparse(call)
        for name, call in calls()
        if name in {"call", "asked"}
        and not any(isinstance(arg, ast.Constant) and "." in str(arg.value) for arg in call.args)
    ]
    assert [] == unnamed


def test_scopes_are_those_of_the_methods_the_events_and_the_files() -> None:
    used = {scope for method in called() for scope in SCOPES_OF[method]}
    used |= {SCOPE_OF_EVENT[event] for event in understood()} - {""}
    text = "\n".join(source.read_text("utf-8") for source in SOURCES)
    used |= {"users:read.email"} if re.search(r'shown\.get\("email"\)', text) else set()
    used |= {"files:read"} if any(name == "download" for name, _ in calls()) else set()
    registered = Registered.by_the_adapter()
    used |= {"commands"} if registered["command"] or registered["message_shortcut"] else set()
    assert sorted(used) == sorted(slack_scopes.SCOPES)
    assert sorted(used) == asked_for("oauth_config.scopes.bot")


def test_a_scope_is_explained_once() -> None:
    assert all(why.strip() for why in slack_scopes.SCOPES.values())


def test_methods_that_are_called_have_a_pace() -> None:
    unpaced = {
        "apps.connections.open",
        "auth.revoke",
        "auth.test",
        "oauth.v2.access",
    }  # at installation and in doctor only
    assert sorted(called() - unpaced) == sorted(METHODS)


# events


def understood() -> set[str]:
    """Subscriptions whose events the translator makes something of."""
    return {name for name in SCOPE_OF_EVENT if slack_events.read(sample(name)).kind != "other"} - NOT_WANTED


def sample(name: str) -> dict[str, Any]:
    kind, _, where = name.partition(".")
    event = {"type": kind, "user": "U0SOMEBODY", "ts": "1.2", "text": "hello", "channel": CHANNELS.get(where, "C0GENERAL"),
             "tab": "messages", "tokens": {"bot": ["U0SECDESK"]}}  # fmt: skip
    return {"type": "event_callback", "team_id": "T0NORTH", "event": event, "event_id": "Ev1"}


def test_events_are_those_that_are_understood() -> None:
    assert sorted(understood()) == asked_for("settings.event_subscriptions.bot_events")
    assert sorted(understood()) == sorted(slack_scopes.EVENTS)


# what is registered


class Registered:
    """Stands for the SDK's app and writes down what is registered."""

    def __init__(self, **_options: Any) -> None:
        self.seen: dict[str, list[Any]] = defaultdict(list)
        type(self).made = self

    made: Registered

    def __getattr__(self, kind: str) -> Any:
        def register(what: Any) -> Any:
            self.seen[kind].append(what)
            return lambda listener: listener

        return register

    @staticmethod
    def by_the_adapter() -> dict[str, list[Any]]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(slack_app, "AsyncApp", Registered)
            api: Any = type("Api", (), {"base": "https://slack.example/api/"})
            nobody: Any = None
            slack_app.SlackApp(nobody, api, "secret")
        return Registered.made.seen


def test_commands_and_shortcuts_are_those_that_are_registered() -> None:
    registered = Registered.by_the_adapter()
    commands = [item["command"] for item in asked_for("features.slash_commands")]
    shortcuts = asked_for("features.shortcuts")
    assert commands == registered["command"] == list(slack_scopes.COMMANDS)
    assert [item["callback_id"] for item in shortcuts] == registered["message_shortcut"] == list(slack_scopes.SHORTCUTS)
    assert {"message"} == {item["type"] for item in shortcuts}
    assert set(registered) == {"event", "action", "view", "command", "message_shortcut"}


def test_interactivity_is_on_because_buttons_and_modals_are_registered() -> None:
    registered = Registered.by_the_adapter()
    assert asked_for("settings.interactivity.is_enabled") is bool(registered["action"] and registered["view"])


def test_home_and_messages_are_on_because_they_are_shown() -> None:
    home = asked_for("features.app_home")
    assert {"home_tab_enabled": "views.publish" in called(), "messages_tab_enabled": True,
            "messages_tab_read_only_enabled": False} == home  # fmt: skip
    prompts = "assistant.threads.setSuggestedPrompts" in called()
    assert ("agent_view" in asked_for("features")) is prompts
    assert "assistant_view" not in asked_for("features")


def test_addresses_are_those_that_are_served() -> None:
    events = HOST + slack_edge.EVENTS
    assert (
        events
        == asked_for("settings.event_subscriptions.request_url")
        == asked_for("settings.interactivity.request_url")
    )
    assert [events] == [item["url"] for item in asked_for("features.slash_commands")]
    assert [HOST + slack_oauth.REDIRECT] == asked_for("oauth_config.redirect_urls")
    addresses = set(re.findall(r"https?://[^\s\"]+", FILE.read_text("utf-8")))
    assert {events, HOST + slack_oauth.REDIRECT} == addresses


def test_organisations_can_install_it_and_tokens_stay_valid() -> None:
    """We keep no refresh token: with rotation every token would be dead after twelve hours."""
    assert asked_for("settings.org_deploy_enabled") is True
    assert asked_for("settings.token_rotation_enabled") is False


# Slack's own limits (docs.slack.dev/reference/app-manifest)


def test_lengths() -> None:
    about, features = asked_for("display_information"), asked_for("features")
    assert len(about["name"]) <= 35
    assert len(about["description"]) <= 140
    assert 175 <= len(about["long_description"]) <= 4_000
    assert re.fullmatch("#[0-9a-f]{6}", about["background_color"])
    assert len(features["agent_view"]["agent_description"]) <= 300
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,80}", features["bot_user"]["display_name"])
    for shortcut in features["shortcuts"]:
        assert len(shortcut["name"]) <= 24
        assert len(shortcut["description"]) <= 150
        assert len(shortcut["callback_id"]) <= 255
    for command in features["slash_commands"]:
        assert len(command["command"]) <= 32
        assert len(command["description"]) <= 2_000
        assert len(command["usage_hint"]) <= 1_000


def test_nothing_else_is_in_it() -> None:
    """Minimal: what is not used is not asked for."""
    whole = manifest()
    assert {"_metadata", "display_information", "features", "oauth_config", "settings"} == set(whole)
    assert {"app_home", "agent_view", "bot_user", "shortcuts", "slash_commands"} == set(whole["features"])
    assert {"redirect_urls", "scopes"} == set(whole["oauth_config"])
    assert {"bot"} == set(whole["oauth_config"]["scopes"])
    settings = {
        "event_subscriptions",
        "interactivity",
        "org_deploy_enabled",
        "socket_mode_enabled",
        "token_rotation_enabled",
    }
    assert settings == set(whole["settings"])


# the guide


def guide() -> str:
    """The Slack part of manifest/README.md."""
    text = (ROOT / "manifest/README.md").read_text("utf-8")
    return text.partition("## Slack\n")[2].partition("\n## ")[0]


def test_the_guide_names_every_check_of_doctor_and_no_other() -> None:
    checks = set()
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Check":
                checks.add(ast.literal_eval(node.args[0]))
    assert sorted(checks) == sorted(set(re.findall(r"\*(slack [a-z]+)\*", guide())))


def test_the_guide_says_why_for_every_scope() -> None:
    rows = re.findall(r"^\| `([a-z_:.]+)` \| (.+) \|$", guide(), re.MULTILINE)
    assert dict(slack_scopes.SCOPES) == dict(rows)


def test_the_guide_names_every_setting() -> None:
    """In the file or in the environment, whichever is the way to give it."""
    named = set(re.findall(r"slack\.[a-z_]+", guide())) | set(re.findall(r"SECDESK_SLACK_[A-Z_]+", guide()))
    examples = "".join(re.findall(r"```toml\n(.*?)```", guide(), re.DOTALL))
    named |= {f"slack.{key}" for key in re.findall(r"^ *([a-z_]+) =", examples, re.MULTILINE)}
    settings = [setting for setting in SETTINGS if setting.name.startswith("slack_")]
    assert [] == [setting.name for setting in settings if not {setting.key, setting.env} & named]


def test_the_guide_for_socket_mode_changes_one_line_of_the_manifest() -> None:
    text = FILE.read_text("utf-8")
    changed = yaml.safe_load(text.replace("socket_mode_enabled: false", "socket_mode_enabled: true"))
    assert "`socket_mode_enabled: true`" in guide()
    assert changed["settings"].pop("socket_mode_enabled") is True
    before = manifest()
    before["settings"].pop("socket_mode_enabled")
    assert before == changed
