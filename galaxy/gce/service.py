"""The service Gce on real processes: requests in, the supervisor's doings out."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from functools import partial

from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from galaxy.gce.record import ProcessId
from galaxy.gce.requests import (
    Rights,
    allowance,
    ceiling,
    checked_name,
    process_id,
    rights_of,
    spec,
)
from galaxy.gce.supervisor import Supervisor
from galaxy.protocol.calls import Call
from galaxy.protocol.gce_pb2 import (
    ConfigureRequest,
    ConfigureResponse,
    ContainerUsage,
    DescribeRequest,
    DescribeResponse,
    EndRequest,
    EndResponse,
    ExecuteRequest,
    ExecuteResponse,
    ProcessChange,
    RemoveRequest,
    RemoveResponse,
    StopRequest,
    StopResponse,
    UsageRequest,
    UsageResponse,
    WatchRequest,
)
from galaxy.protocol.services import IGce
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import kPermission


@implementer(IGce)
class GceService:
    """Answers for the service Gce."""

    def __init__(
        self,
        supervisor: Supervisor,
        clock: IReactorTime,
        build: str,
        rights: Callable[[str], Rights] | None = None,
        no_boxes: str = "",
    ) -> None:
        """
        `rights` finds what a user may do, by the user's name; default: as the machine says.
        `no_boxes`: why boxes cannot be made here, if so.
        """
        self._rights = rights or partial(rights_of, own_uid=os.geteuid())
        self._supervisor = supervisor
        self._clock = clock
        self._build = build
        self._no_boxes = no_boxes

    async def describe(self, request: DescribeRequest, call: Call) -> DescribeResponse:
        """What this gce can do, and who it is."""
        cgroups = self._supervisor.cgroups
        return DescribeResponse(
            pid=os.getpid(),
            build=self._build,
            isolation=cgroups.isolation,
            isolation_reason=cgroups.reason,
            no_boxes=self._no_boxes,
        )

    async def configure(self, request: ConfigureRequest, call: Call) -> ConfigureResponse:
        """What the kernel refuses of it, Describe tells."""
        self._supervisor.cgroups.limit(ceiling(request))
        return ConfigureResponse()

    async def execute(self, request: ExecuteRequest, call: Call) -> ExecuteResponse:
        """Answers when the process runs, or is known never to."""
        if request.HasField("box") and self._no_boxes:
            raise GalaxyError(kPermission, f"there can be no box here: {self._no_boxes}")
        status, existed = await self._supervisor.execute(
            process_id(request),
            spec(request, self._rights(request.user)),
            allowance(request.limits),
            request.join,
        )
        return ExecuteResponse(process=status, existed=existed)

    async def watch(
        self, request: WatchRequest, call: Call, send: Callable[[ProcessChange], Awaitable[None]]
    ) -> None:
        """Everything, then every change; a slow reader gets the newest of what it missed."""
        feed = self._supervisor.watch()
        try:
            while True:
                await send(self._supervisor.change(await feed.next()))
        finally:
            self._supervisor.unwatch(feed)

    async def stop(self, request: StopRequest, call: Call) -> StopResponse:
        """Answers when nothing lives in the container."""
        name = checked_name("container", request.container)
        await self._supervisor.stop_container(name, request.grace_s)
        return StopResponse()

    async def end_process(self, request: EndRequest, call: Call) -> EndResponse:
        """Answers when nothing lives of the process."""
        name = ProcessId(
            checked_name("container", request.container), checked_name("name", request.name)
        )
        await self._supervisor.end_process(name, request.grace_s, request.setting)
        return EndResponse()

    async def remove(self, request: RemoveRequest, call: Call) -> RemoveResponse:
        """Answers when nothing of the container remains."""
        await self._supervisor.remove(checked_name("container", request.container))
        return RemoveResponse()

    async def usage(self, request: UsageRequest, call: Call) -> UsageResponse:
        """Containers that are not known are left out."""
        return UsageResponse(
            usages=[
                ContainerUsage(
                    container=name,
                    cpu_ns=used.cpu_ns,
                    memory=used.memory_bytes,
                    memory_with_cache=used.memory_with_cache_bytes,
                    pids=used.pids,
                    read_bytes=used.read_bytes,
                    write_bytes=used.write_bytes,
                    read_ios=used.read_ios,
                    write_ios=used.write_ios,
                )
                for name, used in self._supervisor.usage(request.containers)
            ],
            time=self._clock.seconds(),
        )
