"""`secdesk doctor`: what is on, what is missing, and how to mend it. `bad` means that something asked for cannot work."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import bot
from bot.app import KNOWN_CHANNELS, App, build, calling, entering, posting, staff, tracking
from bot.app.channels import examine_platforms
from bot.app.serving import listen
from bot.errors import ConfigError, ContentError, SecdeskError
from bot.health import Check
from bot.settings import FILE, SEARCHES, Settings

SHOWN = 8  # names in a line


def examine(settings: Settings, make: Callable[[Settings], App] = build) -> list[Check]:
    """Every check, in the order in which one would mend them. Starts nothing and sends nothing. Never raises."""
    checks = [*_installation(), *_settings(settings), *_folder(settings)]
    if checks[-1].name == "data folder" and checks[-1].level == "bad":
        return checks  # nothing else can be looked at
    try:
        app = make(settings)
    except ContentError as error:
        mend = "`secdesk lint` lists every fault; correct the file, then run doctor again"
        return [*checks, *(Check("content", "bad", str(fault), mend) for fault in error.faults)]
    except (SecdeskError, OSError) as error:
        return [*checks, Check("start", "bad", _one_line(error), "mend that, then run doctor again")]
    try:
        checks += [*_content(app), *_organisation(app), *calling.examine(app), *_channels(settings), *_engine(app)]
        checks += examine_platforms(app.platforms)
        checks += posting.doctor(settings)
        checks += staff.examine(settings, app.contents, app.roster, app.clock.now())
        checks += tracking.doctor(app)
        checks += entering.examine(settings, app.clock.now)
    except (SecdeskError, OSError) as error:
        checks.append(Check("database", "bad", _one_line(error), "mend that, then run doctor again"))
    finally:
        app.close()
    return checks


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.filename or 'a file'}: {error.strerror or type(error).__name__}"
    return str(error) or type(error).__name__


def _installation() -> Iterator[Check]:
    try:
        ours = Path(str(distribution("secdesk").locate_file(""))).resolve()
        says = f"secdesk {bot.__version__} on Python {sys.version.split()[0]}"
        home = Path(bot.__file__).resolve()
        editable = (home.parent.parent / "pyproject.toml").is_file()
        if ours not in home.parents and not editable:
            mend = "another package named bot is in the way: give Secdesk an environment of its own"
            yield Check("installation", "bad", f"bot is {home.parent}, not Secdesk's", mend)
        else:
            yield Check("installation", "ok", says)
    except PackageNotFoundError:
        yield Check("installation", "bad", "secdesk is not installed here", "pip install it into this environment")


def _settings(settings: Settings) -> Iterator[Check]:
    there = (settings.folder / FILE).is_file()
    says = f"{settings.folder / FILE}" if there else "no secdesk.toml here: defaults and environment"
    yield Check("settings", "ok" if there else "note", says, "" if there else "run secdesk init")
    for name in settings.unknown_env:
        yield Check("settings", "note", f"{name} is not a setting", "check its spelling; README.md lists them")
    if settings.public_url and not settings.proxies:
        mend = "behind a proxy set server.proxies to its address"
        yield Check("proxies", "note", "limits by address count whoever connects, which a proxy is for everybody", mend)
    if settings.knowledge.name and not settings.overlay and (settings.folder / FILE).is_file():
        yield Check("knowledge folder", "note", f"{settings.knowledge} is not there", "only what ships is used")


def _folder(settings: Settings) -> Iterator[Check]:
    try:
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        free = os.statvfs(settings.data)
        megabytes = free.f_bavail * free.f_frsize // 1_000_000
        writable = os.access(settings.data, os.W_OK)
    except OSError as error:
        why = "it is a file" if isinstance(error, FileExistsError) else error.strerror
        yield Check("data folder", "bad", f"{settings.data} cannot be used ({why})", "mend it, or set SECDESK_DATA")
        return
    if not writable:
        yield Check(
            "data folder", "bad", f"{settings.data} cannot be written", "give this user the right to write there"
        )
    elif megabytes < 500:
        yield Check("disk", "bad", f"only {megabytes} MB left for {settings.data}", "make room")
    else:
        yield Check("data folder", "ok", f"{settings.data}, {megabytes:,} MB free")


def _content(app: App) -> Iterator[Check]:
    for fault in (*app.contents.faults(), *app.shared.faults):
        yield Check("content", "bad", str(fault), "the last good version is in use until then")
    knowledge = app.contents.knowledge.current
    entries, count = len(knowledge.library.published()), len(knowledge.library.notes)
    overdue = sum(note.kind != "unchecked" for note in knowledge.library.notes)
    yield Check("answers", "ok" if entries else "bad", f"{entries} published, {overdue} overdue, {count} notes")
    lessons = len(app.contents.lessons.current.lessons)
    yield Check("lessons", "ok" if lessons else "note", f"{lessons} lessons")
    mode, asked, notes = app.search_mode(), app.settings.search, app.contents.search.notes
    asked = asked if asked in SEARCHES else "full"  # an own model stands in for ours
    mend = "; ".join(notes) or ("" if mode == "full" else "set answers.search to full")
    says = f"{mode} mode" + ("" if mode == asked else f", {asked} was asked for")
    yield Check("search", "ok" if mode == "full" else "note", says, mend)
    waiting = len(app.spool.waiting())
    if waiting:
        yield Check(
            "spool", "note", f"{waiting} emergencies wait for the database", "they become tickets when serve runs"
        )


def _organisation(app: App) -> Iterator[Check]:
    org = app.organisation()
    if org.sample:
        mend = "run secdesk init; until then no real chat platform starts"
        yield Check("organisation", "note", f"sample values ({org.file.name})", mend)
    else:
        yield Check("organisation", "ok", org.file.name)
    unset = org.unset()
    if unset:
        some = ", ".join(unset[:SHOWN]) + (f" and {len(unset) - SHOWN} more" if len(unset) > SHOWN else "")
        mend = "answers that need one say to ring the desk; set them in org.yaml (all: secdesk lint --notes)"
        yield Check("values", "note", f"{len(unset)} are not set: {some}", mend)
    people = list(app.directory.people())
    desk = [person for person in people if person.roles & org.desk_roles()]
    mend = "" if desk else "give somebody a role with desk: true in people.yaml"
    yield Check("people", "ok" if desk else "bad", f"{len(people)} people, {len(desk)} at the help desk", mend)


def _channels(settings: Settings) -> Iterator[Check]:
    for name in settings.channels:
        if name not in KNOWN_CHANNELS:
            yield Check("channel", "bad", f"there is no channel {name}", f"channels are: {', '.join(KNOWN_CHANNELS)}")
    if "web" in settings.channels:
        says = (
            f"local web chat at {settings.url}/" if settings.local_chat else "off: not on loopback, or sign-in is set"
        )
        yield Check("web chat", "ok" if settings.local_chat else "note", says)
    if not settings.authserv_id:
        says = "no gateway is trusted: sender checks of your mail gateway are not used"
        yield Check("mail", "note", says, "set mail.authserv_id")
    yield _port(settings)


def _port(settings: Settings) -> Check:
    try:
        listen(settings).close()
    except ConfigError as error:
        if _is_secdesk(settings):
            return Check("port", "ok", f"{settings.port}: Secdesk is running there")
        return Check("port", "bad", str(error))
    return Check("port", "ok", f"{settings.port} is free")


def _is_secdesk(settings: Settings) -> bool:
    """Whether what listens there says that it is Secdesk."""
    try:
        with socket.create_connection((settings.host, settings.port), timeout=1) as peer:
            peer.sendall(f"GET /healthz HTTP/1.0\r\nHost: {settings.host}:{settings.port}\r\n\r\n".encode())
            return b'{"status":"ok"}' in b"".join(iter(lambda: peer.recv(4096), b""))
    except OSError:
        return False


def _engine(app: App) -> Iterator[Check]:
    kind = "PostgreSQL" if app.db.dialect == "postgresql" else "SQLite"
    counts = app.core.outbox_counts()
    waiting, failed = counts.get("queued", 0), counts.get("failed", 0)
    yield Check("database", "ok", f"{kind}, up to date")
    if failed:
        yield Check("outbox", "note", f"{failed} jobs given up", "see the console, Health")
    else:
        yield Check("outbox", "ok", f"{waiting} waiting")
