"""An OpenID Connect provider, as its client sees it: discovery, code with PKCE, ID tokens, signing keys, logout tokens.

Authlib and joserfc do the cryptography and the claims (imported only here, and only where sign-in is on). Requests go the way of
`adapters.outgoing`: no redirect, a time limit, a limit on size, proxies and certificates as the system has them.

Sources: OpenID Connect Core 1.0 (3.1.3.7: what to check of an ID token), Discovery 1.0 (4.3: the issuer has to be the one asked
for), RP-Initiated Logout 1.0, Back-Channel Logout 1.0 (2.6), RFC 7636 (PKCE), RFC 9207 (issuer in the answer).
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import quote_plus, urlencode, urlsplit
from urllib.request import Request

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry

from adapters.outgoing import LOOPBACK, decoded, opened
from bot.settings import Settings

log = logging.getLogger(__name__)
PATIENCE: Final = 10.0  # seconds for one answer of the provider
MOST: Final = 1_000_000  # bytes of one
SKEW: Final = 120  # seconds that the provider's clock may be off
FRESH: Final = 3600.0  # seconds that what the provider says of itself is kept
ASK_KEYS: Final = 30.0  # seconds between two looks for a new signing key
ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
)  # asymmetric ones only
LOGOUT: Final = "http://schemas.openid.net/event/backchannel-logout"

Fetch = Callable[[str, bytes | None, Mapping[str, str]], Mapping[str, Any]]


class OidcError(Exception):
    """Signing in did not work. `why` is the last part of a key of the words: provider, answer, denied, old, other or nobody."""

    def __init__(self, why: str, detail: str) -> None:
        super().__init__(detail)
        self.why = why


@dataclass(frozen=True)
class Asked:
    """What we remember of a sign-in while the browser is at the provider."""

    state: str
    nonce: str
    verifier: str
    target: str
    at: float


class Provider:
    """One provider. Thread-safe."""

    def __init__(self, settings: Settings, now: Callable[[], float], fetch: Fetch | None = None) -> None:
        self._settings, self._now, self._fetch = settings, now, fetch or _fetch
        self._lock = threading.Lock()
        self._about: Mapping[str, Any] = {}
        self._about_until, self._keys_at = 0.0, float("-inf")
        self._keys: list[Mapping[str, Any]] = []

    @property
    def issuer(self) -> str:
        return self._settings.issuer

    @property
    def name(self) -> str:
        """What it is called on a button."""
        return self._settings.signin_name or (urlsplit(self.issuer).hostname or "")

    def about(self) -> Mapping[str, Any]:
        """What the provider says of itself. Raises `OidcError` (provider)."""
        with self._lock:
            if monotonic() < self._about_until:
                return self._about
        found = self._fetch(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration", None, {})
        if found.get("issuer") != self.issuer:
            raise OidcError(
                "provider", f"the provider calls itself {str(found.get('issuer'))[:200]!r}, not {self.issuer!r}"
            )
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not _safe(str(found.get(name, ""))):
                raise OidcError("provider", f"the provider's {name} is no https address")
        with self._lock:
            self._about, self._about_until = found, monotonic() + FRESH
        return found

    def ask(self, redirect: str, target: str) -> tuple[str, Asked]:
        """(where the browser goes to sign in, what to remember of it). Raises `OidcError`."""
        asked = Asked(_token(), _token(), _token(), target, self._now())
        url = prepare_grant_uri(
            str(self.about()["authorization_endpoint"]), self._settings.signin_client, "code", redirect,
            " ".join(self._settings.signin_scopes), asked.state, nonce=asked.nonce,
            code_challenge=create_s256_code_challenge(asked.verifier), code_challenge_method="S256",
        )  # fmt: skip
        return str(url), asked

    def answered(self, query: Mapping[str, str], asked: Asked, redirect: str) -> tuple[Mapping[str, Any], str]:
        """(claims of who signed in, see `merged`; their ID token). Raises `OidcError`."""
        if not query.get("state") or not secrets.compare_digest(query["state"].encode(), asked.state.encode()):
            raise OidcError("old", "the answer belongs to no sign-in of this browser")
        named = query.get("iss", "")
        if named != self.issuer and (named or self.about().get("authorization_response_iss_parameter_supported")):
            raise OidcError("answer", "the answer is of another issuer")
        if query.get("error"):
            refused = query["error"] in {"access_denied", "login_required", "interaction_required", "consent_required"}
            raise OidcError("denied" if refused else "provider", f"the provider says {query['error'][:60]!r}")
        tokens = self._exchange(query.get("code", ""), asked.verifier, redirect)
        token = str(tokens.get("id_token", ""))
        claims = self._claims(token, asked.nonce, str(tokens.get("access_token", "")))
        return merged(claims, self._user(str(tokens.get("access_token", "")), str(claims["sub"]))), token

    def leaving(self, hint: str, back: str) -> str:
        """Where the browser goes to sign out at the provider, "" if it has no such page or cannot be asked."""
        try:
            page = str(self.about().get("end_session_endpoint", ""))
        except OidcError:
            return ""
        if not _safe(page):
            return ""
        query = {"client_id": self._settings.signin_client, "post_logout_redirect_uri": back}
        return f"{page}{'&' if '?' in page else '?'}{urlencode(query | ({'id_token_hint': hint} if hint else {}))}"

    def ended(self, token: str) -> Mapping[str, Any]:
        """The claims of a logout token: `sub`, `sid` or both, and `jti`. Raises `OidcError`."""
        header, claims = self._signed(token)
        self._valid(CodeIDToken({"sub": "", **claims}, header, self._expected(), self._params()))
        events, jti = claims.get("events"), claims.get("jti")
        if "nonce" in claims or not isinstance(events, dict) or not isinstance(events.get(LOGOUT), dict):
            raise OidcError("answer", "this is no logout token")
        if not isinstance(jti, str) or not (claims.get("sid") or claims.get("sub")):
            raise OidcError("answer", "the logout token does not say whom it is about")
        return claims

    # inside

    def _exchange(self, code: str, verifier: str, redirect: str) -> Mapping[str, Any]:
        about, secret = self.about(), self._settings.signin_secret
        known = about.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        method = "client_secret_basic" if "client_secret_basic" in known else "client_secret_post"
        method = method if secret else "none"
        safe = quote_plus if method == "client_secret_basic" else str  # RFC 6749, 2.3.1
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if not code:
            raise OidcError("answer", "the provider sent no code")
        body = prepare_token_request("authorization_code", code=code, redirect_uri=redirect, code_verifier=verifier)
        auth = ClientAuth(safe(self._settings.signin_client), safe(secret), method)
        url, headers, body = auth.prepare("POST", str(about["token_endpoint"]), headers, body)
        return self._fetch(url, str(body).encode(), headers)

    def _claims(self, token: str, nonce: str, access: str) -> Mapping[str, Any]:
        header, claims = self._signed(token)
        self._valid(
            CodeIDToken(claims, header, self._expected(), self._params() | {"nonce": nonce, "access_token": access})
        )
        return claims

    def _expected(self) -> dict[str, Any]:
        return {"iss": {"essential": True, "value": self.issuer},
                "aud": {"essential": True, "value": self._settings.signin_client}}  # fmt: skip

    def _params(self) -> dict[str, Any]:
        return {"client_id": self._settings.signin_client}

    def _valid(self, claims: CodeIDToken) -> None:
        try:
            claims.validate(now=int(self._now()), leeway=SKEW)
        except (JoseError, ValueError, TypeError) as error:
            raise OidcError("answer", f"the provider's token does not hold: {error}") from error

    def _signed(self, token: str) -> tuple[Mapping[str, Any], dict[str, Any]]:
        """Header and claims of a token, its signature checked. Raises `OidcError`."""
        offered = self.about().get("id_token_signing_alg_values_supported") or ["RS256"]
        allowed = [name for name in ALGORITHMS if name in offered]
        try:
            header = jws.extract_compact(token.encode()).headers()
        except (JoseError, ValueError) as error:
            raise OidcError("answer", "the provider's token cannot be read") from error
        if header.get("alg") not in allowed:
            raise OidcError("answer", f"the provider's token is signed with {str(header.get('alg'))[:20]!r}")
        for key in self._fitting(header):
            try:
                found = jws.deserialize_compact(token.encode(), JWKRegistry.import_key(dict(key)), algorithms=allowed)
                claims = decoded(found.payload)
            except (JoseError, ValueError, TypeError):
                continue
            if isinstance(claims, dict):
                return header, claims
        raise OidcError("answer", "no key of the provider fits its token")

    def _fitting(self, header: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Keys that may have signed; looked for again when there is none, since providers change them."""
        kind = "EC" if str(header["alg"]).startswith("ES") else "RSA"

        def fits(key: Mapping[str, Any]) -> bool:
            named = header.get("kid") in {None, key.get("kid")}
            return key.get("kty") == kind and key.get("use", "sig") == "sig" and named

        with self._lock:
            found = [key for key in self._keys if fits(key)]
            ask = not found and monotonic() - self._keys_at > ASK_KEYS
        if ask:
            listed = self._fetch(str(self.about()["jwks_uri"]), None, {}).get("keys", [])
            with self._lock:
                self._keys = [key for key in listed if isinstance(key, dict)] if isinstance(listed, list) else []
                self._keys_at = monotonic()
                found = [key for key in self._keys if fits(key)]
        return found

    def _user(self, access: str, sub: str) -> Mapping[str, Any]:
        """What the provider says besides, at an address of its own; {} if it has none or says it of somebody else."""
        page = str(self.about().get("userinfo_endpoint", ""))
        if not access or not _safe(page):
            return {}
        found = self._fetch(page, None, {"Authorization": f"Bearer {access}"})
        return found if found.get("sub") == sub else {}


def merged(token: Mapping[str, Any], user: Mapping[str, Any]) -> Mapping[str, Any]:
    """Claims of an ID token, and what only the provider's own page says. An address and whether it has been checked come from
    the same of the two: what one says of its address says nothing about the other's."""
    if "email" not in token:
        token = {name: value for name, value in token.items() if name != "email_verified"}
    else:
        user = {name: value for name, value in user.items() if name != "email_verified"}
    return {**user, **token}


def groups_of(claims: Mapping[str, Any], name: str) -> frozenset[str]:
    """Names in the claim `name`: a list, or one text; `a.b` is b inside a, unless there is a claim of that very name."""
    found: Any = claims.get(name)
    if found is None and "." in name:
        found = claims
        for part in name.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        return frozenset({found})
    return frozenset(item for item in found if isinstance(item, str)) if isinstance(found, list) else frozenset()


def _token() -> str:
    return secrets.token_urlsafe(32)


def _safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)


def _fetch(url: str, body: bytes | None, headers: Mapping[str, str]) -> Mapping[str, Any]:
    """The JSON object at an address. Raises `OidcError`; the answer's own text is never repeated."""
    if not _safe(url):
        raise OidcError("provider", "the provider's address is no https address")
    where = urlsplit(url).hostname
    request = Request(url, body, {"Accept": "application/json", **headers})  # noqa: S310 (checked above)
    try:
        with opened(request, timeout=PATIENCE) as answer:
            data = answer.read(MOST + 1)
        found = decoded(data) if len(data) <= MOST else None
    except HTTPError as error:
        with error:
            raise OidcError("provider", f"{where} answers {error.code}") from error
    except OSError as error:  # `URLError` is one
        raise OidcError("provider", f"{where} cannot be reached ({type(error).__name__})") from error
    except ValueError as error:
        raise OidcError("provider", f"{where} answers something that is no JSON") from error
    if not isinstance(found, dict):
        raise OidcError("provider", f"{where} answers something that is no JSON object, or too long")
    return found
