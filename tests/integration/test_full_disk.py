"""Disks that are full, and directories that cannot be written."""

from __future__ import annotations

import errno
import json
import os
import sys
from pathlib import Path

from twisted.trial.unittest import TestCase

from tests.integration.cluster import GALAXY, ClusterTestCase, Ended, run
from tests.integration.test_first_path import job

TWISTD = str(Path(sys.executable).parent / "twistd")
SIZE = 8 << 20


class FullDiskTests(ClusterTestCase):
    """The master's disk fills up while it runs."""

    up_options = ("--agents", "1")
    if os.geteuid() != 0:
        skip = "only root can mount a small disk"

    async def _up(self) -> None:
        """A cluster whose nexus is on a disk of 8 MiB."""
        self.disk = self.cluster.directory / "nexus"
        self.disk.mkdir(parents=True)
        mounted = await run(
            "mount", "-t", "tmpfs", "-o", f"size={SIZE}", "galaxy-test", str(self.disk)
        )
        self.assertEqual(mounted.status, 0, mounted.err)
        await super()._up()

    async def _down(self) -> None:
        """The cluster goes before its disk does."""
        await super()._down()
        await run("umount", str(self.disk))

    async def test_nothing_is_acknowledged(self) -> None:
        """A submission that cannot be written is refused with kPersistenceError; space heals it."""
        await self.cluster.submit(job("kept", "sleep 1000"))
        acknowledged = {"kept"}
        filler = self.disk / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError as error:
                self.assertEqual(error.errno, errno.ENOSPC)
        # LevelDB may still have room in a block it owns: the first few may be taken
        while (ended := await self._submit(name := f"job-{len(acknowledged)}")).status == 0:
            acknowledged.add(name)
        self.assertIn("kPersistenceError", ended.err)
        filler.unlink()
        await self.cluster.kill("master")
        await self.cluster.up()
        ended = await self._submit("after")
        self.assertEqual(ended.status, 0, ended.err)
        names = {row["name"] for row in await self.cluster.json("jobs")}
        self.assertEqual(names, acknowledged | {"after"})

    async def _submit(self, name: str) -> Ended:
        path = self.cluster.directory / f"{name}.json"
        path.write_text(json.dumps(job(name, "sleep 1000")))
        config = str(self.cluster.directory / "galaxy.toml")
        return await run(GALAXY, "submit", "-f", str(path), env={"GALAXY_CONFIG": config})


class UnusableDirectoryTests(TestCase):
    """A data directory that cannot be one."""

    timeout = 60

    async def test_status_78(self) -> None:
        """Each daemon that keeps data says so in one sentence and exits with 78."""
        here = Path(self.mktemp()).absolute()
        here.mkdir()
        (here / "file").write_text("not a directory")
        wrong = str(here / "file" / "data")
        for arguments in (
            ("galaxy-master", "--listen", "127.0.0.1:0", "--nexus", f"leveldb:{wrong}"),
            ("galaxy-agent", "--master", "127.0.0.1:1", "--data-dir", wrong),
        ):
            ended = await run(
                TWISTD, "--nodaemon", "--pidfile", str(here / "pid"), *arguments, cwd=here
            )
            self.assertEqual(ended.status, 78, ended.err + ended.out)
            self.assertIn(wrong, ended.err)
            self.assertNotIn("Traceback", ended.err + ended.out)


class NobodyAnswersTests(TestCase):
    """No master anywhere."""

    async def test_exit_7(self) -> None:
        """The CLI says which address, which setting gave it, what to do; status 7."""
        ended = await run(GALAXY, "jobs", env={"GALAXY_MASTER": "127.0.0.1:1"})
        self.assertEqual(ended.status, 7)
        self.assertIn("127.0.0.1:1", ended.err)
        self.assertIn("GALAXY_MASTER", ended.err)
