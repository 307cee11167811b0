"""The connection under a call: to a checked address only, and over at the deadline whatever the provider does.

httpx knows time limits for each reading; a provider that drips one byte at a time would keep a call open for hours, and
a name that resolves anew could lead elsewhere between check and connection. Both end here.
"""

import socket
import ssl
import time
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import httpcore
from httpcore import NetworkStream

from connectors.rest.address import Address, resolve

#: Seconds that a connection may take, so that a dead host is not waited for as long as a slow answer.
CONNECT_SECONDS = 5.0


class Deadline:
    """The moment at which a call is over."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def left(self) -> float:
        """Returns the seconds left; raises httpcore.ReadTimeout when there are none."""
        left = self._at - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout
        return left


class _Bounded(httpcore.NetworkStream):
    """A stream none of whose steps goes on past the deadline."""

    def __init__(self, stream: NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> NetworkStream:
        seconds = min(self._deadline.left(), CONNECT_SECONDS)
        return _Bounded(self._stream.start_tls(ssl_context, server_hostname, seconds), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class Guarded(httpcore.NetworkBackend):
    """Connects to the registered host and port alone, at an address that was checked in the same breath."""

    def __init__(self, address: Address, deadline: Deadline) -> None:
        self._address = address
        self._deadline = deadline
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> NetworkStream:
        """Connects to the first checked address that answers."""
        if (host, port) != (self._address.host, self._address.port):
            raise httpcore.ConnectError
        failure: Exception = httpcore.ConnectError()
        for number in resolve(self._address):
            seconds = min(self._deadline.left(), CONNECT_SECONDS)
            try:
                stream = self._backend.connect_tcp(number, port, seconds, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout, socket.gaierror) as error:
                failure = error
                continue
            return _Bounded(stream, self._deadline)
        raise failure

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> NetworkStream:
        """Refuses: no interface is behind a socket of this machine."""
        raise httpcore.ConnectError


@lru_cache(maxsize=64)
def tls_context(ca: str | None) -> ssl.SSLContext:
    """Returns the context that verifies names and certificates, also by the provider's own authority."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca:
        context.load_verify_locations(cadata=ca)
    return context


def pool(address: Address, deadline: Deadline) -> httpcore.ConnectionPool:
    """Returns the connections of one call; no proxy of the environment is used."""
    return httpcore.ConnectionPool(
        ssl_context=tls_context(address.ca),
        max_connections=1,
        http2=False,
        retries=0,
        network_backend=Guarded(address, deadline),
    )
