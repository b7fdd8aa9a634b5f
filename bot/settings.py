"""The only reader of the environment and of `secdesk.toml`.

Every setting is one row of `SETTINGS`: its TOML key, its environment name, its default, and what it is for (the README's
table is made from it). Environment wins over the file. A secret may also be given as a file: `SECDESK_KEY_FILE`.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bot.errors import ConfigError

FILE = "secdesk.toml"


@dataclass(frozen=True)
class Setting:
    """One row: `name` is the field of `Settings`, `key` the `section.key` of the file."""

    name: str
    key: str
    default: Any
    what: str
    secret: bool = False

    @property
    def env(self) -> str:
        return "SECDESK_" + self.name.upper()


SETTINGS: tuple[Setting, ...] = (
    Setting("host", "server.host", "127.0.0.1", "address to listen on; anything but loopback ends the local web chat"),
    Setting("port", "server.port", 8765, "port to listen on"),
    Setting("public_url", "server.public_url", "", "address people reach it at, if it is behind a proxy"),
    Setting("data", "storage.data", "secdesk-data", "folder for databases, keys and caches"),
    Setting(
        "database", "storage.database", "", "postgresql://… for many replicas; empty: SQLite in the data folder", True
    ),
    Setting("knowledge", "knowledge.folder", "knowledge", "your own knowledge, laid over the one that ships"),
    Setting("channels", "channels.use", ("web",), "chat channels that are on"),
    Setting(
        "authserv_id", "mail.authserv_id", "", "name of your gateway in Authentication-Results; empty: none is trusted"
    ),
    Setting("ticket_prefix", "desk.ticket_prefix", "SEC", "letters in front of ticket numbers"),
    Setting(
        "issuer", "signin.issuer", "", "OpenID Connect provider for the console; setting it ends the local web chat"
    ),
    Setting("key", "", "", "master key, instead of the key file in the data folder", True),
    Setting("workers", "server.workers", 16, "threads that handle messages"),
    Setting(
        "replica", "server.replica", "main", "name of this process among replicas on PostgreSQL: stable and different"
    ),
    Setting("search", "answers.search", "full", "full, light (no onnxruntime) or words (no language model)"),
    Setting("slack_bot_token", "", "", "Slack: bot token (xoxb-…) of the one workspace", True),
    Setting("slack_signing_secret", "", "", "Slack: signing secret of the app", True),
    Setting("slack_socket", "slack.socket_mode", 0, "Slack: 1 to connect out (Socket Mode) instead of being called"),
    Setting("slack_app_token", "", "", "Slack: app-level token (xapp-…) for Socket Mode", True),
    Setting("slack_client_id", "slack.client_id", "", "Slack: client id, to be installed in many workspaces"),
    Setting("slack_client_secret", "", "", "Slack: client secret that goes with it", True),
    Setting("slack_desk", "slack.desk_channel", "", "Slack: link or id of the desk's own channel"),
    Setting("slack_hosts", "slack.file_hosts", ("files.slack.com",), "Slack: hosts that files are fetched from"),
    Setting("slack_api", "slack.api_url", "https://slack.com/api/", "Slack: where its Web API is"),
    Setting("teams_app_id", "teams.app_id", "", "Microsoft Teams: application (client) id of the bot"),
    Setting("teams_tenant", "teams.tenant", "", "Microsoft Teams: directory (tenant) id the app is registered in"),
    Setting("teams_tenants", "teams.tenants", (), "Microsoft Teams: tenants that are served; empty: only teams.tenant"),
    Setting("teams_secret", "", "", "Microsoft Teams: client secret of the app", True),
    Setting(
        "teams_certificate",
        "teams.certificate",
        "",
        "Microsoft Teams: PEM file with key and certificate, instead of a secret",
    ),
    Setting("teams_managed", "teams.managed", 0, "Microsoft Teams: 1 to sign in as the machine's managed identity"),
    Setting("teams_desk", "teams.desk_channel", "", "Microsoft Teams: link or id of the desk's own channel"),
    Setting(
        "teams_hosts", "teams.file_hosts", (".sharepoint.com",), "Microsoft Teams: hosts that files are fetched from"
    ),
    Setting(
        "teams_login",
        "teams.login_url",
        "https://login.microsoftonline.com",
        "Microsoft Teams: sign-in service of your cloud",
    ),
    Setting(
        "teams_metadata",
        "teams.metadata_url",
        "https://login.botframework.com/v1/.well-known/openidconfiguration",
        "Microsoft Teams: where the platform publishes its signing keys",
    ),
    Setting(
        "teams_issuer",
        "teams.issuer",
        "https://api.botframework.com",
        "Microsoft Teams: issuer of the platform's tokens",
    ),
    Setting(
        "teams_service",
        "teams.service_url",
        "https://smba.trafficmanager.net/teams/",
        "Microsoft Teams: where a channel is taken to be that the platform has not told us of yet",
    ),
    Setting(
        "teams_playground",
        "teams.playground",
        "",
        "Microsoft Teams: loopback address of the test playground; no sign-in",
    ),
    Setting("log_level", "server.log_level", "info", "debug, info, warning or error"),
)
_BY_KEY = {setting.key: setting for setting in SETTINGS if setting.key}


@dataclass(frozen=True)
class Settings:
    """What Secdesk was told. `folder` holds `secdesk.toml` (or is the current one); relative paths start there."""

    folder: Path
    host: str = "127.0.0.1"
    port: int = 8765
    public_url: str = ""
    data: Path = Path("secdesk-data")
    database: str = field(default="", repr=False)
    knowledge: Path = Path("knowledge")
    channels: tuple[str, ...] = ("web",)
    authserv_id: str = ""
    ticket_prefix: str = "SEC"
    issuer: str = ""
    key: str = field(default="", repr=False)
    workers: int = 16
    replica: str = "main"
    search: str = "full"
    slack_bot_token: str = field(default="", repr=False)
    slack_signing_secret: str = field(default="", repr=False)
    slack_socket: int = 0
    slack_app_token: str = field(default="", repr=False)
    slack_client_id: str = ""
    slack_client_secret: str = field(default="", repr=False)
    slack_desk: str = ""
    slack_hosts: tuple[str, ...] = ("files.slack.com",)
    slack_api: str = "https://slack.com/api/"
    teams_app_id: str = ""
    teams_tenant: str = ""
    teams_tenants: tuple[str, ...] = ()
    teams_secret: str = field(default="", repr=False)
    teams_certificate: str = ""
    teams_managed: int = 0
    teams_desk: str = ""
    teams_hosts: tuple[str, ...] = (".sharepoint.com",)
    teams_login: str = "https://login.microsoftonline.com"
    teams_metadata: str = "https://login.botframework.com/v1/.well-known/openidconfiguration"
    teams_issuer: str = "https://api.botframework.com"
    teams_service: str = "https://smba.trafficmanager.net/teams/"
    teams_playground: str = ""
    log_level: str = "info"
    unknown_env: tuple[str, ...] = ()

    @property
    def loopback(self) -> bool:
        return self.host in {"127.0.0.1", "::1", "localhost"}

    @property
    def local_chat(self) -> bool:
        """The web chat where one chooses who one is: loopback only, and never beside real sign-in."""
        return "web" in self.channels and self.loopback and not self.issuer

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")

    @property
    def overlay(self) -> Path | None:
        return self.knowledge if self.knowledge.is_dir() else None


def load_settings(folder: Path | None = None, env: Mapping[str, str] | None = None) -> Settings:
    """Settings from `folder/secdesk.toml` and the environment. Raises `ConfigError` naming the place and the mend."""
    env = os.environ if env is None else env
    folder = Path(folder or env.get("SECDESK_FOLDER") or ".").resolve()
    values = {setting.name: setting.default for setting in SETTINGS}
    values.update(_from_file(folder / FILE))
    values.update(_from_env(env))
    for name in ("data", "knowledge"):
        values[name] = (folder / str(values[name])).resolve()
    values["ticket_prefix"] = values["ticket_prefix"].upper()  # as people type a number, so that it is found
    known = {setting.env for setting in SETTINGS} | {"SECDESK_FOLDER"}
    known |= {setting.env + "_FILE" for setting in SETTINGS if setting.secret}
    unknown = tuple(sorted(name for name in env if name.startswith("SECDESK_") and name not in known))
    settings = Settings(folder=folder, unknown_env=unknown, **values)
    _check(settings)
    return settings


def _from_file(path: Path) -> dict[str, Any]:
    try:
        raw = tomllib.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"{path}: cannot read that file ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: this is not valid TOML ({error}); correct it there") from error
    values: dict[str, Any] = {}
    for section, content in raw.items():
        if not isinstance(content, dict):
            raise ConfigError(f'{path}: "{section}" stands outside a [section]; see the settings table in README.md')
        for name, value in content.items():
            setting = _BY_KEY.get(f"{section}.{name}")
            if setting is None:
                known = ", ".join(sorted(_BY_KEY))
                raise ConfigError(f'{path}: "{section}.{name}" is not a setting; the settings are {known}')
            if setting.secret and _holds_password(str(value)):
                raise ConfigError(
                    f"{path}: {section}.{name} holds a password; set {setting.env} or {setting.env}_FILE instead"
                )
            values[setting.name] = _typed(setting, value, str(path))
    return values


def _from_env(env: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        if setting.env in env:
            values[setting.name] = _typed(setting, env[setting.env], setting.env)
        elif setting.secret and (path := env.get(setting.env + "_FILE")):
            try:
                values[setting.name] = Path(path).read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
                raise ConfigError(f"{setting.env}_FILE: cannot read that file ({why})") from None
    return values


def _typed(setting: Setting, value: Any, where: str) -> Any:
    name, shown = setting.key or setting.env, "that" if setting.secret else repr(value)
    if isinstance(setting.default, tuple):
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
            raise ConfigError(f"{where}: {name} must be a list, not {shown}")
        return tuple(part.strip() for part in parts if part.strip())
    if isinstance(setting.default, int):
        if isinstance(value, str) and re.fullmatch(r"\s*-?[0-9]{1,9}\s*", value):
            return int(value)
        if type(value) is not int:
            raise ConfigError(f"{where}: {name} must be a whole number, not {shown}")
        return value
    if not isinstance(value, str):
        raise ConfigError(f"{where}: {name} must be text in quotes, not {shown}")
    return value.strip()


def _holds_password(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:  # said to be no URL later on
        return False
    return bool(parts.password) or "password" in parse_qs(parts.query)


def _check(settings: Settings) -> None:
    if not 0 <= settings.port <= 65535:
        raise ConfigError(f"server.port: {settings.port} is not a port; use 1 to 65535")
    if settings.workers < 1:
        raise ConfigError("server.workers: use at least 1")
    if settings.database and not settings.database.startswith(("postgresql://", "postgres://", "sqlite:///")):
        raise ConfigError("storage.database: use postgresql://…, sqlite:///path, or leave it empty")
    if not re.fullmatch("[A-Z]{1,10}", settings.ticket_prefix):
        raise ConfigError("desk.ticket_prefix: use up to ten letters, for example SEC")
    if settings.search not in {"full", "light", "words"}:
        raise ConfigError("answers.search: use full, light or words")
    if settings.log_level not in {"debug", "info", "warning", "error"}:
        raise ConfigError("server.log_level: use debug, info, warning or error")
    assert {item.name for item in fields(Settings)} >= {setting.name for setting in SETTINGS}  # noqa: S101


def settings_table() -> str:
    """The settings as a Markdown table (README.md holds it; a test compares)."""
    rows = ["| `secdesk.toml` | environment | default | what for |", "|---|---|---|---|"]
    for setting in SETTINGS:
        default = ", ".join(setting.default) if isinstance(setting.default, tuple) else setting.default
        env = f"`{setting.env}`" + (f", `{setting.env}_FILE`" if setting.secret else "")
        key = f"`{setting.key}`" if setting.key else ""
        rows.append(f"| {key} | {env} | {f'`{default}`' if default != '' else ''} | {setting.what} |")
    return "\n".join(rows)
