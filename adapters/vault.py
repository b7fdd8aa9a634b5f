"""`Vault`: keys with versions, one derived key a purpose, AES-256-GCM for secrets and HMAC-SHA256 for digests.

Keys are lines `v2:<base64 of 32 bytes>`, newest first. The newest seals; the others still open what they sealed.
A line `+v3:…` is held, but does not seal yet: so a key gets to every replica before the first one uses it.
Digests are made with the *oldest* key, always: they are names (who somebody is, what a row of the audit log was), and
a name that changed with every new key would be lost.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
import secrets
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bot.errors import ConfigError
from bot.ports import Db

FILE = "secdesk.key"
_BYTES = 32
_NONCE = 12  # bytes, random: NIST SP 800-38D allows 2**32 messages a key
_LINE = re.compile(r"(?P<held>\+)?(?:v(?P<version>[1-9]\d{0,3}):)?(?P<key>[A-Za-z0-9+/_-]{42,44}={0,2})")
_MEND = "give the lines v1:<base64 of 32 random bytes>, newest first, as the file secdesk.key holds them"
_SEALED = re.compile(rb"v(\d{1,4}):", re.DOTALL)


class KeyVault:
    """`Vault` over the keys of this installation, by version. `repr` shows versions only."""

    def __init__(self, keys: Mapping[int, bytes], seals: int = 0) -> None:
        """`seals` is the version that seals; 0 for the newest."""
        if not keys:
            raise ConfigError(f"SECDESK_KEY holds no key: {_MEND}")
        self._keys = dict(keys)
        self.seals = seals or max(keys)
        self._derived = lru_cache(maxsize=256)(self._derive)

    def __repr__(self) -> str:
        return f"KeyVault(versions={sorted(self._keys)})"

    def seal(self, purpose: str, data: bytes) -> bytes:
        """`v<version>:` + nonce + ciphertext and tag; the prefix and the purpose are authenticated."""
        version = self.seals
        prefix = b"v%d:" % version
        nonce = os.urandom(_NONCE)
        return prefix + nonce + AESGCM(self._derived(version, "seal", purpose)).encrypt(nonce, data, prefix)

    def unseal(self, purpose: str, data: bytes) -> bytes:
        """Raises `ConfigError` if the key is not held, or if the data was changed or sealed for another purpose."""
        match = _SEALED.match(data)
        version = int(match[1]) if match else 0
        if match is None or version not in self._keys:
            raise ConfigError(f"data was sealed with key version {version or '?'}, which SECDESK_KEY does not hold")
        body = data[match.end() :]
        cipher = AESGCM(self._derived(version, "seal", purpose))
        try:
            return cipher.decrypt(body[:_NONCE], body[_NONCE:], match[0])
        except (InvalidTag, ValueError):
            raise ConfigError("sealed data does not open: it was changed, or sealed with another key") from None

    def resealed(self, purpose: str, data: bytes) -> bytes | None:
        """The same under the key that seals now; None if it is already. Raises as `unseal` does."""
        return None if data.startswith(b"v%d:" % self.seals) else self.seal(purpose, self.unseal(purpose, data))

    def digest(self, purpose: str, data: bytes) -> str:
        return hmac.new(self._derived(min(self._keys), "digest", purpose), data, hashlib.sha256).hexdigest()

    def check(self, db: Db) -> None:
        """Compare our keys with those the database was used with; the first to come leaves its check values there.

        Raises `ConfigError` if a key differs or one is missing here.
        """
        ours = {f"key.v{version}": self._check_value(version) for version in self._keys if version <= self.seals}
        with db.tx() as tx:
            for name, value in ours.items():
                tx.execute(
                    "INSERT INTO setting (name, value, updated_at) VALUES (:name, :value, :at)"
                    " ON CONFLICT (name) DO NOTHING",
                    name=name, value=value, at=time.time(),
                )  # fmt: skip
            rows = tx.query("SELECT name, value FROM setting WHERE name LIKE 'key.v%'")
            for name, value in sorted((str(row["name"]), str(row["value"])) for row in rows):
                self._compare(name.removeprefix("key."), ours.get(name), value)

    @staticmethod
    def _compare(version: str, ours: str | None, theirs: str) -> None:
        if ours is None:
            raise ConfigError(f"the database is used with key {version}, which SECDESK_KEY does not hold: add its line")
        if not hmac.compare_digest(ours, theirs):
            raise ConfigError(
                f"key {version} is not the one this database was made with: use the same SECDESK_KEY or secdesk.key "
                "on every replica, or restore the key file that belongs to this database"
            )

    def _check_value(self, version: int) -> str:
        return hmac.new(self._derived(version, "check", "setting"), b"secdesk", hashlib.sha256).hexdigest()

    def _derive(self, version: int, use: str, purpose: str) -> bytes:
        info = f"secdesk/{use}/{purpose}".encode()
        return HKDF(algorithm=SHA256(), length=_BYTES, salt=None, info=info).derive(self._keys[version])


def open_vault(key: str, data_dir: Path) -> KeyVault:
    """The vault of `key` (the value of SECDESK_KEY), or, if that is empty, of the key file in the data folder.

    The file is made with a fresh key and mode 0600 if it is not there. Raises `ConfigError` if a key cannot be read, or
    if others can read the file.
    """
    if key.strip():
        return KeyVault(*read_keys(key, "SECDESK_KEY"))
    path = data_dir / FILE
    try:
        if not path.exists():
            _make(path)
        if path.stat().st_mode & 0o007:
            raise ConfigError(f"everybody on this machine can read {path}: run chmod 600 on it")
        return KeyVault(*read_keys(path.read_text("ascii"), str(path)))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: the key file cannot be read or made ({type(error).__name__})") from None


def parse_keys(text: str, source: str) -> dict[int, bytes]:
    """Keys by version, as `read_keys`."""
    return read_keys(text, source)[0]


def read_keys(text: str, source: str) -> tuple[dict[int, bytes], int]:
    """(keys by version, the version that seals). One line without a version is version 1.

    Raises `ConfigError`, which never repeats the text.
    """
    keys: dict[int, bytes] = {}
    seals = 0
    for line in re.split(r"[\s,]+", text.strip()):
        match = _LINE.fullmatch(line)
        key = _decoded(match["key"]) if match else b""
        if match is None or len(key) != _BYTES:
            raise ConfigError(f"{source}: a key cannot be read: {_MEND}")
        version = int(match["version"] or 1)
        if version in keys:
            raise ConfigError(f"{source}: version {version} is there twice: number a new key one higher")
        keys[version] = key
        if match["held"] is None:
            seals = max(seals, version)
        elif seals:
            raise ConfigError(f"{source}: only the newest keys may be held back: take the + from version {version}")
    if list(keys) != sorted(keys, reverse=True):
        raise ConfigError(f"{source}: put the newest key first")
    if not seals:
        raise ConfigError(f"{source}: every key is held back: take the + from the newest one that seals")
    return keys, seals


def new_line(held: Mapping[int, bytes]) -> str:
    """A line with a fresh key one version above, held back at first."""
    return f"+v{max(held) + 1}:{base64.b64encode(secrets.token_bytes(_BYTES)).decode()}"


def rewrite(data_dir: Path, change: Callable[[str], str]) -> None:
    """Change the text of the key file; it is there whole at every moment. Raises `ConfigError` as reading it does."""
    path = data_dir / FILE
    text = change(path.read_text("ascii"))
    read_keys(text, str(path))
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    _write(draft, text)
    draft.replace(path)
    _sync_folder(path.parent)


def _decoded(key: str) -> bytes:
    """Base64, also of the URL alphabet and without its padding; b"" for anything else."""
    bare = key.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except binascii.Error:
        return b""


def _make(path: Path) -> None:
    """Write a new key. Two processes that start at once keep the same one: a link never replaces a file."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    line = "v1:" + base64.b64encode(secrets.token_bytes(_BYTES)).decode() + "\n"
    try:
        _write(draft, line)
        try:
            os.link(draft, path)
        except FileExistsError:
            return
        except OSError:  # a file system without links
            draft.replace(path)
        _sync_folder(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def _write(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
