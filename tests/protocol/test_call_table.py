"""The state of a connection: two tables, and the bytes between them."""

from __future__ import annotations

from attrs import evolve
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol.agent_pb2 import LogChunk, QueryRequest, QueryResponse, ReadLogRequest
from galaxy.protocol.call_table import CallTable, Phase
from galaxy.protocol.calls import (
    Answered,
    Asked,
    Credited,
    Ended,
    Event,
    Failed,
    Greeted,
    ItemCame,
    Refused,
    Withdrawn,
)
from galaxy.protocol.counters import WireCounters
from galaxy.protocol.framing import Framer, framed
from galaxy.protocol.greeting import PROTOCOL_VERSION, introduction
from galaxy.protocol.limits import Limits
from galaxy.protocol.services import AGENT, AGENT_QUERY, AGENT_READ_LOG
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.types_pb2 import Status
from galaxy.protocol.wire_pb2 import Envelope, FrameKind, Hello
from tests.protocol.echo import hello

LIMITS = Limits(frame_bytes=20_000, open_calls=4, window=4, hello_s=10, frame_s=20)
METHODS = {method.wire_name: method for method in AGENT.methods}


def table(limits: Limits = LIMITS, name: str = "x") -> CallTable:
    """A table at time 0, its hello not yet sent."""
    return CallTable(hello(name), METHODS, limits=limits, counters=WireCounters(), now=0.0)


def greeted(limits: Limits = LIMITS) -> CallTable:
    """A table that has the other end's hello; its own was sent."""
    one = table(limits)
    one.outbox.take()
    one.receive(table().outbox.take(), 0.0)
    return one


def pair() -> tuple[CallTable, CallTable]:
    """A caller and a callee that know one another."""
    return greeted(), greeted()


def frame(**fields: object) -> bytes:
    """The frame of one envelope."""
    return framed(Envelope(**fields).SerializeToString())  # type: ignore[arg-type]


def envelopes(one: CallTable) -> list[Envelope]:
    """What the table sends now."""
    return [Envelope.FromString(body) for body in Framer(1 << 30).receive(one.outbox.take())]


def refusals(one: CallTable) -> dict[str, int]:
    """What the table counted."""
    return dict(one._counters.refusals)


def query(number: int = 1) -> QueryRequest:
    """A request."""
    return QueryRequest(since_revision=number)


def ask(one: CallTable, request: Message | None = None, *, deadline_s: float = 5.0) -> int:
    """Call Query at time 0; the token is "token"."""
    return one.outgoing.call(AGENT_QUERY, request or query(), deadline_s, 0, 0.0, "token")


class GreetingTests(SynchronousTestCase):
    """The first frame each way."""

    def test_hello(self) -> None:
        """Who it is, and the version that is spoken."""
        events = table().receive(table(name="agent-7").outbox.take(), 0.0)
        mine = introduction(hello("agent-7"), METHODS)
        self.assertEqual(events, [Greeted(mine)])

    def assert_refused(self, data: bytes, why: Refused, *words: str) -> None:
        """It gets one line, is counted once, and nothing is taken from it any more."""
        one = table()
        one.outbox.take()
        events = one.receive(data, 0.0)
        (ended,) = events
        assert isinstance(ended, Ended)
        (goodbye,) = envelopes(one)
        self.assertEqual((goodbye.kind, goodbye.reason), (FrameKind.kGoodbye, ended.reason))
        for word in words:
            self.assertIn(word, ended.reason)
        self.assertEqual(refusals(one), {why: 1})
        self.assertEqual(one.phase, Phase.ENDED)
        self.assertEqual(one.receive(data, 0.0) + one.tick(1e9), [])
        self.assertEqual(refusals(one), {why: 1})

    def test_strangers(self) -> None:
        """Each kind of stranger."""
        self.assert_refused(b"GET / HTTP/1.1\r\n\r\n", Refused.FRAME_TOO_LONG, "Galaxy port")
        self.assert_refused(framed(b"\xff\xff\xff"), Refused.GARBAGE)
        self.assert_refused(framed(b""), Refused.STRANGER, "hello")
        self.assert_refused(frame(kind=FrameKind.kRequest), Refused.STRANGER, "hello")
        self.assert_refused(
            frame(kind=FrameKind.kHello, hello=Hello(protocol_version=99)),
            Refused.WRONG_VERSION, "99", str(PROTOCOL_VERSION),
        )  # fmt: skip

    def test_silence(self) -> None:
        """No hello in time ends it; until then there is a time to wake at."""
        one = table()
        self.assertEqual(one.next_wake(), 10.0)
        self.assertEqual(one.tick(9.9), [])
        self.assertEqual(one.tick(10.0), [Ended("no hello within 10 s")])
        self.assertIsNone(one.next_wake())

    def test_refused_by_the_other_end(self) -> None:
        """A goodbye instead of a hello carries the reason."""
        events = table().receive(frame(kind=FrameKind.kGoodbye, reason="go away"), 0.0)
        self.assertEqual(events, [Ended("go away")])

    def test_newer_builds(self) -> None:
        """Unknown fields of a hello, unknown kinds of frames: tolerated."""
        one = table()
        unknown_field = b"\xfa\x07\x03new"  # field 127, three bytes
        peer = Hello(protocol_version=PROTOCOL_VERSION).SerializeToString() + unknown_field
        body = Envelope(kind=FrameKind.kHello, hello=Hello.FromString(peer)).SerializeToString()
        (event,) = one.receive(framed(body + unknown_field), 0.0)
        self.assertIsInstance(event, Greeted)
        self.assertEqual(one.receive(framed(b"\x08\x63"), 0.0), [])  # kind 99
        self.assertEqual(refusals(one), {Refused.UNKNOWN_KIND: 1})
        self.assertEqual(one.phase, Phase.OPEN)


class CallTests(SynchronousTestCase):
    """One call, one answer."""

    def test_round_trip(self) -> None:
        """Request there, answer back; nothing stays open."""
        caller, callee = pair()
        ask(caller, query(7))
        (asked,) = callee.receive(caller.outbox.take(), 0.0)
        self.assertEqual(asked, Asked(1, AGENT_QUERY, query(7), 0))
        callee.incoming.answer(1, QueryResponse(revision=8))
        events = caller.receive(callee.outbox.take(), 0.0)
        self.assertEqual(events, [Answered("token", QueryResponse(revision=8))])
        self.assertEqual((len(caller.outgoing), len(callee.incoming)), (0, 0))
        self.assertEqual((caller.next_wake(), callee.next_wake()), (None, None))

    def test_failure(self) -> None:
        """A status and a reason come back."""
        caller, callee = pair()
        ask(caller)
        callee.receive(caller.outbox.take(), 0.0)
        callee.incoming.fail(1, Status.kQuota, "no memory left")
        (event,) = caller.receive(callee.outbox.take(), 0.0)
        assert isinstance(event, Failed)
        self.assertEqual(str(event.error), "kQuota: no memory left")

    def test_deadline_at_the_caller(self) -> None:
        """It fails at its time, and tells the other end."""
        caller, callee = pair()
        ask(caller)
        callee.receive(caller.outbox.take(), 0.0)
        self.assertEqual((caller.next_wake(), caller.tick(4.9)), (5.0, []))
        (event,) = caller.tick(5.0)
        assert isinstance(event, Failed)
        self.assertEqual(event.error.status, Status.kDeadline)
        self.assertEqual(callee.receive(caller.outbox.take(), 5.0), [Withdrawn(1)])

    def test_deadline_at_the_callee(self) -> None:
        """The deadline travels: the callee gives up by its own clock and says so."""
        caller, callee = pair()
        ask(caller)
        callee.receive(caller.outbox.take(), 100.0)
        self.assertEqual((callee.next_wake(), callee.tick(104.0)), (105.0, []))
        self.assertEqual(callee.tick(105.0), [Withdrawn(1)])
        (answer,) = envelopes(callee)
        self.assertEqual(answer.status, Status.kDeadline)

    def test_no_deadline(self) -> None:
        """An infinite one is none, at both ends."""
        caller, callee = pair()
        ask(caller, deadline_s=float("inf"))
        callee.receive(caller.outbox.take(), 0.0)
        self.assertEqual((caller.next_wake(), callee.next_wake()), (None, None))

    def test_late_answer(self) -> None:
        """An answer to a call that was cancelled meanwhile is dropped, and counted as late."""
        caller, callee = pair()
        call_id = ask(caller)
        callee.receive(caller.outbox.take(), 0.0)
        callee.incoming.answer(1, QueryResponse())
        caller.outgoing.cancel(call_id)
        self.assertEqual(caller.receive(callee.outbox.take(), 0.0), [])
        self.assertEqual(callee.receive(caller.outbox.take(), 0.0), [])
        self.assertEqual(refusals(caller), {Refused.LATE: 1})

    def test_methods_that_the_other_end_lacks(self) -> None:
        """One that says what it serves is not asked; the error says who is to be upgraded."""
        caller = table()
        served = [name for name in METHODS if name != "Agent.Query"]
        peer = introduction(hello("agent-7"), served)
        caller.receive(frame(kind=FrameKind.kHello, hello=peer), 0.0)
        caller.outbox.take()
        with self.assertRaises(GalaxyError) as caught:
            ask(caller)
        self.assertEqual(caught.exception.status, Status.kUnknownMethod)
        self.assertIn("agent-7, of build test, cannot do Agent.Query", caught.exception.reason)
        self.assertEqual((caller.outbox.take(), len(caller.outgoing)), (b"", 0))

    def test_methods_of_one_that_does_not_say(self) -> None:
        """It is asked, and its answer is put in the same words."""
        caller = table()
        peer = introduction(hello("agent-7"), ())
        caller.receive(frame(kind=FrameKind.kHello, hello=peer), 0.0)
        call_id = ask(caller)
        status = Status.kUnknownMethod
        (event,) = caller.receive(
            frame(kind=FrameKind.kAnswer, call_id=call_id, status=status, reason="no"), 0.0
        )
        assert isinstance(event, Failed)
        self.assertEqual(event.error.status, status)
        self.assertIn("agent-7, of build test, cannot do Agent.Query", event.error.reason)

    def test_answer_after_withdrawal(self) -> None:
        """What a handler says after the caller left goes nowhere."""
        caller, callee = pair()
        call_id = ask(caller)
        caller.outgoing.cancel(call_id)
        events = callee.receive(caller.outbox.take(), 0.0)
        self.assertEqual(events[1:], [Withdrawn(1)])
        callee.incoming.answer(1, QueryResponse())
        callee.incoming.fail(1, Status.kUnknown, "too late")
        self.assertEqual(callee.outbox.take(), b"")

    def test_requests_that_cannot_be_taken(self) -> None:
        """Each is answered with a status that says why."""
        request = query().SerializeToString()
        cases: list[tuple[dict[str, object], Refused, int]] = [
            ({"method": "Agent.Fly", "payload": request},
             Refused.UNKNOWN_METHOD, Status.kUnknownMethod),
            ({"method": "Agent.Query", "payload": b"\xff\xff"},
             Refused.BAD_REQUEST, Status.kInputError),
        ]  # fmt: skip
        for fields, why, status in cases:
            one = greeted()
            events = one.receive(frame(kind=FrameKind.kRequest, call_id=9, **fields), 0.0)
            (answer,) = envelopes(one)
            self.assertEqual((events, refusals(one)), ([], {why: 1}))
            self.assertEqual((answer.call_id, answer.status), (9, status))

    def test_call_id_that_is_open(self) -> None:
        """Is not taken twice, and the first call goes on."""
        one = greeted()
        request = frame(kind=FrameKind.kRequest, call_id=9, method="Agent.Query")
        self.assertEqual(len(one.receive(request + request, 0.0)), 1)
        self.assertEqual(refusals(one), {Refused.DUPLICATE_CALL: 1})

    def test_too_many_calls(self) -> None:
        """One more than the limit is kBusy."""
        caller, callee = pair()
        for _ in range(5):
            ask(caller)
        self.assertEqual(len(callee.receive(caller.outbox.take(), 0.0)), 4)
        (answer,) = envelopes(callee)
        self.assertEqual((answer.call_id, answer.status), (5, Status.kBusy))

    def test_answers_that_are_none(self) -> None:
        """An unset status is no success; bytes of another type fail the call."""
        for fields in ({"status": Status.kUnset}, {"status": Status.kOk, "payload": b"\xff"}):
            one = greeted()
            call_id = ask(one)
            (event,) = one.receive(frame(kind=FrameKind.kAnswer, call_id=call_id, **fields), 0.0)
            assert isinstance(event, Failed)
            self.assertEqual(event.error.status, Status.kRpcError)
            self.assertEqual(refusals(one), {Refused.BAD_RESPONSE: 1})

    def test_statuses_of_newer_builds(self) -> None:
        """Reach the caller as they are; the counters get no new key for each."""
        one = greeted()
        for status in (1000, 1001):
            call_id = ask(one)
            data = frame(kind=FrameKind.kAnswer, call_id=call_id, status=status)
            (event,) = one.receive(data, 0.0)
            assert isinstance(event, Failed)
            self.assertEqual(event.error.status, status)
        self.assertEqual(one._counters.called, {("Agent.Query", Status.kUnknown): 2})

    def test_answer_too_large(self) -> None:
        """The caller is told, instead of a frame that it would refuse."""
        caller, callee = pair()
        ask(caller)
        callee.receive(caller.outbox.take(), 0.0)
        callee.incoming.answer(1, QueryResponse(instance="x" * 20_000))
        (event,) = caller.receive(callee.outbox.take(), 0.0)
        assert isinstance(event, Failed)
        self.assertEqual(event.error.status, Status.kUnknown)

    def test_the_end(self) -> None:
        """Our calls fail, the others' are withdrawn, nothing is sent any more."""
        caller, callee = pair()
        ask(caller)
        callee.receive(caller.outbox.take(), 0.0)
        ask(callee)
        failed, withdrawn = callee.end("gone")
        assert isinstance(failed, Failed)
        self.assertEqual((failed.error.status, failed.error.reason), (Status.kRpcError, "gone"))
        self.assertEqual(withdrawn, Withdrawn(1))
        self.assertEqual(callee.end("again"), [])


class StreamTests(SynchronousTestCase):
    """Many items to one call."""

    def begin(self) -> tuple[CallTable, CallTable]:
        """A stream is open between the two, no item sent."""
        caller, callee = pair()
        caller.outgoing.call(AGENT_READ_LOG, ReadLogRequest(), float("inf"), 0, 0.0, "token")
        callee.receive(caller.outbox.take(), 0.0)
        return caller, callee

    def test_credit(self) -> None:
        """A window is granted at first, and half of one when half was read."""
        caller, callee = self.begin()
        self.assertEqual(callee.incoming.credit(1), 4)
        for _ in range(4):
            callee.incoming.item(1, LogChunk(data=b"x"))
        self.assertEqual(callee.incoming.credit(1), 0)
        events = caller.receive(callee.outbox.take(), 0.0)
        self.assertEqual(events, [ItemCame("token", LogChunk(data=b"x"))] * 4)
        caller.outgoing.taken(1)
        self.assertEqual(caller.outbox.take(), b"")
        caller.outgoing.taken(1)
        self.assertEqual(callee.receive(caller.outbox.take(), 0.0), [Credited(1)])
        self.assertEqual(callee.incoming.credit(1), 2)

    def test_end(self) -> None:
        """A stream ends without a response; then there is no credit, but no call."""
        caller, callee = self.begin()
        callee.incoming.answer(1)
        self.assertEqual(caller.receive(callee.outbox.take(), 0.0), [Answered("token", None)])
        self.assertIsNone(callee.incoming.credit(1))

    def test_more_items_than_credit(self) -> None:
        """Fails the call, cancels it, and is counted."""
        caller, _ = self.begin()
        item = frame(kind=FrameKind.kItem, call_id=1)
        events = caller.receive(item * 5, 0.0)
        assert isinstance(events[-1], Failed)
        self.assertEqual(len(events), 5)
        self.assertEqual(refusals(caller), {Refused.OVER_CREDIT: 1})
        (cancel,) = envelopes(caller)
        self.assertEqual((cancel.kind, cancel.call_id), (FrameKind.kCancel, 1))

    def test_credit_has_a_ceiling(self) -> None:
        """Whatever a peer grants, the number stays small."""
        _, callee = self.begin()
        callee.receive(frame(kind=FrameKind.kCredit, call_id=1, credit=(1 << 32) - 1) * 9, 0.0)
        self.assertEqual(callee.incoming.credit(1), 1 << 20)


class HostileTests(SynchronousTestCase):
    """Whatever comes, the table neither raises nor grows."""

    def test_a_frame_must_end(self) -> None:
        """A begun frame has its time; each further byte does not prolong it."""
        one = greeted()
        data = framed(bytes(100))
        one.receive(data[:1], 1.0)
        one.receive(data[1:50], 15.0)
        self.assertEqual((one.next_wake(), one.tick(20.9)), (21.0, []))
        self.assertEqual(one.tick(21.0), [Ended("a frame took more than 20 s")])

    def test_a_frame_in_time(self) -> None:
        """Once it has ended nothing waits."""
        one = greeted()
        data = frame(kind=FrameKind.kCancel, call_id=1)
        one.receive(data[:5], 1.0)
        one.receive(data[5:], 2.0)
        self.assertIsNone(one.next_wake())

    def test_not_reading_is_not_the_senders_fault(self) -> None:
        """While we do not read no frame is late; after that it gets its time anew."""
        one = greeted()
        one.receive(framed(bytes(100))[:50], 1.0)
        one.reading_stops()
        self.assertEqual((one.next_wake(), one.tick(99.0)), (None, []))
        one.reading_resumes(100.0)
        self.assertEqual(one.next_wake(), 120.0)

    @settings(deadline=None, max_examples=300)
    @given(st.lists(st.binary(max_size=200), max_size=8), st.booleans())
    def test_random_bytes(self, pieces: list[bytes], hello_first: bool) -> None:
        """Safety: no exception, at most one refusal before the end, nothing kept after it."""
        one = greeted() if hello_first else table()
        for piece in pieces:
            one.receive(piece, 0.0)
        one.tick(1e9)
        self.assertLess(one.outbox.unsent, 10_000)

    fields = st.fixed_dictionaries(
        {},
        optional={
            "kind": st.integers(0, 9),
            "call_id": st.integers(0, 3),
            "method": st.sampled_from(["Agent.Query", "Agent.ReadLog", "Agent.Fly", ""]),
            "payload": st.sampled_from([b"", b"\xff", query().SerializeToString()]),
            "deadline_ms": st.integers(0, (1 << 32) - 1),
            "status": st.integers(-5, 30),
            "reason": st.text(max_size=5),
            "credit": st.integers(0, (1 << 32) - 1),
            "hello": st.builds(Hello, protocol_version=st.integers(0, 4)),
        },
    )

    @settings(deadline=None, max_examples=300)
    @given(st.lists(fields, max_size=30))
    def test_random_envelopes(self, sent: list[dict[str, object]]) -> None:
        """Safety: any order of well-formed frames leaves a table that works or has ended."""
        one = greeted()
        seen: list[Event] = []
        for number in (1, 2):
            ask(one, query(number))
            one.outgoing.call(AGENT_READ_LOG, ReadLogRequest(), 1e9, 0, 0.0, "stream")
        for now, fields in enumerate(sent):
            events = one.receive(frame(**fields), float(now)) + one.tick(float(now))
            for event in events:
                if isinstance(event, Asked):
                    one.incoming.answer(event.call_id, QueryResponse())
            seen += events
        ended = [event for event in seen if isinstance(event, Ended)]
        self.assertEqual(len(ended), 1 if one.phase is Phase.ENDED else 0)
        failed = one.end("over")
        over = [event for event in seen + failed if isinstance(event, Answered | Failed)]
        self.assertEqual(len(over), 4)  # each call of ours ended once
        self.assertEqual((len(one.outgoing), len(one.incoming)), (0, 0))

    def test_unknown_calls(self) -> None:
        """Answers, items, credit, cancels for calls that never were: counted or nothing."""
        one = greeted()
        for kind in (FrameKind.kAnswer, FrameKind.kItem, FrameKind.kCredit, FrameKind.kCancel):
            self.assertEqual(one.receive(frame(kind=kind, call_id=77, credit=1), 0.0), [])
        self.assertEqual(refusals(one), {Refused.UNKNOWN_CALL: 2})

    def test_second_hello(self) -> None:
        """Changes nothing."""
        one = greeted()
        self.assertEqual(one.receive(table(name="other").outbox.take(), 0.0), [])
        self.assertEqual(refusals(one), {Refused.SECOND_HELLO: 1})

    def test_too_much_unsent(self) -> None:
        """A call to a peer that takes nothing is refused once enough waits."""
        one = greeted(evolve(LIMITS, output_bytes=1000))
        with self.assertRaises(Exception) as caught:
            for _ in range(1000):
                ask(one)
        self.assertIn("kBusy", str(caught.exception))
        self.assertLess(one.outbox.unsent, 1100)
