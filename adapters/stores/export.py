"""Reading every table out, whatever there is: rows as plain values, what is sealed opened by whoever holds the keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from bot.learning.pseudonym import Codes
from bot.partners.pulse import code_of
from bot.ports import Db, Row

# Tables whose bytes are sealed: (key column, sealed column, purpose of the key, what it holds).
SEALED: Mapping[str, tuple[str, str, str, Literal["json", "text", "file"]]] = {
    "identity": ("pseudonym", "sealed", "identity", "json"),
    "mail": ("sha256", "body", "mail", "file"),
    "mail_action": ("id", "target", "mail_action", "json"),
    "attachment": ("id", "body", "attachment", "file"),
    "caller_code": ("id", "code", "caller-code", "text"),
    "letter": ("id", "sealed", "letter", "json"),
    "procedure_text": ("id", "sealed", "procedure.text", "json"),
    "procedure_file": ("id", "body", "procedure.file", "file"),
    "roster": ("id", "sealed", "roster", "json"),
    "slack_user": ("digest", "sealed", "slack.people", "json"),
    "teams_user": ("digest", "sealed", "teams", "json"),
}
# Not for export: keys of others to us, of browsers to the console and of programs to the API.
SECRET = frozenset({"slack_install", "slack_state", "console_link", "console_session", "api_token", "api_request"})


@dataclass(frozen=True)
class SqlExport:
    """Tables of one database."""

    db: Db

    def tables(self) -> list[str]:
        """Every table that may leave, by name."""
        sql = {
            "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
            "postgresql": "SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema()",
        }[self.db.dialect]
        return sorted(str(row["name"]) for row in self.db.query(sql) if row["name"] not in SECRET)

    def rows(self, table: str) -> Iterator[Row]:
        """Rows of a table; the sealed column of one in `SEALED` is read row by row, since it may hold whole mails."""
        if table not in SEALED:
            yield from self.db.query(f'SELECT * FROM "{table}"')  # noqa: S608 (named by the database itself)
            return
        key, _, _, _ = SEALED[table]
        for name in self.db.query(f'SELECT {key} AS name FROM "{table}" ORDER BY {key}'):  # noqa: S608
            yield from self.db.query(f'SELECT * FROM "{table}" WHERE {key} = :name', name=name["name"])  # noqa: S608


# Columns that hold a pseudonym and make the row this person's own. What they did at the desk for others is not.
_MINE = ("person", "requester", "author", "who", "pseudonym", "behalf")
# Of what is secret, what may be known of one's own: not what lets somebody in.
_OPEN: Mapping[str, str] = {
    "api_token": "id, name, scopes, created_at, expires_at, revoked_at, used_at",  # nosec B105 (columns)
    "console_session": "id, via, roles, created_at, seen_at, expires_at, device",
}
_NOT_MINE = frozenset({"page_try", "measure"})  # `who` is a name there; figures are nobody's


@dataclass(frozen=True)
class SqlPersonExport:
    """Every row of every table that is one person's, whatever tables there are: found by the names of their columns."""

    db: Db
    codes: Codes

    def of(self, person: str, conversation: str, at: float) -> Iterator[tuple[str, list[Row]]]:
        """(table, rows) where there are any. `conversation` is theirs in the local web chat."""
        for table in SqlExport(self.db).tables():
            mine = [name for name in self._columns(table) if name in _MINE]
            if mine and table not in _NOT_MINE:
                where = " OR ".join(f"{name} = :p" for name in mine)
                yield from self._some(table, where, p=person)
        for table, columns in _OPEN.items():
            yield from self._some(table, "person = :p", columns, p=person)
        yield from self._some("memory", "person = :code", code=self.codes.memory(person))
        for row in self.db.query("SELECT DISTINCT quarter FROM partner_pulse"):
            code = code_of(self.codes.digest, person, str(row["quarter"]))
            yield from self._some("partner_pulse", "quarter = :q AND code = :code", q=row["quarter"], code=code)
        for code in self.codes.kept(person, at):
            yield from self._some("lesson_answer", "who = :code", code=code)
        own = "ticket IN (SELECT number FROM ticket WHERE requester = :p)"
        yield from self._some("ticket_event", f"actor = :p OR (visible = 1 AND {own})", p=person)
        yield from self._some("web_post", "conversation = :c", c=conversation)
        yield from self._some("answer_change", "approver = :p", "id, entry, state, note, decided_at", p=person)
        reported = "sha256 IN (SELECT sha256 FROM submission WHERE person = :p)"
        yield from self._some("mail", reported, p=person)

    def _some(self, table: str, where: str, columns: str = "*", **params: object) -> Iterator[tuple[str, list[Row]]]:
        rows = self.db.query(f'SELECT {columns} FROM "{table}" WHERE {where}', **params)  # noqa: S608 (named by the database itself)
        if rows:
            yield table, rows

    def _columns(self, table: str) -> list[str]:
        if self.db.dialect == "sqlite":
            return [str(row["name"]) for row in self.db.query(f'PRAGMA table_info("{table}")')]
        sql = """SELECT column_name AS name FROM information_schema.columns
                 WHERE table_schema = current_schema() AND table_name = :t"""
        return [str(row["name"]) for row in self.db.query(sql, t=table)]
