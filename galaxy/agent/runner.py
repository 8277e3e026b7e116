"""
The shell around the agent's decisions: it alone changes the book, in turns.

A turn takes all orders of the master and all pods that something happened to,
drafts what follows (`galaxy.agent.draft`, `galaxy.agent.reconcile`), writes
that in one batch, and only then adopts it, answers the orders, and carries out
the steps. So what was answered is on disk, and what is done was written down
first. A draft that could not be written is discarded: the orders are refused
with kPersistenceError, the pods are looked at again a second later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from random import Random

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from galaxy.agent.admission import Isolation, Refused
from galaxy.agent.book import Book
from galaxy.agent.carrier import Carrier
from galaxy.agent.containers import Picture
from galaxy.agent.draft import Draft, ForeignOrder, StaleOrder
from galaxy.agent.firstsight import FirstSight
from galaxy.agent.ledger import Ledger
from galaxy.agent.orders import Answer, KillOrder, RunOrder
from galaxy.agent.pods import summary
from galaxy.agent.prober import Prober
from galaxy.agent.progress import RETRY_S, Progress
from galaxy.agent.reconcile import Plan, reconcile
from galaxy.agent.records import Phase, Pod, PodKey
from galaxy.agent.remains.graves import Graves
from galaxy.agent.steps import Process, Sight
from galaxy.agent.store import AgentStore, Changes
from galaxy.agent.strays import Strays
from galaxy.agent.tasks import process_name
from galaxy.agent.trouble import task_changes
from galaxy.nexus.interfaces import NexusError
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import kAgentError, kConflict, kPersistenceError, kStaleEpoch


class Runner:
    """
    Runs the pods in the book, and keeps book, disk, and ledger in step.

    `news` is called when the ledger has more to tell; `broken` when a fault of
    ours has ended the turns, after which nothing more is done.

    Until what runs has been seen for the first time, pods are as they were
    remembered, and none of them is healthy; `sighted` tells when that is over.
    """

    _log = Logger()

    def __init__(
        self,
        *,
        book: Book,
        store: AgentStore,
        carrier: Carrier,
        prober: Prober,
        ledger: Ledger,
        graves: Graves,
        isolation: Callable[[], Isolation],
        news: Callable[[], None],
        broken: Callable[[Failure], None],
        clock: IReactorTime,
        rng: Random,
    ) -> None:
        self.book = book
        self.stale_refusals = 0  # of masters whose reign is over, or of other clusters
        self.ledger = ledger
        self._store = store
        self._carrier = carrier
        self._prober = prober
        self._graves = graves
        self._isolation = isolation
        self._news = news
        self._broken = broken
        self._clock = clock
        self._rng = rng
        self._excesses: dict[PodKey, str] = {}
        self._orders: list[RunOrder | KillOrder] = []
        self._touched: set[PodKey] = set()
        self._progress: dict[PodKey, Progress] = {}
        self._owners: dict[str, PodKey] = {}
        self._strays = Strays(carrier.containers, self._owners.keys(), clock)
        self._turning: Deferred[None] | None = None
        self._stopped = False
        self._first_sight = FirstSight(clock)
        for pod in book.pods.values():
            self._enter(pod, clock.seconds())

    @property
    def picture(self) -> Picture | None:
        """What runs; None while that is not known."""
        return self._carrier.containers.picture

    def run(self, order: RunOrder) -> Deferred[list[Refused]]:
        """Take pods. Fails with `GalaxyError`."""
        self._take(order)
        return order.answer

    def kill(self, order: KillOrder) -> Deferred[list[PodKey]]:
        """Stop pods and forget them. Fails with `GalaxyError`."""
        self._take(order)
        return order.answer

    async def heed(self, epoch: int, cluster: str = "") -> None:
        """
        Hear of a reign (0: of none): earlier ones are refused from now on.

        Fails with `GalaxyError`, if it is itself an earlier one, or another cluster's.
        """
        if epoch == 0 or (epoch == self.book.epoch and cluster in ("", self.book.cluster)):
            return
        try:
            await self.kill(KillOrder(epoch, (), cluster=cluster))
        except GalaxyError as error:
            if error.status != kPersistenceError:
                raise  # else nobody's orders can be written down: all may look

    async def sighted(self, longest_s: float) -> None:
        """Wait until what runs was seen, and what follows from it is told; not for ever."""
        await self._first_sight.had(longest_s)

    def changed(self, containers: Iterable[str] | None) -> None:
        """Processes changed; None: all of them, or what runs is no longer known."""
        if containers is not None:
            names = list(containers)
            self._prober.changed(names)
            self._touch(self._owners[name] for name in names if name in self._owners)
            self._strays.remove(names)
            return
        self._prober.changed(None)
        for progress in self._progress.values():
            progress.distrust()
        if self.picture is not None:
            self._first_sight.come()
        self._touch(self.book.pods)
        if self._turning is None:
            self._first_sight.look_over()
        self._strays.remove(list(self.picture or ()))

    def exceed(self, key: PodKey, reason: str) -> None:
        """Give a pod up here that holds more than it may."""
        if key in self.book.pods:
            self._excesses[key] = reason
            self._touch([key])

    def stop(self) -> None:
        """
        Take no more turns, and give up the one that is being taken: what it had
        not written did not happen. Tasks run on.
        """
        self._stopped = True
        self._prober.stop()
        for progress in self._progress.values():
            progress.end()
        if self._turning is not None:
            self._turning.cancel()

    def _take(self, order: RunOrder | KillOrder) -> None:
        if self._stopped:
            raise GalaxyError(kAgentError, "this agent is stopping")
        self._orders.append(order)
        self._turn_soon()

    def _touch(self, keys: Iterable[PodKey]) -> None:
        self._touched.update(keys)
        self._turn_soon()

    def _turn_soon(self) -> None:
        if self._turning is None and not self._stopped and (self._orders or self._touched):
            self._turning = Deferred.fromCoroutine(self._turns())
            self._turning.addErrback(self._broken)

    async def _turns(self) -> None:
        try:
            await deferLater(self._clock, 0)  # what comes together is written together
            while self._orders or self._touched:
                orders, self._orders = self._orders, []
                touched, self._touched = self._touched, set()
                if not await self._turn(orders, touched):
                    self._clock.callLater(RETRY_S, self._touch, touched)
        except CancelledError:
            return  # `stop`
        self._turning = None
        self._first_sight.look_over()

    async def _turn(self, orders: Sequence[RunOrder | KillOrder], touched: set[PodKey]) -> bool:
        """Take one turn; whether it could be written."""
        draft = Draft(self.book)
        answers = [self._obey(draft, order) for order in orders]
        keys = sorted({*touched, *draft.pods})
        plans = [plan for key in keys if (plan := self._plan(draft, key)) is not None]
        for plan in plans:
            if not plan.gone:
                draft.put(plan.pod)
        for plan in plans:  # last: who waited for one of these waits no longer
            if plan.gone:
                draft.forget(plan.pod.key)
        for pod in draft.forgotten():
            self._graves.record(pod, self.book.description(pod), self.book.spec(pod))
        changes = draft.changes()
        try:
            if changes:
                await self._store.write(changes)
        except NexusError as error:
            draft.discard()
            self._log.error("what follows could not be written down: {error}", error=error)
            for order in orders:
                order.tell(GalaxyError(kPersistenceError, str(error)))
            return False
        self._adopt(draft, changes, [plan for plan in plans if not plan.gone])
        for order, answer in zip(orders, answers, strict=True):
            order.tell(answer)
        return True

    def _obey(self, draft: Draft, order: RunOrder | KillOrder) -> Answer:
        try:
            return order.obey(draft, self._isolation(), self._clock.seconds())
        except (StaleOrder, ForeignOrder) as error:
            self.stale_refusals += 1
            foreign = isinstance(error, ForeignOrder)
            return GalaxyError(kConflict if foreign else kStaleEpoch, str(error))

    def _plan(self, draft: Draft, key: PodKey) -> Plan | None:
        pod = draft.pod(key)
        if pod is None:
            return None
        now = self._clock.seconds()
        if key in self._excesses and not pod.excess:
            pod = evolve(pod, excess=self._excesses[key])
        try:
            return reconcile(pod, draft.spec(pod), self._sights(pod), now, self._rng)
        except Exception:  # noqa: BLE001 - a fault over one pod must not stop the others
            self._log.failure("pod {pod} is left as it is", pod=key.name)
            return None

    def _sights(self, pod: Pod) -> list[Sight] | None:
        picture = self.picture
        if picture is None:
            return None
        progress = self._progress.get(pod.key)
        outcomes = progress.outcomes if progress is not None else {}
        return [
            Sight(
                self._processes(pod, number, picture),
                outcomes,
                self._prober.checks(pod.key.container(number)),
            )
            for number in range(len(pod.tasks))
        ]

    def _processes(self, pod: Pod, number: int, picture: Picture) -> Mapping[str, Process]:
        processes = picture.get(pod.key.container(number), {})
        task = pod.tasks[number]
        name = process_name(task)
        if task.phase not in _EVIDENT or name not in processes:
            return processes
        return {**processes, name: self._carrier.with_evidence(pod, number, name, processes[name])}

    def _adopt(self, draft: Draft, written: Changes, plans: Sequence[Plan]) -> None:
        before = self.ledger.revision
        forgotten = draft.forgotten()
        earlier = {key: self.book.pods.get(key) for key in draft.pods}
        now = self._clock.seconds()
        self.book.adopt(written)
        for pod in draft.pods.values():
            if pod is not None:
                self._enter(pod, now)
                self.ledger.note(task_changes(earlier[pod.key], pod))
        for plan in plans:
            if plan.known:
                self._follow(plan)
            elif self.picture is not None:  # it has come while the plan was written down
                self._touch([plan.pod.key])
        for pod in forgotten:
            self._forget(pod)
        if self.ledger.revision != before:
            self._news()

    def _enter(self, pod: Pod, now: float) -> None:
        """Tell how a pod of the book stands, and know it if it is new."""
        key = pod.key
        if key not in self._progress:
            self._progress[key] = Progress(key.name, partial(self._touch, [key]), self._clock)
            self._owners.update((name, key) for name in _containers(pod))
        if self.book.slots[key.job_id, key.index] == key:
            told = summary(pod, self.book.spec(pod), now)
            unseen = self._first_sight.awaited
            self.ledger.say(key, evolve(told, healthy=False) if unseen else told)
        else:
            self.ledger.supersede(key)

    def _follow(self, plan: Plan) -> None:
        pod = plan.pod
        description, spec = self.book.description(pod), self.book.spec(pod)
        carry_out = partial(self._carrier.carry_out, pod, description, spec)
        self._progress[pod.key].follow(plan, carry_out)
        self._prober.follow(pod, description, spec, partial(self._touch, [pod.key]))

    def _forget(self, pod: Pod) -> None:
        self._progress.pop(pod.key).end()
        self._excesses.pop(pod.key, None)
        self._prober.forget(pod.key, len(pod.tasks))
        for name in _containers(pod):
            self._owners.pop(name, None)
        self._strays.remove(_containers(pod))
        self.ledger.bury(pod.key, pod.version)
        later = self.book.latest(pod.key)
        if later is None or later.home != pod.home:
            self._carrier.volumes.bury(pod.home)
            self._graves.bury(pod.home)
        if later is not None:
            self._touch([later.key])


_EVIDENT = frozenset({Phase.DEPLOYING, Phase.RUNNING})
"""Where a process that ends badly is quoted."""


def _containers(pod: Pod) -> list[str]:
    return [pod.key.container(number) for number in range(len(pod.tasks))]
