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
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bot.errors import ConfigError
from bot.permissions import ROLES

FILE = "secdesk.toml"
SEARCHES = ("full", "light", "words")
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


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
    Setting(
        "proxies",
        "server.proxies",
        (),
        "addresses or networks of your proxies: their X-Forwarded-For says who asks; empty: nobody's does",
    ),
    Setting("data", "storage.data", "secdesk-data", "folder for databases, keys and caches"),
    Setting(
        "database", "storage.database", "", "postgresql://… for many replicas; empty: SQLite in the data folder", True
    ),
    Setting("backup_to", "storage.backup_to", (), "public keys (age1…) that backups are sealed to"),
    Setting("knowledge", "knowledge.folder", "knowledge", "your own knowledge, laid over the one that ships"),
    Setting("channels", "channels.use", ("web",), "chat channels that are on"),
    Setting(
        "authserv_id", "mail.authserv_id", "", "name of your gateway in Authentication-Results; empty: none is trusted"
    ),
    Setting("mailbox_host", "mailbox.host", "", "Reporting mailbox: IMAP server; empty: no mailbox is read"),
    Setting("mailbox_port", "mailbox.port", 993, "Reporting mailbox: port of the IMAP server"),
    Setting("mailbox_security", "mailbox.security", "tls", "Reporting mailbox: tls, starttls, or none (loopback only)"),
    Setting("mailbox_user", "mailbox.user", "", "Reporting mailbox: who signs in; its address, if that is not set"),
    Setting("mailbox_address", "mailbox.address", "", "Reporting mailbox: address that people write to"),
    Setting(
        "mailbox_auth", "mailbox.sign_in", "password", "Reporting mailbox: password, microsoft or google (XOAUTH2)"
    ),
    Setting("mailbox_password", "", "", "Reporting mailbox: password", True),
    Setting("mailbox_tenant", "mailbox.tenant", "", "Reporting mailbox, microsoft: directory (tenant) id"),
    Setting("mailbox_client_id", "mailbox.client_id", "", "Reporting mailbox, microsoft: application (client) id"),
    Setting("mailbox_client_secret", "", "", "Reporting mailbox, microsoft: client secret", True),
    Setting("mailbox_google_key", "", "", "Reporting mailbox, google: JSON key of a service account", True),
    Setting(
        "mailbox_login",
        "mailbox.login_url",
        "https://login.microsoftonline.com",
        "Reporting mailbox, microsoft: sign-in service of your cloud",
    ),
    Setting("mailbox_folder", "mailbox.folder", "INBOX", "Reporting mailbox: folder that is read"),
    Setting(
        "mailbox_done", "mailbox.done_folder", "Processed", "Reporting mailbox: where reports go when they are taken"
    ),
    Setting("mailbox_odd", "mailbox.odd_folder", "Other", "Reporting mailbox: where what is no report goes"),
    Setting(
        "mailbox_failed", "mailbox.failed_folder", "Failed", "Reporting mailbox: where what could not be read goes"
    ),
    Setting("smtp_host", "smtp.host", "", "Answers by mail: SMTP server; empty: people who are not on chat get none"),
    Setting("smtp_port", "smtp.port", 587, "Answers by mail: port of the SMTP server"),
    Setting("smtp_security", "smtp.security", "starttls", "Answers by mail: starttls, tls, or none (loopback only)"),
    Setting("smtp_user", "smtp.user", "", "Answers by mail: who signs in; empty with a password: the mailbox's user"),
    Setting(
        "smtp_auth",
        "smtp.sign_in",
        "none",
        "Answers by mail: none, password, or token (the mailbox's microsoft or google)",
    ),
    Setting("smtp_password", "", "", "Answers by mail: password, if it is not the mailbox's", True),
    Setting("pager_webhook", "oncall.webhook_url", "", "address that is posted to, signed, when somebody must be rung"),
    Setting("pager_secret", "", "", "secret that calls to oncall.webhook_url are signed with", True),
    Setting(
        "pagerduty_key",
        "",
        "",
        "PagerDuty: integration key (Events API v2) of the service that rings who is on call",
        True,
    ),
    Setting(
        "pagerduty_url", "oncall.pagerduty_url", "https://events.pagerduty.com/v2/enqueue", "PagerDuty: where events go"
    ),
    Setting("tracker", "tracker.use", "", "Ticket system: rt, jira, servicenow, mail or webhook; empty: none"),
    Setting("tracker_url", "tracker.url", "", "Ticket system: its address (https)"),
    Setting(
        "tracker_user", "tracker.user", "", "Ticket system: who signs in (jira: mail address; servicenow: user name)"
    ),
    Setting(
        "tracker_token",
        "",
        "",
        "Ticket system: token (rt, jira), password (servicenow) or shared secret (webhook)",
        True,
    ),
    Setting(
        "tracker_queue",
        "tracker.queue",
        "",
        "Ticket system: queue (rt), project key (jira), or sys_id of the assignment group (servicenow)",
    ),
    Setting("tracker_field", "tracker.field", "Secdesk", "Ticket system, rt: custom field that holds our number"),
    Setting("tracker_desk", "tracker.service_desk", "", "Ticket system, jira: id of the service desk"),
    Setting("tracker_type", "tracker.request_type", "", "Ticket system, jira: id of the request type"),
    Setting("tracker_address", "tracker.address", "", "Ticket system, mail: address that tickets are sent to"),
    Setting(
        "tracker_folder",
        "tracker.folder",
        "Tickets",
        "Ticket system, mail: folder of the mailbox that its answers lie in",
    ),
    Setting(
        "tracker_master",
        "tracker.master",
        "secdesk",
        "Ticket system: who wins if both changed a ticket: secdesk or tracker",
    ),
    Setting("tracker_kinds", "tracker.kinds", (), "Ticket system: kinds of tickets that go there; empty: all"),
    Setting("tracker_notes", "tracker.notes", 1, "Ticket system: 0 keeps internal notes here"),
    Setting(
        "scim_token",
        "",
        "",
        "SCIM 2.0: bearer token of your identity provider, 24 characters or more; empty: off",
        True,
    ),
    Setting("api_per_minute", "api.per_minute", 600, "HTTP API: calls a minute of one token"),
    Setting("slack_directory", "slack.directory", 0, "Slack: 1 to take people and user groups from there, too"),
    Setting("ticket_prefix", "desk.ticket_prefix", "SEC", "letters in front of ticket numbers"),
    Setting(
        "undo_seconds",
        "desk.undo_seconds",
        10,
        "seconds in which a reply or a verdict can be taken back; 0: none waits",
    ),
    Setting(
        "issuer", "signin.issuer", "", "OpenID Connect provider for the console; setting it ends the local web chat"
    ),
    Setting("signin_client", "signin.client_id", "", "Sign-in: client id that the provider knows the console by"),
    Setting(
        "signin_secret", "", "", "Sign-in: client secret that goes with it; empty: a public client (PKCE alone)", True
    ),
    Setting("signin_name", "signin.name", "", "Sign-in: what the provider is called on the button"),
    Setting("signin_scopes", "signin.scopes", ("openid", "email", "profile"), "Sign-in: scopes that are asked for"),
    Setting(
        "signin_groups",
        "signin.groups_claim",
        "groups",
        "Sign-in: claim that holds the groups; a.b for one inside another",
    ),
    Setting(
        "signin_roles",
        "signin.roles",
        (),
        "Sign-in: group=role for viewer, analyst, author, approver or admin; empty: roles as in the directory",
    ),
    Setting(
        "signin_unverified",
        "signin.unverified_email",
        0,
        "Sign-in: 1 if your provider checks addresses and never says so (email_verified); else such an address is nobody's",
    ),
    Setting("signin_idle", "signin.idle_minutes", 120, "Sign-in: minutes without use after which a session ends"),
    Setting("signin_hours", "signin.hours", 8, "Sign-in: hours after which a session ends whatever happens"),
    Setting("key", "", "", "master key, instead of the key file in the data folder", True),
    Setting("workers", "server.workers", 16, "threads that handle messages"),
    Setting(
        "replica", "server.replica", "main", "name of this process among replicas on PostgreSQL: stable and different"
    ),
    Setting(
        "search",
        "answers.search",
        "full",
        "full, light (no onnxruntime), words (no model), or an own .onnx, with its vocab.txt beside it",
    ),
    Setting(
        "approval", "answers.approval", 1, "0 where one administrator writes answers alone; 1: a second person approves"
    ),
    Setting("slack_bot_token", "", "", "Slack: bot token (xoxb-…) of the one workspace", True),
    Setting("slack_signing_secret", "", "", "Slack: signing secret of the app", True),
    Setting("slack_socket", "slack.socket_mode", 0, "Slack: 1 to connect out (Socket Mode) instead of being called"),
    Setting("slack_app_token", "", "", "Slack: app-level token (xapp-…) for Socket Mode", True),
    Setting("slack_client_id", "slack.client_id", "", "Slack: client id, to be installed in many workspaces"),
    Setting("slack_client_secret", "", "", "Slack: client secret that goes with it", True),
    Setting(
        "slack_workspaces", "slack.workspaces", (), "Slack: workspaces (T…) and organisations (E…) that may install it"
    ),
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
    Setting(
        "graph_tenant", "graph.tenant", "", "Purge and block in Microsoft 365: directory (tenant) id; empty: dry run"
    ),
    Setting("graph_app_id", "graph.app_id", "", "Purge and block in Microsoft 365: application (client) id"),
    Setting("graph_secret", "", "", "Purge and block in Microsoft 365: client secret", True),
    Setting(
        "graph_login",
        "graph.login_url",
        "https://login.microsoftonline.com",
        "Purge and block in Microsoft 365: sign-in service of your cloud",
    ),
    Setting(
        "graph_url", "graph.url", "https://graph.microsoft.com", "Purge and block in Microsoft 365: Graph of your cloud"
    ),
    Setting("mail_days", "mail.keep_days", 90, "days that the content of a reported mail is kept; verdicts stay"),
    Setting("mail_person_mb", "mail.person_mb", 200, "megabytes of mail that one person can report in a day"),
    Setting("mail_total_mb", "mail.total_mb", 20000, "megabytes of reported mail that are kept in all"),
    Setting("tips_slack", "tips.slack_a_minute", 229, "tips that a Slack workspace gets in a minute, at most"),
    Setting("tips_teams", "tips.teams_a_second", 25, "tips that Microsoft Teams gets in a second, at most"),
    Setting(
        "metrics_token", "", "", "bearer token that /metrics asks for from other machines; empty: only this one", True
    ),
    Setting(
        "traces", "server.traces", 0, "1 to send traces (OTLP over HTTP) to where OTEL_EXPORTER_OTLP_ENDPOINT says"
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
    proxies: tuple[str, ...] = ()
    data: Path = Path("secdesk-data")
    database: str = field(default="", repr=False)
    backup_to: tuple[str, ...] = ()
    knowledge: Path = Path("knowledge")
    channels: tuple[str, ...] = ("web",)
    authserv_id: str = ""
    mailbox_host: str = ""
    mailbox_port: int = 993
    mailbox_security: str = "tls"
    mailbox_user: str = ""
    mailbox_address: str = ""
    mailbox_auth: str = "password"
    mailbox_password: str = field(default="", repr=False)
    mailbox_tenant: str = ""
    mailbox_client_id: str = ""
    mailbox_client_secret: str = field(default="", repr=False)
    mailbox_google_key: str = field(default="", repr=False)
    mailbox_login: str = "https://login.microsoftonline.com"
    mailbox_folder: str = "INBOX"
    mailbox_done: str = "Processed"
    mailbox_odd: str = "Other"
    mailbox_failed: str = "Failed"
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_security: str = "starttls"
    smtp_user: str = ""
    smtp_auth: str = "none"
    smtp_password: str = field(default="", repr=False)
    pager_webhook: str = ""
    pager_secret: str = field(default="", repr=False)
    pagerduty_key: str = field(default="", repr=False)
    pagerduty_url: str = "https://events.pagerduty.com/v2/enqueue"
    tracker: str = ""
    tracker_url: str = ""
    tracker_user: str = ""
    tracker_token: str = field(default="", repr=False)
    tracker_queue: str = ""
    tracker_field: str = "Secdesk"
    tracker_desk: str = ""
    tracker_type: str = ""
    tracker_address: str = ""
    tracker_folder: str = "Tickets"
    tracker_master: str = "secdesk"
    tracker_kinds: tuple[str, ...] = ()
    tracker_notes: int = 1
    scim_token: str = field(default="", repr=False)
    api_per_minute: int = 600
    slack_directory: int = 0
    ticket_prefix: str = "SEC"
    undo_seconds: int = 10
    issuer: str = ""
    signin_client: str = ""
    signin_secret: str = field(default="", repr=False)
    signin_name: str = ""
    signin_scopes: tuple[str, ...] = ("openid", "email", "profile")
    signin_groups: str = "groups"
    signin_roles: tuple[str, ...] = ()
    signin_unverified: int = 0
    signin_idle: int = 120
    signin_hours: int = 8
    key: str = field(default="", repr=False)
    workers: int = 16
    replica: str = "main"
    search: str = "full"
    approval: int = 1
    slack_bot_token: str = field(default="", repr=False)
    slack_signing_secret: str = field(default="", repr=False)
    slack_socket: int = 0
    slack_app_token: str = field(default="", repr=False)
    slack_client_id: str = ""
    slack_client_secret: str = field(default="", repr=False)
    slack_workspaces: tuple[str, ...] = ()
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
    graph_tenant: str = ""
    graph_app_id: str = ""
    graph_secret: str = field(default="", repr=False)
    graph_login: str = "https://login.microsoftonline.com"
    graph_url: str = "https://graph.microsoft.com"
    mail_days: int = 90
    mail_person_mb: int = 200
    mail_total_mb: int = 20_000
    tips_slack: int = 229
    tips_teams: int = 25
    metrics_token: str = field(default="", repr=False)
    traces: int = 0
    log_level: str = "info"
    unknown_env: tuple[str, ...] = ()

    @property
    def loopback(self) -> bool:
        return self.host in _LOOPBACK

    @property
    def local_chat(self) -> bool:
        """The web chat where one chooses who one is: loopback only, and never beside real sign-in."""
        return "web" in self.channels and self.loopback and not self.issuer

    @property
    def group_roles(self) -> Mapping[str, frozenset[str]]:
        """Console roles by group of the sign-in provider."""
        pairs = [pair.rpartition("=") for pair in self.signin_roles]
        return {group: frozenset(role for name, _, role in pairs if name == group) for group, _, _ in pairs}

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")

    def console(self, path: str) -> str:
        """The whole address of a page of the console, `/tickets/SEC-101` for example."""
        return f"{self.url}/console{path}"

    @property
    def report_address(self) -> str:
        """Where mails are reported to by mail, "" without a mailbox."""
        return (self.mailbox_address or self.mailbox_user) if self.mailbox_host else ""

    @property
    def scim_tokens(self) -> tuple[str, ...]:
        """Tokens that hold for SCIM: one, or the old and the new one with a space between them."""
        return tuple(self.scim_token.split())

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
    if values["search"] not in SEARCHES:
        values["search"] = str((folder / str(values["search"])).resolve())
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
    except (ValueError, RecursionError) as error:  # also no UTF-8, a number of 5,000 digits, lists in lists
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
    _check_proxies(settings)
    if settings.workers < 1:
        raise ConfigError("server.workers: use at least 1")
    if settings.database and not settings.database.startswith(("postgresql://", "postgres://", "sqlite:///")):
        raise ConfigError("storage.database: use postgresql://…, sqlite:///path, or leave it empty")
    _check_desk(settings)
    own = Path(settings.search)
    if settings.search not in SEARCHES and not (own.suffix == ".onnx" and own.is_file()):
        raise ConfigError("answers.search: use full, light, words, or the path of an ONNX model that is there")
    if settings.approval not in {0, 1}:
        raise ConfigError("answers.approval: use 1 (a second person approves) or 0 (one administrator writes alone)")
    if settings.tips_slack < 1 or settings.tips_teams < 1:
        raise ConfigError("tips.slack_a_minute and tips.teams_a_second: write 1 or more")
    if settings.mail_days < 1 or settings.mail_person_mb < 1 or settings.mail_total_mb < 1:
        raise ConfigError("mail.keep_days, mail.person_mb, mail.total_mb: use at least 1")
    for name, url in (("graph.login_url", settings.graph_login), ("graph.url", settings.graph_url)):
        if not url.startswith("https://") and urlsplit(url).hostname not in _LOOPBACK:
            raise ConfigError(f"{name}: use https://…")
    _check_tracker(settings)
    if settings.pager_webhook and not settings.pager_secret:
        raise ConfigError("oncall.webhook_url: set SECDESK_PAGER_SECRET too, so that the receiver can tell who calls")
    if settings.log_level not in {"debug", "info", "warning", "error"}:
        raise ConfigError("server.log_level: use debug, info, warning or error")
    _check_mail(settings)
    _check_people(settings)
    _check_signin(settings)
    assert {item.name for item in fields(Settings)} >= {setting.name for setting in SETTINGS}  # noqa: S101


def _check_proxies(settings: Settings) -> None:
    """Whom we believe who asks."""
    for proxy in settings.proxies:
        try:
            ip_network(proxy)
        except ValueError as error:
            raise ConfigError(f"server.proxies: {error}; use addresses (10.0.0.7) or networks (10.0.0.0/24)") from None


def _check_tracker(settings: Settings) -> None:
    """The other ticket system."""
    known = ("rt", "jira", "servicenow", "mail", "webhook")
    if settings.tracker and settings.tracker not in known:
        raise ConfigError(f"tracker.use: use {', '.join(known[:-1])} or {known[-1]}, or leave it empty")
    if settings.tracker_master not in {"secdesk", "tracker"}:
        raise ConfigError("tracker.master: use secdesk or tracker")
    if settings.tracker_notes not in {0, 1}:
        raise ConfigError("tracker.notes: use 1 (internal notes go there too) or 0")


def _check_desk(settings: Settings) -> None:
    """What the help desk goes by."""
    if not re.fullmatch("[A-Z]{1,10}", settings.ticket_prefix):
        raise ConfigError("desk.ticket_prefix: use up to ten letters, for example SEC")
    if not 0 <= settings.undo_seconds <= 60:
        raise ConfigError("desk.undo_seconds: use 0 to 60")


def _check_people(settings: Settings) -> None:
    """Where people come from."""
    if any(len(token) < 24 for token in settings.scim_tokens) or len(settings.scim_tokens) > 2:
        raise ConfigError(
            "SECDESK_SCIM_TOKEN: use 24 characters or more (two tokens at most, with a space between them)"
        )
    if settings.api_per_minute < 1:
        raise ConfigError("api.per_minute: use a number above 0")
    if settings.slack_directory not in {0, 1}:
        raise ConfigError("slack.directory: use 1 (people come from Slack, too) or 0")


def _check_signin(settings: Settings) -> None:
    """Signing in to the console."""
    if settings.issuer:
        parts = urlsplit(settings.issuer)
        if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
            raise ConfigError("signin.issuer: use the https address that your provider calls its issuer")
        if not settings.signin_client:
            raise ConfigError("signin.client_id: set the client id that your provider gave to the console")
        if "openid" not in settings.signin_scopes:
            raise ConfigError("signin.scopes: openid has to be among them")
    for pair in settings.signin_roles:
        group, _, role = pair.rpartition("=")
        if not group or role not in ROLES:
            raise ConfigError(f"signin.roles: write group=role, with one of {', '.join(ROLES)}, not {pair!r}")
    if settings.signin_unverified not in {0, 1}:
        raise ConfigError("signin.unverified_email: use 0, or 1 if your provider never sends email_verified")
    if settings.signin_idle < 5 or not 1 <= settings.signin_hours <= 24:
        raise ConfigError("signin.idle_minutes: 5 or more; signin.hours: 1 to 24")


def _check_mail(settings: Settings) -> None:
    """The reporting mailbox and its answers."""
    for name, value, known in (
        ("mailbox.security", settings.mailbox_security, ("tls", "starttls", "none")),
        ("mailbox.sign_in", settings.mailbox_auth, ("password", "microsoft", "google")),
        ("smtp.security", settings.smtp_security, ("starttls", "tls", "none")),
        ("smtp.sign_in", settings.smtp_auth, ("none", "password", "token")),
    ):
        if value not in known:
            raise ConfigError(f"{name}: use {', '.join(known[:-1])} or {known[-1]}")
    for name, security, host in (
        ("mailbox", settings.mailbox_security, settings.mailbox_host),
        ("smtp", settings.smtp_security, settings.smtp_host),
    ):
        if host and security == "none" and host not in _LOOPBACK:
            raise ConfigError(f"{name}.security: none is for loopback only; {host} needs tls or starttls")
    if settings.mailbox_host and "@" not in settings.report_address:
        raise ConfigError("mailbox.address: set the address that people write to")
    if settings.smtp_host and not settings.mailbox_host:
        raise ConfigError("smtp.host: answers by mail need a mailbox they can be answered to; set mailbox.host")
    if settings.smtp_auth == "token" and settings.mailbox_auth == "password":
        raise ConfigError("smtp.sign_in: token needs mailbox.sign_in to be microsoft or google")


def settings_table() -> str:
    """The settings as a Markdown table (README.md holds it; a test compares)."""
    rows = ["| `secdesk.toml` | environment | default | what for |", "|---|---|---|---|"]
    for setting in SETTINGS:
        default = ", ".join(setting.default) if isinstance(setting.default, tuple) else setting.default
        env = f"`{setting.env}`" + (f", `{setting.env}_FILE`" if setting.secret else "")
        key = f"`{setting.key}`" if setting.key else ""
        rows.append(f"| {key} | {env} | {f'`{default}`' if default != '' else ''} | {setting.what} |")
    return "\n".join(rows)
