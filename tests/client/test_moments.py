"""What `--since` understands."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from galaxy.client.moments import moment_in


class MomentTests(SynchronousTestCase):
    """Times, and durations before now."""

    def test_moments(self) -> None:
        cases = [("5000", 5000.0), ("12.5", 12.5), ("0", 0.0), ("90s", 9910.0), ("10m", 9400.0)]
        cases += [("2h", 2800.0), ("1.5m", 9910.0), ("1d", 0.0)]
        for text, moment in cases:
            with self.subTest(text=text):
                self.assertEqual(moment_in(text, 10000.0), moment)

    def test_what_is_no_moment(self) -> None:
        for text in ("", "m", "10 m", "1w", "-5", "-5m", "nan", "inf", "yesterday"):
            with self.subTest(text=text), self.assertRaises(ValueError):
                moment_in(text, 10000.0)
