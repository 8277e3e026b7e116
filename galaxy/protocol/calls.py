"""
The words of a connection's calls: what a handler is told, and what the call
table (`galaxy.protocol.call_table`) says happened.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from attrs import frozen
from google.protobuf.message import Message

from galaxy.protocol.methods import Method
from galaxy.protocol.statuses import GalaxyError
from galaxy.protocol.wire_pb2 import Hello

if TYPE_CHECKING:
    from galaxy.protocol.interfaces import IPeer


@frozen(eq=False)
class Call:
    """What a handler may know of the call it answers, besides the request."""

    peer: IPeer
    method: Method
    epoch: int = 0


class Refused(StrEnum):
    """Why something that came was not taken: the names it is counted by."""

    STRANGER = "stranger"  # the first frame was no hello
    WRONG_VERSION = "wrong_version"
    NO_HELLO = "no_hello"  # in time
    UNPROVEN = "unproven"  # too many connections that have not said hello
    FRAME_TOO_LONG = "frame_too_long"
    FRAME_TOO_SLOW = "frame_too_slow"
    GARBAGE = "garbage"  # a frame that is no envelope
    SECOND_HELLO = "second_hello"
    UNKNOWN_KIND = "unknown_kind"
    UNKNOWN_METHOD = "unknown_method"
    BAD_REQUEST = "bad_request"
    BAD_RESPONSE = "bad_response"
    DUPLICATE_CALL = "duplicate_call"
    TOO_MANY_CALLS = "too_many_calls"
    UNKNOWN_CALL = "unknown_call"  # an answer or item for a call never made
    LATE = "late"  # the same, for a call that was given up: nobody's fault
    OVER_CREDIT = "over_credit"  # more items than were asked for
    UNREAD = "unread"  # the peer does not take what it asked for


# Events. Named tuples, because one is made for every frame: they cost a third
# of a frozen attrs value.


class Greeted(NamedTuple):
    """The other end's hello came and was accepted."""

    hello: Hello


class Asked(NamedTuple):
    """The other end calls: answer with `CallTable.answer` or `fail`."""

    call_id: int
    method: Method
    request: Message
    epoch: int


class Answered(NamedTuple):
    """A call of ours succeeded; for a stream, whose end this is, `response` is None."""

    token: Any
    response: Message | None


class Failed(NamedTuple):
    """A call of ours failed."""

    token: Any
    error: GalaxyError


class ItemCame(NamedTuple):
    """One more item of a stream of ours."""

    token: Any
    item: Message


class Credited(NamedTuple):
    """The reader of a stream that we answer takes more items."""

    call_id: int


class Withdrawn(NamedTuple):
    """A call of the other end no longer wants an answer: stop working on it."""

    call_id: int


class Ended(NamedTuple):
    """The connection is over: send what is to be sent, and close."""

    reason: str


Event = Greeted | Asked | Answered | Failed | ItemCame | Credited | Withdrawn | Ended
