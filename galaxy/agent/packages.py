"""
Which package a task needs, and what it is called in the machine's cache. Pure.
"""

from __future__ import annotations

import hashlib

from attrs import frozen

from galaxy.protocol.types_pb2 import TaskDescriptor, kSourceTypeFTP


@frozen
class Package:
    """
    An archive: its bytes, or where they are to be had (one of the two is empty).

    `name` is the same for the same content: the sha256 where it is known, else a
    hash of URL and version, for what a URL leads to may change between versions.
    """

    name: str
    url: str = ""
    content: bytes = b""
    sha256: str = ""


def package_of(task: TaskDescriptor, version: str) -> Package:
    """The package of a task whose files come as one."""
    sha256 = task.sha256.strip().lower()
    if task.source_type != kSourceTypeFTP:
        return Package(hashlib.sha256(task.binary).hexdigest(), content=task.binary, sha256=sha256)
    url = task.binary.decode("utf-8", "replace").strip()
    if sha256:
        return Package(sha256, url=url, sha256=sha256)
    return Package("u" + hashlib.sha256(f"{version}\n{url}".encode()).hexdigest(), url=url)
