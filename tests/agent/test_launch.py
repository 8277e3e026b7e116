"""How processes of tasks are started."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.boxes import Boxes
from galaxy.agent.launch import Launcher, environment
from galaxy.agent.places import Places
from galaxy.agent.records import Pod, PodKey, Task
from galaxy.agent.steps import Execute
from galaxy.protocol.gce_pb2 import ExecuteRequest, Limits
from galaxy.protocol.types_pb2 import (
    Resource,
    TaskDescriptor,
    kCpuIsolationHard,
    kCpuIsolationSoft,
    kSourceTypeBinary,
    kSourceTypeCommand,
)
from tests.agent.machines import description

PLACES = Places(Path("/data/pods/web_1.0.2"))
POD = Pod(
    PodKey("web_1", 0, 2), "v1", "ann", 0.0, (Task(),), ports=(("http", 20000), ("8080", 8080))
)


def request(task: TaskDescriptor, name: str) -> ExecuteRequest:
    """The start of a process."""
    return _request(task, name, None)


def boxed(task: TaskDescriptor, name: str) -> ExecuteRequest:
    """The start of a process where boxes can be made."""
    return _request(task, name, Boxes(Path("/data")))


def _request(task: TaskDescriptor, name: str, boxes: Boxes | None) -> ExecuteRequest:
    launcher = Launcher(lambda: "10.0.0.1:8221", ("python3", "unpack.py"), lambda: boxes)
    asked = description(task)
    asked.pod.namespace_isolation = True
    return launcher.request(POD, asked, Execute(0, name), PLACES, Path("/data/packages/abc"))


class EnvironmentTests(SynchronousTestCase):
    """What a task finds in its environment."""

    def test_all(self) -> None:
        """Exactly what is documented."""
        task = TaskDescriptor(envs=["COLOUR=blue"])
        found = dict(
            item.split("=", 1) for item in environment(POD, description(task), 0, "/ws", "a:1")
        )
        path = found.pop("PATH")
        self.assertIn("/usr/bin", path.split(":"))
        expected = {
            "HOME": "/ws",
            "GALAXY_JOB_ID": "web_1",
            "GALAXY_JOB_NAME": "web",
            "GALAXY_POD_ID": "web_1.0",
            "GALAXY_POD_INDEX": "0",
            "GALAXY_POD_INCARNATION": "2",
            "GALAXY_TASK_ID": "web_1.0.0",
            "GALAXY_VERSION": "v1",
            "GALAXY_AGENT": "a:1",
            "POD_ID": "web_1.0",
            "TASK_ID": "web_1.0.0",
            "POD_VERSION": "v1",
            "GALAXY_PORT_HTTP": "20000",
            "GALAXY_PORT_8080": "8080",
            "GALAXY_PORT_0": "20000",
            "GALAXY_PORT_1": "8080",
            "COLOUR": "blue",
        }
        self.assertEqual(found, expected)

    def test_user_wins(self) -> None:
        """What the user sets stands, also against ours."""
        task = TaskDescriptor(envs=["PATH=/mine", "EMPTY=", "EQUALS=a=b"])
        found = environment(POD, description(task), 0, "/ws", "a:1")
        for setting in ("PATH=/mine", "EMPTY=", "EQUALS=a=b"):
            self.assertIn(setting, found)
        self.assertEqual(sum(setting.startswith("PATH=") for setting in found), 1)


class RequestTests(SynchronousTestCase):
    """What gce is asked."""

    def test_main(self) -> None:
        """The main process: the start command, as the user, in the workspace, within limits."""
        task = TaskDescriptor(
            start_command="./serve",
            requirement=Resource(millicores=300, memory=1 << 20),
            cpu_isolation_type=kCpuIsolationSoft,
        )
        asked = request(task, "main.4")
        self.assertEqual((asked.container, asked.name), ("web_1.0.2.0", "main.4"))
        self.assertEqual((asked.command, asked.user), ("./serve", "ann"))
        self.assertEqual(asked.cwd, "/data/pods/web_1.0.2/0")
        self.assertEqual(asked.stdout_path, "/data/pods/web_1.0.2/0.2.main.4.stdout")
        self.assertEqual(asked.stderr_path, "/data/pods/web_1.0.2/0.2.main.4.stderr")
        self.assertEqual((asked.limits.millicores, asked.limits.memory), (300, 1 << 20))
        self.assertEqual(asked.limits.cpu_isolation_type, kCpuIsolationSoft)

    def test_limits(self) -> None:
        """All that the task asks for is passed on; nothing is bounded that it leaves out."""
        asked = Resource(
            millicores=1,
            memory=2,
            pids=3,
            cpuset="0",
            read_bytes_ps=4,
            write_bytes_ps=5,
            read_io_ps=6,
            write_io_ps=7,
            io_weight=10,
        )
        limits = request(TaskDescriptor(requirement=asked), "main.0").limits
        for field, value in asked.ListFields():
            self.assertEqual(getattr(limits, field.name), value)
        bare = Resource(millicores=1, memory=2)
        self.assertEqual(
            request(TaskDescriptor(requirement=bare), "main.0").limits,
            Limits(millicores=1, memory=2),
        )

    def test_boxes(self) -> None:
        """Whatever is the task's runs in a box; what we run for it shuts itself in."""
        task = TaskDescriptor(binary=b"...", source_type=kSourceTypeBinary, seccomp="default")
        for name, expected in {
            "main.4": True,
            "stop": True,
            "health.1": True,
            "deploy.1": False,
        }.items():
            self.assertEqual(boxed(task, name).HasField("box"), expected, name)
        task.source_type = kSourceTypeCommand
        self.assertTrue(boxed(task, "deploy.1").HasField("box"))
        self.assertEqual(boxed(task, "main.4").seccomp, "default")
        self.assertFalse(request(task, "main.4").HasField("box"))

    def test_company(self) -> None:
        """Who stops or asks a task goes where its main process is."""
        task = TaskDescriptor()
        self.assertEqual(boxed(task, "stop").join, "main.0")
        self.assertEqual(boxed(task, "health.7").join, "main.0")
        self.assertEqual(boxed(task, "main.4").join, "")

    def test_stop(self) -> None:
        """The stop command."""
        self.assertEqual(request(TaskDescriptor(stop_command="./quit"), "stop").command, "./quit")

    def test_deploy_command(self) -> None:
        """A command that brings the files runs as the user, as it stands."""
        task = TaskDescriptor(binary=b"cp /x .", source_type=kSourceTypeCommand)
        asked = request(task, "deploy.1")
        self.assertEqual((asked.command, asked.user), ("cp /x .", "ann"))

    def test_unpack_is_not_slowed_down(self) -> None:
        """Unpacking may use what is idle; a deploy command, as the task, only if it says so."""
        task = TaskDescriptor(binary=b"...", source_type=kSourceTypeBinary)
        self.assertEqual(request(task, "deploy.1").limits.cpu_isolation_type, kCpuIsolationSoft)
        self.assertEqual(request(task, "main.0").limits.cpu_isolation_type, kCpuIsolationHard)
        task.source_type = kSourceTypeCommand
        self.assertEqual(request(task, "deploy.1").limits.cpu_isolation_type, kCpuIsolationHard)

    def test_unpack_is_bounded(self) -> None:
        """What is unpacked may take what the pod may have on disk, by its job or by default."""
        launcher = Launcher(
            lambda: "10.0.0.1:8221", ("unpack",), lambda: None, workspace_bytes=10 << 20
        )
        asked = description(TaskDescriptor(binary=b"...", source_type=kSourceTypeBinary))
        for told, most_bytes in ((0, 10 << 20), (5 << 20, 5 << 20)):
            asked.pod.requirement.workspace = told
            step = Execute(0, "deploy.1")
            started = launcher.request(POD, asked, step, PLACES, Path("/data/packages/abc"))
            self.assertIn(f" {most_bytes} ann", started.command)

    def test_unpack(self) -> None:
        """A package is unpacked by a process that takes the user's rights by itself."""
        asked = request(TaskDescriptor(binary=b"...", source_type=kSourceTypeBinary), "deploy.1")
        self.assertEqual(
            asked.command,
            "exec python3 unpack.py /data/packages/abc /data/pods/web_1.0.2/0 0 ann",
        )
        self.assertEqual(asked.user, "")
