"""A small OpenID Connect provider in a process of its own: `python oidc_provider.py PORT FOLDER`.

It lets in whoever `FOLDER/person.json` describes; `break` in that file makes it lie in one way.
"""

import base64
import hashlib
import json
import secrets
import sys
import time
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

import uvicorn
from fastapi import FastAPI, Form, Request
from fastapi.responses import JSONResponse, RedirectResponse
from joserfc import jwk, jwt

CLIENT, SECRET = "shuqiao", "client-secret-of-a-test"


def create(issuer: str, folder: Path) -> FastAPI:
    """Makes the provider."""
    app = FastAPI()
    key = jwk.RSAKey.generate_key(2048, {"kid": "1", "use": "sig"}, private=True)
    stranger = jwk.RSAKey.generate_key(2048, {"kid": "1", "use": "sig"}, private=True)
    asked: dict[str, dict[str, str]] = {}

    def person() -> dict[str, object]:
        return json.loads((folder / "person.json").read_text(encoding="utf-8"))

    @app.get("/.well-known/openid-configuration")
    def configuration():
        says = issuer if person().get("break") != "issuer" else "https://evil.example"
        return {
            "issuer": says,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "jwks_uri": f"{issuer}/jwks",
        }

    @app.get("/jwks")
    def keys():
        return {"keys": [key.as_dict(private=False)]}

    @app.get("/authorize")
    def authorize(request: Request):
        query = dict(request.query_params)
        assert query["client_id"] == CLIENT and query["response_type"] == "code" and "openid" in query["scope"]
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        asked[code] = query
        if person().get("break") == "refuses":
            return RedirectResponse(f"{query['redirect_uri']}?" + urlencode({"error": "access_denied"}))
        back = urlencode({"code": code, "state": query["state"]})
        return RedirectResponse(f"{query['redirect_uri']}?{back}")

    @app.post("/token")
    def token(
        request: Request,
        code: Annotated[str, Form()],
        redirect_uri: Annotated[str, Form()],
        code_verifier: Annotated[str, Form()],
    ):
        query = asked.pop(code, None)
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(code_verifier.encode()).digest()).rstrip(b"=").decode()
        fits = query and query["redirect_uri"] == redirect_uri and query["code_challenge"] == challenge
        if request.headers.get("authorization") != f"Basic {basic}" or not fits:
            return JSONResponse({"error": "invalid_grant"}, 400)
        who = person()
        lie = who.pop("break", "")
        now = int(time.time())
        claims = {"iss": issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": query["nonce"], **who}
        claims |= {"nonce": {"nonce": "other"}, "audience": {"aud": "another"}, "old": {"exp": now - 3600}}.get(lie, {})
        signer = stranger if lie == "key" else key
        made = jwt.encode({"alg": "RS256", "kid": "1"}, claims, signer)
        return {"access_token": "a", "token_type": "Bearer", "expires_in": 300, "id_token": made}

    return app


if __name__ == "__main__":
    port = int(sys.argv[1])
    uvicorn.run(create(f"http://127.0.0.1:{port}", Path(sys.argv[2])), host="127.0.0.1", port=port, log_level="warning")
