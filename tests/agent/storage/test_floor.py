"""Who is ended when a disk is all but full."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.records import PodKey
from galaxy.agent.storage.floor import PAUSE_S, Account, blamed, sentence
from tests.agent.machines import JOB, MachineTests, description, run_request

GIB = 1 << 30
SIZES = st.integers(0, 10 * GIB)
ACCOUNTS = st.dictionaries(st.integers(0, 9), st.builds(Account, SIZES, SIZES))


class FloorTests(SynchronousTestCase):
    """By what they wrote, and hold."""

    def test_unseen(self) -> None:
        """Who wrote what cannot be found goes before who holds less than that."""
        accounts = {"hides": Account(9 * GIB, 0), "holds": Account(5 * GIB, 5 * GIB)}
        self.assertEqual(blamed(accounts), "hides")
        accounts["hides"] = Account(GIB, 0)
        self.assertEqual(blamed(accounts), "holds")

    def test_nobody(self) -> None:
        """Who has nothing on the disk stays."""
        self.assertIsNone(blamed({}))
        self.assertIsNone(blamed({"idle": Account(0, 0)}))

    def test_sentence(self) -> None:
        """People are told what was weighed."""
        said = sentence(Account(9 * GIB, GIB), 0.0123)
        self.assertIn("full but for 1.2%", said)
        self.assertIn("wrote 9.0 GiB and is seen to hold 1.0 GiB", said)

    @given(ACCOUNTS)
    def test_worst(self, accounts: dict[int, Account]) -> None:
        """Nobody who stays hides more and holds more; somebody goes if anybody has anything."""
        worst = blamed(accounts)
        if worst is None:
            self.assertFalse(any(each.blame for each in accounts.values()))
            return
        for each in accounts.values():
            self.assertLessEqual(each.held_bytes, accounts[worst].blame)
            self.assertLessEqual(each.unseen_bytes, accounts[worst].blame)


class FullDiskTests(MachineTests):
    """A machine whose disk is filled with what nobody sees."""

    def test_one_at_a_time(self) -> None:
        """Above the floor nobody goes; below it the worst, then the next, till there is room."""
        for index in range(3):
            self.machine.run(run_request(description(), index))
        names = [PodKey(JOB, index, 1).name for index in range(3)]
        self.machine.written = dict(zip(names, (GIB, 3 * GIB, 2 * GIB), strict=True))
        self.machine.free_share = 0.03
        self.machine.advance(2 * PAUSE_S)
        self.assertEqual(self.given_up(), [])
        self.machine.free_share = 0.01
        self.machine.advance(PAUSE_S)
        self.assertEqual(self.given_up(), [1])
        self.machine.advance(PAUSE_S)
        self.assertEqual(self.given_up(), [1, 2])
        self.machine.free_share = 0.03
        self.machine.advance(2 * PAUSE_S)
        self.assertEqual(self.given_up(), [1, 2])

    def given_up(self) -> list[int]:
        """Which pods are, for that."""
        pods = self.machine.agent.pods()
        return [pod.key.index for pod in pods if "the disk of its machine is full" in pod.excess]
