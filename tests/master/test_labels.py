"""Who carries which label."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.master.labels import Labels, carriers_after, check_labelling
from galaxy.protocol.master_pb2 import LabelAgentsRequest, LabelChange, kLabelRemove, kLabelSet
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status
from tests.master.examples import NOW, facts, machine, picture

sets = st.frozensets(st.sampled_from(["a:1", "b:1", "c:1"]))


class RequestTests(SynchronousTestCase):
    """What may be asked, and what it comes to."""

    def assert_refused(self, asked: LabelAgentsRequest, words: str) -> None:
        with self.assertRaises(GalaxyError) as caught:
            check_labelling(asked)
        self.assertEqual(caught.exception.status, Status.kInputError)
        self.assertIn(words, caught.exception.reason)

    def test_a_label_is_not_set_on_nobody(self) -> None:
        """Galaxy 2's command did that with an empty file (§12.6, 29)."""
        self.assert_refused(LabelAgentsRequest(label="ssd", change=kLabelSet), "which agents")

    def test_what_makes_no_sense(self) -> None:
        self.assert_refused(LabelAgentsRequest(label="a b", change=kLabelRemove), "no label")
        self.assert_refused(LabelAgentsRequest(label="ssd"), "set or")
        odd = LabelAgentsRequest(label="ssd", change=kLabelSet, endpoints=["nowhere"])
        self.assert_refused(odd, "nowhere")

    def after(self, change: LabelChange, *endpoints: str) -> set[str]:
        asked = LabelAgentsRequest(label="ssd", change=change, endpoints=endpoints)
        check_labelling(asked)
        return set(carriers_after(asked, frozenset({"a:1", "b:1"})))

    def test_set_means_these_and_no_others(self) -> None:
        self.assertEqual(self.after(kLabelSet, "b:1", "c:1"), {"b:1", "c:1"})

    def test_remove_means_these_or_everybody(self) -> None:
        self.assertEqual(self.after(kLabelRemove, "b:1", "c:1"), {"a:1"})
        self.assertEqual(self.after(kLabelRemove), set())


class LabelsLaws(SynchronousTestCase):
    """Both sides say the same."""

    @settings(deadline=None)
    @given(orders=st.lists(st.tuples(st.sampled_from("xyz"), sets), max_size=12))
    def test_both_sides_agree(self, orders: list[tuple[str, frozenset[str]]]) -> None:
        """Safety; and what is said to have changed is what did."""
        labels, wanted = Labels(), {label: frozenset[str]() for label in "xyz"}
        for label, endpoints in orders:
            self.assertEqual(labels.put(label, endpoints), wanted[label] ^ endpoints)
            wanted[label] = endpoints
        for label, endpoints in wanted.items():
            self.assertEqual(labels.carriers(label), endpoints)
            for endpoint in ("a:1", "b:1", "c:1"):
                self.assertEqual(label in labels.carried(endpoint), endpoint in endpoints)


class AgentLabelTests(SynchronousTestCase):
    """Labels of machines."""

    def setUp(self) -> None:
        self.cluster = picture()
        self.fleet = self.cluster.fleet

    def label(self, *endpoints: str) -> None:
        self.fleet.label(self.cluster.journal, "ssd", endpoints, "ada@h", NOW)

    def test_an_agent_has_an_operators_labels_beside_its_own(self) -> None:
        agent = machine(self.cluster, said=facts(labels=("gpu",)))
        self.label("a:1")
        self.assertEqual(agent.labels, {"gpu", "ssd"})
        self.fleet.learn(self.cluster.journal, agent, facts(labels=("arm",)), 0.0)
        self.assertEqual(agent.labels, {"arm", "ssd"})
        self.label("b:1")
        self.assertEqual(agent.labels, {"arm"})

    def test_an_agent_has_them_when_it_comes(self) -> None:
        self.label("late:1")
        self.assertEqual(machine(self.cluster, "late:1").labels, {"ssd"})

    def test_what_it_says_of_itself_no_operator_takes_away(self) -> None:
        agent = machine(self.cluster, said=facts(labels=("ssd",)))
        self.label("a:1")
        self.label()
        self.assertEqual(agent.labels, {"ssd"})

    def test_who_waits_for_a_label_is_told(self) -> None:
        agent = machine(self.cluster)
        self.cluster.journal.room = False
        self.label("a:1")
        self.assertTrue(self.cluster.journal.room)
        self.assertIn(agent, self.cluster.journal.moved)
