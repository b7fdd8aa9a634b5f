"""SQL of the API's tokens and of requests that must have their effect once. One text for SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping

from bot.ports import Db, Row, Tx

_TOKEN = "id, name, person, scopes, created_by, created_at, expires_at, revoked_at, used_at"  # noqa: S105 # nosec B105 (columns)


class SqlTokenStore:
    """Implements `bot.tokens.TokenStore`."""

    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, tx: Tx, row: Mapping[str, object]) -> None:
        tx.execute(
            """INSERT INTO api_token (id, digest, name, person, scopes, created_by, created_at, expires_at, revoked_at, used_at)
               VALUES (:id, :digest, :name, :person, :scopes, :created_by, :created_at, :expires_at, :revoked_at, :used_at)""",
            **row,
        )

    def of_digest(self, digest: str) -> Row | None:
        rows = self._db.query(f"SELECT {_TOKEN} FROM api_token WHERE digest = :digest", digest=digest)  # noqa: S608
        return rows[0] if rows else None

    def all(self) -> list[Row]:
        return self._db.query(f"SELECT {_TOKEN} FROM api_token ORDER BY created_at DESC, id")  # noqa: S608

    def revoke(self, tx: Tx, token: str, at: float) -> bool:
        sql = "UPDATE api_token SET revoked_at = :at WHERE id = :id AND revoked_at = 0"
        return tx.execute(sql, id=token, at=at) == 1

    def used(self, token: str, at: float) -> None:
        with self._db.tx() as tx:
            tx.execute("UPDATE api_token SET used_at = :at WHERE id = :id", id=token, at=at)

    def begin(self, tx: Tx, token: str, key: str, digest: str, at: float) -> Row | None:
        first = tx.query(
            """INSERT INTO api_request (token, key, digest, at) VALUES (:token, :key, :digest, :at)
               ON CONFLICT DO NOTHING RETURNING key""",
            token=token, key=key, digest=digest, at=at,
        )  # fmt: skip
        if first:
            return None
        sql = "SELECT digest, status, body FROM api_request WHERE token = :token AND key = :key"
        return tx.query(sql, token=token, key=key)[0]

    def answered(self, token: str, key: str) -> bool:
        sql = "SELECT 1 FROM api_request WHERE token = :token AND key = :key"
        return bool(self._db.query(sql, token=token, key=key))

    def finish(self, tx: Tx, token: str, key: str, status: int, body: str) -> None:
        sql = "UPDATE api_request SET status = :status, body = :body WHERE token = :token AND key = :key"
        tx.execute(sql, token=token, key=key, status=status, body=body)

    def prune(self, tx: Tx, before: float) -> int:
        return tx.execute("DELETE FROM api_request WHERE at < :before", before=before)
