"""Exit codes."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from galaxy.client.exits import exit_code
from galaxy.protocol import types_pb2 as pb

PROMISED = {
    pb.kOk: 0,
    pb.kSafeMode: 4,
    pb.kJobUpdateFail: 4,
    pb.kJobNotFound: 5,
    pb.kPodNotFound: 5,
    pb.kPermission: 6,
    pb.kRpcError: 7,
    pb.kQuota: 8,
    pb.kDeadline: 9,
    pb.kUnknown: 1,
    pb.kPersistenceError: 1,
    pb.kUnfit: 7,
}


class ExitCodeTests(SynchronousTestCase):
    """What scripts rely on."""

    def test_the_promised_ones(self) -> None:
        for status, code in PROMISED.items():
            with self.subTest(status=pb.Status.Name(status)):
                self.assertEqual(exit_code(status), code)

    def test_only_ok_is_zero(self) -> None:
        """Safety: no refusal passes for success, a status of a newer build included."""
        for status in (*pb.Status.values(), 999):
            self.assertEqual(exit_code(status) == 0, status == pb.kOk)
