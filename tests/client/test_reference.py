"""docs/commands.md tells of the commands as they are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
from twisted.trial.unittest import SynchronousTestCase

from galaxy.client import exits, happenings, soundness, views
from galaxy.client.cli import COMMANDS, cli
from galaxy.client.fileviews import file
from galaxy.client.forecast import explained, planned
from galaxy.client.usage import agent_use, pod_use
from galaxy.nexus.house import Held
from galaxy.protocol.agent_pb2 import FileEntry
from galaxy.protocol.master_pb2 import (
    AgentOverview,
    Difference,
    Event,
    ExplainResponse,
    GetStatusResponse,
    JobOverview,
    Obstacle,
    PlanJobResponse,
    PlannedPods,
    PodOverview,
    TaskOverview,
    Unplaced,
)

REFERENCE = Path(__file__).parents[2] / "docs" / "commands.md"
WORD = re.compile(r"`([a-z_]+)`")
COMMAND = re.compile(r"`([a-z]+)")
VALUES = re.compile(r"`(?:info|warning|error|job|pod|task|agent|cluster)`")
LONGEST_SUMMARY = 60  # beyond it, `galaxy --help` shows three dots


def sections() -> dict[str, str]:
    """The page's sections by title."""
    text = REFERENCE.read_text(encoding="utf-8")
    return {title: body for title, _, body in (s.partition("\n") for s in text.split("\n## "))}


def names(document: Any) -> set[str]:
    """Every field of a document, however deep."""
    if isinstance(document, dict):
        return set(document).union(*map(names, document.values()))
    if isinstance(document, list):
        return set().union(*map(names, document))
    return set()


class CommandTests(SynchronousTestCase):
    """Every command, and no other."""

    def test_every_command_is_told_of(self) -> None:
        rows = [row for row in sections()["Commands"].splitlines() if row.startswith("| `")]
        told = {word for row in rows for word in COMMAND.findall(row.split("|")[1])}
        self.assertEqual(told, set(COMMANDS))

    def test_help_has_a_whole_sentence_for_each(self) -> None:
        for name in COMMANDS:
            command = cli.get_command(click.Context(cli), name)
            assert command is not None
            summary = command.get_short_help_str(LONGEST_SUMMARY)
            self.assertFalse(summary.endswith("..."), f"{name}: {summary}")

    def test_exit_codes(self) -> None:
        rows = re.findall(r"\| (\d+) \| `(\w+)`", sections()["Exit codes"])
        told = {name: int(code) for code, name in rows}
        real = {
            name: code for name, code in vars(exits).items() if name.isupper() and name[0] != "_"
        }
        self.assertEqual(told, real)


class FieldTests(SynchronousTestCase):
    """Every field of every document, and no other."""

    def test_fields(self) -> None:
        plan = PlanJobResponse(
            differences=[Difference()],
            placements=[PlannedPods()],
            unplaced=[Unplaced(obstacles=[Obstacle()])],
        )
        cases = {
            "A job": views.job(JobOverview()),
            "A pod": views.pod(PodOverview()),
            "A task": views.task(TaskOverview()),
            "An agent": views.agent(AgentOverview()),
            "What is used": [agent_use(AgentOverview()), pod_use(PodOverview())],
            "The whole": views.status(GetStatusResponse()),
            "What a nexus holds": soundness.document("", Held({"odd": b""}, 0)),
            "An event": next(happenings.rows([Event()])),
            "A file": file(FileEntry()),
            "Plan": planned(plan),
            "Why": explained(ExplainResponse(obstacles=[Obstacle()])),
        }
        told = sections()
        for title, document in cases.items():
            with self.subTest(title=title):
                fields = WORD.findall(VALUES.sub("", told[title]))
                self.assertEqual(set(fields), names(document))
