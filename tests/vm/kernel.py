"""The guest's kernel: the distribution's own package, fetched once and kept in `.cache/vm`."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from attrs import frozen

from tests.vm.boot import MODULES, load_order

_PACKAGE = re.compile(r"^linux-image-6\.1\.0-(\d+)-amd64$", re.MULTILINE)


class Missing(Exception):
    """Something that the machine needs cannot be had here; the sentence says what."""


@frozen
class Kernel:
    """A kernel, and the modules to load, in order, with their contents."""

    image: Path
    modules: dict[str, bytes]


def find_kernel(cache: Path) -> Kernel:
    """The kernel in the cache, fetched if it is not there yet. `Missing`."""
    place = cache / "kernel"
    if not all((place / name).exists() for name in ("vmlinuz", *(f"{n}.ko" for n in MODULES))):
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as directory:
            _fetch(Path(directory), place)
    names = (place / "modules").read_text().split()
    return Kernel(place / "vmlinuz", {name: (place / f"{name}.ko").read_bytes() for name in names})


def _fetch(directory: Path, place: Path) -> None:
    """Unpack the newest plain kernel (the cloud's has no 9p), and keep what is needed of it."""
    listed = run("apt-cache", "search", "--names-only", "^linux-image-6.1.0-")
    numbers = [int(number) for number in _PACKAGE.findall(re.sub(r" - .*", "", listed))]
    if not numbers:
        raise Missing("apt knows no package linux-image-6.1.0-NN-amd64")
    run("apt-get", "download", "-q", f"linux-image-6.1.0-{max(numbers)}-amd64", cwd=directory)
    (package,) = directory.glob("*.deb")
    run("dpkg", "-x", str(package), str(directory / "unpacked"))
    found = {
        path.stem.replace("-", "_"): path.read_bytes()
        for path in (directory / "unpacked").glob("lib/modules/*/kernel/**/*.ko")
    }
    try:
        order = load_order(MODULES, found)
    except KeyError as error:
        raise Missing(f"{package.name} has no module {error}") from error
    kept = directory / "kept"
    kept.mkdir()
    for name in order:
        (kept / f"{name}.ko").write_bytes(found[name])
    (kept / "modules").write_text("\n".join(order))
    (image,) = (directory / "unpacked" / "boot").glob("vmlinuz-*")
    shutil.copy(image, kept / "vmlinuz")
    shutil.rmtree(place, ignore_errors=True)
    kept.rename(place)


def run(*command: str, cwd: Path | None = None) -> str:
    """The output of a command; `Missing` if it fails, or is not there."""
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    except OSError as error:
        raise Missing(f"{command[0]} cannot be run: {error.strerror}") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Missing(f"{' '.join(command)}: {said[-1] if said else f'exit {done.returncode}'}")
    return done.stdout
