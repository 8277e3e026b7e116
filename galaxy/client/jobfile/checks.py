"""
Every mistake of form in a tree of values, and the tree without them. Pure.

Pydantic finds them; here they become sentences in the words of a job file, with
the word that was perhaps meant. What is faulty is cut out, so that the rest can
be judged as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import deepcopy
from difflib import get_close_matches
from typing import Any, get_args

from attrs import frozen
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from galaxy.client.jobfile.document import Document, Fault, Path, Place
from galaxy.client.jobfile.schema import REQUIRED, REQUIRED_OF_TASKS, STAND_INS, JobKeys

_KINDS = {
    "string_type": "a string",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "model_type": "an object",
    "dict_type": "an object",
}
_NAMES_OF_KINDS: dict[type, str] = {
    str: "a string",
    bool: "true or false",
    int: "a number",
    float: "a fraction",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


@frozen
class Checked:
    """What could be read of a document, and what could not."""

    job: JobKeys
    faults: tuple[Fault, ...]


def checked(document: Document) -> Checked:
    """The keys of a document; each mistake of form is a fault."""
    missing = [
        fault
        for fault in _missing(document)
        # What was passed over because a part of it is repeated is not missing.
        if not any(known.path[: len(fault.path)] == fault.path for known in document.faults)
    ]
    faults = [*document.faults, *missing]
    if not isinstance(document.value, dict):
        kind = _NAMES_OF_KINDS.get(type(document.value), "something else")
        faults.append(Fault(document.place(()), (), f"a job is an object in braces, not {kind}"))
        return Checked(JobKeys(), tuple(faults))
    try:
        return Checked(JobKeys.model_validate(document.value), tuple(faults))
    except ValidationError as error:
        mistakes = error.errors(include_url=False)
    readable = deepcopy(document.value)
    for mistake in mistakes:
        _cut(readable, mistake["loc"])
        fault = _fault(document, mistake)
        if all(fault.path != known.path for known in missing):
            faults.append(fault)
    return Checked(JobKeys.model_validate(readable), tuple(faults))


def _missing(document: Document) -> Iterator[Fault]:
    paths: list[Path] = list(REQUIRED)
    tasks = value_at(document.value, ("pod", "tasks"))
    for number in range(len(tasks) if isinstance(tasks, list) else 0):
        paths.extend(("pod", "tasks", number, *path) for path in REQUIRED_OF_TASKS)
    for path in paths:
        parent = value_at(document.value, path[:-1])
        if isinstance(parent, dict) and parent.get(path[-1]) is None:
            text = "is required, and null is nothing" if path[-1] in parent else "is required"
            yield Fault(document.place(path), path, text)


def value_at(value: Any, path: Path) -> Any:
    """What stands at a path of a tree; None: nothing."""
    for part in path:
        if isinstance(part, int):
            value = value[part] if isinstance(value, list) and part < len(value) else None
        else:
            value = value.get(part) if isinstance(value, dict) else None
    return value


def _cut(tree: Any, path: Path) -> None:
    """Remove what stands at a path; an element of a list is replaced, to keep the count."""
    list_name = ""
    for depth, part in enumerate(path):
        inner = value_at(tree, (part,))
        deeper = depth + 1 < len(path) and isinstance(inner, dict | list)
        if isinstance(tree, dict) and not deeper:
            tree.pop(part, None)
        elif isinstance(tree, list) and isinstance(part, int) and not deeper:
            tree[part] = deepcopy(STAND_INS[list_name])
        if not deeper:
            return
        list_name = part if isinstance(part, str) else list_name
        tree = inner


def _written(value: Any, path: Path) -> Path:
    """The part of a path that the text has: short forms are spelled out before the check."""
    for depth, part in enumerate(path):
        if not isinstance(value, dict | list):
            return path[:depth]
        value = value_at(value, (part,))
    return path


def _fault(document: Document, mistake: ErrorDetails) -> Fault:
    path = _written(document.value, mistake["loc"])
    kind = mistake["type"]
    if kind == "extra_forbidden":
        known = sorted(_model_at(path[:-1]).model_fields)
        meant = _perhaps(str(path[-1]), known)
        return Fault(document.place(path, "key"), path, "unknown key", meant)
    if kind == "literal_error":
        return _wrong_word(document.place(path), path, mistake)
    return Fault(document.place(path), path, _sentence(kind, mistake))


def _wrong_word(place: Place, path: Path, mistake: ErrorDetails) -> Fault:
    value = mistake["input"]
    words = [
        word.strip("'") for word in mistake["ctx"]["expected"].replace(" or ", ", ").split(", ")
    ]
    shown = words if all(words) else [f'"{word}"' for word in words]
    text = f"must be {', '.join(shown[:-1])} or {shown[-1]}, not {_shown(value)}"
    return Fault(place, path, text, _perhaps(value, words) if isinstance(value, str) else "")


def _sentence(kind: str, mistake: ErrorDetails) -> str:
    value = mistake["input"]
    if kind == "value_error":
        return str(mistake["ctx"]["error"])
    if kind in _KINDS:
        return f"must be {_KINDS[kind]}, not {_shown(value)}"
    if kind in {"greater_than_equal", "less_than", "int_parsing_size"}:
        return f"{_shown(value)} is out of range"
    return mistake["msg"]


def _shown(value: Any) -> str:
    if isinstance(value, str) and len(value) <= 40:
        return f"the string {value!r}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float) and len(repr(value)) <= 20:
        return repr(value)
    return _NAMES_OF_KINDS.get(type(value), f"a {type(value).__name__}")


def _perhaps(word: str, known: Iterable[str]) -> str:
    lower = {name.lower(): name for name in known}
    close = get_close_matches(word.lower(), lower, n=1, cutoff=0.6)
    return lower[close[0]] if close else ""


def _model_at(path: Path) -> type[BaseModel]:
    model: type[BaseModel] = JobKeys
    for part in path:
        if isinstance(part, str):
            model = next(_models_in(model.model_fields[part].annotation))
    return model


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that an annotation speaks of, however deep in list[...] or | None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
