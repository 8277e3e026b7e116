"""
Simulated operators: machines taken out and put back, labels, safe mode, hand-overs, and room
made by hand. One thing at a time, so that the order in which they asked is known.
"""

from __future__ import annotations

from collections.abc import Awaitable
from random import Random

from attrs import define
from twisted.internet.defer import Deferred

from galaxy.protocol.master_pb2 import (
    GetStatusRequest,
    LabelAgentsRequest,
    OfflineAgentRequest,
    OnlineAgentRequest,
    PodOverview,
    PreemptRequest,
    ShowPodRequest,
    StepDownRequest,
    SwitchSafeModeRequest,
    kLabelSet,
)
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status, kStagePending, kStageRunning
from tests.simulation.people import People
from tests.simulation.world import LABEL, World

REFUSED = frozenset(
    {Status.kConflict, Status.kInputError, Status.kPodNotFound, Status.kQuota, Status.kSafeMode}
)
"""What may come of a hand-over with nobody to take over, and of room made by hand."""


@define(eq=False)
class Operators:
    """Everybody who looks after the machines."""

    world: World
    people: People
    rng: Random
    offline: str = ""  # the machine that takes no pods; at most one does not
    acknowledged: bool = True  # and the masters know
    switched: float = 0.0  # when that was asked for last
    held: bool = False  # safe mode, by hand
    marked: bool = True  # every machine has the label
    _busy: bool = False

    def act(self) -> None:
        """Somebody does something, unless the last thing is not done yet."""
        if self._busy:
            return
        ways = [self._step_down, self._label, self._hold, self._make_room, self._make_room]
        # The others have room for all that people want.
        ways += [self._switch] * 3 if len(self.world.machines) > 2 else []
        if self.held:
            ways = [self._hold]
        self._begin(self.rng.choice(ways)())

    def label(self) -> None:
        """Give every machine the label."""
        self._begin(self._label(everywhere=True))

    def end(self) -> bool:
        """Put everything back, one after the other; whether everything is."""
        if self._busy:
            return False
        if self.offline:
            self._begin(self._switch())
        elif self.held:
            self._begin(self._hold())
        elif not self.marked:
            self.label()
        return not self._busy

    def _begin(self, asking: Awaitable[None]) -> None:
        self._busy = True

        async def asked() -> None:
            try:
                await asking
            except GalaxyError as error:
                self.world.history.breach(f"an operator was refused: {error}")
            self._busy = False

        Deferred.fromCoroutine(asked())

    async def _switch(self) -> None:
        self.acknowledged = False
        if self.offline:
            self._note(f"{self.offline} is to be used again")
            back = OnlineAgentRequest(endpoint=self.offline)
            await self.people.ask(lambda master: master.online_agent(back))
            self._note(f"{self.offline} is used again")
            self.offline = ""
        else:
            endpoint = self.rng.choice(self.world.machines).agent.name
            self._note(f"{endpoint} is to take no pods")
            out = OfflineAgentRequest(endpoint=endpoint)
            await self.people.ask(lambda master: master.offline_agent(out))
            self._note(f"{endpoint} takes no pods")
            self.offline = endpoint
        self.acknowledged = True
        self.switched = self.world.clock.seconds()

    async def _label(self, *, everywhere: bool = False) -> None:
        agents = [machine.agent.name for machine in self.world.machines]
        if not everywhere:
            agents = self.rng.sample(agents, self.rng.randint(1, len(agents)))
        self._note(f"{LABEL} are {' '.join(agents)}")
        self.marked = False
        request = LabelAgentsRequest(label=LABEL, change=kLabelSet, endpoints=agents)
        await self.people.ask(lambda master: master.label_agents(request))
        self.marked = len(agents) == len(self.world.machines)

    async def _hold(self) -> None:
        enter = not self.held
        self._note("safe mode" if enter else "no safe mode")
        request = SwitchSafeModeRequest(enter=enter)
        self.held, self.world.witness.held = True, None
        await self.people.ask(lambda master: master.switch_safe_mode(request))
        self.held = enter
        if enter:
            self._note("safe mode holds")
            self.world.witness.held = self.world.ensemble.epoch

    async def _step_down(self) -> None:
        status = await self.people.ask(lambda master: master.get_status(GetStatusRequest()))
        self._note(f"the master of epoch {status.epoch} is to step down")
        request = StepDownRequest(epoch=status.epoch)
        try:
            await self.people.ask(lambda master: master.step_down(request))
        except GalaxyError as error:
            if error.status not in REFUSED:
                raise
            self._note(f"it does not: {error}")

    async def _make_room(self) -> None:
        """Let a pod that waits displace another, whether or not it may."""
        endpoint = self.rng.choice(self.world.machines).agent.name
        waiting, there = [], []
        for job in await self.people.jobs():
            for pod in await self._pods(job.job_id):
                if pod.stage == kStagePending:
                    waiting.append(pod.pod_id)
                elif pod.stage == kStageRunning and pod.endpoint == endpoint:
                    there.append(pod.pod_id)
        if not waiting or not there:
            return
        pod_id, victim = self.rng.choice(waiting), self.rng.choice(there)
        self._note(f"{pod_id} is to displace {victim} on {endpoint}")
        preempt = PreemptRequest(endpoint=endpoint, pod_id=pod_id, victim_ids=[victim])
        try:
            await self.people.once(lambda master: master.preempt(preempt))
        except GalaxyError as error:
            self._note(f"it does not: {error}")

    async def _pods(self, job_id: str) -> list[PodOverview]:
        request = ShowPodRequest(job_id=job_id, brief=True)
        try:
            return list((await self.people.ask(lambda master: master.show_pod(request))).pods)
        except GalaxyError as error:
            if error.status != Status.kJobNotFound:
                raise
            return []

    def _note(self, words: str) -> None:
        self.world.history.note("office", words)
