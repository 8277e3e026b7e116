"""What strangers send to real ports: one counted refusal each, and nothing else happens."""

from __future__ import annotations

import os
import random
import socket
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil

from galaxy.protocol.wire_pb2 import Envelope, Hello, kHello, kRequest
from tests.integration.cluster import ClusterTestCase


def frame(envelope: Envelope) -> bytes:
    """An envelope as it crosses the wire."""
    payload = envelope.SerializeToString()
    return struct.pack(">I", len(payload)) + payload


def hello(version: int = 1) -> bytes:
    """What a client says first."""
    return frame(
        Envelope(kind=kHello, hello=Hello(protocol_version=version, role="client", name="stranger"))
    )


STRANGERS: dict[str, bytes] = {
    "random bytes": random.Random(7).randbytes(4096),
    "a web browser": b"GET / HTTP/1.1\r\nHost: galaxy\r\n\r\n",
    "half a frame": struct.pack(">I", 100) + b"half",
    "two gibibytes announced": struct.pack(">I", 2**31) + b"x" * 1000,
    "a request before the hello": frame(
        Envelope(kind=kRequest, call_id=1, method="Master.ListJobs")
    ),
    "a hello of another age": hello(version=999),
    "a method that nobody has": hello()
    + frame(Envelope(kind=kRequest, call_id=1, method="Master.Explode")),
    "a method of a stranger service": hello()
    + frame(Envelope(kind=kRequest, call_id=1, method="../../etc/passwd")),
    "a payload that does not parse": hello()
    + frame(Envelope(kind=kRequest, call_id=1, method="Master.SubmitJob", payload=b"\xff" * 100)),
}


class StrangersTests(ClusterTestCase):
    """Every port of every daemon."""

    up_options = ("--agents", "1")

    async def test_ports(self) -> None:
        """Each stranger is answered or cut off; no daemon logs a traceback, grows, or stops."""
        ports = self._ports()
        self.assertGreaterEqual(len(ports), 3, "master, agent and gce listen")
        daemons = ("master", "agent-0", "gce-0", "scheduler")
        before = {
            name: psutil.Process(self.cluster.pid(name)).memory_info().rss for name in daemons
        }
        for dial in ports.values():
            for _ in range(20):
                for sent in STRANGERS.values():
                    self._send(dial(), sent)
        self.assertEqual(await self.cluster.json("jobs"), [])
        for name in daemons:
            process = psutil.Process(self.cluster.pid(name))
            self.assertLess(process.memory_info().rss - before[name], 16 << 20, name)
            self.assertLess(process.num_fds(), 100, name)
        for log in (self.cluster.directory / "log").iterdir():
            self.assertNotIn("Traceback", log.read_text(), log.name)

    def _send(self, connection: socket.socket, sent: bytes) -> None:
        """Say it, hear what comes, hang up."""
        with connection:
            try:
                connection.sendall(sent)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
            except (BrokenPipeError, ConnectionResetError):
                pass  # cut off in the middle of a word: that is a refusal too

    def _ports(self) -> dict[str, Callable[[], socket.socket]]:
        """Every listening socket of the cluster's processes, and how to dial it."""
        found: dict[str, Callable[[], socket.socket]] = {}
        for name in ("master", "agent-0", "gce-0"):
            for listening in psutil.Process(self.cluster.pid(name)).net_connections("inet"):
                if listening.status == psutil.CONN_LISTEN:
                    address = (listening.laddr.ip, listening.laddr.port)
                    found[f"{name} {address}"] = partial(_tcp, address)
        for listening in psutil.Process(self.cluster.pid("gce-0")).net_connections("unix"):
            if listening.laddr:
                found[str(listening.laddr)] = partial(_unix, Path(str(listening.laddr)))
        return found


def _tcp(address: tuple[str, int]) -> socket.socket:
    return socket.create_connection(address, timeout=30)


def _unix(path: Path) -> socket.socket:
    """Dial a unix socket whose path may be longer than an address may be."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(30)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        connection.connect(f"/proc/self/fd/{directory}/{path.name}")
    finally:
        os.close(directory)
    return connection
