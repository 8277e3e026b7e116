"""
What people do in the pods of this machine: IConsole, over sessions and files.
"""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from zope.interface import implementer

from galaxy import names
from galaxy.agent.console.files import entries, entry_of, opened
from galaxy.agent.console.sessions import Sessions
from galaxy.agent.runner import Runner
from galaxy.agent.service import LONGEST_WITHOUT_SIGHT_S, check_job_id
from galaxy.agent.workspaces import Workspaces
from galaxy.protocol.agent_pb2 import (
    ExecItem,
    ExecRequest,
    FeedExecRequest,
    FeedExecResponse,
    FileChunk,
    ListFilesRequest,
    ListFilesResponse,
    ReadFileRequest,
)
from galaxy.protocol.services import IConsole
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import kAgentError, kInputError, kPodNotFound

if TYPE_CHECKING:
    from galaxy.protocol.calls import Call

PAGE = 500  # entries of a directory
CHUNK = 128 << 10


@implementer(IConsole)
@frozen(eq=False)
class ConsoleAnswers:
    """Answers people."""

    sessions: Sessions
    runner: Runner
    workspaces: Workspaces
    clock: IReactorTime

    async def exec(
        self, request: ExecRequest, call: Call, send: Callable[[ExecItem], Awaitable[None]]
    ) -> None:
        """Run a command in a task; of an agent that has just begun, once it sees that run."""
        await self.runner.sighted(LONGEST_WITHOUT_SIGHT_S)
        await self.sessions.run(request, call.peer, send)

    async def feed_exec(self, request: FeedExecRequest, call: Call) -> FeedExecResponse:
        """Pass input on to it, which may wait itself."""
        await self.runner.sighted(LONGEST_WITHOUT_SIGHT_S)
        return await self.sessions.feed(request, call.peer)

    async def list_files(
        self,
        request: ListFilesRequest,
        call: Call,
        send: Callable[[ListFilesResponse], Awaitable[None]],
    ) -> None:
        """What is in a directory, in pages; others get their turn between them."""
        descriptor = opened(self._directory(request.pod_id), request.path)
        try:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                await send(ListFilesResponse(entries=[entry_of(descriptor, request.path)]))
                return
            found = entries(descriptor)
            while page := list(itertools.islice(found, PAGE)):
                await send(ListFilesResponse(entries=page))
                await deferLater(self.clock, 0)
        except OSError as error:
            raise _unreadable(request.path, error) from error
        finally:
            os.close(descriptor)

    async def read_file(
        self, request: ReadFileRequest, call: Call, send: Callable[[FileChunk], Awaitable[None]]
    ) -> None:
        """What is in a file, as far as it went when it was opened."""
        descriptor = opened(self._directory(request.pod_id), request.path)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise GalaxyError(
                    kInputError, f"{names.printable(request.path)}: it is a directory"
                )
            left = status.st_size
            while left > 0 and (data := os.read(descriptor, min(left, CHUNK))):
                left -= len(data)
                await send(FileChunk(data=data))
        except OSError as error:
            raise _unreadable(request.path, error) from error
        finally:
            os.close(descriptor)

    def _directory(self, pod_id: str) -> Path:
        """The directory of a pod, be it alive or dead and still kept."""
        try:
            slot = names.parse_pod_id(pod_id)
        except ValueError as error:
            raise GalaxyError(kInputError, str(error)) from error
        check_job_id(slot[0])
        book = self.runner.book
        here = book.slots.get(slot)
        key = self.workspaces.latest(pod_id) if here is None else book.pods[here].home
        directory = None if key is None else self.workspaces.find(key).directory
        if directory is None or not directory.is_dir():
            raise GalaxyError(kPodNotFound, f"pod {pod_id} has no directory on this machine")
        return directory


def _unreadable(path: bytes, error: OSError) -> GalaxyError:
    return GalaxyError(kAgentError, f"{names.printable(path)}: {error.strerror}")
