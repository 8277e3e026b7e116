"""
Whether a port of this machine is in somebody's hands, seen by trying to have it.

Of TCP and of UDP, on all addresses: whoever has a port, has it of both. It is asked for as
a careful server does, with SO_REUSEADDR: what is left of a server's connections that are
over (TIME_WAIT) does not count, if that said the same; a connection that goes out from
the port does.
"""

from __future__ import annotations

import errno
import socket
from functools import cache


def in_use(port: int) -> bool:
    """Whether a task that binds the port would be refused, as things are."""
    return any(_refused(kind, port) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM))


def _refused(kind: socket.SocketKind, port: int) -> bool:
    family = socket.AF_INET6 if _has_ipv6() else socket.AF_INET
    with socket.socket(family, kind) as probe:
        if family == socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        if kind == socket.SOCK_STREAM:
            # On datagrams it would share the port with whoever says the same.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


@cache
def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("", 0))
    except OSError:
        return False
    return True
