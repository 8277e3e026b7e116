"""From a job file to a job, or to all of its mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from galaxy.client.jobfile.reader import JobFile, read_job, read_job_file
from galaxy.protocol import types_pb2 as pb

GALAXY_2 = """
{
    "name": "sample",
    "type": "kLongRun",
    "priority": 60,
    "replica": 2,
    "deploy_step": 3,
    "labels": "ssd",
    "pod": {
        "version": "1.0.0",
        "namespace_isolation": false,
        "requirement": {
            "millicores": 1000,
            "memory": "2G",
            "ports": [8080],
            "disks": [{"quota": 1000, "path": "/home/disk1"}],
            "read_bytes_ps": "1M",
            "write_bytes_ps": "1M",
            "read_io_ps": 500,
            "tmpfs": {"size": "100M", "path": "/tmpfs"}
        },
        "tasks": [
            {
                "binary": "",
                "source_type": "kSourceTypeCommand",
                "start_command": "sleep 1000",
                "stop_command": "true",
                "mem_isolation_type": "kMemIsolationLimit",
                "cpu_isolation_type": "kCpuIsolationSoft",
                "envs": ["A=1"],
                "requirement": {
                    "millicores": 500, "memory": "1G", "io_weight": 500, "ports": [8080]
                }
            }
        ]
    }
}
"""

TWELVE = """
{
  "name": "x",
  "name": "y",
  "type": "kLongrun",
  "replca": 3,
  "priority": "high",
  "labels": ["a b"],
  "pod": {
    "requirement": {"millicores": 100, "ports": [80, 80, 70000]},
    "tasks": [
      {"source_type": "kSourceTypeFTP", "binary": "gopher://x", "envs": ["A", 3],
       "start_command": "true", "requirement": {"millicores": 200}},
    ],
  },
}
"""

TWELVE_ANSWERS = [
    "bad.json:4:3: name: repeated: first given in line 3",
    "bad.json:5:11: type: must be kLongRun, kBatch or kSystem, not the string 'kLongrun';"
    " did you mean `kLongRun`?",
    "bad.json:6:3: replca: unknown key; did you mean `replica`?",
    "bad.json:7:15: priority: must be a whole number, not the string 'high'",
    "bad.json:8:14: labels[0]: 'a b' is no label: 1 to 64 characters without spaces and commas",
    "bad.json:10:20: pod.requirement.memory: is required",
    "bad.json:10:35: pod.requirement.millicores:"
    " the tasks ask for 200 millicores together, the pod has 100",
    "bad.json:10:54: pod.requirement.ports[1]: port 80 is asked for twice",
    "bad.json:10:58: pod.requirement.ports[2]: a port is 1 to 65535 or dynamic, not 70000",
    "bad.json:12:51: pod.tasks[0].binary: 'gopher://x' must begin with one of"
    " file://, http://, https://, ftp://",
    "bad.json:12:74: pod.tasks[0].envs[0]: 'A' does not look like NAME=value",
    "bad.json:12:79: pod.tasks[0].envs[1]: must be a string, not 3",
]


def small(**keys: Any) -> dict[str, Any]:
    """The least that is a job, and what a test says of it."""
    return {
        "name": "x",
        "type": "kLongRun",
        "pod": {
            "requirement": {"millicores": 100, "memory": "64M"} | keys.pop("requirement", {}),
            "tasks": [
                {"source_type": "kSourceTypeCommand", "binary": "", "start_command": "true"}
                | keys.pop("task", {})
            ],
        }
        | keys.pop("pod", {}),
    } | keys


def read(value: Any, source: str = "job.json") -> JobFile:
    """What is read of a value, written down as JSON."""
    return read_job(json.dumps(value).encode(), source, Path())


class SoundFileTests(SynchronousTestCase):
    """Files that are jobs."""

    def test_a_file_of_galaxy_2_is_read_as_it_is(self) -> None:
        file = read_job(GALAXY_2.encode(), "sample.json", Path())
        self.assertEqual(file.report(), [])
        job, (task,) = file.job, file.job.pod.tasks
        self.assertEqual((job.name, job.type, job.replica, job.deploy_step), ("sample", 1, 2, 3))
        self.assertEqual(list(job.pod.labels), ["ssd"])
        self.assertEqual(job.pod.requirement.memory, 2 << 30)
        self.assertEqual(job.pod.requirement.ports[0].port, 8080)
        self.assertEqual(job.pod.requirement.tmpfs.size, 100 << 20)
        self.assertEqual(task.source_type, pb.kSourceTypeCommand)
        self.assertEqual(task.cpu_isolation_type, pb.kCpuIsolationSoft)
        self.assertEqual(task.mem_isolation_type, pb.kMemIsolationLimit)

    def test_priority_and_environment_arrive(self) -> None:
        """Galaxy 2 sent any priority, and crashed on envs (§12.2, 11; §12.6, 29)."""
        job = read_job(GALAXY_2.encode(), "sample.json", Path()).job
        self.assertEqual((job.priority, list(job.pod.tasks[0].envs)), (60, ["A=1"]))

    def test_priorities_in_words_and_no_label_as_its_samples_have_them(self) -> None:
        for word, number in (("kStorageService", 100), ("kNormalService", 70), ("kBatchTask", 25)):
            file = read(small(priority=word, labels=""))
            self.assertEqual((file.report(), file.job.priority), ([], number))
            self.assertEqual(list(file.job.pod.labels), [])
        (line,) = read(small(priority="kOnline")).report()
        self.assertIn("priority: must be a whole number, not the string 'kOnline'", line)

    def test_filters_of_system_calls(self) -> None:
        """One, or none; what else there might be is told of with both."""
        for name in ("default", "", None):
            file = read(small(task={"seccomp": name}))
            self.assertEqual(([], name or ""), (file.report(), file.job.pod.tasks[0].seccomp))
        for name, hint in (("foo", ""), ("defualt", "; did you mean `default`?")):
            (line,) = read(small(task={"seccomp": name})).report()
            expected = f'seccomp: must be "default" or "", not the string \'{name}\'{hint}'
            self.assertTrue(line.endswith(expected), line)

    def test_all_labels_arrive(self) -> None:
        """Galaxy 2 took one (§12.2, 14)."""
        job = read(small(labels=["ssd", "gpu"])).job
        self.assertEqual(list(job.pod.labels), ["ssd", "gpu"])

    def test_the_least_file(self) -> None:
        file = read(small())
        self.assertEqual(file.report(), [])
        self.assertEqual((file.job.replica, file.job.priority), (1, 70))

    def test_ports_are_numbers_objects_or_dynamic(self) -> None:
        ports = [80, {"name": "a", "port": 81}, {"name": "b", "port": "dynamic"}, "dynamic"]
        job = read(small(requirement={"ports": ports})).job
        self.assertEqual(
            [(port.name, port.port, port.dynamic) for port in job.pod.requirement.ports],
            [("", 80, False), ("a", 81, False), ("b", 0, True), ("", 0, True)],
        )

    def test_health_checks(self) -> None:
        cases: list[tuple[dict[str, Any], pb.HealthCheck]] = [
            ({"command": "true"}, pb.HealthCheck(command="true")),
            ({"tcp": 80, "failures": 2}, pb.HealthCheck(tcp_port="80", failures=2)),
            ({"http": "80"}, pb.HealthCheck(http_port="80", http_path="/")),
            (
                {"http": {"port": 80, "path": "/h"}, "interval": 1},
                pb.HealthCheck(http_port="80", http_path="/h", interval_s=1),
            ),
        ]
        for keys, health in cases:
            with self.subTest(keys=keys):
                file = read(small(requirement={"ports": [80]}, task={"health": keys}))
                self.assertEqual(file.report(), [])
                self.assertEqual(file.job.pod.tasks[0].health, health)

    def test_a_package_is_read_relative_to_the_file(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        (directory / "p.tar.gz").write_bytes(b"bytes")
        task = {"source_type": "kSourceTypeBinary", "binary": "p.tar.gz"}
        (directory / "job.json").write_text(json.dumps(small(task=task)))
        file = read_job_file(directory / "job.json")
        self.assertEqual(file.job.pod.tasks[0].binary, b"bytes")

    def test_toml_says_the_same_as_json(self) -> None:
        text = """
            name = "x"
            type = "kLongRun"
            [pod.requirement]
            millicores = 100
            memory = "64M"
            [[pod.tasks]]
            source_type = "kSourceTypeCommand"
            binary = ""
            start_command = "true"
        """
        self.assertEqual(read_job(text.encode(), "job.toml", Path()).job, read(small()).job)

    def test_every_example_of_the_project_is_sound(self) -> None:
        examples = Path(__file__).parents[3] / "etc" / "jobs"
        files = sorted([*examples.glob("*.json"), *examples.glob("*.toml")])
        self.assertTrue(files)
        for path in files:
            with self.subTest(path=path.name):
                self.assertEqual(read_job_file(path).report(), [])


class FaultyFileTests(SynchronousTestCase):
    """Files that are not."""

    def test_twelve_mistakes_get_twelve_answers_in_the_order_of_the_file(self) -> None:
        file = read_job(TWELVE.encode(), "bad.json", Path())
        self.assertEqual(file.report(), TWELVE_ANSWERS)

    def test_each_mistake_is_told_once(self) -> None:
        cases: list[tuple[Any, str]] = [
            ([], "a job is an object in braces, not a list"),
            (small(type=3), "type: must be kLongRun, kBatch or kSystem, not 3"),
            (small(replica=None, deploy_step=2.5), "deploy_step: must be a whole number, not 2.5"),
            (small(replica=2**40), "replica: 1099511627776 is out of range"),
            (small(replica=True), "replica: must be a whole number, not true"),
            ({"name": "x", "type": "kBatch", "pod": []}, "pod: must be an object, not a list"),
            (small(pod={"tasks": [3]}), "pod.tasks[0]: must be an object, not 3"),
            (small(pod={"tasks": []}), "pod.tasks: a pod needs at least one task"),
            (small(restart="alwais"), "restart: must be always, on_failure or never,"
             " not the string 'alwais'; did you mean `always`?"),
            (small(labels=[1]), "labels[0]: must be a string, not 1"),
            (small(requirement={"memory": "2g2"}), "pod.requirement.memory: '2g2' is not a size:"
             " write bytes as an integer, or a number with K, M, G, T or P, like 512M or 1.5GiB"),
            (small(requirement={"ports": [True]}), 'pod.requirement.ports[0]: must be a number'
             ' or "dynamic", not true'),
            (small(requirement={"ports": [2**70]}), "pod.requirement.ports[0]:"
             ' must be a number or "dynamic", not 1180591620717411303424'),
            (small(requirement={"ports": [{"nam": "x", "port": 1}]}),
             "pod.requirement.ports[0].nam: unknown key; did you mean `name`?"),
            (small(task={"health": {"htp": 80, "command": "true"}}),
             "pod.tasks[0].health.htp: unknown key; did you mean `http`?"),
            (small(task={"source_type": "kSourceTypeBinary", "binary": "none"}),
             "pod.tasks[0].binary: cannot read none: No such file or directory"),
        ]  # fmt: skip
        for value, sentence in cases:
            with self.subTest(sentence=sentence):
                (line,) = read(value).report()
                self.assertEqual(line.split(": ", 1)[1], sentence)

    def test_null_is_no_value_for_what_is_required(self) -> None:
        cases = [
            (small(requirement={"memory": None}), "pod.requirement.memory"),
            (small(name=None), "name"),
            (small(task={"binary": None}), "pod.tasks[0].binary"),
        ]
        for value, path in cases:
            with self.subTest(path=path):
                (line,) = read(value).report()
                self.assertTrue(line.endswith(f": {path}: is required, and null is nothing"), line)

    def test_toml_that_repeats_a_key_is_judged_all_the_same(self) -> None:
        text = """name = "x"
name = "y"
type = "kLongrun"
[pod]
requirement = {millicores = 100, millicores = 200}
[[pod.tasks]]
source_type = "kSourceTypeCommand"
start_command = "true"
"""
        lines = read_job(text.encode(), "job.toml", Path()).report()
        self.assertEqual(
            [line.split(": ")[:2] for line in lines],
            [
                ["job.toml:2:1", "name"],
                ["job.toml:3:8", "type"],
                ["job.toml:5:1", "pod.requirement.millicores"],
                ["job.toml:6:1", "pod.tasks[0].binary"],
            ],
        )

    def test_what_is_missing_is_named(self) -> None:
        lines = read({"pod": {"tasks": [{}]}}).report()
        missing = [line.split(": ")[1] for line in lines if line.endswith("is required")]
        self.assertEqual(
            sorted(missing),
            ["name", "pod.requirement", "pod.tasks[0].binary", "pod.tasks[0].source_type", "type"],
        )

    def test_a_file_that_is_not_text_is_a_fault(self) -> None:
        file = read_job(b'{\n"name": "\xff"}', "x.json", Path())
        self.assertEqual(len(file.report()), 1)
        self.assertIn("not UTF-8", file.report()[0])
