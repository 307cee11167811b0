"""A provider's system that answers as a test tells it to: truly, slowly, wrongly, hugely, elsewhere."""

import json
import threading
import time
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse

SECRET = "s3cr3t-of-the-provider"
CLIENT_SECRET = "cl13nt-s3cr3t"

DESCRIPTION = {
    "openapi": "3.0.3",
    "info": {"title": "养老金查询", "version": "1"},
    "paths": {
        "/pensions/{id}": {
            "get": {
                "summary": "按公民身份号码查询",
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
                    {"name": "year", "in": "query", "schema": {"type": "string"}},
                ],
                "responses": {
                    "200": {
                        "description": "ok",
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Answer"}}},
                    },
                    "404": {"description": "none"},
                },
            }
        }
    },
    "components": {
        "schemas": {
            "Answer": {
                "type": "object",
                "required": ["data"],
                "properties": {
                    "data": {
                        "type": "object",
                        "required": ["rows"],
                        "properties": {"rows": {"type": "array", "items": {"$ref": "#/components/schemas/Row"}}},
                    }
                },
            },
            "Row": {
                "type": "object",
                "required": ["gmsfhm", "xm", "xb"],
                "properties": {
                    "gmsfhm": {"type": "string"},
                    "xm": {"type": "string"},
                    "xb": {"type": "string"},
                    "birth": {"type": "object", "properties": {"day": {"type": "string", "nullable": True}}},
                    "xzqh": {"type": "string"},
                    "salary": {"type": "number"},
                },
            },
        }
    },
}
TEXT = json.dumps(DESCRIPTION, ensure_ascii=False)


def row(key, **changes):
    """Makes a true row of a person."""
    return {
        "gmsfhm": key, "xm": "卡那瑞", "xb": "1" if int(key[16]) % 2 else "2", "xzqh": "620402", "salary": 1234.5,
        "birth": {"day": f"{key[6:10]}-{key[10:12]}-{key[12:14]}"},
    } | changes  # fmt: skip


def answer(*rows):
    """Makes an answer of rows."""
    return {"data": {"rows": list(rows)}}


class Provider:
    """The provider's system; `behave` is a function of the key that returns what to answer."""

    def __init__(self):
        self.app = FastAPI()
        self.seen = []
        self.tokens = 0
        self.token = "token-0"
        self.reset()
        self.app.get("/api/pensions/{key}")(self._pensions)
        self.app.post("/token")(self._token)

    def reset(self):
        """Answers truly again."""
        self.seen.clear()
        self.accepts = {"x-api-key": SECRET}
        self.behave = lambda key: answer(row(key))

    def _pensions(self, key: str, request: Request):
        self.seen.append((key, dict(request.query_params), dict(request.headers)))
        for name, value in self.accepts.items():
            if request.headers.get(name) != value:
                return PlainTextResponse("no", 401)
        found = self.behave(key)
        return found if isinstance(found, Response) else Response(json.dumps(found), media_type="application/json")

    async def _token(self, request: Request):
        self.tokens += 1
        self.token = f"token-{self.tokens}"
        self.accepts = {"authorization": f"Bearer {self.token}"}
        return {"access_token": self.token, "token_type": "bearer", "expires_in": 3600}


def raw(content, kind="application/json", status=200, **headers):
    """Makes an answer of bytes."""
    return Response(content, status, media_type=kind, headers=headers)


def elsewhere(_key):
    """Redirects."""
    return RedirectResponse("http://169.254.169.254/latest/meta-data")


def huge(_key):
    """Streams 100 MB without saying so first."""
    return StreamingResponse((b" " * 1_000_000 for _ in range(100)), media_type="application/json")


def dripping(_key):
    """Sends a byte at a time, for ever."""

    def drops():
        for _ in range(200):
            yield b" "
            time.sleep(0.05)

    return StreamingResponse(drops(), media_type="application/json")


@contextmanager
def running():
    """Runs the provider's system; yields it and its base URL."""
    provider = Provider()
    config = uvicorn.Config(provider.app, host="127.0.0.1", port=0, log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield provider, f"http://127.0.0.1:{port}/api"
    server.should_exit = True
    thread.join(10)
