"""A job told in the words of a job file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.client.jobfile.reader import read_job
from galaxy.client.jobfile.written import written

SIZES = st.integers(1, 2**50)
WORDS = st.text("abcdefgh", min_size=1, max_size=5)
PORTS = st.integers(1, 65535) | st.fixed_dictionaries(
    {"name": WORDS, "port": st.just("dynamic") | st.integers(1, 65535)}
)


def keys(required: dict[str, Any], optional: dict[str, Any] | None = None) -> Any:
    """Objects that have the required keys, and any of the others."""
    return st.fixed_dictionaries(required, optional=optional or {})


REQUIREMENTS = keys(
    {"millicores": st.integers(1, 9), "memory": SIZES},
    {
        "ports": st.lists(PORTS, max_size=2),
        "disks": st.lists(keys({"quota": SIZES, "path": WORDS}), max_size=2),
        "read_bytes_ps": SIZES,
        "io_weight": st.integers(10, 1000),
        "cpuset": st.sampled_from(["0", "0,2-3"]),
        "pids": st.integers(1, 1000),
        "tmpfs": keys({"size": SIZES, "path": WORDS}),
        "workspace": SIZES,
    },
)
HEALTH = keys({"tcp": WORDS}, {"interval": st.floats(0, 10), "failures": st.integers(0, 5)}) | keys(
    {"http": keys({"port": WORDS, "path": st.just("/h")})}
)
TASKS = keys(
    {
        "source_type": st.sampled_from(["kSourceTypeFTP", "kSourceTypeCommand"]),
        "binary": WORDS,
    },
    {
        "start_command": WORDS,
        "stop_timeout": st.floats(0, 100),
        "deploy_timeout": st.floats(0, 100),
        "log_size": st.integers(1 << 20, 1 << 40),
        "envs": st.lists(WORDS, max_size=2),
        "requirement": REQUIREMENTS,
        "health": HEALTH,
        "cpu_isolation_type": st.just("kCpuIsolationSoft"),
        "seccomp": st.just("default"),
    },
)
JOBS = keys(
    {
        "name": WORDS,
        "type": st.sampled_from(["kLongRun", "kBatch", "kSystem"]),
        "pod": keys(
            {"requirement": REQUIREMENTS, "tasks": st.lists(TASKS, max_size=2)},
            {
                "version": WORDS,
                "namespace_isolation": st.booleans(),
                "network": st.sampled_from(["host", "private"]),
            },
        ),
    },
    {
        "replica": st.integers(0, 9),
        "labels": st.lists(WORDS, max_size=2),
        "restart": st.sampled_from(["always", "on_failure", "never"]),
        "update": keys({}, {"min_healthy": st.floats(0, 10), "auto_revert": st.booleans()}),
    },
)


class WrittenTests(SynchronousTestCase):
    """What `galaxy show` calls the spec."""

    @settings(deadline=None)
    @given(JOBS)
    def test_reading_undoes_it(self, document: dict[str, Any]) -> None:
        """Safety: the spec that is shown is the job that runs."""
        job = read_job(json.dumps(document).encode(), "a.json", Path()).job
        again = read_job(json.dumps(written(job)).encode(), "b.json", Path()).job
        self.assertEqual(again, job)
