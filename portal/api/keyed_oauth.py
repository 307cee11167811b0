"""OAuth2 client credentials (RFC 6749, 4.4) by Authlib: a short token whose scopes are the client's ways."""

import base64
from typing import Annotated, Any

from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Request
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import JSONResponse

from exchange.hub import Hub
from exchange.keyed.clients import CLIENT_WAYS
from exchange.keyed.credentials import client_of, issue, new_token, scopes_of, token_seconds
from portal.calling import address_of
from portal.desk import hub_of
from portal.routes import DECLARED
from portal.service import PREFIX

router = APIRouter(prefix=PREFIX, tags=["按号码使用"])
DECLARED["POST", f"{PREFIX}/oauth/token"] = "client.token"
_METHODS = ("client_secret_basic", "client_secret_post")


class _Client(ClientMixin):  # type: ignore[misc]
    """A client as Authlib asks for it; it is looked up with its secret, never without."""

    def __init__(self, hub: Hub, client_id: str, address: str | None) -> None:
        self.hub, self.client_id, self.address = hub, client_id, address
        self.found: Any = None

    def check_client_secret(self, client_secret: str) -> bool:
        self.found = client_of(self.hub, self.client_id, client_secret, self.address)
        return self.found is not None

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return endpoint == "token" and method in _METHODS

    def check_grant_type(self, grant_type: str) -> bool:
        return bool(grant_type == ClientCredentialsGrant.GRANT_TYPE)

    def get_allowed_scope(self, scope: str | None) -> str:
        return " ".join(scopes_of(self.found[0], scope or ""))


class _Grant(ClientCredentialsGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = list(_METHODS)  # noqa: RUF012 - Authlib reads it so


class _Server(AuthorizationServer):  # type: ignore[misc]
    """Authlib's server for one request of one hub."""

    def __init__(self, hub: Hub, address: str | None) -> None:
        super().__init__(scopes_supported=list(CLIENT_WAYS))
        self.hub, self.address = hub, address
        self.register_grant(_Grant)
        generator = BearerTokenGenerator(
            access_token_generator=lambda *_, **__: new_token(), expires_generator=lambda *_: token_seconds()
        )
        self.register_token_generator("default", generator)

    def query_client(self, client_id: str) -> _Client:
        return _Client(self.hub, client_id, self.address)

    def save_token(self, token: dict[str, Any], request: OAuth2Request) -> None:
        token["scope"] = request.client.get_allowed_scope(request.payload.scope)
        client, secret = request.client.found
        issue(self.hub, client, secret, token["scope"], token["access_token"])

    def create_oauth2_request(self, request: OAuth2Request) -> OAuth2Request:
        return request

    def handle_response(self, status: int, body: Any, headers: list[tuple[str, str]]) -> Response:
        return JSONResponse(body, status, dict(headers))

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Authlib tells of what it does; the log has it already."""


def _readable(header: str) -> str:
    """Leaves out a header that is no Base64 of a text: Authlib fails at it, and without it says invalid_client."""
    try:
        base64.b64decode(header.partition(" ")[2]).decode()
    except ValueError:
        return ""
    return header


@router.post("/oauth/token", operation_id="oauth_token", summary="Gives a machine client a short token (OAuth2)")
def token(
    request: Request,
    grant_type: Annotated[str, Form(max_length=60)],
    scope: Annotated[str, Form(max_length=200)] = "",
    client_id: Annotated[str, Form(max_length=60)] = "",
    client_secret: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Authenticates a client by HTTP Basic or by the form, and issues a token for the ways asked for."""
    given = {"grant_type": grant_type, "scope": scope, "client_id": client_id, "client_secret": client_secret}
    body = {name: value for name, value in given.items() if value}
    # TLS may end at a proxy before us, and Authlib takes no other address; nothing else is made of it.
    headers = {"Authorization": _readable(request.headers.get("authorization", ""))}
    asked = OAuth2Request("POST", f"https://hub{request.url.path}", headers=headers)
    asked._body = body
    asked.payload = BasicOAuth2Payload(body)
    answer: Response = _Server(hub_of(request), address_of(request)).create_token_response(asked)
    return answer
