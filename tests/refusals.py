"""What a daemon says that refuses to start."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable

from galaxy.daemon import UNUSABLE


def refusal(start: Callable[[], object]) -> str:
    """The sentence on stderr with which a start ends; that it ends with status 78."""
    stderr = io.StringIO()
    with contextlib.redirect_stderr(stderr):
        try:
            start()
        except SystemExit as end:
            if end.code != UNUSABLE:
                raise
            return stderr.getvalue()
    raise AssertionError("it was not refused")
