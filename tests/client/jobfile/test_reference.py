"""docs/job-files.md and the README tell of job files as they are."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import BaseModel
from twisted.trial.unittest import SynchronousTestCase

from galaxy.client.jobfile.reader import read_job
from galaxy.client.jobfile.schema import (
    REQUIRED,
    REQUIRED_OF_TASKS,
    HealthKeys,
    HttpKeys,
    JobKeys,
    PodKeys,
    PortKeys,
    RequirementKeys,
    TaskKeys,
    TmpfsKeys,
    UpdateKeys,
    VolumeKeys,
)

ROOT = Path(__file__).parents[3]
MODELS: dict[str, type[BaseModel]] = {
    "The job": JobKeys,
    "Update": UpdateKeys,
    "The pod": PodKeys,
    "Requirement": RequirementKeys,
    "Port": PortKeys,
    "Volume": VolumeKeys,
    "Tmpfs": TmpfsKeys,
    "Task": TaskKeys,
    "Health": HealthKeys,
    "Http": HttpKeys,
}
ROW = re.compile(r"\| `(\w+)` \|([^|]*)\|([^|]*)\|")


def sections() -> dict[str, dict[str, str]]:
    """Of each section of the reference its fields, and the default that is told of each."""
    text = (ROOT / "docs" / "job-files.md").read_text(encoding="utf-8")
    found = {}
    for section in text.split("\n## ")[1:]:
        title, _, body = section.partition("\n")
        if rows := ROW.findall(body):
            found[title] = {name: default.strip() for name, _, default in rows}
    return found


class ReferenceTests(SynchronousTestCase):
    """The tables of the reference against the models that read job files."""

    def test_every_field_is_told_of_and_no_other(self) -> None:
        told = {title: set(fields) for title, fields in sections().items()}
        real = {title: set(model.model_fields) for title, model in MODELS.items()}
        self.assertEqual(told, real)

    def test_what_cannot_be_left_out_is_said_to_be_needed(self) -> None:
        titles = {(): "The job", ("pod",): "The pod", ("pod", "requirement"): "Requirement"}
        told = sections()
        for *parents, name in REQUIRED:
            self.assertIn("**needed**", told[titles[tuple(parents)]][name], name)
        for (name,) in REQUIRED_OF_TASKS:
            self.assertIn("**needed**", told["Task"][name], name)


class ReadmeTests(SynchronousTestCase):
    """What people copy first works."""

    def test_the_example_is_that_of_etc_shortened(self) -> None:
        text = (ROOT / "README.md").read_text(encoding="utf-8")
        (example,) = re.findall(r"^    \{\n.*?^    \}\n", text, re.DOTALL | re.MULTILINE)
        jobs = ROOT / "etc" / "jobs"
        mine = read_job(example.encode(), "README.md", jobs)
        whole = read_job((jobs / "web.json").read_bytes(), "web.json", jobs)
        self.assertEqual(mine.report(), [])
        self.assertEqual(mine.job.pod.tasks[0].binary, whole.job.pod.tasks[0].binary)
        self.assertEqual(mine.job.pod.requirement, whole.job.pod.requirement)
