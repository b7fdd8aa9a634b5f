"""Who may talk to us: the check that every request to the messaging endpoint passes before anything is believed.

A request needs a token that is present, well formed, signed with RS256 by a key of the platform's OpenID metadata that is
endorsed for the channel, in time, from exactly our issuer, for exactly our app id; the activity must name the service
address that the token names, and a tenant that we serve. (learn.microsoft.com: "Authenticate requests with the Bot
Connector API".) Keys are cached, fetched again on an unknown key id, with a time-out and on the event loop.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx
import jwt

from adapters.outgoing import decoded
from bot.health import Check

log = logging.getLogger(__name__)
CHANNEL_ID: Final = "msteams"
LEEWAY: Final = 300.0  # seconds two clocks may differ (the platform's own figure)
KEPT: Final = 24 * 3600.0  # after this long keys are fetched anew even if none is missing
FETCHED_BY: Final = 8.0  # seconds that both requests of a fetch may take together, however slowly bytes drip
REST: Final = 5.0  # seconds that a metadata service which did not answer is left alone
REFETCHES: Final = 6  # unknown key ids that may cause a fetch in a minute: anybody can make ids up
TOKEN_CHARACTERS: Final = 16_384
REMEMBERED: Final = 256  # genuine tokens; a key that is fetched anew makes them be checked anew


class Denied(Exception):
    """401. The text is for our log; the caller learns nothing."""


class KeysUnavailable(Exception):
    """503: there are no keys to check anything with, and they cannot be fetched now."""


@dataclass(frozen=True)
class Trust:
    """What must hold. `tenants` are directory ids that we serve."""

    app_id: str
    tenants: frozenset[str]
    issuer: str


@dataclass(frozen=True)
class SigningKey:
    """One key of the metadata and the channels it is endorsed for."""

    key: jwt.PyJWK
    endorsements: frozenset[str]


class Keys:
    """The platform's signing keys, by id. One fetch at a time; whoever waits for one that fails shares its failure, and
    known keys go on serving."""

    def __init__(self, client: Callable[[], httpx.AsyncClient], metadata_url: str,
                 clock: Callable[[], float] = time.monotonic, *, fetched_by: float = FETCHED_BY) -> None:  # fmt: skip
        self._client, self._url, self._clock, self._fetched_by = client, metadata_url, clock, fetched_by
        self._keys: Mapping[str, SigningKey] = {}
        self._fetched = self._rest_until = -KEPT
        self._failures = 0
        self._refetches: list[float] = []
        self._lock: asyncio.Lock | None = None
        self._trouble = ""

    async def get(self, kid: str) -> SigningKey:
        """The key of this id. Raises `Denied` if the platform has none, `KeysUnavailable` if that cannot be known."""
        if kid not in self._keys:
            await self._refetch(kid)
        if key := self._keys.get(kid):
            return key
        if not self._keys:
            raise KeysUnavailable(self._trouble)
        raise Denied("unknown key")

    async def tend(self) -> None:
        """Fetch keys that are missing, older than `KEPT`, or could not be fetched the last time."""
        if not self._keys or self._trouble or self._clock() - self._fetched > KEPT:
            await self._refetch("")

    def health(self) -> Check:
        """Whether requests can be checked."""
        mend = "the endpoint answers 503 until the sign-in metadata can be read" if not self._keys else ""
        if self._trouble:
            return Check("teams keys", "note" if self._keys else "bad", self._trouble, mend)
        if not self._keys:
            return Check("teams keys", "note", "not fetched yet")
        return Check("teams keys", "ok", f"{len(self._keys)} keys")

    async def _refetch(self, kid: str) -> None:
        self._lock = self._lock or asyncio.Lock()
        fetched, failures = self._fetched, self._failures
        async with self._lock:
            if kid in self._keys or (not kid and self._fetched != fetched) or self._failures != failures:
                return  # somebody else has just tried
            if self._clock() < self._rest_until or not self._may_fetch():
                return
            try:
                async with asyncio.timeout(self._fetched_by):
                    self._keys = await self._fetch()
                self._fetched, self._trouble = self._clock(), ""
            except (httpx.HTTPError, TimeoutError, ValueError, KeyError, TypeError, jwt.PyJWTError) as error:
                self._failed(type(error).__name__)

    def _failed(self, name: str) -> None:
        self._failures += 1
        self._rest_until = self._clock() + REST
        self._trouble = f"the signing keys cannot be fetched ({name})"
        log.warning("signing keys not fetched", extra={"error": name})

    def _may_fetch(self) -> bool:
        now = self._clock()
        self._refetches = [at for at in self._refetches if now - at < 60.0]
        if len(self._refetches) >= REFETCHES:
            return False
        self._refetches.append(now)
        return True

    async def _fetch(self) -> Mapping[str, SigningKey]:
        client = self._client()
        metadata = decoded((await client.get(self._url)).raise_for_status().content)
        address = str(metadata["jwks_uri"])
        if httpx.URL(address).scheme != httpx.URL(self._url).scheme:
            raise ValueError("the keys are not where the metadata is")
        found = decoded((await client.get(address)).raise_for_status().content)
        return {str(item["kid"]): key for item in found["keys"] if (key := _signing_key(item))}


def _signing_key(item: Mapping[str, Any]) -> SigningKey | None:
    """RSA keys for signatures; anything else in the list is not for us."""
    if item.get("kty") != "RSA" or item.get("use", "sig") != "sig":
        return None
    return SigningKey(jwt.PyJWK(dict(item), algorithm="RS256"), frozenset(item.get("endorsements", ())))


class InboundCheck:
    """Checks one request: first the token, then (`admits`) what it says against the activity."""

    def __init__(self, trust: Trust, keys: Keys) -> None:
        if not trust.app_id:
            raise ValueError("an empty app id would accept tokens of anybody")
        self._trust, self._keys = trust, keys
        self._genuine: OrderedDict[str, tuple[str, SigningKey | None, Mapping[str, Any]]] = OrderedDict()

    async def claims(self, authorization: str) -> Mapping[str, Any]:
        """The claims of a genuine token. Raises `Denied`, `KeysUnavailable`; nothing else, whatever the text is."""
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.casefold() != "bearer" or not token or len(token) > TOKEN_CHARACTERS:
            raise Denied("no token")
        if found := await self._remembered(token):
            return found
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise Denied("not a token") from error
        kid = header.get("kid")
        if header.get("alg") != "RS256" or not isinstance(kid, str) or not kid:
            raise Denied("not signed the way we accept")
        key = await self._keys.get(kid)
        if CHANNEL_ID not in key.endorsements:
            raise Denied("the key is not endorsed for this channel")
        claims = self._decoded(token, key)
        self._genuine[token] = (kid, key, claims)
        while len(self._genuine) > REMEMBERED:
            self._genuine.popitem(last=False)
        return claims

    async def _remembered(self, token: str) -> Mapping[str, Any] | None:
        """The platform uses a token for an hour: the same bytes under the same key need their signature checked once."""
        kid, key, claims = self._genuine.get(token, ("", None, {}))
        if key is None or time.time() >= float(claims["exp"]) or await self._keys.get(kid) is not key:
            self._genuine.pop(token, None)
            return None
        return claims

    def _decoded(self, token: str, key: SigningKey) -> Mapping[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(
                token, key.key, algorithms=["RS256"], audience=self._trust.app_id, issuer=self._trust.issuer,
                leeway=LEEWAY, options={"require": ["exp", "iss", "aud"], "strict_aud": True},
            )  # fmt: skip
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise Denied(type(error).__name__) from error
        return claims

    def admits(self, claims: Mapping[str, Any], activity: Mapping[str, Any]) -> None:
        """Raises `Denied` unless the token was made for this activity, and its tenant is one we serve."""
        if activity.get("channelId") != CHANNEL_ID:
            raise Denied("another channel")
        named = claims.get("serviceurl", claims.get("serviceUrl"))
        if not isinstance(named, str) or not named or named != activity.get("serviceUrl"):
            raise Denied("the service address is not the token's")
        admit_tenant(activity, self._trust.tenants)


def admit_tenant(activity: Mapping[str, Any], tenants: Collection[str]) -> None:
    """Raises `Denied` for a tenant we do not serve. Only `channelData.tenant.id` counts: the other places are unset."""
    if tenant_of(activity) not in tenants:
        raise Denied("another tenant")


def tenant_of(activity: Mapping[str, Any]) -> str:
    """The tenant an activity comes from, "" if it does not say."""
    data = activity.get("channelData")
    tenant = data.get("tenant") if isinstance(data, Mapping) else None
    found = tenant.get("id") if isinstance(tenant, Mapping) else None
    return found if isinstance(found, str) else ""
