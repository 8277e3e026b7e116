"""What a sound job is, and what each unsound one is told."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.defaults import with_defaults
from galaxy.descriptions import INLINE_LIMIT_BYTES, Problem, problems
from galaxy.protocol import types_pb2 as pb

Change = Callable[[pb.JobDescriptor], object]


def sound_job() -> pb.JobDescriptor:
    """A job nobody can object to: two tasks, one port, a health check."""
    return pb.JobDescriptor(
        name="web",
        type=pb.kLongRun,
        replica=2,
        pod=pb.PodDescriptor(
            requirement=pb.Resource(
                millicores=1000, memory=1 << 30, ports=[pb.Port(name="http", port=8080)]
            ),
            tasks=[
                pb.TaskDescriptor(
                    source_type=pb.kSourceTypeFTP,
                    binary=b"https://packages.example/web.tar.gz",
                    start_command="./web",
                    requirement=pb.Resource(millicores=600, memory=600 << 20),
                    envs=["MODE=fast"],
                    health=pb.HealthCheck(http_port="http"),
                ),
                pb.TaskDescriptor(
                    source_type=pb.kSourceTypeCommand,
                    start_command="./side",
                    requirement=pb.Resource(millicores=400, memory=424 << 20),
                ),
            ],
        ),
    )


def task(job: pb.JobDescriptor) -> pb.TaskDescriptor:
    """The first task of a job."""
    return job.pod.tasks[0]


def set_to(name: str, value: object) -> Change:
    """A change of one field: of the job, or below it by a dotted path of `pod` and `task`."""

    def change(job: pb.JobDescriptor) -> None:
        *path, last = name.split(".")
        target: object = job
        for part in path:
            target = task(job) if part == "task" else getattr(target, part)
        setattr(target, last, value)

    return change


def of_the_first(pods: pb.Resource, tasks: pb.Resource) -> Change:
    """What is added to what the pod has, and to what its first task asks."""

    def change(job: pb.JobDescriptor) -> None:
        job.pod.requirement.MergeFrom(pods)
        task(job).requirement.MergeFrom(tasks)

    return change


def put_port(**port: object) -> Change:
    """A port more than the sound job has."""
    return lambda job: job.pod.requirement.ports.add(**port)


def inline(size: int) -> Change:
    """The first task's package inside the job, of that size."""

    def change(job: pb.JobDescriptor) -> None:
        task(job).source_type = pb.kSourceTypeBinary
        task(job).binary = b"x" * size

    return change


def wrong_digest(job: pb.JobDescriptor) -> None:
    """An inline package, and the digest of another."""
    inline(1)(job)
    task(job).sha256 = "0" * 64


UNSOUND: list[tuple[Change, str]] = [
    (set_to("name", " "), "name"),
    (set_to("name", "two\nlines"), "name"),
    (set_to("type", pb.kJobTypeUnset), "type"),
    (set_to("type", 77), "type"),
    (set_to("replica", -1), "replica"),
    (set_to("priority", -1), "priority"),
    (set_to("deploy_step", -1), "deploy_step"),
    (set_to("max_per_host", -1), "max_per_host"),
    (set_to("retries", -1), "retries"),
    (set_to("update.min_healthy_s", float("nan")), "update.min_healthy"),
    (set_to("update.min_healthy_s", 400), "update.healthy_deadline"),
    (set_to("pod.version", "1 0"), "pod.version"),
    (set_to("task.seccomp", "strict"), "pod.tasks[0].seccomp"),
    (lambda job: job.pod.labels.append("with space"), "labels[0]"),
    (lambda job: job.pod.ClearField("tasks"), "pod.tasks"),
    (set_to("pod.requirement.millicores", 999), "pod.requirement.millicores"),
    (set_to("pod.requirement.memory", 1 << 29), "pod.requirement.memory"),
    (
        lambda job: job.pod.requirement.tmpfs.MergeFrom(pb.Tmpfs(size=1, path="/t")),
        "pod.requirement.memory",
    ),
    (set_to("task.requirement.millicores", -5), "pod.tasks[0].requirement.millicores"),
    (
        lambda job: job.pod.requirement.disks.add(quota=0, path="/d"),
        "pod.requirement.disks[0].quota",
    ),
    (
        lambda job: job.pod.requirement.disks.add(quota=1, path="//."),
        "pod.requirement.disks[0].path",
    ),
    (
        lambda job: job.pod.requirement.disks.add(quota=1, path="//proc/1"),
        "pod.requirement.disks[0].path",
    ),
    (
        lambda job: job.pod.requirement.ssds.add(quota=1, path="/" + "é" * 50),
        "pod.requirement.ssds[0].path",
    ),
    (
        lambda job: job.pod.requirement.MergeFrom(
            pb.Resource(disks=[pb.Volume(quota=1, path="/d")], ssds=[pb.Volume(quota=1, path="d/")])
        ),
        "pod.requirement.ssds[0].path",
    ),
    (
        lambda job: setattr(job.pod.requirement, "workspace", -1),
        "pod.requirement.workspace",
    ),
    (
        lambda job: job.pod.requirement.ssds.add(quota=1, path="../d"),
        "pod.requirement.ssds[0].path",
    ),
    (set_to("pod.requirement.read_bytes_ps", -1), "pod.requirement.read_bytes_ps"),
    (set_to("pod.requirement.pids", -1), "pod.requirement.pids"),
    (of_the_first(pb.Resource(pids=10), pb.Resource(pids=10)), "pod.tasks[1].requirement.pids"),
    (
        of_the_first(pb.Resource(write_io_ps=10), pb.Resource(write_io_ps=10)),
        "pod.tasks[1].requirement.write_io_ps",
    ),
    (set_to("task.requirement.cpuset", "3-1"), "pod.tasks[0].requirement.cpuset"),
    (
        of_the_first(pb.Resource(cpuset="0-1"), pb.Resource(cpuset="1-2")),
        "pod.tasks[0].requirement.cpuset",
    ),
    (set_to("task.requirement.io_weight", 5), "pod.tasks[0].requirement.io_weight"),
    (set_to("task.requirement.io_weight", 1001), "pod.tasks[0].requirement.io_weight"),
    (put_port(name="other", port=8080), "pod.requirement.ports[1]"),
    (put_port(name="big", port=65536), "pod.requirement.ports[1]"),
    (put_port(name="none"), "pod.requirement.ports[1]"),
    (put_port(name="HTTP", port=81), "pod.requirement.ports[1]"),
    (put_port(name="a b", port=81), "pod.requirement.ports[1]"),
    (put_port(name="both", port=81, dynamic=True), "pod.requirement.ports[1]"),
    (set_to("task.start_command", ""), "pod.tasks[0].start_command"),
    (set_to("task.stop_command", "a\0b"), "pod.tasks[0].stop_command"),
    (set_to("task.stop_timeout_s", -1), "pod.tasks[0].stop_timeout"),
    (set_to("task.deploy_timeout_s", -1), "pod.tasks[0].deploy_timeout"),
    (set_to("task.log_bytes", -1), "pod.tasks[0].log_size"),
    (set_to("task.log_bytes", 1000), "pod.tasks[0].log_size"),
    (set_to("task.mem_isolation_type", 9), "pod.tasks[0].mem_isolation_type"),
    (lambda job: task(job).envs.append("NOVALUE"), "pod.tasks[0].envs[1]"),
    (lambda job: task(job).envs.append("1X=2"), "pod.tasks[0].envs[1]"),
    (set_to("task.source_type", pb.kSourceTypeUnset), "pod.tasks[0].source_type"),
    (set_to("task.binary", b"gopher://x/y"), "pod.tasks[0].binary"),
    (set_to("task.binary", b"https:///y"), "pod.tasks[0].binary"),
    (set_to("task.binary", b"file:y"), "pod.tasks[0].binary"),
    (set_to("task.binary", b"http://[/y"), "pod.tasks[0].binary"),
    (inline(0), "pod.tasks[0].binary"),
    (inline(INLINE_LIMIT_BYTES + 1), "pod.tasks"),
    (set_to("task.sha256", "abc"), "pod.tasks[0].sha256"),
    (wrong_digest, "pod.tasks[0].sha256"),
    (set_to("task.health.tcp_port", "http"), "pod.tasks[0].health"),
    (set_to("task.health.http_port", ""), "pod.tasks[0].health"),
    (set_to("task.health.http_port", "nope"), "pod.tasks[0].health.http"),
    (set_to("task.health.http_port", "70000"), "pod.tasks[0].health.http"),
    (set_to("task.health.http_path", "x"), "pod.tasks[0].health.http"),
    (set_to("task.health.interval_s", -1), "pod.tasks[0].health.interval"),
    (set_to("task.health.failures", -1), "pod.tasks[0].health.failures"),
    (set_to("user", "a/b"), "user"),
    (set_to("user", "a b"), "user"),
    (set_to("user", "-x"), "user"),
    (set_to("user", "1000"), "user"),
    (set_to("user", "x" * 65), "user"),
    (set_to("user", "a\0"), "user"),
    (lambda job: task(job).envs.append("GALAXY_POD_INDEX=7"), "pod.tasks[0].envs[1]"),
    (lambda job: task(job).envs.append("POD_ID=7"), "pod.tasks[0].envs[1]"),
    (lambda job: task(job).envs.append("TASK_ID="), "pod.tasks[0].envs[1]"),
    (lambda job: task(job).envs.append("POD_VERSION=7"), "pod.tasks[0].envs[1]"),
]


class ProblemsTests(SynchronousTestCase):
    """One cause, one problem, at the path a person would look for it."""

    def test_a_sound_job_has_none(self) -> None:
        self.assertEqual(problems(sound_job()), ())

    def test_names_of_users_and_of_the_environment_that_are_fine(self) -> None:
        for user in ("", "ann", "ann.b-c@d.example", "7of9", "_x", "j\u00fcrgen"):
            with self.subTest(user=user):
                job = sound_job()
                job.user = user
                task(job).envs.extend(["PATH=/bin", "HOME=/tmp", "MY_GALAXY_X=1", "POD_IDS=1"])
                self.assertEqual(problems(job), ())

    def test_places_of_volumes(self) -> None:
        """Below the root, and away from what every task has for itself; always from the root."""
        own = "{} is no place for it: {} is every task's own; take another, like /data"
        none = "must name a directory below /, without '..'"
        table = {
            **dict.fromkeys(("/", "//", "", "/.", "/a/../b"), none),
            "/proc": own.format("/proc", "/proc"),
            "dev/shm": own.format("/dev/shm", "/dev"),
            "/sys/x": own.format("/sys/x", "/sys"),
            "/run/./x/": own.format("/run/x", "/run"),
            "//tmp/l/a": own.format("/tmp/l/a", "/tmp"),
            "/var": own.format("/var", "/var/tmp"),
            **dict.fromkeys(("/home/disk1", "/data/", "data", "/tmpfs", "/var/lib", "/procs"), ""),
        }
        for path, text in table.items():
            volume = pb.Resource(disks=[pb.Volume(quota=1, path=path)])
            tmpfs = pb.Resource(tmpfs=pb.Tmpfs(size=1, path=path))
            for asked, name in ((volume, "disks[0]"), (tmpfs, "tmpfs")):
                job = sound_job()
                job.pod.requirement.MergeFrom(asked)
                where = f"pod.requirement.{name}.path"
                told = [problem.text for problem in problems(job) if problem.path == where]
                self.assertEqual([text] if text else [], told, path)

    def test_a_private_network_leads_nowhere(self) -> None:
        """It has no ports, is not asked from outside, and needs namespaces."""
        job = sound_job()
        job.pod.network = pb.kNetworkPrivate
        task(job).requirement.ports.add(port=8081)
        paths = {found.path for found in problems(job)}
        expected = {"pod.network", "pod.requirement.ports", "pod.tasks[0].health.http"}
        self.assertEqual(expected | {"pod.tasks[0].requirement.ports"}, paths)
        job.pod.namespace_isolation = True
        job.pod.requirement.ClearField("ports")
        task(job).requirement.ClearField("ports")
        task(job).health.CopyFrom(pb.HealthCheck(command="true"))
        self.assertEqual((), problems(job))

    def test_each_fault_is_told_once_and_in_its_place(self) -> None:
        for number, (change, path) in enumerate(UNSOUND):
            with self.subTest(number=number, path=path):
                job = sound_job()
                change(job)
                self.assertEqual([found.path for found in problems(job)], [path])

    def test_all_faults_are_told_at_once(self) -> None:
        job = sound_job()
        for change, _ in (UNSOUND[0], UNSOUND[4], UNSOUND[6], UNSOUND[11], UNSOUND[21]):
            change(job)
        self.assertEqual(len(problems(job)), 5)

    def test_a_system_job_takes_no_number_of_replicas(self) -> None:
        job = sound_job()
        job.type = pb.kSystem
        self.assertEqual([found.path for found in problems(job)], ["replica"])
        job.replica = 0
        self.assertEqual(problems(job), ())

    def test_a_batch_task_may_do_all_its_work_while_it_deploys(self) -> None:
        job = sound_job()
        job.type = pb.kBatch
        task(job).start_command = ""
        self.assertEqual(problems(job), ())

    def test_a_sum_counts_every_task(self) -> None:
        job = sound_job()
        job.pod.requirement.millicores = 999
        self.assertEqual(
            problems(job),
            (
                Problem(
                    "pod.requirement.millicores",
                    "the tasks ask for 1000 millicores together, the pod has 999",
                ),
            ),
        )

    def test_nothing_left_for_a_task_that_asks_for_nothing(self) -> None:
        job = sound_job()
        job.pod.tasks.add(source_type=pb.kSourceTypeCommand, start_command="true")
        self.assertEqual(
            [found.path for found in problems(job)],
            ["pod.tasks[2].requirement.millicores", "pod.tasks[2].requirement.memory"],
        )

    def test_an_inline_package_is_checked_against_its_digest(self) -> None:
        job = sound_job()
        inline(3)(job)
        task(job).sha256 = hashlib.sha256(b"xxx").hexdigest().upper()
        self.assertEqual(problems(job), ())

    def test_a_health_check_may_name_a_port_by_its_number(self) -> None:
        job = sound_job()
        task(job).health.http_port = "9999"
        self.assertEqual(problems(job), ())


INT32 = st.integers(-(2**31), 2**31 - 1)
INT64 = st.integers(-(2**63), 2**63 - 1)
RESOURCES = st.builds(
    pb.Resource,
    millicores=INT32,
    memory=INT64,
    ports=st.lists(
        st.builds(pb.Port, name=st.text(max_size=3), port=INT32, dynamic=st.booleans()), max_size=3
    ),
    tmpfs=st.none() | st.builds(pb.Tmpfs, size=INT64, path=st.text(max_size=3)),
    io_weight=INT32,
)
TASKS = st.builds(
    pb.TaskDescriptor,
    binary=st.binary(max_size=8),
    source_type=st.integers(0, 5),
    start_command=st.text(max_size=3),
    requirement=RESOURCES,
    envs=st.lists(st.text(max_size=4), max_size=2),
    stop_timeout_s=st.floats(),
    health=st.none()
    | st.builds(pb.HealthCheck, tcp_port=st.text(max_size=3), interval_s=st.floats()),
)
JOBS = st.builds(
    pb.JobDescriptor,
    name=st.text(max_size=4),
    type=st.integers(0, 5),
    replica=INT32,
    restart=st.integers(0, 5),
    pod=st.builds(pb.PodDescriptor, requirement=RESOURCES, tasks=st.lists(TASKS, max_size=3)),
    update=st.builds(pb.UpdatePolicy, min_healthy_s=st.floats()),
)


class Laws(SynchronousTestCase):
    """What holds of every message that parses."""

    @settings(deadline=None)
    @given(JOBS)
    def test_nonsense_is_reported_and_never_raises(self, job: pb.JobDescriptor) -> None:
        """Safety: whoever sends a job gets an answer, not a broken master."""
        problems(job)

    @settings(deadline=None)
    @given(JOBS)
    def test_filling_in_twice_changes_nothing(self, job: pb.JobDescriptor) -> None:
        """Safety: client and master may both fill in."""
        once = with_defaults(job).SerializeToString(deterministic=True)
        again = with_defaults(with_defaults(job)).SerializeToString(deterministic=True)
        self.assertEqual(once, again)

    @settings(deadline=None)
    @given(JOBS)
    def test_what_is_sound_stays_sound_when_filled_in(self, job: pb.JobDescriptor) -> None:
        """Safety: the master judges the filled-in job, the client the given one."""
        if not problems(job):
            self.assertEqual(problems(with_defaults(job)), ())
