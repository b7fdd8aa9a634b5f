"""An existing FAQ into the organisation's own folder, as drafts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from bot.answering.checking import Known, label_of
from bot.answering.emergency_book import load as emergencies
from bot.answering.faq import Given, Imported, import_rows
from bot.answering.knowledge import read_answers
from bot.answering.proposals import slug
from bot.answering.rules import load_banned
from bot.answering.spreadsheet import FILE_BYTES, Line, Unreadable, is_workbook, read_spreadsheet
from bot.app.contents import answer_vocabulary
from bot.content import Faults, packaged_shelf
from bot.errors import ConfigError, TooLarge
from bot.kept import replace_file
from bot.organisation import Organisation, load_organisation
from bot.settings import Settings


def import_answers(
    settings: Settings, path: Path, *, author: str, owner: str, group: str, language: str, write: bool
) -> Imported:
    """Turn the rows of a sheet into files, never over one that is there. Raises `ConfigError`, `OSError`.

    `author`, `owner`, `group` and `language` are for rows that say nothing else; "" takes the first there is.
    """
    shelf = packaged_shelf(settings.knowledge)
    faults = Faults()
    org = load_organisation(shelf, faults)
    faults.check()
    assert org is not None  # noqa: S101 (check() has raised otherwise)
    vocabulary = answer_vocabulary(org, tuple(emergencies(shelf).kinds), alone=not settings.approval)
    library = read_answers(shelf, vocabulary, Faults())
    lines = _lines(path)
    given = _given(org, path, author=author, owner=owner, group=group, language=language)
    done = import_rows(lines, Known.of(library), vocabulary, load_banned(shelf, Faults()), given)
    for draft in done.drafts if write else ():
        target = settings.knowledge / label_of(draft.name)
        if not target.exists():
            _write(target, draft.text.encode())
    return done


def _write(path: Path, data: bytes) -> None:
    replace_file(path, lambda out: out.write(data))


def _lines(path: Path) -> list[Line]:
    if path.stat().st_size > FILE_BYTES:
        raise ConfigError(f"{path}: more than {FILE_BYTES >> 20} MB are not read; split the file")
    try:
        return read_spreadsheet(path.name, path.read_bytes())
    except (Unreadable, TooLarge) as error:
        raise ConfigError(f"{path}: {error}") from None


def _given(org: Organisation, path: Path, *, author: str, owner: str, group: str, language: str) -> Given:
    groups = {name.casefold(): key for key, texts in org.groups.items() for name in (key, *texts.values())}
    owners = {name.casefold(): key for key, label in org.file.owners.items() for name in (key, label)}
    for wanted, known, what in ((owner, owners, "owner"), (group, groups, "subject")):
        if wanted and wanted.casefold() not in known:
            raise ConfigError(f"there is no {what} {wanted}; there are: {', '.join(sorted(set(known.values())))}")
    return Given(
        author=slug(author or "faq-import"), language=language or org.file.language,
        owner=owners.get(owner.casefold()) or next(iter(org.file.owners), "helpdesk"),
        group=groups.get(group.casefold()) or next(iter(org.groups)), today=datetime.now(UTC).date(), file=path.name,
        groups=groups, owners=owners, unit="row" if is_workbook(path.read_bytes()) else "line",
    )  # fmt: skip
