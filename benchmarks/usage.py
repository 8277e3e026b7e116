"""
What it costs the engine to say what every container uses, which agents ask every 2 s.

    python -m benchmarks.usage [--containers N]

The counters are files of control groups. Descriptors of as many as there is room for stay
open; the baseline is the same with room for none, where each file is opened anew.
"""

from __future__ import annotations

import argparse
import os
import resource
import time

from galaxy.gce.cgroups import Allowance, ICgroups
from galaxy.gce.containment import find_cgroups

CGROUP = f"galaxy-bench-{os.getpid()}"
ROUNDS = 5
EVERY_S = 2.0
_FILES_A_CONTAINER = 8


def sample_s(cgroups: ICgroups, containers: list[str]) -> float:
    """The processor time of the best of some rounds, after one that opens what stays open."""
    took = []
    for _ in range(ROUNDS + 1):
        began = time.process_time()
        for container in containers:
            cgroups.usage(container, ())
        took.append(time.process_time() - began)
    return min(took[1:])


def measure(containers: list[str], files: int) -> float:
    """A sample of all containers by a provider that may have so many files open."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(files, hard), hard))
    cgroups = find_cgroups(CGROUP)
    try:
        for container in containers:
            cgroups.create(container, Allowance(pids=10))
        return sample_s(cgroups, containers)
    finally:
        for container in containers:
            cgroups.remove(container)
        cgroups.close()


def main() -> None:
    """Measure both, and print them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--containers", type=int, default=1000)
    number = parser.parse_args().containers
    containers = [f"c{index}" for index in range(number)]
    cgroups = find_cgroups(CGROUP)
    print(f"{number} containers, isolation {cgroups.isolation} {cgroups.reason}")
    cgroups.close()
    if cgroups.isolation == "none":
        return
    anew = measure(containers, 32)
    kept = measure(containers, 2 * _FILES_A_CONTAINER * number + 64)
    for what, seconds in (("opened anew", anew), ("kept open", kept)):
        print(
            f"{what:12} {seconds * 1000:6.1f} ms a sample, {seconds / number * 1e6:5.1f} us a"
            f" container, {seconds / EVERY_S:.1%} of a processor"
        )
    print(f"{anew / kept:.1f} times")


if __name__ == "__main__":
    main()
