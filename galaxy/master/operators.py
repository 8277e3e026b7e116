"""
What operators ask of the master: methods of the service Master about machines and the whole.

They decide nothing themselves: `orders` writes down and carries out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.interfaces import IReactorTime

from galaxy.master.leader import Leadership
from galaxy.master.preempt import preempt
from galaxy.master.watching import wanted, watch
from galaxy.protocol.calls import Call
from galaxy.protocol.master_pb2 import (
    Events,
    LabelAgentsRequest,
    LabelAgentsResponse,
    OfflineAgentRequest,
    OfflineAgentResponse,
    OnlineAgentRequest,
    OnlineAgentResponse,
    PreemptRequest,
    PreemptResponse,
    StepDownRequest,
    StepDownResponse,
    SwitchSafeModeRequest,
    SwitchSafeModeResponse,
    WatchEventsRequest,
)


class OperatorMethods:
    """The part of `MasterService` that operators use."""

    _leadership: Leadership
    _clock: IReactorTime

    async def label_agents(self, request: LabelAgentsRequest, call: Call) -> LabelAgentsResponse:
        """Change who carries a label; agents that are not known yet are remembered."""
        reign = await self._leadership.reigning()
        await reign.orders.label(request, call.peer.hello.name)
        return LabelAgentsResponse()

    async def offline_agent(self, request: OfflineAgentRequest, call: Call) -> OfflineAgentResponse:
        """Place nothing more on a machine, and move away what is there."""
        reign = await self._leadership.reigning()
        await reign.orders.empty(request.endpoint, call.peer.hello.name)
        return OfflineAgentResponse()

    async def online_agent(self, request: OnlineAgentRequest, call: Call) -> OnlineAgentResponse:
        """Place on a machine again."""
        reign = await self._leadership.reigning()
        await reign.orders.use(request.endpoint, call.peer.hello.name)
        return OnlineAgentResponse()

    async def switch_safe_mode(
        self, request: SwitchSafeModeRequest, call: Call
    ) -> SwitchSafeModeResponse:
        """Enter safe mode, or leave it, also when the master entered it by itself."""
        reign = await self._leadership.reigning()
        actor = call.peer.hello.name
        await (reign.orders.hold(actor) if request.enter else reign.orders.go_on(actor))
        return SwitchSafeModeResponse()

    async def step_down(self, request: StepDownRequest, call: Call) -> StepDownResponse:
        """Let another master lead."""
        leader = await self._leadership.step_down(request.epoch)
        if leader is None:
            return StepDownResponse()
        return StepDownResponse(leader=leader.endpoint, epoch=leader.epoch)

    async def preempt(self, request: PreemptRequest, call: Call) -> PreemptResponse:
        """Let a pod displace others, if it ranks higher and would fit then."""
        reign = await self._leadership.reigning()
        preempt(reign.cluster, request, call.peer.hello.name, self._clock.seconds())
        reign.changed()
        return PreemptResponse()

    async def watch_events(
        self, request: WatchEventsRequest, call: Call, send: Callable[[Events], Awaitable[None]]
    ) -> None:
        """What happened, and with `follow` what happens until the reign ends."""
        reign = await self._leadership.informed()
        what = wanted(reign.cluster, request)
        await watch(reign.chronicle, reign.events, what, send, follow=request.follow)
