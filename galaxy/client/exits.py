"""The exit codes that scripts may rely on; which a status becomes, and what helps. Pure."""

from __future__ import annotations

from galaxy.protocol import types_pb2 as pb

DONE = 0
FAILED = 1
USAGE = 2
FILE_WRONG = 3
REFUSED = 4
NOT_FOUND = 5
NOT_ALLOWED = 6
UNREACHABLE = 7
QUOTA = 8
TIMED_OUT = 9
NOT_HEALTHY = 10
INTERRUPTED = 130

_OF_STATUS: dict[int, int] = {
    pb.kOk: DONE,
    pb.kQuota: QUOTA,
    pb.kJobNotFound: NOT_FOUND,
    pb.kPodNotFound: NOT_FOUND,
    pb.kAgentNotFound: NOT_FOUND,
    pb.kNotFound: NOT_FOUND,
    pb.kPermission: NOT_ALLOWED,
    pb.kRpcError: UNREACHABLE,
    pb.kDeadline: TIMED_OUT,
    pb.kJobSubmitFail: REFUSED,
    pb.kJobUpdateFail: REFUSED,
    pb.kJobTerminateFail: REFUSED,
    pb.kLabelAgentFail: REFUSED,
    pb.kInputError: REFUSED,
    pb.kStaleEpoch: REFUSED,
    pb.kNotLeader: UNREACHABLE,  # whoever may decide was not found
    pb.kSafeMode: REFUSED,
    pb.kBusy: REFUSED,
    pb.kConflict: REFUSED,
    pb.kUnfit: UNREACHABLE,  # no master may decide, nor soon
    pb.kCancelled: INTERRUPTED,
}


_REMEDIES: dict[int, str] = {
    pb.kJobNotFound: "`galaxy jobs` lists those there are",
    pb.kPodNotFound: "`galaxy pods -j JOB` lists those of a job",
    pb.kAgentNotFound: "`galaxy agents` lists those there are",
}


def remedy(status: int) -> str:
    """What to do about a status, where the reason alone does not say; else empty."""
    return _REMEDIES.get(status, "")


def exit_code(status: int) -> int:
    """The exit code for a status; of one that is no refusal, FAILED."""
    return _OF_STATUS.get(status, FAILED)
