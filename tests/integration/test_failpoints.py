"""
A real agent and a real gce, killed with -9 at every step of launching, adopting and stopping.

Which steps there are, `tests.survival` sees for itself: whatever a process does to the
world outside of it, wherever in the code that is done.
"""

from __future__ import annotations

import os
import re

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from tests.gce.engines import why_no_cgroups
from tests.survival.machine import Machine
from tests.survival.matrix import carry_out_all, observed
from tests.survival.round import Rounds

MACHINES = 3  # what they do most is wait
LANDMARKS = {
    "the agent writes down what it is to do": r"^agent nexus/database.py.* write return$",
    "the agent makes the workspace": r"^agent agent/workspaces.py.* mkdir$",
    "the agent gives the workspace to its user": r"^agent agent/workspaces.py.* chown$",
    "the agent says something": r"^agent .* send$",
    "the agent buries the workspace": r"^agent agent/workspaces.py.* rename$",
    "gce makes a group": r"^gce gce/cgroups.py.* mkdir$",
    "gce sets a limit": r"^gce gce/cgroups.py.* write$",
    "gce makes the record": r"^gce gce/records.py.* mkdir$",
    "gce writes down what to run": r"^gce gce/records.py.* return$",
    "gce asks the cradle": r"^gce gce/launcher.py.* send$",
    "gce says something": r"^gce .* send$",
    "gce notes a stop": r"^gce gce/records.py.* note_stop open$",
    "gce signals": r"^gce .* kill$",
    "gce removes a group": r"^gce gce/cgroups.py.* rmdir$",
    "gce forgets": r"^gce gce/records.py.* rename$",
    "gce takes its lock": r"^gce gce/main.py.* flock$",
    "gce starts the cradle": r"^gce gce/spawn.py.* fork_exec$",
    "gce listens": r"^gce .* listen$",
    "the cradle takes its lock": r"^cradle gce/cradle.py.* flock$",
    "the cradle is ready": r"^cradle gce/cradle.py.* write$",
    "a keeper is forked": r"^cradle gce/cradle.py.* fork$",
    "a task is forked": r"^cradle gce/keeper.py.* fork$",
    "the record is claimed": r"^cradle gce/.* symlink$",
    "the output is opened": r"^cradle gce/birth.py.* open$",
    "a group is joined": r"^cradle gce/birth.py.* write$",
    "namespaces are made": r"^cradle gce/kernel.py.* unshare return$",
    "something is mounted in the box": r"^cradle libc.py.* mount return$",
    "the box is entered": r"^cradle gce/kernel.py.* set_namespaces return$",
    "the rights are dropped": r"^cradle gce/.* setuid$",
    "the command is about to begin": r"^cradle gce/.* execve$",
    "the keeper tells that it has begun": r"^cradle gce/keeper.py.* _tell write$",
    "the task has ended": r"^cradle gce/keeper.py.* wait4$",
    "the end is on disk": r"^cradle gce/keeper.py.* rename$",
}


class FailpointTests(TestCase):
    """Each step, and the agent, gce, or both killed at it."""

    timeout = 900
    skip = why_no_cgroups()

    async def start(self, number: int) -> tuple[Machine, Rounds]:
        """A machine that is asked to leave nothing in the end."""
        machine = Machine(f"galaxy-test-{os.getpid()}-{number}")
        self.addCleanup(lambda: Deferred.fromCoroutine(machine.leave_nothing()))
        await machine.start()
        rounds = Rounds(machine)
        await rounds.begin()
        return machine, rounds

    async def test_every_step(self) -> None:
        """
        Nothing dies that should live, nothing is started twice, each end is exactly known,
        each stop completes, nothing is left: whoever dies at whichever step.
        """
        machines = [await self.start(number) for number in range(MACHINES)]
        cases = await observed(*machines[0])
        steps = {case.step for case in cases}
        unseen = [
            name
            for name, pattern in LANDMARKS.items()
            if not any(re.search(pattern, step) for step in steps)
        ]
        self.assertEqual(unseen, [], f"steps that were not seen among {sorted(steps)}")
        report = await carry_out_all(machines, cases)
        self.assertEqual(report.lost, [])
        never = steps - {case.step for case in report.hit}
        # A few depend on who is faster, such as the wait for what a task has left behind.
        self.assertLess(len(never), len(steps) / 20, f"nobody died at {sorted(never)}")
