"""What the nexus keeps of machines and orders is what was."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.descriptions import is_label
from galaxy.master.stored_orders import (
    agent_put,
    label_change,
    read_agent,
    read_label,
    read_safe_mode,
    safe_mode_delete,
    safe_mode_put,
)
from galaxy.nexus.interfaces import Delete, Put
from galaxy.nexus.keys import check_changes
from galaxy.protocol.master_pb2 import StoredAgent
from galaxy.stored import examined
from tests.master.examples import NOW


class StoredOrdersTests(SynchronousTestCase):
    """There and back."""

    def test_agents(self) -> None:
        for endpoint in ("10.0.0.1:8221", "[fe80::1]:8221", "host name:1"):
            agent = StoredAgent(endpoint=endpoint, admit_time=NOW, offline=True)
            put = agent_put(agent)
            check_changes([put])
            self.assertEqual(read_agent(put.value), agent)
            self.assertEqual(examined({put.key: put.value}).problems, ())

    @settings(deadline=None)
    @given(label=st.text(min_size=1, max_size=64).filter(is_label), other=st.just("."))
    def test_any_label_has_a_key_of_its_own(self, label: str, other: str) -> None:
        """Also one that would be no part of a path: "a/b", "..", one of 64 strange letters."""
        put = label_change(label, {"b:1", "a:1"})
        assert isinstance(put, Put)
        check_changes([put])
        self.assertNotIn(put.key, {"labels/.", "labels/.."})
        self.assertEqual(put.key.count("/"), 1)
        self.assertEqual(examined({put.key: put.value}).problems, ())
        record = read_label(put.value)
        self.assertEqual((record.label, list(record.endpoints)), (label, ["a:1", "b:1"]))
        if label != other:
            self.assertNotEqual(put.key, label_change(other, {"a:1"}).key)

    def test_a_label_that_nobody_carries_is_not_kept(self) -> None:
        kept, gone = label_change("ssd", {"a:1"}), label_change("ssd", ())
        self.assertEqual((type(gone), gone.key), (Delete, kept.key))

    def test_safe_mode(self) -> None:
        put = safe_mode_put("ada@h", NOW)
        record = read_safe_mode(put.value)
        self.assertEqual((record.manual, record.actor, record.time), (True, "ada@h", NOW))
        self.assertEqual(safe_mode_delete().key, put.key)
        self.assertEqual(examined({put.key: put.value}).problems, ())
