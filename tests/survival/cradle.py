"""`python -S -m tests.survival.cradle ROOT LOCK FD`: a cradle that can be made to die at a step."""

from __future__ import annotations

import sys
from pathlib import Path

from galaxy.gce.cradle import serve
from tests.survival.steps import install

if __name__ == "__main__":
    install(Path(sys.argv[1]).parents[2], "cradle")  # below DIRECTORY/agent/gce/containers
    serve(sys.argv[1], sys.argv[2], int(sys.argv[3]))
