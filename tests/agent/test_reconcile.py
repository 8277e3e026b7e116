"""What follows for a pod: the laws, against any history of a small world."""

from __future__ import annotations

from random import Random

from attrs import define, evolve, field
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.health import Checks, HealthSpec, Kind
from galaxy.agent.reconcile import Plan, reconcile
from galaxy.agent.records import End, Phase, Pod, PodKey, Task
from galaxy.agent.specs import Deploying, PodSpec, Restart, TaskSpec
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

KEY = PodKey("web_1", 0, 1)


@define
class World:
    """A machine as simple as can be: steps take effect when the history says so."""

    processes: dict[int, dict[str, Process]] = field(factory=dict)
    outcomes: dict[Step, Outcome] = field(factory=dict)
    executed: list[Execute] = field(factory=list)
    now: float = 100.0
    ill: bool = False

    def sights(self, pod: Pod) -> list[Sight]:
        """What is seen of each task; all that run are ill, or none is."""
        return [
            Sight(
                self.processes.get(number, {}),
                self.outcomes,
                Checks(task.attempt, passed=not self.ill, failures=3 * self.ill, why="refused"),
            )
            for number, task in enumerate(pod.tasks)
        ]

    def carry_out(self, step: Step, ill: bool) -> None:
        """Do a step; `ill`: it fails where it may."""
        processes = self.processes.setdefault(step.number, {})
        match step:
            case Fetch():
                self.outcomes[step] = Failed("no route") if ill else Done()
            case Execute(name=name):
                self.executed.append(step)
                if ill:
                    self.outcomes[step] = Failed("refused")
                else:
                    processes[name] = Process(Life.RUNNING, 7, self.now)
            case Sweep() | Stop():
                for name in processes:
                    self.end(step.number, name, 15)
                self.outcomes[step] = Done()
            case Remove():
                processes.clear()
                self.outcomes[step] = Done()

    def end(self, number: int, name: str, code: int) -> None:
        """End a process, if it runs."""
        process = self.processes[number][name]
        if process.end is None:
            end = End(exit_code=code, time=self.now)
            self.processes[number][name] = evolve(process, life=Life.ENDED, end=end)


task_specs = st.builds(
    TaskSpec,
    deploying=st.sampled_from(Deploying),
    restart=st.sampled_from(Restart),
    retries=st.integers(0, 3),
    has_stop_command=st.booleans(),
    health=st.none() | st.just(HealthSpec(Kind.TCP, "http")),
)
specs = st.builds(PodSpec, st.lists(task_specs, min_size=1, max_size=3).map(tuple), st.just(5.0))
events = st.lists(
    st.one_of(
        st.tuples(st.just("do"), st.booleans()),
        st.tuples(st.just("end"), st.integers(0, 1)),
        st.tuples(st.just("wait"), st.floats(0.1, 90.0)),
        st.tuples(st.just("ill"), st.booleans()),
        st.tuples(st.just("stop"), st.none()),
    ),
    max_size=40,
)


def play(
    spec: PodSpec, history: list[tuple[str, object]], seed: int = 1
) -> list[tuple[Plan, World]]:
    """Each plan of a history, with the world it was made in."""
    rng = Random(seed)
    world = World()
    pod = Pod(KEY, "v1", "", 100.0, tuple(Task() for _ in spec.tasks))
    made = []
    for event, detail in [("wait", 0.0), *history]:
        match event:
            case "wait":
                assert isinstance(detail, float)
                world.now += detail
            case "ill":
                world.ill = bool(detail)
            case "stop":
                pod = evolve(pod, stop_reason="told to")
            case "end":
                for number, processes in world.processes.items():
                    for name in processes:
                        world.end(number, name, int(bool(detail)))
        plan = reconcile(pod, spec, world.sights(pod), world.now, rng)
        made.append((plan, world))
        pod = plan.pod
        wanted = set(plan.steps)
        world.outcomes = {step: out for step, out in world.outcomes.items() if step in wanted}
        if event == "do":
            for step in plan.steps:
                world.carry_out(step, bool(detail))
    return made


class LawTests(SynchronousTestCase):
    """Laws of `reconcile`."""

    def test_ignorance(self) -> None:
        """Safety: while what runs is not known, nothing is done and nothing judged."""
        pod = Pod(KEY, "v1", "", 0.0, (Task(Phase.RUNNING, seen=True),))
        spec = PodSpec((TaskSpec(),))
        self.assertEqual(reconcile(pod, spec, None, 1e9, Random(1)), Plan(pod, known=False))

    @settings(deadline=None)
    @given(specs, events)
    def test_own_result(self, spec: PodSpec, history: list[tuple[str, object]]) -> None:
        """Safety: reconciling the result once more changes nothing and asks for the same."""
        rng = Random(1)
        world = World()
        pod = Pod(KEY, "v1", "", 100.0, tuple(Task() for _ in spec.tasks))
        for event, detail in history:
            if event == "stop":
                pod = evolve(pod, stop_reason="told to")
            if event == "ill":
                world.ill = bool(detail)
            if event == "wait":
                assert isinstance(detail, float)
                world.now += detail
            sights = world.sights(pod)
            plan = reconcile(pod, spec, sights, world.now, rng)
            again = reconcile(plan.pod, spec, sights, world.now, rng)
            self.assertEqual(
                (again.pod, again.steps, again.gone), (plan.pod, plan.steps, plan.gone)
            )
            pod = plan.pod
            for step in plan.steps if event == "do" else ():
                world.carry_out(step, bool(detail))

    @settings(deadline=None)
    @given(specs, events, st.integers())
    def test_same_inputs(self, spec: PodSpec, history: list[tuple[str, object]], seed: int) -> None:
        """Safety: the same inputs, chance among them, give the same plans."""
        first = [plan for plan, _world in play(spec, history, seed)]
        second = [plan for plan, _world in play(spec, history, seed)]
        self.assertEqual(first, second)

    @settings(deadline=None)
    @given(specs, events)
    def test_a_name_runs_once(self, spec: PodSpec, history: list[tuple[str, object]]) -> None:
        """Safety: no process is started twice under one name once it has been seen to run."""
        _plan, world = play(spec, history)[-1]
        ran = [step for step in world.executed if step.name in world.processes.get(step.number, {})]
        self.assertEqual(len(ran), len(set(ran)))

    @settings(deadline=None)
    @given(specs, events)
    def test_one_main_process(self, spec: PodSpec, history: list[tuple[str, object]]) -> None:
        """Safety: two main processes of one task are never alive together."""
        for _plan, world in play(spec, history):
            for processes in world.processes.values():
                alive = [
                    name
                    for name, process in processes.items()
                    if name.startswith("main") and process.end is None
                ]
                self.assertLessEqual(len(alive), 1)

    @settings(deadline=None)
    @given(specs, events)
    def test_a_stopped_pod_goes(self, spec: PodSpec, history: list[tuple[str, object]]) -> None:
        """Liveness: once told to stop, a pod is gone after a few steps that succeed."""
        last: list[tuple[str, object]] = [("stop", None)]
        last += [("do", False), ("wait", 60.0)] * 6
        plan, _world = play(spec, [*history, *last])[-1]
        self.assertTrue(plan.gone, plan.pod)

    @settings(deadline=None)
    @given(specs, events)
    def test_ill_is_ended(self, spec: PodSpec, history: list[tuple[str, object]]) -> None:
        """Liveness: a process whose checks fail is ended by steps that succeed; it is not well."""
        last: list[tuple[str, object]] = [("ill", True), ("do", False), ("wait", 0.1)]
        plan, world = play(spec, [*history, *last])[-1]
        for number, (task, task_spec) in enumerate(zip(plan.pod.tasks, spec.tasks, strict=True)):
            if task_spec.health is None:
                continue
            alive = [each for each in world.processes.get(number, {}).values() if each.end is None]
            self.assertFalse(task.passed and not task.at_rest)
            if task.phase is Phase.RUNNING and task.seen:
                self.assertTrue(task.unwell and (not alive or plan.steps), task)

    @settings(deadline=None)
    @given(specs, events)
    def test_never_stuck(self, spec: PodSpec, history: list[tuple[str, object]]) -> None:
        """Liveness: a task that has not ended has a step, a time to wake, or runs."""
        plan, world = play(spec, history)[-1]
        stepping = {step.number for step in plan.steps}
        for number, task in enumerate(plan.pod.tasks):
            processes = world.processes.get(number, {}).values()
            runs = any(process.end is None for process in processes)
            ended = task.phase in (Phase.FINISHED, Phase.FAILED, Phase.GONE)
            waits = task.phase in (Phase.WAITING, Phase.RETRYING) and plan.wake_at is not None
            self.assertTrue(number in stepping or runs or ended or waits, task)

    def test_wake_for_health(self) -> None:
        """A running pod that is not yet healthy is looked at again when it will be."""
        alive = Sight({"main.0": Process(Life.RUNNING, 7, 100.0)})
        pod = Pod(KEY, "v1", "", 100.0, (Task(Phase.RUNNING),))
        plan = reconcile(pod, PodSpec((TaskSpec(),), 20.0), [alive], 101.0, Random(1))
        self.assertEqual(plan.wake_at, 120.0)
