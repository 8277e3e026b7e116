"""TOML: the standard parser's values, and the lines they stand in."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
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
        document = parse("a = 1\na = 2\n")
        (fault,) = document.faults
        self.assertEqual((fault.place, fault.path), (Place(2, 1), ("a",)))
        self.assertEqual(fault.text, "repeated: first given in line 1")
        self.assertEqual(document.value, {"a": 1})

    def test_repeated_keys_do_not_hide_one_another(self) -> None:
        text = """x = {b = 1, b = 2}
[pod]
n = 1
n = [
  2,
]
[pod]
other = 3
[last]
m = 1
m = 2
"""
        document = parse(text)
        self.assertEqual(
            [(fault.place.line, fault.path) for fault in document.faults],
            [(1, ("x", "b")), (4, ("pod", "n")), (7, ("pod",)), (11, ("last", "m"))],
        )
        self.assertEqual(document.value, {"pod": {"n": 1}, "last": {"m": 1}})

    def test_keys_of_elements_are_apart(self) -> None:
        document = parse("[[t]]\na = 1\n[[t]]\na = 1\na = 2\n")
        (fault,) = document.faults
        self.assertEqual((fault.place, fault.path), (Place(5, 1), ("t", 1, "a")))
        self.assertIn("line 4", fault.text)

    def test_repeats_before_what_cannot_be_read_are_told_as_well(self) -> None:
        document = parse("a = 1\na = 2\nb = ?\n")
        self.assertIsNone(document.value)
        self.assertEqual([fault.place.line for fault in document.faults], [2, 3])

    def test_what_is_nested_too_deep_is_a_fault(self) -> None:
        for text in ("a = " + "[" * 5000, "[" + ".".join("a" * 60) + "]", "a = " + "[" * 2000
                     + "]" * 2000):  # fmt: skip
            with self.subTest(text=text[:10]):
                (fault,) = parse(text).faults
                self.assertIn("nested deeper", fault.text)

    @settings(deadline=None)
    @given(st.lists(st.sampled_from(["a = 1", "b.c = 2", "[t]", "[[u]]", "a = [", "]", '"""'])))
    def test_any_text_is_a_document_or_a_fault(self, lines: list[str]) -> None:
        """Safety: no input makes the parser raise, or run for ever."""
        document = parse("\n".join(lines))
        self.assertTrue(document.faults or document.value is not None)
