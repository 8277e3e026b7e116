"""Packages beside a job file."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from galaxy.client.jobfile.package import PackageError, packed, read_package
from galaxy.descriptions import INLINE_LIMIT_BYTES


class PackageTests(SynchronousTestCase):
    """What is sent in place of a path."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        (self.directory / "sub").mkdir(parents=True)
        (self.directory / "run.sh").write_text("echo hi\n")
        (self.directory / "run.sh").chmod(0o755)
        (self.directory / "sub" / "data").write_bytes(b"\0" * 100)

    def test_a_file_is_sent_as_it_is(self) -> None:
        self.assertEqual(read_package(self.directory / "run.sh"), b"echo hi\n")

    def test_a_directory_is_packed_with_its_files_at_the_top(self) -> None:
        with tarfile.open(fileobj=io.BytesIO(read_package(self.directory))) as tar:
            self.assertEqual(tar.getnames(), ["run.sh", "sub", "sub/data"])
            self.assertEqual(tar.getmember("run.sh").mode & 0o777, 0o755)

    def test_the_same_files_are_the_same_bytes(self) -> None:
        """Else every submission would be a new version."""
        before = packed(self.directory)
        os.utime(self.directory / "run.sh", (1, 1))
        self.assertEqual(packed(self.directory), before)

    def test_a_package_that_is_too_large_names_the_remedy(self) -> None:
        with (self.directory / "large").open("wb") as large:
            large.truncate(INLINE_LIMIT_BYTES + 1)
        error = self.assertRaises(PackageError, read_package, self.directory / "large")
        self.assertIn("kSourceTypeFTP", str(error))

    def test_a_missing_package_is_named(self) -> None:
        error = self.assertRaises(PackageError, read_package, self.directory / "none")
        self.assertIn("No such file", str(error))
