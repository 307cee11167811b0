"""Single sign-on (统一身份认证) by OpenID Connect: code flow with PKCE; claims name the department and the roles.

The issuer may give the roles of departments; those of authority stay with the security administrator. A local account
is never taken over by its login name: only one opened for single sign-on is joined at the first sign-on.
"""

import base64
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast
from urllib.parse import urlsplit

import httpx
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from exchange.hub import Hub
from exchange.settings import Settings
from exchange.sign_on_accounts import Identity
from schemas.errors import Denied, SealBroken, SetupError, SourceDown

_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]
_SECONDS = 10
_MINUTES_AT_ISSUER = 10
#: What issuers write into `amr` when a second factor was asked for (RFC 8176).
_SECOND_FACTORS = frozenset({"mfa", "otp", "hwk", "swk", "sms", "sc", "fpt", "face"})


@dataclass(frozen=True, slots=True)
class Begun:
    """Where the reader signs on, and the sealed ticket that comes back as a cookie."""

    url: str
    ticket: str


@dataclass(frozen=True, slots=True)
class Returned:
    """Who came back from the issuer, and where to go on."""

    identity: Identity
    to: str


def offered(hub: Hub) -> str | None:
    """Returns the name of the single sign-on that is set up, None when there is none."""
    settings = hub.settings
    return settings.oidc_name if settings.oidc_issuer and settings.oidc_client_id else None


def begin(hub: Hub, redirect_uri: str, to: str) -> Begun:
    """Returns the issuer's address to go to; raises SetupError, SourceDown."""
    issuer = _issuer(hub.settings)
    ticket = {
        "state": secrets.token_urlsafe(24),
        "nonce": secrets.token_urlsafe(24),
        "verifier": secrets.token_urlsafe(48),
        "redirect_uri": redirect_uri,
        "to": to,
        "until": (hub.clock.now() + timedelta(minutes=_MINUTES_AT_ISSUER)).timestamp(),
    }
    with _client(hub.settings, redirect_uri) as client:
        url, _ = client.create_authorization_url(
            _discovered(issuer)["authorization_endpoint"],
            state=ticket["state"], nonce=ticket["nonce"], code_verifier=ticket["verifier"],
        )  # fmt: skip
    sealed = hub.crypto.seal("connections").seal([json.dumps(ticket).encode()], [b"single-sign-on"])[0]
    return Begun(url, base64.urlsafe_b64encode(sealed).decode())


def returned(hub: Hub, ticket: str | None, state: str, code: str) -> Returned:
    """Exchanges the issuer's code for a proved identity; raises Denied for anything that does not fit together."""
    known = _opened(hub, ticket)
    if not secrets.compare_digest(str(known["state"]).encode(), state.encode()):
        raise _refused()
    issuer = _issuer(hub.settings)
    with _client(hub.settings, str(known["redirect_uri"])) as client:
        metadata = _discovered(issuer)
        try:
            token = client.fetch_token(metadata["token_endpoint"], code=code, code_verifier=known["verifier"])
            keys = KeySet.import_key_set(httpx.get(metadata["jwks_uri"], timeout=_SECONDS).json())
            claims = _claims(hub, token["id_token"], keys, str(known["nonce"]))
        except httpx.HTTPError:
            raise _down() from None
        except (OAuthError, JoseError, KeyError, ValueError, TypeError):
            raise _refused() from None
    return Returned(_identity(hub.settings, issuer, claims), str(known["to"]))


def _issuer(settings: Settings) -> str:
    if not settings.oidc_issuer or not settings.oidc_client_id:
        raise SetupError("没有设置统一身份认证", "", "请设置 SHUQIAO_OIDC_ISSUER 等项，或用口令登录", code="OIDC_UNSET")
    parts = urlsplit(settings.oidc_issuer)
    if parts.scheme != "https" and parts.hostname not in {"127.0.0.1", "localhost", "::1"}:
        raise SetupError("统一身份认证的地址须为 https", "本机可用 http", "请改正设置", code="OIDC_HTTPS")
    return settings.oidc_issuer.rstrip("/")


def _client(settings: Settings, redirect_uri: str) -> Any:
    secret = settings.oidc_client_secret.get_secret_value() if settings.oidc_client_secret else None
    return OAuth2Client(
        settings.oidc_client_id,
        secret,
        redirect_uri=redirect_uri,
        scope="openid profile",
        code_challenge_method="S256",
        token_endpoint_auth_method="client_secret_basic" if secret else "none",
        timeout=_SECONDS,
    )


def _discovered(issuer: str) -> Mapping[str, str]:
    """Reads the issuer's configuration; raises SourceDown when it does not answer, Denied when it is another's."""
    try:
        answer = httpx.get(f"{issuer}/.well-known/openid-configuration", timeout=_SECONDS)
        answer.raise_for_status()
        metadata = answer.json()
    except (httpx.HTTPError, ValueError):
        raise _down() from None
    wanted = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    if str(metadata.get("issuer", "")).rstrip("/") != issuer or not all(metadata.get(name) for name in wanted):
        raise _refused()
    return cast("Mapping[str, str]", metadata)


def _claims(hub: Hub, id_token: str, keys: KeySet, nonce: str) -> dict[str, Any]:
    """Checks signature, issuer, audience, nonce and times of an ID token (OpenID Connect Core, 3.1.3.7)."""
    decoded = jwt.decode(id_token, keys, algorithms=_ALGORITHMS)
    claims = dict(decoded.claims)
    # The issuer is compared without the slash that some write at its end.
    claims["iss"] = str(claims.get("iss", "")).rstrip("/")
    rules = jwt.JWTClaimsRegistry(
        now=int(hub.clock.now().timestamp()),
        leeway=60,
        iss={"essential": True, "value": _issuer(hub.settings)},
        aud={"essential": True, "value": hub.settings.oidc_client_id or ""},
        nonce={"essential": True, "value": nonce},
        sub={"essential": True},
        exp={"essential": True},
    )
    rules.validate(claims)
    others = [claims["aud"]] if isinstance(claims["aud"], str) else claims["aud"]
    if len(others) > 1 and claims.get("azp") != hub.settings.oidc_client_id:
        raise ValueError("azp")
    return claims


def _identity(settings: Settings, issuer: str, claims: Mapping[str, Any]) -> Identity:
    return Identity(
        issuer=issuer,
        subject=str(claims["sub"])[:200],
        login=str(claims.get(settings.oidc_login_claim) or "").lower()[:100],
        name=str(claims.get("name") or claims.get(settings.oidc_login_claim) or "")[:50],
        department=str(claims.get(settings.oidc_department_claim) or "").upper()[:50],
        roles=frozenset(_roles(settings, claims.get(settings.oidc_roles_claim))),
        second_factor=bool(_SECOND_FACTORS & set(_texts(claims.get("amr")))),
    )


def _roles(settings: Settings, found: object) -> Iterable[str]:
    for name in _texts(found):
        yield settings.oidc_roles.get(name, "") if settings.oidc_roles else name


def _texts(found: object) -> list[str]:
    if isinstance(found, str):
        return found.replace(",", " ").split()
    return [str(each) for each in found] if isinstance(found, list) else []


def _opened(hub: Hub, ticket: str | None) -> dict[str, Any]:
    try:
        sealed = base64.urlsafe_b64decode((ticket or "").encode())
        known = json.loads(hub.crypto.seal("connections").open([sealed], [b"single-sign-on"])[0])
    except (ValueError, SealBroken):
        raise _refused() from None
    if known["until"] < hub.clock.now().timestamp():
        raise _refused()
    return cast("dict[str, Any]", known)


def _refused() -> Denied:
    return Denied("统一身份认证没有通过", "登录须从本平台的登录页开始，十分钟内完成", "请重新登录", code="LOGIN")


def _down() -> SourceDown:
    return SourceDown("统一身份认证没有应答", "", "请稍后再试，或用口令登录", code="OIDC_DOWN")
