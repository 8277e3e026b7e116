"""docs/lifecycle.md draws the tables."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from galaxy.master.pods import MEANINGS, Event
from tests.docs.lifecycle import PAGE, page


class LifecycleTests(SynchronousTestCase):
    """The page is what the tables say."""

    def test_the_page_is_as_the_tables_are(self) -> None:
        """When this fails: python -m tests.docs.lifecycle"""
        self.assertEqual(PAGE.read_text(encoding="utf-8"), page())

    def test_every_event_has_words(self) -> None:
        self.assertEqual(list(MEANINGS), list(Event))
