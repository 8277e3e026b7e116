"""The example job: what `make up` submits, and the page it shows."""

from __future__ import annotations

import runpy
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from galaxy.client.jobfile.reader import read_job_file
from galaxy.client.showcase import EXAMPLE, NAME


class ExampleTests(SynchronousTestCase):
    """etc/jobs/web.json and the program it delivers."""

    def test_it_is_three_copies_that_may_share_a_machine(self) -> None:
        file = read_job_file(EXAMPLE)
        self.assertEqual(file.report(), [])
        self.assertEqual((file.job.name, file.job.replica), (NAME, 3))
        self.assertTrue(file.job.pod.requirement.ports[0].dynamic)

    def test_its_page_says_which_pod_served_it(self) -> None:
        program = runpy.run_path(str(Path(EXAMPLE).parent / "web" / "serve.py"))
        page = program["page"]({"GALAXY_POD_ID": "web_1.2", "GALAXY_POD_INDEX": "2"})
        self.assertIn("Hello from web_1.2", page)
