"""Events, as rows and lines, and what a reader has read."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.client.happenings import Reader, change, line, rows, subject
from galaxy.protocol.master_pb2 import Event

FIELDS = "time kind job_id pod_id task_id endpoint from to reason actor level"


def pod_event() -> Event:
    """Three pods that were placed."""
    return Event(
        number=7,
        time=1000.0,
        kind="pod",
        job_id="web_1",
        indexes=[0, 4, 11],
        endpoint="a:1",
        before="kStagePending",
        after="kStageRunning",
        reason="placed",
        actor="scheduler",
        level="info",
    )


class RowTests(SynchronousTestCase):
    """One row a pod."""

    def test_every_promised_field_is_there(self) -> None:
        (row,) = rows([Event()])
        self.assertEqual(set(FIELDS.split()) - set(row), set())

    def test_pods_that_changed_alike_are_a_row_each(self) -> None:
        pods = [row["pod_id"] for row in rows([pod_event()])]
        self.assertEqual(pods, ["web_1.0", "web_1.4", "web_1.11"])

    def test_who_asks_for_a_pod_gets_no_other(self) -> None:
        pods = [row["pod_id"] for row in rows([pod_event()], "web.11")]
        self.assertEqual(pods, ["web_1.11"])
        self.assertEqual(list(rows([pod_event()], "web.1")), [])

    def test_the_event_of_a_task_names_its_pod(self) -> None:
        (row,) = rows([Event(kind="task", task_id="web_1.4.0")])
        self.assertEqual((row["pod_id"], subject(row)), ("web_1.4", "web_1.4.0"))

    def test_an_agent_has_no_pod(self) -> None:
        (row,) = rows([Event(kind="agent", endpoint="a:1")])
        self.assertEqual((row["pod_id"], subject(row)), ("", "a:1"))


class LineTests(SynchronousTestCase):
    """What people read."""

    def test_states_lose_what_each_begins_with(self) -> None:
        cases = [
            (("kStagePending", "kStageRunning"), "Pending -> Running"),
            (("", "kJobFinished"), "Finished"),
            (("kAlive", "kDead"), "Alive -> Dead"),
            (("kAgentStateUnset", "kAlive"), "Alive"),
            (("kUpdateNone", "kUpdateNormal"), "UpdateNone -> UpdateNormal"),
            (("kPodRunning", "kPodRunning"), "Running"),
            (("kept", "killed"), "kept -> killed"),
            (("", ""), ""),
        ]
        for (before, after), text in cases:
            self.assertEqual(change({"from": before, "to": after}), text)

    def test_a_line_tells_all(self) -> None:
        row = next(rows([pod_event()]))
        told = line(row).partition("  ")[2]
        self.assertEqual(told, "pod web_1.0 Pending -> Running on a:1: placed (scheduler)\n")
        row |= {"level": "error", "kind": "agent", "pod_id": "", "job_id": "", "actor": ""}
        told = line(row).partition("  ")[2]
        self.assertEqual(told, "error: agent a:1 Pending -> Running: placed\n")
        row |= {"said": ["Traceback:", "  boom"]}
        self.assertTrue(line(row).endswith(": placed\n    Traceback:\n      boom\n"))


class ReaderTests(SynchronousTestCase):
    """Each event once, whatever the connection does."""

    @settings(deadline=None)
    @given(st.lists(st.integers(0, 3)), st.lists(st.integers(0, 30)))
    def test_broken_connections_lose_nothing_and_repeat_nothing(
        self, steps: list[int], breaks: list[int]
    ) -> None:
        """Safety: asked again for all since the last time read, the rest comes, once."""
        time, events = 10.0, []
        for number, step in enumerate(steps, start=1):
            time += step
            events.append(Event(number=number, time=time))
        reader, read = Reader(5.0), list[Event]()
        for length in [*breaks, len(events)]:
            answer = [event for event in events if event.time >= reader.since][:length]
            read += reader.unread(answer)
        answer = [event for event in events if event.time >= reader.since]
        read += reader.unread(answer)
        self.assertEqual([event.number for event in read], list(range(1, len(events) + 1)))

    def test_one_happening_on_several_machines(self) -> None:
        """They share a number; none is taken for a repetition of the other."""
        events = [Event(number=1, time=9.0, endpoint=endpoint) for endpoint in ("a:1", "b:1")]
        reader = Reader(0.0)
        self.assertEqual(reader.unread(events), events)
        self.assertEqual(reader.unread(events), [])

    def test_a_new_leader_counts_from_the_beginning(self) -> None:
        reader = Reader(0.0)
        reader.unread([Event(number=1, time=10.0), Event(number=2, time=11.0)])
        fresh = [Event(number=1, time=12.0), Event(number=2, time=12.0)]
        self.assertEqual(reader.unread(fresh), fresh)

    def test_a_clock_that_was_set_back_hides_nothing(self) -> None:
        reader = Reader(0.0)
        reader.unread([Event(number=1, time=10.0)])
        late = [Event(number=2, time=9.0)]
        self.assertEqual((reader.unread(late), reader.since), (late, 10.0))
