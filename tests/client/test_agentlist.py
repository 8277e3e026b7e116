"""Files that name agents."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.client.agentlist import AgentList, agents_in


class AgentsInTests(SynchronousTestCase):
    """One endpoint a line."""

    def test_the_last_line_needs_no_end(self) -> None:
        """Galaxy 2's did (§12.6, 29)."""
        for text in ("a:1\nb:2", "a:1\nb:2\n", "\na:1 # the first\n  b:2  \r\na:1\n"):
            with self.subTest(text=text):
                self.assertEqual(agents_in(text, "f"), AgentList(("a:1", "b:2")))

    @settings(deadline=None)
    @given(st.lists(st.sampled_from(["", " ", "\t", "# nobody", "  #a:1"])))
    def test_a_file_that_names_nobody_is_a_mistake(self, lines: list[str]) -> None:
        """Safety: an emptied file never means that no agent is to carry the label."""
        answer = agents_in("\n".join(lines), "f")
        self.assertEqual(answer.endpoints, ())
        self.assertEqual(len(answer.mistakes), 1)
        self.assertIn("names no agent", answer.mistakes[0])

    def test_all_mistakes_are_told_with_their_lines(self) -> None:
        answer = agents_in("a\nb:2\nc:99999\nd:1, e:1\nunix:/x", "f")
        self.assertEqual([line[:4] for line in answer.mistakes], ["f:1:", "f:3:", "f:4:", "f:5:"])
