"""
What the nexus of a cluster holds: its keys, the message under each, and whether they fit. Pure.

    jobs/JOB                 StoredJob: all but the pod descriptions
    versions/JOB/NUMBER      PodDescriptor, written once per version
    finished/JOB/CHUNK       StoredFinished: a chunk of the indexes that have ended, as bits
    agents/ENDPOINT          StoredAgent, once the agent was admitted; with the operator's
                             mark, if it is to be empty
    labels/LABEL             StoredLabel: who carries it by an operator's word
    safemode                 StoredSafeMode: there while safe mode was entered by hand
    cluster                  StoredCluster: which cluster this is, since an agent was heard

The master writes and reads it (`galaxy.master.stored`, `galaxy.master.stored_orders`);
`galaxy nexus check` looks at it without a master.

Law: no problem is found in what a master wrote.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from urllib.parse import quote

from attrs import frozen
from google.protobuf.message import DecodeError, Message

from galaxy.protocol.addresses import TcpAddress, parse_address
from galaxy.protocol.master_pb2 import (
    StoredAgent,
    StoredCluster,
    StoredFinished,
    StoredJob,
    StoredLabel,
    StoredSafeMode,
)
from galaxy.protocol.types_pb2 import JobState, PodDescriptor

JOBS, VERSIONS, FINISHED = "jobs", "versions", "finished"
AGENTS, LABELS, SAFE_MODE, CLUSTER = "agents", "labels", "safemode", "cluster"

CHUNK = 8192
"""Indexes in one value of finished indexes: 1 KiB."""

_LONGEST_PART = 200

_PARSERS: dict[str, Callable[[bytes], Message]] = {
    JOBS: StoredJob.FromString,
    VERSIONS: PodDescriptor.FromString,
    FINISHED: StoredFinished.FromString,
    AGENTS: StoredAgent.FromString,
    LABELS: StoredLabel.FromString,
    SAFE_MODE: StoredSafeMode.FromString,
    CLUSTER: StoredCluster.FromString,
}


def agent_key(endpoint: str) -> str:
    """Where an agent is."""
    return f"{AGENTS}/{quote(endpoint, safe='[]:.-_')}"


def label_key(label: str) -> str:
    """Where it is kept who carries a label."""
    # ZooKeeper takes no part of a path that is "." or "..".
    part = quote(label, safe="").replace(".", "%2E")
    if len(part) > _LONGEST_PART:
        part = sha256(label.encode()).hexdigest()
    return f"{LABELS}/{part}"


def identity_of(values: Mapping[str, bytes]) -> str:
    """Which cluster this is of; empty: that is not known."""
    return StoredCluster.FromString(values.get(CLUSTER, b"")).id


def version_key(job_id: str, number: int) -> str:
    """Where a version's description is."""
    return f"{VERSIONS}/{job_id}/{number}"


def chunk_key(job_id: str, chunk: int) -> str:
    """Where a chunk of the indexes that have ended is."""
    return f"{FINISHED}/{job_id}/{chunk}"


def indexes(first: int, bits: bytes) -> set[int]:
    """The indexes that bits stand for, counted from `first`."""
    return {
        first + number * 8 + bit
        for number, byte in enumerate(bits)
        if byte
        for bit in range(8)
        if byte >> bit & 1
    }


def record_of(key: str, value: bytes) -> Message:
    """The record under a key of Galaxy's."""
    return _PARSERS[key.partition("/")[0]](value)


def unknown_fields(message: Message) -> bytes:
    """
    What a later build said in a message, not in those inside it, and this one does not know.

    Behind what this build writes instead, it is there for the later one again.
    """
    rest = type(message)()
    rest.CopyFrom(message)
    for field in rest.DESCRIPTOR.fields:
        rest.ClearField(field.name)
    return rest.SerializeToString()


@frozen
class Problem:
    """What does not fit."""

    key: str
    sentence: str


@frozen
class Finding:
    """What was found: how many keys of each kind, and what does not fit, by key."""

    counts: Mapping[str, int]
    problems: tuple[Problem, ...]


def examined(values: Mapping[str, bytes]) -> Finding:
    """
    What a nexus holds, looked at.

    An index beyond a job's replicas is no problem: it ended, and then there were fewer.
    """
    counts = Counter(key.partition("/")[0] for key in values)
    problems: list[Problem] = []
    records: dict[str, Message] = {}
    for key, value in values.items():
        kind, slash, _ = key.partition("/")
        parser = _PARSERS.get(kind)
        if parser is None or (kind in {SAFE_MODE, CLUSTER}) == bool(slash):
            problems.append(Problem(key, "no key of Galaxy's, or of a later build"))
            continue
        try:
            records[key] = parser(value)
        except DecodeError as error:
            problems.append(Problem(key, f"it is not what stands there: {error}"))
    jobs = {key: each for key, each in records.items() if isinstance(each, StoredJob)}
    known = {each.job_id: each for each in jobs.values()}
    for key, record in records.items():
        match record:
            case StoredJob():
                sentences = _of_job(key, record, records, values)
            case PodDescriptor():
                sentences = _of_version(key, known)
            case StoredFinished():
                sentences = _of_chunk(key, record, known)
            case StoredAgent():
                sentences = _of_agent(key, record)
            case StoredLabel():
                sentences = _of_label(key, record)
            case _:
                continue
        problems += [Problem(key, sentence) for sentence in sentences]
    counted = {kind: counts[kind] for kind in _PARSERS}
    return Finding(counted, tuple(sorted(problems, key=lambda problem: problem.key)))


def _of_job(
    key: str, job: StoredJob, records: Mapping[str, Message], values: Mapping[str, bytes]
) -> Iterator[str]:
    if key != f"{JOBS}/{job.job_id}":
        yield f"it is the record of {job.job_id!r}"
    if job.state not in JobState.values() or not job.state:
        yield f"its state is {job.state}, which this build does not know"
    if not job.versions:
        yield "it has no version"
    if len({version.number for version in job.versions}) < len(job.versions):
        yield "two of its versions have one number"
    for version in job.versions:
        where = version_key(job.job_id, version.number)
        description = records.get(where)
        if where not in values:
            yield f"its version {version.version} has no {where}"
        elif isinstance(description, PodDescriptor) and description.version != version.version:
            yield f"its version {version.version} is {description.version} at {where}"


def _of_version(key: str, jobs: Mapping[str, StoredJob]) -> Iterator[str]:
    job_id, _, number = key.removeprefix(f"{VERSIONS}/").rpartition("/")
    if job_id not in jobs:
        yield "there is no such job"
    elif number not in {str(version.number) for version in jobs[job_id].versions}:
        yield "its job has no such version"


def _of_chunk(key: str, chunk: StoredFinished, jobs: Mapping[str, StoredJob]) -> Iterator[str]:
    job_id, _, number = key.removeprefix(f"{FINISHED}/").rpartition("/")
    if job_id not in jobs:
        yield "there is no such job"
    if number != str(chunk.first // CHUNK) or chunk.first % CHUNK:
        yield f"its first index is {chunk.first}"
    if max(len(chunk.bits), len(chunk.failed)) * 8 > CHUNK:
        yield f"it tells of more than {CHUNK} indexes"


def _of_agent(key: str, agent: StoredAgent) -> Iterator[str]:
    if key != agent_key(agent.endpoint):
        yield f"it is the record of {agent.endpoint!r}"
    if not _is_endpoint(agent.endpoint):
        yield f"{agent.endpoint!r} is not where an agent can listen"


def _of_label(key: str, label: StoredLabel) -> Iterator[str]:
    if key != label_key(label.label):
        yield f"it is the record of {label.label!r}"
    if not label.endpoints:
        yield "nobody carries it"


def _is_endpoint(text: str) -> bool:
    try:
        return isinstance(parse_address(text), TcpAddress)
    except ValueError:
        return False
