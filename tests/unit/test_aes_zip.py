"""The encrypted archive, taken apart by the format's description."""

from __future__ import annotations

import hashlib
import hmac
import io
import struct
import zipfile
import zlib

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from adapters.web.aes_zip import PASSWORD, aes_zip


def opened(archive: bytes, password: str) -> bytes:
    (info,) = zipfile.ZipFile(io.BytesIO(archive)).infolist()
    assert (info.compress_type, info.flag_bits & 1) == (99, 1)
    header, size, version, vendor, strength, method = struct.unpack("<HHH2sBH", info.extra)
    assert (header, size, version, vendor, strength, method) == (0x9901, 7, 2, b"AE", 3, 8)
    name, extra = struct.unpack("<HH", archive[info.header_offset + 26 : info.header_offset + 30])
    start = info.header_offset + 30 + name + extra
    payload = archive[start : start + info.compress_size]
    salt, check, body, mac = payload[:16], payload[16:18], payload[18:-10], payload[-10:]
    keys = hashlib.pbkdf2_hmac("sha1", password.encode(), salt, 1000, 66)
    if check != keys[64:]:
        raise ValueError("wrong password")
    assert hmac.new(keys[32:64], body, hashlib.sha1).digest()[:10] == mac
    clear = b""
    for number in range(0, len(body), 16):
        encryptor = Cipher(algorithms.AES(keys[:32]), modes.ECB()).encryptor()
        stream = encryptor.update((number // 16 + 1).to_bytes(16, "little"))
        clear += bytes(left ^ right for left, right in zip(body[number : number + 16], stream, strict=False))
    return zlib.decompress(clear, -15)


@pytest.mark.parametrize("data", [b"", b"x", b"From: a@b\r\n" * 500, bytes(range(256)) * 5])
def test_what_went_in_comes_out(data: bytes) -> None:
    archive = aes_zip("mail.eml", data)
    assert opened(archive, PASSWORD) == data
    # One byte is in any archive by chance; sixteen in a row are not.
    assert len(data) < 16 or data[:60] not in archive


def test_it_cannot_be_opened_by_accident() -> None:
    archive = aes_zip("mail.eml", b"hello")
    with pytest.raises(ValueError, match="password"):
        opened(archive, "another")
    with pytest.raises((RuntimeError, NotImplementedError)):
        zipfile.ZipFile(io.BytesIO(archive)).read("mail.eml")
