"""
Galaxy 2's preempt file: who waits, where, and who has to make room. Pure.

    {"addr": "HOST:PORT",
     "pending_pod": {"jobid": "...", "podid": "..."},
     "preempted_pods": [{"jobid": "...", "podid": "..."}]}

All mistakes are found at once. A podid is a pod's whole id, or its index alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import frozen

from galaxy.client.agentlist import endpoint_fault
from galaxy.client.jobfile import jsonc
from galaxy.client.jobfile.document import Document, Fault, Path
from galaxy.names import parse_pod_id, pod_id, short_name
from galaxy.protocol.master_pb2 import PreemptRequest

_KEYS = ("addr", "pending_pod", "preempted_pods")
_POD_KEYS = ("jobid", "podid")


@frozen
class PreemptFile:
    """What is asked of the master, and the mistakes; with mistakes it is not to be asked."""

    request: PreemptRequest
    faults: tuple[Fault, ...]


def read_preempt(text: str) -> PreemptFile:
    """The request that a text makes."""
    document = jsonc.parse(text)
    if document.value is None and document.faults:
        return PreemptFile(PreemptRequest(), document.faults)
    faults = [*document.faults, *_faults(document)]
    if faults:
        return PreemptFile(PreemptRequest(), tuple(faults))
    value = document.value
    request = PreemptRequest(
        endpoint=value["addr"],
        pod_id=_named(value["pending_pod"]),
        victim_ids=[_named(pod) for pod in value["preempted_pods"]],
    )
    return PreemptFile(request, ())


def _faults(document: Document) -> Iterator[Fault]:
    value = document.value
    if not isinstance(value, dict):
        yield Fault(document.place(()), (), "must be an object in braces")
        return
    yield from _unknown(document, (), value, _KEYS)
    address = value.get("addr")
    if not address:
        yield Fault(document.place(("addr",)), ("addr",), "addr is required")
    elif fault := endpoint_fault(address) if isinstance(address, str) else "must be a string":
        yield Fault(document.place(("addr",)), ("addr",), fault)
    yield from _pod_faults(document, ("pending_pod",), value.get("pending_pod"), "pending_pod")
    victims = value.get("preempted_pods")
    path: Path = ("preempted_pods",)
    if not victims:
        yield Fault(document.place(path), path, "preempted_pods is required")
    elif not isinstance(victims, list):
        yield Fault(document.place(path), path, "must be a list")
    else:
        for number, victim in enumerate(victims):
            yield from _pod_faults(document, (*path, number), victim, "preempted_pods")


def _pod_faults(document: Document, path: Path, pod: Any, title: str) -> Iterator[Fault]:
    if not pod:
        yield Fault(document.place(path), path, f"{title} is required")
        return
    if not isinstance(pod, dict):
        yield Fault(document.place(path), path, "must be an object with jobid and podid")
        return
    yield from _unknown(document, path, pod, _POD_KEYS)
    sound = True
    for key in _POD_KEYS:
        here = (*path, key)
        if pod.get(key) in (None, ""):
            sound = False
            yield Fault(document.place(here), here, f"{key} is required in {title}")
        elif not isinstance(pod[key], str):
            sound = False
            yield Fault(document.place(here), here, "must be a string")
    if sound and (fault := _mismatch(pod["jobid"], pod["podid"])):
        here = (*path, "podid")
        yield Fault(document.place(here), here, fault)


def _unknown(
    document: Document, path: Path, value: dict[str, Any], known: tuple[str, ...]
) -> Iterator[Fault]:
    for key in value:
        if key not in known:
            here = (*path, key)
            text = f"unknown key: there are {', '.join(known)}"
            yield Fault(document.place(here, "key"), here, text)


def _mismatch(job: str, pod: str) -> str:
    """What keeps a podid from being one of that job; a job may be told by a part of its id."""
    if pod.isascii() and pod.isdigit():
        return ""
    try:
        owner, _ = parse_pod_id(pod)
    except ValueError as error:
        return str(error)
    same = owner.startswith((job, short_name(job) or job)) or job.startswith(owner)
    return "" if same else f"{pod} is no pod of job {job}"


def _named(pod: dict[str, str]) -> str:
    number = pod["podid"]
    return pod_id(pod["jobid"], int(number)) if number.isdigit() else number
