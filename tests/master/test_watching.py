"""WatchEvents: who did what to whom, as it happens."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from galaxy.protocol.master_pb2 import (
    Event,
    OfflineAgentRequest,
    TerminateJobRequest,
    WatchEventsRequest,
)
from galaxy.protocol.services import MasterStub
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status
from tests.master.examples import descriptor
from tests.master.test_service import MasterTests, World


class Watcher:
    """Somebody who reads events."""

    def __init__(self, stub: MasterStub, request: WatchEventsRequest) -> None:
        self.events: list[Event] = []
        self.lost = 0
        self.error: GalaxyError | None = None
        self.stream = stub.watch_events(request)
        self.done = Deferred.fromCoroutine(self._read())

    async def _read(self) -> None:
        try:
            async for item in self.stream:
                self.events.extend(item.events)
                self.lost += item.lost
        except GalaxyError as error:
            self.error = error

    def lines(self, kind: str = "") -> list[str]:
        """What was read, shortly."""
        return [
            f"{event.before}>{event.after} {event.reason} ({event.actor})"
            for event in self.events
            if kind in {"", event.kind}
        ]


class WatchTests(MasterTests):
    """A world that is watched."""

    def read(self, world: World | None = None, **asked: object) -> Watcher:
        """What is kept."""
        world = world or self.world
        watcher = Watcher(world.stub, WatchEventsRequest(**asked))  # type: ignore[arg-type]
        world.do(watcher.done)
        return watcher

    def follow(self, **asked: object) -> Watcher:
        request = WatchEventsRequest(follow=True, **asked)  # type: ignore[arg-type]
        return Watcher(self.world.stub, request)

    def test_the_life_of_a_job(self) -> None:
        """Who submitted and who killed it stands there: Galaxy 2 kept no record (§12.6, 31)."""
        self.world.agent("a")
        job_id = self.world.run(descriptor(replica=2))
        self.world.do(self.world.stub.terminate_job(TerminateJobRequest(job_id=job_id)))
        self.world.advance(1)
        watcher = self.read(job_id=job_id)
        self.assertEqual(
            watcher.lines("job"),
            [">kJobNormal submitted (ada@h)", "kJobNormal>kJobTerminated killed (ada@h)"],
        )
        changes = [line.split(" ")[0] for line in watcher.lines("pod")]
        self.assertEqual(
            changes,
            [
                "kStagePending>kStageRunning",
                ">kPodRunning",
                "kStageRunning>kStageRemoved",
                "kStageRemoved>gone",
            ],
        )
        pods = [event for event in watcher.events if event.kind == "pod"]
        self.assertEqual({tuple(sorted(event.indexes)) for event in pods}, {(0, 1)})
        self.assertEqual({event.endpoint for event in pods}, {"a:8221"})

    def test_the_life_of_a_machine(self) -> None:
        agent = self.world.agent("a")
        request = OfflineAgentRequest(endpoint="a:8221")
        self.world.do(self.world.stub.offline_agent(request))
        agent.hang_up()
        self.world.advance(6)
        watcher = self.read(endpoint="a:8221")
        self.assertEqual(
            [(event.after, event.actor, event.level) for event in watcher.events],
            [
                ("kAlive", "master", "info"),
                ("kOffline", "ada@h", "warning"),
                ("kDead", "master", "error"),
            ],
        )

    def test_who_follows_reads_on(self) -> None:
        watcher = self.follow()
        self.world.agent("a")
        self.assertEqual(len(watcher.lines("agent")), 1)
        self.world.agent("b")
        self.assertEqual(len(watcher.lines("agent")), 2)
        self.assertFalse(watcher.done.called)

    def test_only_what_is_asked_for(self) -> None:
        self.world.agent("a")
        self.world.run(descriptor("one"))
        self.world.run(descriptor("two"))
        watcher = self.read(job_id="two")
        self.assertEqual({event.job_id.split("_")[0] for event in watcher.events}, {"two"})
        watcher = self.read(pod_id=f"{watcher.events[0].job_id}.1")
        self.assertEqual({tuple(event.indexes) for event in watcher.events}, {(1,)})

    def test_a_job_that_is_gone_is_still_read_of(self) -> None:
        self.world.agent("a")
        job_id = self.world.run()
        self.world.do(self.world.stub.terminate_job(TerminateJobRequest(job_id=job_id)))
        self.world.advance(3)
        self.assertIn("kJobTerminated", self.read(job_id=job_id).lines("job")[-1])

    def test_it_ends_with_the_reign(self) -> None:
        watcher = self.follow()
        self.world.agent("a")
        self.world.stop_master()
        self.world.advance(1)
        assert watcher.error is not None
        self.assertIn(watcher.error.status, {Status.kNotLeader, Status.kRpcError})

    def test_numbers_grow_from_master_to_master(self) -> None:
        self.world.agent("a")
        before = self.read().events[-1].number
        self.world.restart_master()
        self.world.agent("b")
        self.assertGreater(self.read().events[0].number, before)

    def test_who_asks_for_more_than_is_kept_is_told(self) -> None:
        world = World(events_kept=3)
        for name in "abcde":
            world.agent(name)
        watcher = self.read(world, since=1.0)
        self.assertEqual((len(watcher.events), watcher.lost), (3, 1))
        self.assertEqual(self.read(world).lost, 0, "all that are kept")

    def test_what_makes_no_sense(self) -> None:
        job_id = self.world.submit()
        self.world.submit(descriptor("other"))
        for job, pod, status in (
            ("", "x", Status.kPodNotFound),
            ("other", f"{job_id}.0", Status.kInputError),
        ):
            watcher = self.read(job_id=job, pod_id=pod)
            assert watcher.error is not None
            self.assertEqual(watcher.error.status, status)
