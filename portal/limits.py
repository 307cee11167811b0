"""How much one request may hand in. Reads no content; a body that is too large ends before anything keeps it."""

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schemas.rules.book import book

_MEGABYTE = 1024 * 1024


class BodyLimit:
    """Refuses a body that is larger than its kind of path may take, announced or not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hands the request on; whoever reads too much of its body gets a 413."""
        counted = _announced(scope) if scope["type"] == "http" else 0
        most = limit_of(scope.get("path", ""))
        read = 0

        async def counting() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if max(read, counted) > most:
                raise HTTPException(413)
            return message

        await self._app(scope, counting, send)


def limit_of(path: str) -> int:
    """Returns the bytes that a request to a path may hand in: files of data are larger than all else."""
    rule = "UPLOAD_MB" if path.removeprefix("/api/v1").startswith(("/uploads/", "/batches")) else "REQUEST_MB"
    return int(book().number(rule)) * _MEGABYTE


def _announced(scope: Scope) -> int:
    given: bytes = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    return int(given) if given.isdigit() else 0
