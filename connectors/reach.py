"""The first two steps of a connection test: is the name known, does the port answer. Opens a socket, sends nothing."""

import socket

from schemas.source import Step

TIMEOUT_SECONDS = 5


def reach(host: str, port: int) -> list[Step]:
    """Tries name and port; the last step given is the failed one."""
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return [Step("name", False, f"找不到主机{host}", "请核对主机名，或检查域名解析")]
    steps = [Step("name", True, f"主机{host}可以解析")]
    try:
        with socket.create_connection((host, port), timeout=TIMEOUT_SECONDS):
            return [*steps, Step("port", True, f"端口{port}可以连接")]
    except OSError:
        return [
            *steps,
            Step("port", False, f"主机{host}的端口{port}没有应答", "请检查来源系统是否在运行，防火墙是否放行"),
        ]
