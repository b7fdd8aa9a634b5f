"""SQL of the organisation's own content: one text for SQLite and PostgreSQL."""

from __future__ import annotations

import hashlib

from adapters.stores.sqltext import next_number
from bot.errors import Conflict
from bot.ports import Db, Row, Tx, Vault
from bot.shared_folder import Aside, Head

PURPOSE = "content"
_HEADS = "SELECT f.path, f.version, f.sha, v.who FROM content_file f JOIN content_version v ON v.version = f.version"
PERSONAL = frozenset({"people.yaml", "oncall.yaml"})  # who is forgotten must not live on in older versions


class SqlContentStore:
    """Implements `bot.shared_folder.ContentStore`."""

    def __init__(self, db: Db, vault: Vault) -> None:
        self._db, self._vault = db, vault

    def newest(self) -> int:
        return int(self._db.query("SELECT n FROM counter WHERE name = 'content'")[0]["n"])

    def heads(self, after: int) -> list[Head]:
        return [
            _head(row) for row in self._db.query(f"{_HEADS} WHERE f.version > :after ORDER BY f.version", after=after)
        ]

    def head(self, path: str) -> Head | None:
        rows = self._db.query(f"{_HEADS} WHERE f.path = :path", path=path)
        return _head(rows[0]) if rows else None

    def data(self, path: str) -> bytes | None:
        rows = self._db.query("SELECT sealed FROM content_file WHERE path = :path AND gone = 0", path=path)
        return self._vault.unseal(PURPOSE, bytes(rows[0]["sealed"])) if rows else None

    def had(self, path: str, sha: str) -> bool:
        sql = "SELECT 1 AS had FROM content_version WHERE path = :path AND sha = :sha LIMIT 1"
        return bool(self._db.query(sql, path=path, sha=sha))

    def put(self, path: str, data: bytes | None, base: int, who: str, at: float) -> int:
        row = self._row(path, data, base, who, at)
        with self._db.tx() as tx:
            row["version"] = next_number(tx, "content")  # whoever else writes waits: versions come into sight in order
            head = {name: row[name] for name in ("path", "version", "sha", "gone", "sealed")}
            sql = """INSERT INTO content_file (path, version, sha, gone, sealed) VALUES (:path, :version, :sha, :gone, :sealed)
                     ON CONFLICT (path) DO UPDATE SET version = excluded.version, sha = excluded.sha, gone = excluded.gone,
                         sealed = excluded.sealed WHERE content_file.version = :base RETURNING version"""
            stored = tx.query("SELECT version FROM content_file WHERE path = :path", path=path)
            if (int(stored[0]["version"]) if stored else 0) != base or not tx.query(sql, base=base, **head):
                raise Conflict("somebody else has changed this file")
            if path in PERSONAL:
                tx.execute("UPDATE content_version SET sealed = :none WHERE path = :path", none=b"", path=path)
                row["sealed"] = b""
            _add(tx, row, aside=0)
            return int(row["version"])  # type: ignore[call-overload, no-any-return]

    def set_aside(self, path: str, data: bytes, base: int, who: str, at: float) -> None:
        row = self._row(path, data, base, who, at)
        with self._db.tx() as tx:
            row["version"] = next_number(tx, "content")
            known = "SELECT 1 AS had FROM content_version WHERE path = :path AND sha = :sha AND aside <> 0"
            if not tx.query(known, path=path, sha=row["sha"]):
                _add(tx, row, aside=1)

    def asides(self) -> list[Aside]:
        sql = "SELECT version, path, who, at FROM content_version WHERE aside = 1 ORDER BY version"
        return [Aside(int(row["version"]), row["path"], row["who"], row["at"]) for row in self._db.query(sql)]

    def aside(self, version: int) -> tuple[str, bytes] | None:
        sql = "SELECT path, sealed FROM content_version WHERE version = :version AND aside = 1"
        rows = self._db.query(sql, version=version)
        return (str(rows[0]["path"]), self._vault.unseal(PURPOSE, bytes(rows[0]["sealed"]))) if rows else None

    def settle(self, version: int) -> bool:
        with self._db.tx() as tx:
            return tx.execute("UPDATE content_version SET aside = 2 WHERE version = :v AND aside = 1", v=version) == 1

    def _row(self, path: str, data: bytes | None, base: int, who: str, at: float) -> dict[str, object]:
        sha = hashlib.sha256(data).hexdigest() if data is not None else ""
        return {"path": path, "base": base, "sha": sha, "gone": int(data is None), "who": who, "at": at,
                "sealed": self._vault.seal(PURPOSE, data or b"")}  # fmt: skip


def _add(tx: Tx, row: dict[str, object], *, aside: int) -> None:
    sql = """INSERT INTO content_version (version, path, base, sha, gone, aside, who, at, sealed)
             VALUES (:version, :path, :base, :sha, :gone, :aside, :who, :at, :sealed)"""
    tx.execute(sql, aside=aside, **row)


def _head(row: Row) -> Head:
    return Head(str(row["path"]), int(row["version"]), str(row["sha"]), str(row["who"]))
