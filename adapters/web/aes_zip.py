"""A zip with one file, encrypted with AES-256 as WinZip AE-2 says (winzip.com, "AES Encryption Information", 2009).

Security people hand malware to each other in such archives, with a password everybody knows: it keeps mail gateways and virus
scanners from eating it and people from opening it by accident. It is no secret.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import struct
import zlib

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

PASSWORD = "infected"  # noqa: S105 # nosec B105 (by custom; it protects nothing)
_ROUNDS = 1000  # fixed by the format
_AES, _DEFLATE, _AE2, _AES256 = 99, 8, 2, 3
_UTF8_ENCRYPTED = 0x0801


def aes_zip(name: str, data: bytes, password: str = PASSWORD) -> bytes:
    """The archive. `name` is the file's name in it."""
    salt = os.urandom(16)
    keys = hashlib.pbkdf2_hmac("sha1", password.encode(), salt, _ROUNDS, 66)
    body = _counter_mode(keys[:32], _deflated(data))
    payload = salt + keys[64:] + body + hmac.new(keys[32:64], body, hashlib.sha1).digest()[:10]
    extra = struct.pack("<HHH2sBH", 0x9901, 7, _AE2, b"AE", _AES256, _DEFLATE)
    raw_name = name.encode()
    common = struct.pack(  # time and date: 1 January 1980; the checksum is 0 in AE-2
        "<HHHHHIIIHH", 51, _UTF8_ENCRYPTED, _AES, 0, 0x21, 0, len(payload), len(data), len(raw_name), len(extra)
    )
    local = b"PK\x03\x04" + common + raw_name + extra + payload
    central = b"PK\x01\x02" + struct.pack("<H", 51) + common + struct.pack("<HHHII", 0, 0, 0, 0, 0) + raw_name + extra
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)
    return local + central + end


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def _counter_mode(key: bytes, data: bytes) -> bytes:
    """AES in counter mode as zip has it: a little-endian counter that begins at 1."""
    blocks = b"".join(number.to_bytes(16, "little") for number in range(1, len(data) // 16 + 2))
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 # nosec B305 (of counters)
    stream = (encryptor.update(blocks) + encryptor.finalize())[: len(data)]
    return (int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(data), "big")
