"""`python -m portal [--host 127.0.0.1] [--port 0]`: serves the portal until it is told to end."""

import argparse
import socket
import sys
from contextlib import ExitStack

import uvicorn

from exchange.auditing.sealing import keep_watching
from exchange.hub import open_hub
from portal.app import create_app
from schemas.errors import HubError, SetupError

_END_SECONDS = 5


def main(arguments: list[str]) -> int:
    """Serves; returns the exit status. An error is one line on stderr."""
    parser = argparse.ArgumentParser(prog="python -m portal", description="数桥门户与接口（the portal and its API）")
    parser.add_argument("--host", default="127.0.0.1", help="监听的地址（default: 127.0.0.1）")
    parser.add_argument("--port", type=int, default=8000, help="端口，0 由系统选择（0 picks a free one）")
    given = parser.parse_args(arguments)
    try:
        listening = _listen(given.host, given.port)
        with listening, ExitStack() as opened:
            hub = opened.enter_context(open_hub())
            opened.enter_context(keep_watching(hub))
            host, port = listening.getsockname()[:2]
            sys.stdout.write(f"门户（portal）：http://{host}:{port}\n")
            sys.stdout.flush()
            # Addresses in an access log may hold what a person asked for; the audit log says who did what.
            config = uvicorn.Config(
                create_app(hub),
                access_log=False,
                log_level="warning",
                server_header=False,
                timeout_graceful_shutdown=_END_SECONDS,
            )
            uvicorn.Server(config).run(sockets=[listening])
    except HubError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except (OSError, OverflowError):
        listening.close()
        raise SetupError(
            f"端口 {host}:{port} 不能使用（cannot listen on {host}:{port}）",
            "未被占用的端口；0 由系统选择",
            "请换一个端口（--port）",
            code="PORT",
        ) from None
    return listening


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
