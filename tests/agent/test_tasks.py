"""The task machine, move by move."""

from __future__ import annotations

from random import Random
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.records import End, Phase, Task
from galaxy.agent.specs import Deploying, Restart, TaskSpec
from galaxy.agent.steps import (
    Done,
    Execute,
    Failed,
    Fetch,
    Life,
    Outcome,
    Process,
    Remove,
    Sight,
    Step,
    Stop,
    Sweep,
)
from galaxy.agent.tasks import (
    DEPLOY_GRACE_S,
    Around,
    advance,
    next_step,
    wake_at,
)

PACKAGED = TaskSpec(deploying=Deploying.PACKAGE)
PLAIN = TaskSpec()
STARTING = Process(Life.STARTING, 9)
ALIVE = Process(Life.RUNNING, 9, 50.0)
WELL = Process(Life.ENDED, 9, 50.0, End(time=90.0))
BADLY = Process(Life.ENDED, 9, 50.0, End(exit_code=3, time=90.0))


def around(
    spec: TaskSpec = PLAIN,
    processes: dict[str, Process] | None = None,
    outcomes: dict[Step, Outcome] | None = None,
    *,
    stopping: bool = False,
    now: float = 100.0,
) -> Around:
    """What a move depends on."""
    return Around(0, spec, Sight(processes or {}, outcomes or {}), stopping, now, Random(1))


class StartTests(SynchronousTestCase):
    """From acceptance to a main process."""

    def test_without_package(self) -> None:
        """A task without a package is run at once."""
        task = advance(Task(), around())
        self.assertEqual(task.phase, Phase.RUNNING)
        self.assertEqual(next_step(task, 0, Sight()), Execute(0, "main.0"))

    def test_fetch_first(self) -> None:
        """One with a package has it fetched, then unpacked, then runs."""
        fetching = advance(Task(), around(PACKAGED))
        self.assertEqual(next_step(fetching, 0, Sight()), Fetch(0))
        deploying = advance(fetching, around(PACKAGED, outcomes={Fetch(0): Done()}))
        self.assertEqual(next_step(deploying, 0, Sight()), Execute(0, "deploy.1"))
        running = advance(deploying, around(PACKAGED, {"deploy.1": WELL}))
        self.assertEqual(running.phase, Phase.RUNNING)

    def test_seen(self) -> None:
        """A process is noted as seen once it is alive, and not started again."""
        task = advance(Task(Phase.RUNNING), around(processes={"main.0": ALIVE}))
        self.assertEqual((task.seen, task.start_time), (True, 50.0))
        self.assertIsNone(next_step(task, 0, Sight()))

    def test_starting(self) -> None:
        """One that is being started is waited for."""
        sight = Sight({"main.0": STARTING})
        task = Task(Phase.RUNNING)
        self.assertEqual(advance(task, around(processes={"main.0": STARTING})), task)
        self.assertIsNone(next_step(task, 0, sight))

    def test_fetch_fails(self) -> None:
        """A fetch that may yet succeed is tried three times, a hopeless one once."""
        fetching = Task(Phase.FETCHING, tries=1)
        hopeless: dict[Step, Outcome] = {Fetch(0): Failed("no such host", final=True)}
        self.assertEqual(advance(fetching, around(PACKAGED, outcomes=hopeless)).phase, Phase.FAILED)
        outcomes: dict[Step, Outcome] = {Fetch(0): Failed("it is slow")}
        retrying = advance(fetching, around(PACKAGED, outcomes=outcomes))
        self.assertEqual((retrying.phase, retrying.reason), (Phase.RETRYING, "it is slow"))
        last = evolve(fetching, tries=3)
        self.assertEqual(advance(last, around(PACKAGED, outcomes=outcomes)).phase, Phase.FAILED)

    def test_retry(self) -> None:
        """After the pause the next try has the next number."""
        task = Task(Phase.RETRYING, tries=1, next_try=110.0)
        self.assertEqual(advance(task, around(PACKAGED, now=109.0)), task)
        again = advance(task, around(PACKAGED, now=110.0))
        self.assertEqual((again.phase, again.tries), (Phase.FETCHING, 2))

    def test_refused(self) -> None:
        """A start that gce refuses is a failed attempt with its reason."""
        outcomes: dict[Step, Outcome] = {Execute(0, "main.0"): Failed("no such user")}
        task = advance(Task(Phase.RUNNING), around(outcomes=outcomes))
        self.assertEqual((task.phase, task.reason), (Phase.WAITING, "no such user"))


class DeadlineTests(SynchronousTestCase):
    """A deployment has so much time, for fetching and unpacking together."""

    HASTY = evolve(PACKAGED, deploy_timeout_s=30.0)

    def test_fetching_too_long(self) -> None:
        """A fetch that goes on at the deadline is a failed try; nothing is to be fetched then."""
        fetching = advance(Task(), around(self.HASTY, now=100.0))
        self.assertEqual((fetching.phase, wake_at(fetching)), (Phase.FETCHING, 130.0))
        self.assertEqual(advance(fetching, around(self.HASTY, now=129.9)), fetching)
        late = advance(fetching, around(self.HASTY, now=130.0))
        self.assertEqual(late.phase, Phase.RETRYING)
        self.assertIn("longer than the 30 s it has to fetch", late.reason)
        self.assertIsNone(next_step(late, 0, Sight()))

    def test_unpacking_too_long(self) -> None:
        """The process is ended, and only when it is gone is the try over, with that reason."""
        fetching = advance(Task(), around(self.HASTY, now=100.0))
        deploying = advance(fetching, around(self.HASTY, outcomes={Fetch(0): Done()}, now=120.0))
        alive = around(self.HASTY, {"deploy.1": ALIVE}, now=130.0)
        late = advance(deploying, alive)
        self.assertEqual(late.phase, Phase.DEPLOYING)
        stop = next_step(late, 0, alive.sight)
        self.assertEqual(stop, Stop(0, 130.0 + DEPLOY_GRACE_S))
        self.assertEqual(advance(late, alive), late)
        ended = around(self.HASTY, {"deploy.1": BADLY}, now=131.0)
        after = advance(late, ended)
        self.assertEqual(after.phase, Phase.RETRYING)
        self.assertEqual(after.reason, "could not be deployed: it took longer than the 30 s it has")
        self.assertEqual(next_step(after, 0, ended.sight), Sweep(0, 0))

    def test_each_try(self) -> None:
        """Each try has the whole time, and begins when nothing of the last is left."""
        task = Task(Phase.RETRYING, tries=1, next_try=110.0, deploy_deadline=90.0, swept=False)
        self.assertEqual(advance(task, around(self.HASTY, now=111.0)), task)
        swept = around(self.HASTY, outcomes={Sweep(0, 0): Done()}, now=111.0)
        self.assertEqual(advance(task, swept).deploy_deadline, 141.0)

    def test_while_swept(self) -> None:
        """Nobody looks at the clock again and again while the strays of a try are ended."""
        task = Task(Phase.RETRYING, tries=1, next_try=110.0, swept=False)
        self.assertIsNone(wake_at(task))
        self.assertEqual(wake_at(evolve(task, swept=True)), 110.0)

    def test_in_time_after_all(self) -> None:
        """A deployment that has ended well, however late, has."""
        task = Task(Phase.DEPLOYING, tries=1, seen=True, deploy_deadline=90.0)
        self.assertEqual(advance(task, around(self.HASTY, {"deploy.1": WELL})).phase, Phase.RUNNING)

    def test_of_an_earlier_release(self) -> None:
        """A record without a deadline gets one when it is looked at."""
        task = advance(Task(Phase.FETCHING, tries=1), around(self.HASTY, now=100.0))
        self.assertEqual((task.phase, task.deploy_deadline), (Phase.FETCHING, 130.0))


class EndTests(SynchronousTestCase):
    """What follows the end of a main process."""

    def test_policies(self) -> None:
        """What follows, by policy and by how it ended."""
        for restart, process, phase in (
            (Restart.ALWAYS, WELL, Phase.WAITING),
            (Restart.ALWAYS, BADLY, Phase.WAITING),
            (Restart.ON_FAILURE, WELL, Phase.FINISHED),
            (Restart.ON_FAILURE, BADLY, Phase.WAITING),
            (Restart.NEVER, WELL, Phase.FINISHED),
            (Restart.NEVER, BADLY, Phase.FAILED),
        ):
            spec = TaskSpec(restart=restart, retries=1)
            task = advance(Task(Phase.RUNNING, seen=True), around(spec, {"main.0": process}))
            self.assertEqual(task.phase, phase, f"{restart} {process}")
            self.assertEqual(task.end, process.end)

    def test_lost(self) -> None:
        """A process that was seen and is unknown to gce is lost: a failed attempt."""
        task = advance(Task(Phase.RUNNING, seen=True), around())
        self.assertEqual(task.phase, Phase.WAITING)
        self.assertIn("lost", task.reason)

    def test_not_lost(self) -> None:
        """One that was never seen has yet to be started: under the same name."""
        task = Task(Phase.RUNNING, attempt=4)
        self.assertEqual(advance(task, around()), task)
        self.assertEqual(next_step(task, 0, Sight()), Execute(0, "main.4"))

    def test_sweep_first(self) -> None:
        """The next attempt waits until the stray children of the last are gone."""
        task = Task(Phase.WAITING, next_try=90.0, swept=False)
        self.assertEqual(next_step(task, 0, Sight()), Sweep(0, 0))
        self.assertEqual(advance(task, around()), task)
        again = advance(task, around(outcomes={Sweep(0, 0): Done()}))
        self.assertEqual((again.phase, again.attempt, again.restarts), (Phase.RUNNING, 1, 1))

    def test_quiet_time(self) -> None:
        """A long run wipes out the failures before it."""
        ended = Process(Life.ENDED, 9, 100.0, End(exit_code=1, time=500.0))
        before = Task(Phase.RUNNING, seen=True, streak=10)
        task = advance(before, around(processes={"main.0": ended}, now=500.0))
        self.assertEqual((task.phase, task.streak), (Phase.WAITING, 1))
        short = Process(Life.ENDED, 9, 400.0, End(exit_code=1, time=500.0))
        task = advance(before, around(processes={"main.0": short}, now=500.0))
        self.assertEqual(task.phase, Phase.FAILED)


class StopTests(SynchronousTestCase):
    """A task that is to go."""

    polite = TaskSpec(has_stop_command=True, stop_timeout_s=20.0)

    def test_at_rest(self) -> None:
        """One without processes is removed at once."""
        for phase in (Phase.NEW, Phase.FETCHING, Phase.WAITING, Phase.RETRYING, Phase.FAILED):
            task = advance(Task(phase), around(stopping=True))
            self.assertEqual(next_step(task, 0, Sight()), Remove(0), phase)

    def test_stop_command(self) -> None:
        """The stop command runs first; when it has ended, what is left is ended."""
        running = Task(Phase.RUNNING, seen=True)
        alive = {"main.0": ALIVE}
        stopping = advance(running, around(self.polite, alive, stopping=True))
        self.assertEqual(next_step(stopping, 0, Sight(alive)), Execute(0, "stop"))
        self.assertEqual(wake_at(stopping), 120.0)
        ended = {**alive, "stop": WELL}
        killing = advance(stopping, around(self.polite, ended, stopping=True))
        self.assertEqual(next_step(killing, 0, Sight(ended)), Stop(0, 120.0))

    def test_deadline(self) -> None:
        """A stop command that does not end is not waited for beyond the deadline."""
        task = Task(Phase.STOPPING, stop_deadline=120.0)
        processes = {"main.0": ALIVE, "stop": ALIVE}
        late = around(self.polite, processes, stopping=True, now=120.0)
        self.assertEqual(advance(task, late).phase, Phase.KILLING)

    def test_main_ends(self) -> None:
        """When the main process has ended the stop command is not waited for."""
        task = Task(Phase.STOPPING, stop_deadline=120.0)
        processes = {"main.0": WELL, "stop": ALIVE}
        self.assertEqual(
            advance(task, around(self.polite, processes, stopping=True)).phase, Phase.KILLING
        )

    def test_to_the_end(self) -> None:
        """Ended, then removed, then gone."""
        task = Task(Phase.KILLING, stop_deadline=120.0)
        task = advance(task, around(outcomes={Stop(0, 120.0): Done()}, stopping=True))
        self.assertEqual(next_step(task, 0, Sight()), Remove(0))
        task = advance(task, around(outcomes={Remove(0): Done()}, stopping=True))
        self.assertEqual(task.phase, Phase.GONE)
        self.assertIsNone(next_step(task, 0, Sight()))


class ExcessTests(SynchronousTestCase):
    """A pod that is given up, from wherever its tasks stand."""

    def given_up(self, task: Task, **more: Any) -> Task:
        """The task after its pod was given up."""
        return advance(task, evolve(around(**more), excess="it is full"))

    def test_nothing_runs(self) -> None:
        """What waits is not begun any more."""
        for phase in (Phase.NEW, Phase.FETCHING, Phase.RETRYING, Phase.WAITING):
            after = self.given_up(Task(phase, swept=phase is not Phase.WAITING))
            self.assertEqual((after.phase, after.reason), (Phase.FAILED, "it is full"))
        self.assertEqual(next_step(after, 0, Sight()), Sweep(0, 0))

    def test_what_runs_is_ended_first(self) -> None:
        """At once, without the time that a stop has: it would go on to write."""
        for phase, name in ((Phase.DEPLOYING, "deploy.0"), (Phase.RUNNING, "main.0")):
            ending = self.given_up(Task(phase, seen=True), processes={name: ALIVE})
            stop = Stop(0, 100.0)
            self.assertEqual((ending.phase, next_step(ending, 0, Sight())), (phase, stop))
            self.assertEqual(self.given_up(ending, processes={name: BADLY}, now=101.0), ending)
            ended = self.given_up(ending, processes={name: BADLY}, outcomes={stop: Done()})
            self.assertEqual((ended.phase, ended.end, ended.unwell), (Phase.FAILED, BADLY.end, ""))

    def test_what_is_over_stays(self) -> None:
        """And a stop goes on as it would."""
        self.assertEqual(self.given_up(Task(Phase.FINISHED)), Task(Phase.FINISHED))
        leaving = self.given_up(Task(Phase.RUNNING, seen=True), stopping=True)
        self.assertEqual(leaving.phase, Phase.KILLING)
