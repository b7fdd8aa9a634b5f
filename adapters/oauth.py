"""Access tokens for mail servers that take no passwords: Microsoft 365 (client credentials) and Google (service account).

Over the standard library: two POST requests are no reason for a client. A token is kept until five minutes before it ends.

Sources: Microsoft, "Authenticate an IMAP, POP or SMTP connection using OAuth" (scope `https://outlook.office365.com/.default`,
application permissions IMAP.AccessAsApp and SMTP.SendAsApp); Google, "Using OAuth 2.0 for Server to Server Applications"
(domain-wide delegation of `https://mail.google.com/`, RFC 7523).
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.error import HTTPError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import Request

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from adapters.outgoing import LOOPBACK, decoded, lasting, opened
from bot.errors import ChannelError, ConfigError, RetryLater

MICROSOFT_SCOPE = "https://outlook.office365.com/.default"
GOOGLE_SCOPE = "https://mail.google.com/"
EARLY = 300.0  # seconds before its end that a token is renewed
PATIENCE = 15.0
LATER = 60.0  # seconds to wait when nobody says how long


class Tokens(Protocol):
    """Gives an access token. Raises `ChannelError` when none can be had."""

    def __call__(self) -> str: ...

    def forget(self) -> None:
        """The server refused the last one: ask for another next time."""
        ...


class PostedTokens:
    """Tokens that a form gets at an address; the form is made anew for each request."""

    def __init__(self, url: str, form: Callable[[], Mapping[str, str]]) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in LOOPBACK:
            raise ConfigError(f"{url}: tokens are fetched over https only")
        self._url, self._form = url, form
        self._lock = threading.Lock()
        self._token, self._until = "", 0.0

    def __call__(self) -> str:
        with self._lock:
            if time.monotonic() >= self._until:
                answer = post(self._url, self._form())
                self._token = str(answer["access_token"])
                self._until = time.monotonic() + max(0.0, lasting(answer.get("expires_in", 0)) - EARLY)
            return self._token

    def forget(self) -> None:
        with self._lock:
            self._until = 0.0


def microsoft(tenant: str, client: str, secret: str, login: str, scope: str = MICROSOFT_SCOPE) -> PostedTokens:
    """Client credentials of an application: of mail that an administrator let into one mailbox, or what `scope` names."""
    form = {"grant_type": "client_credentials", "client_id": client, "client_secret": secret, "scope": scope}
    return PostedTokens(f"{login.rstrip('/')}/{quote(tenant, safe='')}/oauth2/v2.0/token", lambda: form)


def google(key: str, user: str) -> PostedTokens:
    """A service account's key (JSON) that may act for `user`. Raises `ConfigError` for what is no such key."""
    try:
        account = json.loads(key)
        url, client = str(account["token_uri"]), str(account["client_email"])
        private = serialization.load_pem_private_key(str(account["private_key"]).encode(), None)
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError("SECDESK_MAILBOX_GOOGLE_KEY is not the JSON key of a service account") from error
    if not isinstance(private, rsa.RSAPrivateKey):
        raise ConfigError("SECDESK_MAILBOX_GOOGLE_KEY: Google's keys are RSA keys")

    def form() -> Mapping[str, str]:
        now = int(time.time())
        claims = {"iss": client, "sub": user, "scope": GOOGLE_SCOPE, "aud": url, "iat": now, "exp": now + 3600}
        return {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": signed(claims, private)}

    return PostedTokens(url, form)


def signed(claims: Mapping[str, object], key: rsa.RSAPrivateKey) -> str:
    """A JWT signed with RS256 (RFC 7519)."""
    head = _coded(json.dumps({"alg": "RS256", "typ": "JWT"}).encode())
    body = f"{head}.{_coded(json.dumps(dict(claims)).encode())}"
    return f"{body}.{_coded(key.sign(body.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def post(url: str, form: Mapping[str, str]) -> Mapping[str, Any]:
    """The JSON answer to a form. Raises `RetryLater` where waiting helps, else `ChannelError`; the answer's text is never
    repeated, only its error code."""
    request = Request(url, urlencode(form).encode(), {"Accept": "application/json"})  # noqa: S310  (checked when made)
    try:
        with opened(request, timeout=PATIENCE) as answer:
            found = decoded(answer.read(1_000_000))
    except HTTPError as error:
        if error.code == 429 or error.code >= 500:
            raise RetryLater(f"no access token: the sign-in service says {error.code}", LATER) from error
        raise ChannelError(f"no access token: the sign-in service says {error.code} ({_code(error)})") from error
    except OSError as error:  # `URLError` is one
        what = f"no access token: the sign-in service cannot be reached ({type(error).__name__})"
        raise RetryLater(what, LATER) from error
    except ValueError as error:
        raise ChannelError("no access token: the sign-in service answered something that is no JSON") from error
    if not isinstance(found, dict) or not found.get("access_token"):
        raise ChannelError("no access token: the sign-in service's answer holds none")
    return found


def _code(error: HTTPError) -> str:
    try:
        return str(decoded(error.read(100_000))["error"])[:60]
    except (ValueError, KeyError, TypeError, OSError):
        return "no reason given"


def _coded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
