"""
Makes what is generated from the .proto files: `make proto`.

`python -m galaxy.protocol.generate` writes the message modules (`*_pb2`) and
`galaxy/protocol/services.py`; with `--check` it writes nothing, says what
differs from what the .proto files would give, and exits with 1 if any does.
A test runs the check, so that what is committed cannot drift.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from galaxy.protocol.service_source import services_source

PACKAGE = "galaxy/protocol"


def generated(root: Path) -> dict[Path, str]:
    """Every generated file's path below `root`, and its text."""
    protos = sorted(f"{PACKAGE}/{proto.name}" for proto in (root / PACKAGE).glob("*.proto"))
    with TemporaryDirectory(prefix="galaxy-generate-") as directory:
        out = Path(directory)
        descriptors = compile_protos(root, protos, out)
        texts = {path.relative_to(out): path.read_text() for path in out.rglob("*_pb2.py*")}
    texts[Path(PACKAGE, "services.py")] = formatted(root, services_source(descriptors, protos))
    return texts


def compile_protos(root: Path, protos: Sequence[str], out: Path) -> FileDescriptorSet:
    """Run protoc; the message modules land in `out`."""
    from grpc_tools import protoc

    described = out / "descriptors"
    failed = protoc.main(
        [
            "protoc",
            f"--proto_path={root}",
            f"--proto_path={files('grpc_tools').joinpath('_proto')}",
            f"--python_out={out}",
            f"--pyi_out={out}",
            f"--descriptor_set_out={described}",
            "--include_source_info",
            *protos,
        ]
    )
    if failed:
        raise SystemExit("protoc refused the .proto files (it says why above)")
    return FileDescriptorSet.FromString(described.read_bytes())


def formatted(root: Path, source: str) -> str:
    """The source in the project's layout."""
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--stdin-filename", "services.py", "-"],
        input=source,
        capture_output=True,
        text=True,
        check=True,
        cwd=root,
    )
    return done.stdout


def differing(root: Path, texts: dict[Path, str]) -> list[Path]:
    """Which files below `root` do not hold what they should, in order."""
    return sorted(
        path
        for path, text in texts.items()
        if not (root / path).is_file() or (root / path).read_text() != text
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Generate, or check; the exit code."""
    parser = argparse.ArgumentParser(prog="galaxy.protocol.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, say what differs")
    options = parser.parse_args(arguments)
    root = Path(__file__).resolve().parents[2]
    texts = generated(root)
    stale = differing(root, texts)
    for path in stale:
        if not options.check:
            (root / path).write_text(texts[path])
        sys.stdout.write(f"{'differs' if options.check else 'wrote'}: {path}\n")
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
