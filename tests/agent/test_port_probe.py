"""Whether somebody has a port, with real sockets."""

from __future__ import annotations

import socket

from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.port_probe import in_use


class ProbeTests(SynchronousTestCase):
    """Each by another who has the port."""

    def taken(
        self, kind: socket.SocketKind = socket.SOCK_STREAM, address: str = ""
    ) -> socket.socket:
        """A socket on a port of its own."""
        holder = socket.socket(socket.AF_INET, kind)
        self.addCleanup(holder.close)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, kind == socket.SOCK_STREAM)
        holder.bind((address, 0))
        return holder

    def test_listener(self) -> None:
        """On one address alone, too; when it is gone, the port is free."""
        holder = self.taken(address="127.0.0.1")
        holder.listen()
        port = holder.getsockname()[1]
        self.assertTrue(in_use(port))
        holder.close()
        self.assertFalse(in_use(port))

    def test_datagrams(self) -> None:
        self.assertTrue(in_use(self.taken(socket.SOCK_DGRAM).getsockname()[1]))

    def test_connection_out(self) -> None:
        """The kernel took the port for a connection: a server there would be refused."""
        holder = self.taken(address="127.0.0.1")
        holder.listen()
        with socket.create_connection(holder.getsockname()) as out:
            self.assertTrue(in_use(out.getsockname()[1]))
