"""What a command works with: how to dial, where it stands, how time passes."""

from __future__ import annotations

import getpass
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import define, field

from galaxy.client.ensemble import leader_endpoint
from galaxy.client.leader import Dial, Leader
from galaxy.client.whereabouts import Flags, whereabouts
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.wire_pb2 import Hello

if TYPE_CHECKING:
    from galaxy.protocol.interfaces import IBlockingPeer

_DIAL_TIMEOUT_S = 5.0


@define
class Session:
    """One run of the command line; tests hand in one of their own."""

    dial: Dial
    environ: Mapping[str, str]
    cwd: Path
    home: Path
    sleep: Callable[[float], object] = time.sleep
    clock: Callable[[], float] = time.time  # what time it is
    elapsed: Callable[[], float] = time.monotonic  # for how long: nobody sets that clock
    ensemble: Callable[[str], str | None] = leader_endpoint
    flags: Flags = field(factory=Flags)
    _leader: Leader | None = None

    def leader(self) -> Leader:
        """The cluster that the flags, the environment or a file name."""
        if self._leader is None:
            found = whereabouts(self.flags, self.environ, self.cwd, self.home)
            self._leader = Leader(
                found,
                self.dial,
                self.sleep,
                clock=self.elapsed,
                ensemble=self.ensemble,
                tell=lambda sentence: print(sentence, file=sys.stderr),
            )
        return self._leader

    def dial_agent(self, endpoint: str) -> IBlockingPeer:
        """Connect to an agent; GalaxyError(kRpcError) says where to look if it does not answer."""
        try:
            return self.dial(endpoint)
        except GalaxyError as error:
            reason = f"no agent answers at {error.reason}; `galaxy agents` says how it is"
            raise GalaxyError(error.status, reason) from error


def real_session() -> Session:
    """The session of a program that a person started."""
    return Session(
        dial=dial, environ=os.environ, cwd=Path.cwd(), home=Path(os.path.expanduser("~"))
    )


def dial(address: str, timeout_s: float = _DIAL_TIMEOUT_S) -> IBlockingPeer:
    """Connect to an address, as a client."""
    from galaxy.protocol.blocking import BlockingPeer

    try:
        me = getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in some containers
        me = str(os.getuid())
    hello = Hello(role="client", name=f"{me}@{socket.gethostname()}")
    return BlockingPeer(address, hello, timeout_s=timeout_s)
