"""Where what dead pods left is."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.master.remains import Place, Remains
from galaxy.master.report import is_sound
from galaxy.master.selection import selected
from galaxy.master.watching import wanted
from galaxy.protocol import agent_pb2
from galaxy.protocol.agent_pb2 import QueryResponse
from galaxy.protocol.master_pb2 import WatchEventsRequest
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status
from tests.master.examples import NOW, descriptor, full_report, machine, merged, picture, submitted

JOB = "web_000000000000"  # the first that `submitted` makes


def group(job_id: str, *attempts: tuple[int, int]) -> agent_pb2.Remains:
    """Attempts as a report has them."""
    return agent_pb2.Remains(
        job_id=job_id,
        index=[index for index, _ in attempts],
        incarnation=[incarnation for _, incarnation in attempts],
    )


class RemainsTests(SynchronousTestCase):
    """From reports."""

    def setUp(self) -> None:
        self.remains = Remains()

    def keep(self, endpoint: str, *groups: agent_pb2.Remains, full: bool = False) -> None:
        """An agent says that it keeps these."""
        self.remains.take(endpoint, QueryResponse(full=full, remains=groups))

    def test_places(self) -> None:
        """Of a job, in the order of slots and attempts; or of one slot."""
        self.keep("b:1", group(JOB, (7, 1), (0, 2)))
        self.keep("a:1", group(JOB, (0, 1)), group("db_1", (0, 1)))
        expected = [Place(0, 1, "a:1"), Place(0, 2, "b:1"), Place(7, 1, "b:1")]
        self.assertEqual(self.remains.places(JOB), expected)
        self.assertEqual(self.remains.places(JOB, 7), expected[2:])
        self.assertEqual(self.remains.places("none"), [])

    def test_collected(self) -> None:
        """What went is not there any more, and with the last of it the job."""
        self.keep("a:1", group(JOB, (0, 1), (1, 1)))
        for attempt in ((0, 1), (1, 1), (1, 1)):
            self.remains.take("a:1", QueryResponse(collected=[group(JOB, attempt)]))
        self.assertEqual(self.remains.places(JOB), [])
        self.assertIsNone(self.remains.resolve(JOB))

    def test_full(self) -> None:
        """A full report is all there is; of an agent that is lost nothing is known."""
        self.keep("a:1", group(JOB, (0, 1)))
        self.keep("a:1", group("db_1", (3, 1)), full=True)
        self.assertEqual(self.remains.places(JOB), [])
        self.assertEqual(self.remains.places("db_1"), [Place(3, 1, "a:1")])
        self.remains.drop("a:1")
        self.remains.drop("a:1")
        self.assertEqual(self.remains.places("db_1"), [])

    def test_words(self) -> None:
        """A job that is gone is meant by its id, the beginning of it, or its name."""
        self.keep("a:1", group(JOB, (0, 1)), group("db_77", (0, 1)))
        for word in (JOB, "web_00", "web", " web "):
            self.assertEqual(self.remains.resolve(word), JOB)
        for word in ("w", "web_", "webs", "none", ""):
            self.assertIsNone(self.remains.resolve(word), word)
        self.keep("b:1", group("web_ffffffffffff", (0, 1)))
        with self.assertRaises(GalaxyError) as caught:
            self.remains.resolve("web")
        self.assertIn(JOB, caught.exception.reason)

    @settings(deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.sampled_from("ab"),
                st.booleans(),
                st.sets(st.tuples(st.integers(0, 3), st.integers(1, 3))),
                st.sets(st.tuples(st.integers(0, 3), st.integers(1, 3))),
            )
        )
    )
    def test_as_told(
        self, reports: list[tuple[str, bool, set[tuple[int, int]], set[tuple[int, int]]]]
    ) -> None:
        """Safety: after any reports, exactly that is known which the agents have."""
        remains, truth = Remains(), {"a": set[tuple[int, int]](), "b": set[tuple[int, int]]()}
        for endpoint, full, came, gone in reports:
            known = set() if full else truth[endpoint] - gone
            truth[endpoint] = known | came
            report = QueryResponse(full=full, remains=[group(JOB, *came)] if came else [])
            if not full:
                report.collected.append(group(JOB, *gone))
            remains.take(endpoint, report)
        expected = sorted(
            (index, incarnation, endpoint)
            for endpoint, attempts in truth.items()
            for index, incarnation in attempts
        )
        found = [(at.index, at.incarnation, at.endpoint) for at in remains.places(JOB)]
        self.assertEqual(found, expected)


class SelectionTests(SynchronousTestCase):
    """What a person means, the dead included."""

    def setUp(self) -> None:
        self.cluster = picture()
        self.cluster.remains.take(
            "a:1", QueryResponse(remains=[group(JOB, (0, 1), (1, 1)), group("old_77", (4, 2))])
        )

    def assert_refused(self, status: Status, job: str, pod: str = "", *, dead: bool = True) -> None:
        with self.assertRaises(GalaxyError) as caught:
            selected(self.cluster, job, "", pod, dead=dead)
        self.assertEqual(caught.exception.status, status)

    def test_a_job_that_is_gone(self) -> None:
        """By its name and by its id; a slot of it, too. Only if the dead are asked for."""
        for word in ("old_77", "old"):
            (dead,) = selected(self.cluster, word, "", "", dead=True).dead
            self.assertEqual((dead.pod_id, dead.job_name), ("old_77.4", "old"))
        (dead,) = selected(self.cluster, "", "", "old.4", dead=True).dead
        self.assertEqual(dead.place, Place(4, 2, "a:1"))
        self.assert_refused(Status.kJobNotFound, "old", dead=False)
        self.assert_refused(Status.kPodNotFound, "", "old.5")
        self.assert_refused(Status.kJobNotFound, "", "none.5")
        self.assert_refused(Status.kPodNotFound, "", "none")

    def test_events_of_a_job_that_is_gone_are_asked_for_by_its_name(self) -> None:
        asked = WatchEventsRequest(job_id="old")
        self.assertEqual(wanted(self.cluster, asked).job_id, "old_77")
        asked = WatchEventsRequest(pod_id="old.4")
        self.assertEqual(wanted(self.cluster, asked).job_id, "old_77")

    def test_a_job_that_is_there(self) -> None:
        """Its pods, and what remains of it; of a slot that has ended, what remains."""
        job = submitted(self.cluster, descriptor("web", replica=1))
        found = selected(self.cluster, "web", "", "", dead=True)
        self.assertEqual([pod.index for pod in found.pods], [0])
        self.assertEqual([dead.place.index for dead in found.dead], [0, 1])
        gone = selected(self.cluster, "", "", f"{job.job_id}.1", dead=True)
        self.assertEqual((gone.pods, [dead.pod_id for dead in gone.dead]), ([], [f"{JOB}.1"]))
        self.assertEqual(selected(self.cluster, "web", "", "").dead, [])

    def test_on_an_agent(self) -> None:
        """Of a job, only what that agent has."""
        machine(self.cluster, "b:1")
        submitted(self.cluster, descriptor("web", replica=1))
        self.assertEqual(selected(self.cluster, "web", "b:1", "", dead=True).dead, [])

    def test_reported(self) -> None:
        """Agents report what they keep; of one that is given up, nothing is known."""
        agent = machine(self.cluster, "b:1")
        report = full_report(revision=2)
        report.remains.append(group(JOB, (5, 1)))
        merged(self.cluster, agent, report)
        self.assertEqual(self.cluster.remains.places(JOB, 5), [Place(5, 1, "b:1")])
        self.cluster.bury(agent, "nothing heard of it", NOW)
        self.assertEqual(self.cluster.remains.places(JOB, 5), [])

    def test_nonsense(self) -> None:
        """A report with fewer incarnations than indexes is not taken."""
        nonsense = [agent_pb2.Remains(job_id=JOB, index=[1])]
        self.assertFalse(is_sound(QueryResponse(remains=nonsense)))
        self.assertFalse(is_sound(QueryResponse(collected=nonsense)))
