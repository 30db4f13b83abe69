"""Connections of one member: the official client's pool, and a hard end for every call; what is sent is not known."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Any, Self

import urllib3
import urllib3.connection
from kubernetes.client import ApiClient, Configuration

from fedsched.config.settings import Credential
from fedsched.kube.watchdog import Watchdog

_here = threading.local()
_watchdog = Watchdog()


class Deadline:
    """Ends the call that this thread makes inside `with` by shutting its socket down, whatever the peer does.

    Socket timeouts only bound the silence between two bytes: a peer that sends one byte every few seconds passes them.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ticket = -1
        self._connection: Any = None
        self._sockets: list[socket.socket] = []
        self.expired = False

    def __enter__(self) -> Self:
        _here.deadline = self
        self._ticket = _watchdog.set(self._seconds, self.abort)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()

    def release(self) -> None:
        """The time limit no longer counts; `abort` still works."""
        _watchdog.forget(self._ticket)
        _here.deadline = None

    def follow(self, connection: Any) -> None:
        """This connection carries the call."""
        self._connection = connection
        sock = getattr(connection, "sock", None)
        if sock is not None and sock not in self._sockets:
            self._sockets.append(sock)

    def abort(self) -> None:
        """Shut the call's socket down: its reader sees the end at once."""
        self.expired = True
        self.follow(self._connection)
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                # Not SSLSocket.shutdown: that would drop the TLS object under the reader's feet.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _follow(connection: Any) -> None:
    deadline = getattr(_here, "deadline", None)
    if deadline is not None:
        deadline.follow(connection)


class _Followed(urllib3.connection.HTTPConnection):
    def connect(self) -> None:
        _follow(self)
        super().connect()
        _follow(self)

    def request(self, *args: Any, **options: Any) -> None:
        super().request(*args, **options)
        _follow(self)


class _FollowedTls(urllib3.connection.HTTPSConnection):
    def connect(self) -> None:
        _follow(self)
        super().connect()
        _follow(self)

    def request(self, *args: Any, **options: Any) -> None:
        super().request(*args, **options)
        _follow(self)


class _Plain(urllib3.HTTPConnectionPool):
    ConnectionCls = _Followed


class _Tls(urllib3.HTTPSConnectionPool):
    ConnectionCls = _FollowedTls


def pool_for(credential: Credential, connections: int) -> urllib3.PoolManager:
    """The pool that the official client builds for this credential; TLS, CA and proxy are its business.

    The certificate authority stays in memory. The token is not part of the pool: it changes without a new connection.
    """
    settings = Configuration(host=credential.server)
    settings.connection_pool_maxsize = connections
    if credential.proxy_url:
        settings.proxy = credential.proxy_url
    if credential.tls_server_name:
        settings.tls_server_name = credential.tls_server_name
    manager: urllib3.PoolManager = ApiClient(settings).rest_client.pool_manager
    if credential.ca_pem:
        manager.connection_pool_kw["ca_cert_data"] = credential.ca_pem
    manager.pool_classes_by_scheme = {"http": _Plain, "https": _Tls}
    return manager
