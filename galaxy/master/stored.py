"""
Jobs as the nexus keeps them: keys, bytes, and back. Pure. Which keys: `galaxy.stored`.

Law: what is read back is what was written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

from galaxy.master.amend import Amendment, as_it_is
from galaxy.master.jobs import Job, Version
from galaxy.master.rollout import Update
from galaxy.nexus.interfaces import Delete, Entry, Put
from galaxy.protocol.master_pb2 import StoredFinished, StoredJob, StoredUpdate, StoredVersion
from galaxy.protocol.types_pb2 import JobState, JobUpdateState, PodDescriptor
from galaxy.protocol.words import word
from galaxy.stored import CHUNK, FINISHED, JOBS, chunk_key, indexes, unknown_fields
from galaxy.stored import version_key as key_of_version


def job_key(job: Job) -> str:
    """Where the job's record is."""
    return f"{JOBS}/{job.job_id}"


def version_key(job: Job, version: Version) -> str:
    """Where a version's description is."""
    return key_of_version(job.job_id, version.number)


def job_put(job: Job, **changes: object) -> Put:
    """
    The write of a job's record, as it is to be: with `changes` to StoredJob's fields.

    The job itself is changed only after this is on stable storage.
    """
    return _put(job, as_it_is(job, ""), changes)


def amendment_changes(job: Job, amendment: Amendment, now: float) -> tuple[Put | Delete, ...]:
    """The writes that amend a job: descriptions before the record that names them."""
    before = set(job.versions)
    descriptions = (
        Put(version_key(job, version), version.pod.SerializeToString())
        for version in amendment.versions
        if version not in before
    )
    gone = before.difference(amendment.versions)
    return (
        *descriptions,
        _put(job, amendment, {"update_time": now}),
        *(Delete(version_key(job, version)) for version in gone),
    )


def _put(job: Job, amendment: Amendment, changes: Mapping[str, object]) -> Put:
    record = StoredJob(
        job_id=job.job_id,
        descriptor_without_pod=amendment.descriptor,
        state=job.state,
        versions=map(_stored_version, amendment.versions),
        request_id=job.request_id,
        create_time=job.create_time,
        update_time=job.update_time,
        end_time=job.end_time,
        reason=job.reason,
        update=_stored_update(amendment.update),
        generation=amendment.generation,
        restart_step=amendment.restart_step,
        evidence=job.evidence,
        requests=amendment.requests,
    )
    for name, value in changes.items():
        setattr(record, name, value)
    return Put(job_key(job), record.SerializeToString())


def _stored_version(version: Version) -> StoredVersion:
    stored = StoredVersion(number=version.number, version=version.name, time=version.time)
    stored.MergeFromString(version.later)
    return stored


def _stored_update(update: Update) -> StoredUpdate:
    stored = StoredUpdate(
        state=update.state,
        from_version=update.back_to,
        breakpoint=update.breakpoint,
        reason=update.reason,
        time=update.time,
    )
    stored.MergeFromString(update.later)
    return stored


def new_job_puts(job: Job) -> tuple[Put, ...]:
    """The writes that make a job."""
    descriptions = (
        Put(version_key(job, version), version.pod.SerializeToString()) for version in job.versions
    )
    return (*descriptions, job_put(job))


def job_deletes(job: Job) -> tuple[Delete, ...]:
    """The writes that leave nothing of a job."""
    chunks = sorted({index // CHUNK for index in job.finished | job.failed | job.finishing})
    return (
        Delete(job_key(job)),
        *(Delete(version_key(job, version)) for version in job.versions),
        *(Delete(chunk_key(job.job_id, chunk)) for chunk in chunks),
    )


def finished_puts(job: Job, ended: Iterable[int]) -> tuple[Put, ...]:
    """The writes that record more indexes as ended, those being written included."""
    chunks = sorted({index // CHUNK for index in ended})
    return tuple(_chunk_put(job, chunk) for chunk in chunks)


def _chunk_put(job: Job, chunk: int) -> Put:
    failing = job.failing.keys()
    record = StoredFinished(
        first=chunk * CHUNK,
        bits=_bits(job, chunk, job.finished, job.finishing - failing),
        failed=_bits(job, chunk, job.failed, failing),
    )
    return Put(chunk_key(job.job_id, chunk), record.SerializeToString())


def _bits(job: Job, chunk: int, *ended: AbstractSet[int]) -> bytes:
    first = chunk * CHUNK
    span = range(first, first + CHUNK)
    places = [
        index - first
        for each in ended
        # A million may have ended: no more of them are looked at than a chunk has.
        for index in (each if len(each) < CHUNK else span)
        if index in span and index in each
    ]
    most = max(1, min(CHUNK, job.replica - first), *(place + 1 for place in places))
    bits = bytearray((most + 7) // 8)
    for place in places:
        bits[place // 8] |= 1 << place % 8
    return bytes(bits)


def read_finished(value: bytes) -> tuple[set[int], set[int]]:
    """The indexes that a stored chunk tells of: those that finished, those that failed."""
    record = StoredFinished.FromString(value)
    return indexes(record.first, record.bits), indexes(record.first, record.failed)


class Incomplete(Exception):
    """The nexus lacks a part of what it has, or has what only a later build knows."""


def read_job(value: bytes, descriptions: Mapping[str, Entry], finished: Iterable[Entry]) -> Job:
    """A job from its record, what stands under `versions`, and its own chunks of `finished`."""
    record = StoredJob.FromString(value)
    for enum, state in ((JobState, record.state), (JobUpdateState, record.update.state)):
        if state not in enum.values():
            raise Incomplete(
                f"job {record.job_id} is in a state that a later build wrote"
                f" ({word(enum, state)}): upgrade this master"
            )
    job = Job(
        record.job_id,
        record.descriptor_without_pod,
        [_read_version(record.job_id, stored, descriptions) for stored in record.versions],
        create_time=record.create_time,
        update_time=record.update_time,
        state=record.state,
        request_id=record.request_id,
        end_time=record.end_time,
        reason=record.reason,
        update=_read_update(record.update),
        generation=record.generation,
        restart_step=record.restart_step,
        evidence=record.evidence,
        requests=tuple(record.requests),
        loaded=True,
    )
    for chunk in finished:
        finished_there, failed_there = read_finished(chunk.value)
        job.finished |= finished_there
        job.failed |= failed_there
    job.read_descriptor()
    return job


def chunks_by_job(finished: Mapping[str, Entry]) -> dict[str, list[Entry]]:
    """What stands under `finished`, by the job that it is of."""
    chunks: dict[str, list[Entry]] = {}
    for key, entry in finished.items():
        job_id, _, _ = key.removeprefix(f"{FINISHED}/").rpartition("/")
        chunks.setdefault(job_id, []).append(entry)
    return chunks


def _read_version(job_id: str, stored: StoredVersion, descriptions: Mapping[str, Entry]) -> Version:
    key = key_of_version(job_id, stored.number)
    if key not in descriptions:
        raise Incomplete(f"job {job_id} has a version {stored.version}, but no {key}")
    pod = PodDescriptor.FromString(descriptions[key].value)
    return Version.of(stored.number, pod, stored.time, unknown_fields(stored))


def _read_update(stored: StoredUpdate) -> Update:
    return Update(
        stored.state,
        stored.from_version,
        stored.breakpoint,
        stored.reason,
        stored.time,
        unknown_fields(stored),
    )
