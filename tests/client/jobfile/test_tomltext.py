"""TOML: the standard parser's values, and the lines they stand in."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from galaxy.client.jobfile.document import Place
from galaxy.client.jobfile.tomltext import parse

TEXT = '''# a job
name = "x"
note = """
replica = 1
"""
[pod.requirement]
  memory = "2G"
[[pod.tasks]]
binary = "a"
[[pod.tasks]]
binary = "b"
[pod.tasks.requirement]
"millicores" = 1
'''


class ParseTests(SynchronousTestCase):
    """One text, one document."""

    def test_keys_have_places(self) -> None:
        document = parse(TEXT)
        cases = [
            (("name",), Place(2, 8)),
            (("pod", "requirement", "memory"), Place(7, 12)),
            (("pod", "tasks", 0, "binary"), Place(9, 10)),
            (("pod", "tasks", 1, "binary"), Place(11, 10)),
            (("pod", "tasks", 1, "requirement", "millicores"), Place(13, 16)),
        ]
        for path, place in cases:
            with self.subTest(path=path):
                self.assertEqual(document.place(path), place)

    def test_a_long_string_holds_no_keys(self) -> None:
        self.assertNotIn(("replica",), parse(TEXT).keys)

    def test_what_tomllib_says_is_placed(self) -> None:
        (fault,) = parse('a = 1\nb = "x\n').faults
        self.assertEqual(fault.place.line, 2)
        self.assertNotIn("line", fault.text)

    def test_a_repeated_key_is_a_fault(self) -> None:
        (fault,) = parse("a = 1\na = 2\n").faults
        self.assertEqual(fault.place.line, 2)
