"""Signatures of our webhooks, the same in every direction: `X-Secdesk-Signature: t=TIME,v1=HEX`.

HEX is HMAC-SHA256 with the shared secret over `TIME.BODY`; TIME is in epoch seconds and may be five minutes away. What was taken
once is not taken again (`id` of what comes, `key` of what goes), so that nothing can be played back within these minutes either.
"""

from __future__ import annotations

import hashlib
import hmac
import re

HEADER = "X-Secdesk-Signature"
WINDOW = 300.0  # seconds
_SHAPE = re.compile(r"t=(\d{1,12}),v1=([0-9a-f]{64})\Z")


def signature(secret: str, at: int, body: bytes) -> str:
    """The header's value for a body that is sent at `at`."""
    mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={mac}"


def genuine(secret: str, header: str, body: bytes, now: float) -> bool:
    """Whether somebody who knows the secret sent this body lately."""
    found = _SHAPE.match(header)
    if not secret or found is None or abs(now - int(found[1])) > WINDOW:
        return False
    return hmac.compare_digest(signature(secret, int(found[1]), body).encode(), header.encode())
