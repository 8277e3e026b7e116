"""
A template of boxes, as the cradle holds it: a namespace of mounts that nobody is in.

A child of the cradle makes it (`galaxy.gce.box`), and goes when the cradle has it.
"""

from __future__ import annotations

import json
import os
from typing import NoReturn

from galaxy.gce.birth import SPEC
from galaxy.gce.box import Template, build_template

_READY = b"."


class TemplateError(Exception):
    """It cannot be made; says why."""


def make_template(directory: bytes) -> Template:
    """The template of the box that the spec in this record describes. Raises `OSError`, too."""
    outcome, say = os.pipe()
    leave, stay = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(outcome)
        os.close(stay)
        _make(directory, say, leave)
    os.close(say)
    os.close(leave)
    try:
        said = os.read(outcome, 4096)
        if said != _READY:
            raise TemplateError(said.decode(errors="replace") or "its maker was killed")
        namespace = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY)
        return Template(namespace, os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY))
    finally:
        os.close(outcome)
        os.close(stay)


def _make(directory: bytes, say: int, leave: int) -> NoReturn:
    try:
        os.write(say, _built(directory))
        os.read(leave, 1)
    finally:
        os._exit(0)  # also when nobody listens: this is not a second cradle


def _built(directory: bytes) -> bytes:
    """That this process is where the template is, or why it is not."""
    try:
        os.chdir(directory)
        with open(SPEC, "rb") as file:
            build_template(json.load(file)["box"])
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        return f"{error.strerror}{where}".encode()[:4096]
    except Exception as error:  # noqa: BLE001  (of whatever kind: the record is to say why)
        return repr(error).encode()[:4096]
    return _READY
