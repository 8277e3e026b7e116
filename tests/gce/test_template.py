"""The process that makes a template, and the cradle that it makes it for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from galaxy.gce.template import TemplateError, make_template
from tests.gce.engines import ENVIRONMENT

CRADLE = "import sys; from galaxy.gce.template import make_template; make_template(sys.argv[1])"


class MakerTests(SynchronousTestCase):
    """A child of the cradle."""

    def setUp(self) -> None:
        self.record = Path(self.mktemp()).absolute()
        self.record.mkdir()

    def test_says_why_not(self) -> None:
        """Whatever is wrong."""
        with self.assertRaisesRegex(TemplateError, "No such file or directory"):
            make_template(os.fsencode(self.record))
        (self.record / "spec").write_text("{}")
        with self.assertRaisesRegex(TemplateError, "box"):
            make_template(os.fsencode(self.record))

    def test_outlives_the_cradle(self) -> None:
        """It goes; it does not go on as if it were the cradle."""
        os.mkfifo(self.record / "spec")
        cradle = subprocess.Popen(
            [sys.executable, "-c", CRADLE, str(self.record)],
            env=ENVIRONMENT,
            stderr=subprocess.PIPE,
        )
        with cradle, (self.record / "spec").open("w") as spec:  # which is being read
            cradle.kill()
            cradle.wait()
            spec.write("{}")
            spec.close()
            assert cradle.stderr is not None
            self.assertEqual(b"", cradle.stderr.read())
