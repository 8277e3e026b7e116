"""What may be wrong with a nexus, and how `galaxy nexus` ends then."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from galaxy.client import exits
from galaxy.client.command import Failure
from galaxy.client.housework import as_failure
from galaxy.nexus.house import Unfit
from galaxy.nexus.interfaces import CannotOpen, Conflict, NotAllowed, Unavailable


class FailureTests(SynchronousTestCase):
    """The codes are those of commands that ask the same ensemble who leads."""

    def test_each_has_its_code(self) -> None:
        cases = (
            (CannotOpen("x", "another process has it open", "stop it"), exits.REFUSED),
            (CannotOpen("x", "no space left", "make room"), exits.FAILED),
            (Unfit("it is empty"), exits.REFUSED),
            (NotAllowed("check user and password"), exits.NOT_ALLOWED),
            (Unavailable("no quorum"), exits.UNREACHABLE),
            (Conflict("jobs/x", 2), exits.FAILED),
        )
        for error, code in cases:
            with self.subTest(error=error):
                failure = as_failure(error)
                assert isinstance(failure, Failure)
                self.assertEqual(failure.code, code)

    def test_a_mistake_of_ours_stays_one(self) -> None:
        mistake = ZeroDivisionError()
        self.assertIs(as_failure(mistake), mistake)
