"""What of a provider's answers holds and what does not: tokens signed here, as the right provider would and as others would."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from adapters.web import oidc
from adapters.web.oidc import LOGOUT, SKEW, Asked, OidcError, Provider, groups_of
from bot.settings import Settings

ISSUER, NOW = "https://id.northwind.example", 1_900_000_000
BACK = "https://desk.northwind.example/console/sign-in/back"
OURS, NEXT = (RSAKey.generate_key(2048, {"kid": kid, "use": "sig"}) for kid in ("one", "two"))
CURVE = ECKey.generate_key("P-256", {"kid": "curve", "use": "sig"})
OTHER = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
ABOUT = {
    "issuer": ISSUER, "authorization_endpoint": f"{ISSUER}/auth", "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/keys", "end_session_endpoint": f"{ISSUER}/out",
    "id_token_signing_alg_values_supported": ["RS256", "ES256", "HS256", "none"],
}  # fmt: skip
GOOD = {"iss": ISSUER, "sub": "u", "aud": "console", "exp": NOW + 300, "iat": NOW, "nonce": "n"}


class House:
    """A provider on no wire: what it answers, and what it was asked."""

    def __init__(self, about: Mapping[str, Any] = ABOUT, secret: str = "s", **settings: Any) -> None:
        self.about, self.keys, self.asked = about, [OURS, CURVE], list[tuple[str, bytes | None, Mapping[str, str]]]()
        self.token = ""
        given = Settings(Path(), issuer=ISSUER, signin_client="console", signin_secret=secret, **settings)
        self.provider = Provider(given, lambda: float(NOW), self.fetch)

    def fetch(self, url: str, body: bytes | None, headers: Mapping[str, str]) -> Mapping[str, Any]:
        self.asked.append((url, body, headers))
        if url.endswith("/keys"):
            return {"keys": [{"kty": "unknown"}, *(key.as_dict(private=False) for key in self.keys)]}
        return {"id_token": self.token, "access_token": "a"} if url.endswith("/token") else self.about

    def enter(self, token: str, **query: str) -> Mapping[str, Any]:
        self.token = token
        asked = Asked("s", "n", "v" * 43, "/console", float(NOW))
        return self.provider.answered({"state": "s", "code": "c", **query}, asked, BACK)[0]


def signed(key: Any = OURS, alg: str = "RS256", kid: str = "", **changed: Any) -> str:
    claims = {name: value for name, value in {**GOOD, **changed}.items() if value is not None}
    return jwt.encode({"alg": alg, "kid": kid or key.kid}, claims, key, algorithms=[alg])


def coded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_a_good_token_says_who_it_is() -> None:
    assert House().enter(signed())["sub"] == "u"
    assert House().enter(signed(CURVE, "ES256"))["sub"] == "u"
    assert House().enter(signed(aud=["console", "other"], azp="console"))["sub"] == "u"
    assert House().enter(signed(exp=NOW - SKEW + 2, iat=NOW - 400))["sub"] == "u"  # their clock is a little behind
    assert House().enter(signed(iat=NOW + SKEW - 2))["sub"] == "u"


def test_an_address_and_whether_it_was_checked_come_from_one_source() -> None:
    """What the ID token says of its address says nothing about the one at the userinfo page, and the other way round."""
    yes, no = {"email": "a@x.example", "email_verified": True}, {"email": "b@x.example"}
    for token, user, expected in (
        ({"email_verified": True}, no, ("b@x.example", None)), (no, yes, ("b@x.example", None)),
        ({}, yes, ("a@x.example", True)), (yes, no | {"email_verified": False}, ("a@x.example", True)),
    ):  # fmt: skip
        found = oidc.merged(token, user)
        assert expected == (found.get("email"), found.get("email_verified"))
    assert oidc.merged({"sub": "u"}, {"sub": "u", "groups": ["g"]}) == {"sub": "u", "groups": ["g"]}


def with_public_key() -> str:
    """Signed as HS256 with what everybody knows: the public key."""
    body = f"{coded({'alg': 'HS256', 'kid': 'one'})}.{coded(GOOD)}"
    mac = hmac.digest(OURS.as_pem(private=False), body.encode(), "sha256")
    return f"{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


BAD = {
    "another issuer": signed(iss="https://evil.example"), "no issuer": signed(iss=None),
    "for somebody else": signed(aud="other"), "for nobody": signed(aud=None), "for two, given to the other": signed(
        aud=["console", "other"], azp="other"), "run out": signed(exp=NOW - SKEW - 1), "without an end": signed(exp=None),
    "of the future": signed(iat=NOW + SKEW + 2), "not yet": signed(nbf=NOW + SKEW + 2), "another nonce": signed(nonce="m"),
    "no nonce": signed(nonce=None), "no subject": signed(sub=None), "another key": signed(OTHER),
    "a key not published": signed(NEXT), "our public key as a secret": with_public_key(),
    "unsigned": f'{coded({"alg": "none"})}.{coded(GOOD)}.', "cut short": signed()[:-4], "no token": "", "no token at all": "x.y",
    "other claims": ".".join((signed().split(".")[0], coded({**GOOD, "sub": "admin"}), signed().split(".")[2])),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_any_other_token_lets_nobody_in(what: str) -> None:
    with pytest.raises(OidcError) as raised:
        House().enter(BAD[what])
    assert raised.value.why == "answer"


def test_a_new_key_is_found_and_an_unknown_one_does_not_hammer_the_provider() -> None:
    house = House()
    house.enter(signed())
    house.keys = [NEXT]
    with pytest.raises(OidcError):
        house.enter(signed(NEXT))  # looked for keys a moment ago
    house.provider._keys_at = float("-inf")
    assert house.enter(signed(NEXT))["sub"] == "u"
    for _ in range(5):
        with pytest.raises(OidcError):
            house.enter(signed(OTHER, kid="made up"))
    assert [url for url, _, _ in house.asked].count(f"{ISSUER}/keys") == 2


@pytest.mark.parametrize(
    ("query", "why"),
    [({"state": "t"}, "old"), ({"state": ""}, "old"), ({"iss": "https://evil.example"}, "answer"), ({"code": ""}, "answer"),
     ({"error": "access_denied"}, "denied"), ({"error": "server_error"}, "provider")],
)  # fmt: skip
def test_other_answers_let_nobody_in(query: dict[str, str], why: str) -> None:
    with pytest.raises(OidcError) as raised:
        House().enter(signed(), **query)
    assert raised.value.why == why


def test_a_provider_that_names_itself_in_answers_has_to_do_it() -> None:
    about = {**ABOUT, "authorization_response_iss_parameter_supported": True}
    assert House(about).enter(signed(), iss=ISSUER)["sub"] == "u"
    with pytest.raises(OidcError):
        House(about).enter(signed())


@pytest.mark.parametrize(
    "changed",
    [{"issuer": f"{ISSUER}/"}, {"issuer": "https://evil.example"}, {"token_endpoint": "http://id.northwind.example/t"},
     {"jwks_uri": "file:///etc/passwd"}, {"authorization_endpoint": "javascript:alert(1)"}],
)  # fmt: skip
def test_a_provider_that_is_another_or_not_safe_is_not_believed(changed: dict[str, str]) -> None:
    with pytest.raises(OidcError) as raised:
        House({**ABOUT, **changed}).provider.ask(BACK, "/console")
    assert raised.value.why == "provider"


@pytest.mark.parametrize(
    ("secret", "known", "basic", "posted"),
    [("a b+", None, True, None), ("a b+", ["client_secret_post"], False, "a b+"), ("", None, False, None)],
)
def test_the_client_shows_who_it_is(secret: str, known: list[str] | None, basic: bool, posted: str | None) -> None:
    about = {**ABOUT, **({"token_endpoint_auth_methods_supported": known} if known else {})}
    house = House(about, secret)
    house.enter(signed())
    _, body, headers = next(item for item in house.asked if item[0].endswith("/token"))
    form = parse_qs((body or b"").decode())
    assert ("Authorization" in headers, form.get("client_secret", [None])[0]) == (basic, posted)
    assert (form["code_verifier"], form["redirect_uri"], form["grant_type"]) == (
        ["v" * 43],
        [BACK],
        ["authorization_code"],
    )
    if basic:
        assert base64.b64decode(headers["Authorization"].split()[1]) == b"console:a+b%2B"
    if not secret:
        assert form["client_id"] == ["console"]


def test_what_is_said_elsewhere_of_somebody_else_does_not_count() -> None:
    house = House({**ABOUT, "userinfo_endpoint": f"{ISSUER}/me", "sub": "other", "groups": ["admins"]})
    assert "groups" not in house.enter(signed())
    house = House({**ABOUT, "userinfo_endpoint": f"{ISSUER}/me", "sub": "u", "groups": ["admins"], "nonce": "x"})
    assert (house.enter(signed())["groups"], house.enter(signed())["nonce"]) == (["admins"], "n")


def test_leaving_names_the_client_and_shows_the_hint() -> None:
    url = House().provider.leaving("t.o.k", "https://desk/console/sign-in/out")
    assert parse_qs(urlsplit(url).query)["id_token_hint"] == ["t.o.k"]
    assert House({**ABOUT, "end_session_endpoint": "javascript:x"}).provider.leaving("", "") == ""


EVENTS = {LOGOUT: {}}
LOGOUTS = [
    ({"events": EVENTS, "jti": "1", "nonce": None, "sid": "s"}, True), ({"events": EVENTS, "jti": "1", "nonce": None}, True),
    ({"events": EVENTS, "jti": "1", "nonce": None, "sub": None, "sid": "s"}, True),
    ({"events": EVENTS, "jti": "1"}, False), ({"events": {}, "jti": "1", "nonce": None}, False),
    ({"nonce": None, "jti": "1"}, False),
    ({"events": EVENTS, "nonce": None}, False), ({"events": EVENTS, "jti": "1", "nonce": None, "sub": None}, False),
    ({"events": EVENTS, "jti": "1", "nonce": None, "aud": "other"}, False),
    ({"events": EVENTS, "jti": "1", "nonce": None, "exp": NOW - 500}, False),
]  # fmt: skip


@pytest.mark.parametrize(("claims", "good"), LOGOUTS)
def test_a_logout_token_is_one_or_it_is_not(claims: dict[str, Any], good: bool) -> None:
    token = signed(**claims)
    if good:
        assert House().provider.ended(token)["jti"] == "1"
        return
    with pytest.raises(OidcError):
        House().provider.ended(token)


@pytest.mark.parametrize(
    ("claims", "name", "expected"),
    [({"groups": ["a", 1, "b"]}, "groups", {"a", "b"}), ({"groups": "a"}, "groups", {"a"}), ({}, "groups", set()),
     ({"realm": {"roles": ["a"]}}, "realm.roles", {"a"}), ({"https://x.y/groups": ["a"]}, "https://x.y/groups", {"a"}),
     ({"groups": {"a": 1}}, "groups", set()), ({"realm": "x"}, "realm.roles", set())],
)  # fmt: skip
def test_groups_are_read_where_they_are(claims: dict[str, Any], name: str, expected: set[str]) -> None:
    assert groups_of(claims, name) == expected


def test_what_comes_over_the_wire_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    class Answer:
        def __init__(self, data: bytes) -> None:
            self.data = data

        def __enter__(self) -> Answer:
            return self

        def __exit__(self, *_: object) -> None:
            return

        def read(self, most: int) -> bytes:
            return self.data[:most]

    for data in (b"[]", b"x", b'{"a": "' + b"x" * 1_000_001 + b'"}'):
        monkeypatch.setattr(oidc, "opened", lambda _request, timeout, data=data: Answer(data))
        with pytest.raises(OidcError):
            oidc._fetch(f"{ISSUER}/x", None, {})
    with pytest.raises(OidcError):
        oidc._fetch("http://id.northwind.example/x", None, {})
