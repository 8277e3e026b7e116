"""
How the machine and what runs on it are doing, looked at again and again.

What pods use is measured by gce and kept in `meter`; how the machine is, is read from
the kernel and judged in `wellness`.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from galaxy.agent.complaint import Complaint
from galaxy.agent.containers import IContainers
from galaxy.agent.inthread import InThread
from galaxy.agent.usage import Meter
from galaxy.agent.wellness import Limits, Reading, Wellness, after
from galaxy.protocol.statuses import GalaxyError
from galaxy.settings import AgentSettings

SAMPLE_S = 2.0
LOOK_S = 5.0


def limits(settings: AgentSettings) -> Limits:
    """What is too much for a machine."""
    return Limits(
        cpu=settings.max_cpu,
        load=settings.max_load,
        memory=settings.max_memory,
        disk=settings.max_disk,
        inodes=settings.max_inodes,
        window_s=settings.unwell_after_s,
        drain_after_s=settings.drain_after_s,
    )


class Vitals:
    """
    The samples and readings of one agent.

    `condition` reads how the machine is, in a thread. `news` is called when the machine
    has become unwell, or well, or wants to be emptied.
    """

    _log = Logger()

    def __init__(
        self,
        containers: IContainers,
        condition: Callable[[], Reading],
        limits: Limits,
        *,
        news: Callable[[], None],
        in_thread: InThread,
        clock: IReactorTime,
    ) -> None:
        self.meter = Meter()
        self.wellness = Wellness()
        self._containers = containers
        self._condition = condition
        self._limits = limits
        self._news = news
        self._in_thread = in_thread
        self._clock = clock
        self._blind = Complaint(self._log, "how the machine is cannot be read: {error}")
        self._sampling = LoopingCall(self._sample)
        self._looking = LoopingCall(self.look)
        self._sampling.clock = self._looking.clock = clock

    def start(self, broken: Callable[[Failure], None]) -> None:
        """Begin; `broken` is told of a fault of ours, after which nothing more is looked at."""
        self._sampling.start(SAMPLE_S, now=False).addErrback(broken)
        self._looking.start(LOOK_S, now=False).addErrback(broken)

    def stop(self) -> None:
        """Look at nothing any more."""
        for repeated in (self._sampling, self._looking):
            if repeated.running:
                repeated.stop()

    async def look(self) -> None:
        """See how the machine is."""
        try:
            reading = await self._in_thread(self._condition)
        except OSError as error:
            self._blind.make(error)
            return
        self._blind.withdraw()
        before = self.wellness
        self.wellness = after(before, reading, self._limits, self._clock.seconds())
        why = self.wellness.unhealthy
        if (before.unhealthy, before.drain) != (why, self.wellness.drain):
            self._news()
        if why and why != before.unhealthy:
            self._log.warn("the machine is unwell, and takes no new pods: {why}", why=why)
        elif before.unhealthy and not why:
            self._log.info("the machine is well again")

    async def _sample(self) -> None:
        if not self._containers.picture:
            return
        try:
            self.meter.sample(*await self._containers.usage())
        except GalaxyError as error:
            self._log.debug("usage was not sampled: {error}", error=error)
