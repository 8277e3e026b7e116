"""
The names of jobs, pods and tasks, made and taken apart. Pure.

    job_id   web_3f9c0a1b2c4d      a short name, and 12 hexadecimal digits
    pod_id   web_3f9c0a1b2c4d.7    the job and the index of the slot
    task_id  web_3f9c0a1b2c4d.7.0  the pod and the number of the task in it
"""

from __future__ import annotations

import re

_ODD = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST_SHORT_NAME = 20


def short_name(name: str) -> str:
    """What of a job's name goes into its id."""
    return _ODD.sub("-", name.strip())[:_LONGEST_SHORT_NAME].strip("-")


def job_id(name: str, random: int) -> str:
    """The id of a new job; `random` supplies 48 bits."""
    digits = f"{random & 0xFFFFFFFFFFFF:012x}"
    short = short_name(name)
    return f"{short}_{digits}" if short else digits


def pod_id(job: str, index: int) -> str:
    """The id of a slot."""
    return f"{job}.{index}"


def task_id(pod: str, number: int) -> str:
    """The id of a task of a pod."""
    return f"{pod}.{number}"


def parse_pod_id(text: str) -> tuple[str, int]:
    """The job and the index in a pod's id; ValueError if it is none."""
    job, dot, index = text.rpartition(".")
    if not (dot and job and index.isascii() and index.isdigit()):
        raise ValueError(f"{text!r} is not a pod id: those look like JOB.INDEX")
    return job, int(index)


def parse_task_id(text: str) -> tuple[str, int]:
    """The pod's id and the number in a task's id; ValueError if it is none."""
    pod, dot, number = text.rpartition(".")
    if not (dot and pod and number.isascii() and number.isdigit()):
        raise ValueError(f"{text!r} is not a task id: those look like JOB.INDEX.NUMBER")
    parse_pod_id(pod)
    return pod, int(number)


def printable(name: bytes) -> str:
    """A file's name or path on one line, with nothing in it that a terminal obeys."""
    text = name.decode("utf-8", "backslashreplace")
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )
