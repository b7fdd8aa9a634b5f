"""Our own token for the connector: one an hour, not one a turn.

Three ways to prove who we are: a client secret, a certificate (a signed assertion, RFC 7523), or the managed identity of
the machine. A token is renewed behind the turns, while the old one is still good; a sign-in service that is slow or down
costs a time-out and is then left alone for a few seconds.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from adapters.outgoing import decoded, lasting
from bot.errors import ConfigError, RetryLater
from bot.health import Check

log = logging.getLogger(__name__)
EARLY: Final = 300.0  # seconds before its end that a token is renewed
LAST: Final = 20.0  # seconds before its end from which on a token is not used any more
SIGNED_IN_BY: Final = 8.0  # seconds one attempt may take, however slowly bytes drip
NEW: Final = 60.0  # seconds for which a token that the connector refuses is kept all the same
REST: Final = 5.0  # seconds a failing sign-in service is left alone


@dataclass(frozen=True)
class Credentials:
    """How we sign in. Exactly one of `secret`, `certificate` (a PEM file with key and certificate), `managed`."""

    app_id: str
    tenant: str
    secret: str = field(default="", repr=False)
    certificate: Path | None = None
    managed: bool = False
    login_url: str = "https://login.microsoftonline.com"
    scope: str = "https://api.botframework.com/.default"
    identity_url: str = "http://169.254.169.254/metadata/identity/oauth2/token"

    @property
    def kind(self) -> str:
        return "secret" if self.secret else "certificate" if self.certificate else "managed identity"

    @property
    def token_url(self) -> str:
        return f"{self.login_url.rstrip('/')}/{self.tenant}/oauth2/v2.0/token"


class Tokens:
    """The current token. Safe to ask from many turns at once: one request goes out."""

    def __init__(
        self,
        client: Callable[[], httpx.AsyncClient],
        credentials: Credentials,
        clock: Callable[[], float] = time.monotonic,
        *,
        signed_in_by: float = SIGNED_IN_BY,
    ) -> None:
        self._client, self._credentials, self._clock, self._signed_in_by = client, credentials, clock, signed_in_by
        self._token, self._since, self._until, self._rest_until = "", 0.0, 0.0, 0.0
        self._lock: asyncio.Lock | None = None
        self._behind: asyncio.Task[None] | None = None
        self._trouble = ""

    async def get(self) -> str:
        """A token that is good now. Raises `RetryLater` when there is none to be had."""
        if self._clock() < self._until - EARLY:
            return self._token
        if self._clock() < self._until - LAST:
            if self._behind is None or self._behind.done():
                self._behind = asyncio.ensure_future(self._renewed())
            return self._token
        await self._renewed()
        if self._clock() < self._until:
            return self._token
        raise RetryLater(self._trouble or "no token", max(1.0, self._rest_until - self._clock()))

    async def tend(self) -> None:
        """Look again whether a sign-in service that failed is back."""
        if self._trouble:
            await self._renewed()

    async def close(self) -> None:
        """End a renewal that is under way."""
        if self._behind and not self._behind.done():
            self._behind.cancel()
            await asyncio.wait({self._behind})

    def drop(self, token: str) -> None:
        """The connector has refused this one: do not use it again. One that is new is not to blame: another would fare alike."""
        if token == self._token and self._clock() - self._since > NEW:
            self._until = 0.0

    def health(self) -> Check:
        """Whether we can sign in."""
        if not self._trouble:
            return Check("teams sign-in", "ok", self._credentials.kind if self._token else "not needed yet")
        if self._clock() < self._until:
            return Check("teams sign-in", "note", self._trouble, "the token we have is still good")
        mend = "messages wait until the sign-in service answers; check app id, tenant and secret"
        return Check("teams sign-in", "bad", self._trouble, mend)

    async def _renewed(self) -> None:
        """One attempt for all who want one."""
        self._lock = self._lock or asyncio.Lock()
        async with self._lock:
            now = self._clock()
            if now >= self._rest_until and (self._trouble or now >= self._until - EARLY):
                await self._renew()

    async def _renew(self) -> None:
        try:
            async with asyncio.timeout(self._signed_in_by):
                answer = await self._ask()
            self._token, self._since = str(answer["access_token"]), self._clock()
            self._until = self._since + lasting(answer.get("expires_in", 3600))
            self._trouble = ""
        except httpx.HTTPStatusError as error:
            self._failed(
                f"the sign-in service refused us ({error.response.status_code} {_reason(error.response)}".rstrip() + ")"
            )
        except ConfigError as error:
            self._failed(str(error))
        except (httpx.HTTPError, TimeoutError, ValueError, KeyError, TypeError, AttributeError) as error:
            self._failed(f"the sign-in service cannot be reached ({type(error).__name__})")

    def _failed(self, trouble: str) -> None:
        self._trouble, self._rest_until = trouble, self._clock() + REST
        log.warning("no token for the connector: %s", trouble)

    async def _ask(self) -> Mapping[str, Any]:
        known = self._credentials
        if known.managed:
            params = {
                "api-version": "2018-02-01",
                "resource": known.scope.removesuffix("/.default"),
                "client_id": known.app_id,
            }
            answer = await self._client().get(known.identity_url, params=params, headers={"Metadata": "true"})
        else:
            form = {"grant_type": "client_credentials", "client_id": known.app_id, "scope": known.scope}
            answer = await self._client().post(known.token_url, data={**form, **proof(known)})
        found: Mapping[str, Any] = decoded(answer.raise_for_status().content)
        return found


def proof(known: Credentials) -> dict[str, str]:
    """The form fields that show who we are. Raises `ConfigError` when the certificate cannot be used."""
    if known.certificate is None:
        return {"client_secret": known.secret}
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    return {"client_assertion_type": kind, "client_assertion": assertion(known, known.certificate)}


def assertion(known: Credentials, path: Path) -> str:
    """A signed statement that we are the app (learn.microsoft.com: "certificate credentials")."""
    key, certificate = loaded(path)
    print_of = base64.urlsafe_b64encode(certificate.fingerprint(hashes.SHA256())).rstrip(b"=").decode()
    now = int(time.time())
    claims = {"aud": known.token_url, "iss": known.app_id, "sub": known.app_id, "jti": uuid.uuid4().hex, "nbf": now,
              "iat": now, "exp": now + 600}  # fmt: skip
    return jwt.encode(claims, key, algorithm="PS256", headers={"x5t#S256": print_of})  # type: ignore[arg-type]


def loaded(path: Path) -> tuple[PrivateKeyTypes, x509.Certificate]:
    """Private key and certificate of a PEM file. Raises `ConfigError`."""
    try:
        pem = path.read_bytes()
        return serialization.load_pem_private_key(pem, None), x509.load_pem_x509_certificate(pem)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(
            f"teams.certificate: {path} must be a PEM file with the private key and the certificate"
        ) from error


def _reason(response: httpx.Response) -> str:
    """The service's short error name; its longer text can repeat what we sent."""
    try:
        name = decoded(response.content).get("error", "")
    except (ValueError, AttributeError):
        return ""
    return name[:60] if isinstance(name, str) else ""
