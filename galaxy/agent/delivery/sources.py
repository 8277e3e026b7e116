"""
Where packages come from: each kind of URL, and files of this machine.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote_to_bytes, urlsplit

from attrs import frozen
from twisted.internet.defer import Deferred
from zope.interface import implementer

from galaxy.agent.delivery.fetch import FetchError, Have, ISink, ISource, Tag
from galaxy.agent.delivery.ftp import FtpSource
from galaxy.agent.delivery.http import HttpSource
from galaxy.agent.delivery.threads import FetchThreads
from galaxy.agent.delivery.throttle import Throttle
from galaxy.agent.inthread import InThread
from galaxy.agent.walk import Walk, readable
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import kPermission

_CHUNK = 1 << 20


def all_sources(reactor: Any, throttle: Throttle, data: Path) -> dict[str, ISource]:
    """
    Every kind of URL a package may have; what comes over the network shares the throttle.
    `data`: where an agent keeps what no URL leads to.
    """
    http = HttpSource.over(reactor, throttle)
    return {
        "file": FileSource(FetchThreads(reactor), data, public_only=os.geteuid() == 0),
        "ftp": FtpSource(FetchThreads(reactor), throttle, reactor),
        "http": http,
        "https": http,
    }


@implementer(ISource)
@frozen
class FileSource:
    """
    Files of this machine, or of a file system mounted on it, but for those in `data`.

    `public_only`: those that everybody gets to and may read. An agent with root's rights
    would otherwise hand the files of root, or of another user, to whoever submits a job.
    """

    in_thread: InThread
    data: Path
    public_only: bool = False

    def fetch(self, url: str, have: Have, sink: ISink) -> Deferred[bool]:
        """Copy the file, in a thread, unless it is the same by size and time."""
        return self.in_thread(lambda: self._copy(url, have, sink))

    def _copy(self, url: str, have: Have, sink: ISink) -> bool:
        parts = urlsplit(url)
        if parts.netloc not in ("", "localhost"):
            raise FetchError(f"{url} names a file of another machine", final=True)
        with self._opened(url, unquote_to_bytes(parts.path)) as file:
            found = os.fstat(file.fileno())
            tag = Tag(modified=f"{found.st_mtime_ns} {found.st_size}")
            if tag == have.whole:
                return False
            sink.begin(0, found.st_size, tag)
            while data := file.read(_CHUNK):
                sink.write(data)
        return True

    def _opened(self, url: str, path: bytes) -> BinaryIO:
        """A regular file. To open anything else may wait for ever, or do something."""
        walk = Walk(Path("/"), self._admit)
        try:
            walk.go(path)
            if not stat.S_ISREG(os.fstat(walk.here).st_mode):
                raise FetchError(f"{url} is no file", final=True)
            return os.fdopen(readable(walk.here), "rb")
        except GalaxyError as error:
            raise FetchError(f"{url} cannot be read: {error.reason}", final=True) from error
        except OSError as error:
            final = isinstance(error, (FileNotFoundError, NotADirectoryError, PermissionError))
            raise FetchError(f"{url} cannot be read: {error.strerror}", final=final) from error
        finally:
            walk.close()

    def _admit(self, step: int) -> None:
        found = os.fstat(step)
        if os.path.samestat(found, self.data.stat()):
            raise GalaxyError(kPermission, "what the agent keeps is not to be had")
        is_directory = stat.S_ISDIR(found.st_mode)
        wanted, letter = (stat.S_IXOTH, "x") if is_directory else (stat.S_IROTH, "r")
        if self.public_only and not found.st_mode & wanted:
            there = os.readlink(f"/proc/self/fd/{step}")
            raise GalaxyError(kPermission, f"{there} is not for everybody (chmod a+{letter})")
