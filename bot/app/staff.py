"""People of every source put together: the directory gets the roster of the database."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from adapters.directories.slack import said_by_slack
from adapters.stores.people import SqlRosterStore, SqlTargetStore
from bot.app.contents import Contents
from bot.directory import CSV, FILE, SCIM, SLACK, Profile, Said
from bot.directory_roster import USER, Roster
from bot.directory_sources import Run, Sources
from bot.health import Check
from bot.learning.about import AboutMe
from bot.learning.targets import Targets
from bot.learning.workdays import Habits, Hours, own_hours
from bot.model import Person
from bot.people import Identities
from bot.platforms import Workspace
from bot.ports import Clock, Db, Vault
from bot.settings import Settings
from bot.turn import Work

log = logging.getLogger(__name__)
BATCH: Final = 1000  # entries in one transaction: live work goes on in between
SHARE: Final = 0.2  # of those listed before: more leavers than that are a list that broke off

_BY_HAND = {
    SCIM: "still comes from your identity provider; take them out of what it sends here",
    SLACK: "still comes from Slack; deactivate them there",
    CSV: "",
}


def attach_roster(contents: Contents, db: Db, vault: Vault, clock: Clock) -> tuple[Roster, Callable[[], None]]:
    """Merge the roster into the directory. The second is called at the end: the directory lets go of it."""
    roster = Roster(db, SqlRosterStore(db), vault)
    contents.directory.attach(roster, clock.now, lambda profile: _forget(roster, profile))
    contents.rota.poll()  # people on call may be known to the roster only
    return roster, lambda: contents.directory.detach(roster)


def make_sources(contents: Contents, roster: Roster, run: Run, identities: Identities) -> Sources:
    """What sources write through."""
    return Sources(roster, run, contents.directory, identities, SqlRosterStore(roster.db))


def make_targets(
    contents: Contents, sources: Sources, identities: Identities, allowed: Callable[[str], bool]
) -> tuple[Targets, AboutMe]:
    """Who may be a likely target, and what people may know of themselves."""
    targets = Targets(
        contents.directory, identities, SqlTargetStore(sources.roster.db), sources, lambda: contents.people.current.targets,
        allowed,
    )  # fmt: skip

    def name(person_id: str) -> str:
        profile = contents.directory.profile(person_id)
        return profile.person.name if profile else person_id

    return targets, AboutMe(contents.directory, targets.about, name, lambda: contents.organisation.current)


def take_slack(sources: Sources, workspace: Workspace) -> int:
    """Take in what a Slack workspace says of its people; how many entries changed.

    Who is not listed any more has left Slack. If that were a fifth of them, the list is not believed.
    """
    roster, start = sources.roster, f"{SLACK}:{workspace.prefix}"
    held = {row["id"]: row for row in roster.store.everybody(SLACK, USER) if _of_workspace(row["id"], start)}
    before = {row_id: roster.said(row) for row_id, row in held.items()}
    listed = {said.id: said for said in said_by_slack(workspace)}
    moves = [
        (_kept(said, before.get(said.id)), False) for said in listed.values() if not _same(said, before.get(said.id))
    ]
    lost = [said for row_id, said in before.items() if row_id not in listed and not held[row_id]["gone"]]
    if len(lost) > max(5, SHARE * len(before)):
        log.error("Slack lists far fewer people than before: nobody is taken to have left", extra={"count": len(lost)})
        lost = []
    moves += [(replace(said, active=False), True) for said in lost]
    for first in range(0, len(moves), BATCH):
        batch = moves[first : first + BATCH]

        def change(work: Work, seq: int, batch: Sequence[tuple[Said, bool]] = batch) -> None:
            for said, gone in batch:
                sources.put(work, seq, said, SLACK, gone=gone)
            work.audit("secdesk", "people.import", SLACK, rows=str(len(batch)))

        sources.change(change)
    return len(moves)


def _of_workspace(row_id: str, start: str) -> bool:
    return row_id.startswith(start) and "/" not in row_id[len(start) :]


def _kept(said: Said, before: Said | None) -> Said:
    """A closed account loses its address; we still know whose it was."""
    return replace(said, addresses=before.addresses) if before and not said.addresses else said


def _same(said: Said, before: Said | None) -> bool:
    return before is not None and replace(_kept(said, before), person="") == replace(before, person="")


def examine(settings: Settings, contents: Contents, roster: Roster, now: float) -> Iterator[Check]:
    """Where people come from, and what of it cannot be used. Raises `StoreUnavailable`."""
    latest = roster.store.latest()
    if settings.scim_token:
        count, at = latest.get(SCIM, (0, 0.0))
        if not settings.url.startswith("https://"):
            mend = "set server.public_url to the https address that your identity provider calls"
            yield Check("SCIM", "note", f"on at {settings.url}/scim/v2, without TLS", mend)
        elif not at:
            yield Check(
                "SCIM", "note", f"on at {settings.url}/scim/v2; nothing has come yet", "give it to your provider"
            )
        else:
            yield Check("SCIM", "ok", f"{count} people, the last change {max(0, int((now - at) // 86_400))} days ago")
    if settings.slack_directory and "slack" not in settings.channels:
        yield Check(
            "people from Slack", "note", "slack.directory is set, but not the channel", "add slack to channels.use"
        )
    notes = [(profile.person.id, note) for profile in contents.directory.profiles() for note in profile.notes]
    if notes:
        who, (code, detail) = notes[0]
        says = f"{len(notes)} entries cannot be used as they are, the first: {who}, {code} {detail}"
        yield Check("people", "note", says, "correct them where they come from; the console shows all, under People")


def habits(contents: Contents, usual: Callable[[], Hours], person: Person) -> Habits:
    """When somebody works, as the directory says it."""
    profile = contents.directory.profile(person.id)
    if profile is None:
        return Habits()
    return Habits(own_hours(profile.days, profile.hours, usual()), profile.region, profile.leave)


def has_left(contents: Contents, identities: Identities, key: str) -> bool:
    """Whether somebody was in the directory and is no longer: their tips stop where they are."""
    met = identities.as_met(key) if key else None
    profile = contents.directory.profile(met.id) if met else None
    return profile is not None and contents.directory.find(profile.person.id) is None


def _forget(roster: Roster, profile: Profile) -> list[str]:
    said = [one for one in profile.said if one.source != FILE]
    if said:
        with roster.db.tx() as tx:
            roster.store.lock(tx)
            for one in said:
                roster.store.remove(tx, one.source, USER, one.id)
    told = [_BY_HAND.get(one.source, "") for one in said if one.active is not False]
    return [f"{profile.person.id} {text}" for text in told if text]
