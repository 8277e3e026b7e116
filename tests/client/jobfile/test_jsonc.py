"""JSON with comments: values as the standard parser reads them, and where they stood."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.client.jobfile.document import Place, parsed, spelled
from galaxy.client.jobfile.jsonc import parse

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=20,
)

FAULTS = [
    ("", (1, 1), "the file ends where a value should stand"),
    ('{"a": 1', (1, 8), "the file ends inside what line 1 opens"),
    ('{"a" 1}', (1, 6), "a ':' is missing after the key"),
    ('{"a": 1 "b": 2}', (1, 9), "',' or '}' is missing before '\"'"),
    ("{a: 1}", (1, 2), "a key in double quotes is missing before 'a'"),
    ("[1 2]", (1, 4), "',' or ']' is missing before '2'"),
    ('{"a": True}', (1, 7), "'True' is not a value"),
    ("{\"a\": 'b'}", (1, 7), "strings stand in double quotes"),
    ('{"a": "b', (1, 7), "this string is not closed"),
    ('{"a": 01}', (1, 7), "'0' is not a value"),
    ('{"a": 1 /* x }', (1, 9), "this comment is not closed: */ is missing"),
    ("{}\n}", (2, 1), "the file should end here"),
    ('"\\ud800"', (1, 1), "half of a surrogate pair is no character"),
    ("[" * 2000, (1, 52), "nested deeper than 50 levels"),
]


class ParseTests(SynchronousTestCase):
    """One text, one document."""

    def test_comments_and_trailing_commas_are_nothing(self) -> None:
        text = '// head\n{"a": [1, /* two */ 2,], // tail\n "b": "// text",}\n'
        self.assertEqual(parse(text).value, {"a": [1, 2], "b": "// text"})

    def test_keys_and_values_have_places(self) -> None:
        document = parse('{\n  "a": {"b": [10,\n 20]}\n}')
        self.assertEqual(document.place(("a",), "key"), Place(2, 3))
        self.assertEqual(document.place(("a", "b")), Place(2, 14))
        self.assertEqual(document.place(("a", "b", 1)), Place(3, 2))

    def test_what_is_missing_is_placed_where_its_parent_stands(self) -> None:
        document = parse('{\n  "a": {}\n}')
        self.assertEqual(document.place(("a", "x", "y")), Place(2, 8))

    def test_a_repeated_key_is_a_fault_and_the_first_one_counts(self) -> None:
        document = parse('{"a": 1,\n "a": {"x": 2}}')
        self.assertEqual(document.value, {"a": 1})
        (fault,) = document.faults
        self.assertEqual((fault.place, fault.path), (Place(2, 2), ("a",)))
        self.assertEqual(fault.text, "repeated: first given in line 1")

    def test_what_cannot_be_read_ends_the_document_with_a_fault(self) -> None:
        for text, place, sentence in FAULTS:
            with self.subTest(text=text[:20]):
                document = parse(text)
                (fault,) = document.faults
                self.assertEqual((fault.place, fault.text), (Place(*place), sentence))
                self.assertIsNone(document.value)

    def test_what_is_nested_too_deep_has_its_whole_path(self) -> None:
        (fault,) = parse('{"a":' * 60).faults
        self.assertEqual(fault.path, ("a",) * 51)
        self.assertEqual(fault.place, Place(1, 51 * 5 + 1))

    @settings(deadline=None)
    @given(VALUES, st.none() | st.integers(0, 3))
    def test_reads_all_that_the_standard_parser_reads(self, value: object, indent: int) -> None:
        """Safety: a JSON file means here what it means everywhere."""
        text = json.dumps(value, indent=indent)
        self.assertEqual(parse(text).value, json.loads(text))

    @settings(deadline=None)
    @given(st.text())
    def test_any_text_is_a_document_or_a_fault(self, text: str) -> None:
        """Safety: no input makes the parser raise."""
        document = parse(text)
        self.assertTrue(document.faults or document.value == json.loads(json.dumps(document.value)))


class PathTests(SynchronousTestCase):
    """How paths are written."""

    def test_spelled_and_parsed_undo_one_another(self) -> None:
        path = ("pod", "tasks", 0, "requirement", "ports", 12)
        self.assertEqual(spelled(path), "pod.tasks[0].requirement.ports[12]")
        self.assertEqual(parsed(spelled(path)), path)
