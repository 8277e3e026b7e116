"""What is on disk of a process."""

from __future__ import annotations

import json
from pathlib import Path

from attrs import asdict, evolve
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from galaxy.gce.interfaces import IRecords
from galaxy.gce.memory_machine import MemoryRecords
from galaxy.gce.record import Claim, Ended, ProcessId, Record, Spec, Started
from galaxy.gce.records import Records

PROCESS = ProcessId("c", "main.0")
OTHER = ProcessId("c", "main.1")
SPEC = Spec("boot", "echo \u00e4", ("A=b",), "/", "/out", "/err", 1, 2, (2, 3), ("/tasks",), "/oom")


class RecordsTests(SynchronousTestCase):
    """Records in a directory."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.records = Records(self.directory)

    def file(self, name: str) -> Path:
        return self.directory / "containers" / "c" / "main.0" / name

    def test_provides_its_interface(self) -> None:
        """On disk and in memory alike."""
        verifyObject(IRecords, self.records)
        verifyObject(IRecords, MemoryRecords())

    def test_round_trip(self) -> None:
        """What is written is read, by the next gce too."""
        self.records.write_spec(PROCESS, SPEC)
        self.assertEqual(Record(SPEC), self.records.read(PROCESS))
        self.assertEqual(Record(SPEC), Records(self.directory).read(PROCESS))

    def test_what_keepers_write(self) -> None:
        """Claim, start and end."""
        self.records.write_spec(PROCESS, SPEC)
        started, ended = Started(8, 80, 1.5, 2), Ended(2.5, code=137, max_rss=99)
        self.file("claim").symlink_to("7:70")
        self.file("started").write_text(json.dumps(asdict(started)))
        self.file("ended").write_text(json.dumps(asdict(ended)))
        self.assertEqual(Record(SPEC, Claim(7, 70), started, ended), self.records.read(PROCESS))

    def test_what_is_known_stays_known(self) -> None:
        """It is not read again; a record may be deleted under our eyes, and its process runs on."""
        started, ended = Started(8, 80, 1.5, 2), Ended(2.5)
        for records in (self.records, MemoryRecords()):
            running = Record(SPEC, Claim(7, 70), started)
            self.assertEqual(running, records.read(PROCESS, running))
        self.records.write_spec(PROCESS, SPEC)
        self.file("ended").write_text(json.dumps(asdict(ended)))
        self.assertEqual(evolve(running, ended=ended), self.records.read(PROCESS, running))

    def test_cut_short(self) -> None:
        """A file that is not whole says nothing."""
        self.records.write_spec(PROCESS, SPEC)
        for name in ("spec", "started", "ended"):
            whole = json.dumps(asdict(SPEC))
            self.file(name).write_text(whole[: len(whole) // 2])
        self.assertEqual(Record(), self.records.read(PROCESS))

    def test_of_another_kind(self) -> None:
        """So does a file that says something else; a claim that is none is an error of the disk."""
        self.records.write_spec(PROCESS, SPEC)
        for name, odd in (("spec", "[]"), ("started", '{"pid": 7}'), ("ended", '{"code": {}}')):
            self.file(name).write_text(odd)
        self.assertEqual(Record(), self.records.read(PROCESS))
        self.file("claim").symlink_to("of nobody")
        self.assertRaises(OSError, self.records.read, PROCESS)

    def test_somebody_elses_file(self) -> None:
        """What stands among the containers and is none of them is passed over."""
        (self.directory / "containers" / "notes").touch()
        self.assertEqual([], list(Records(self.directory).processes()))

    def test_of_a_newer_gce(self) -> None:
        """What this gce does not know is passed over."""
        self.records.write_spec(PROCESS, SPEC)
        self.file("spec").write_text(json.dumps({**asdict(SPEC), "of a later year": True}))
        self.assertEqual(SPEC, self.records.read(PROCESS).spec)

    def test_lists_and_forgets(self) -> None:
        """One process, the last of a container, a container."""
        self.records.write_spec(PROCESS, SPEC)
        self.records.write_spec(OTHER, SPEC)
        self.assertEqual([PROCESS, OTHER], list(self.records.processes()))
        self.records.forget_process(PROCESS)
        self.assertEqual([OTHER], list(self.records.processes()))
        self.records.forget_process(OTHER)
        self.assertFalse((self.directory / "containers" / "c").exists())
        self.records.write_spec(PROCESS, SPEC)
        self.records.forget("c")
        self.records.forget("c")
        self.assertEqual([], list(self.records.processes()))

    def test_a_removal_cut_short(self) -> None:
        """What was killed while it removed is finished by the next."""
        (self.directory / "trash" / "3" / "main.0").mkdir(parents=True)
        (self.directory / "trash" / "3" / "main.0" / "spec").touch()
        (self.directory / "containers" / "empty").mkdir()
        Records(self.directory)
        self.assertEqual([], list((self.directory / "trash").iterdir()))
        self.assertEqual([], list((self.directory / "containers").iterdir()))

    def test_nobody_else_can_read(self) -> None:
        """The directory is its owner's alone: environments hold secrets."""
        self.assertEqual(0o700, self.directory.stat().st_mode & 0o777)
