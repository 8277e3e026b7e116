"""
How long from `submit` to a process that runs, on an idle cluster of one machine.

    python -m benchmarks.latency [--jobs N]

A real cluster (`galaxy up`: master on LevelDB, scheduler, agent, gce) in a directory of
its own. One job after the other, each of one pod of one task: submitted, until its
process runs; then killed. The end of each measurement is the start time that the
task's keeper wrote down, not the moment somebody asked. Twice: without a package,
and with one that is in the cache. The baseline is the bare start of `sh -c`.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from galaxy.client.session import dial
from galaxy.protocol.master_pb2 import ShowTaskRequest, SubmitJobRequest, TerminateJobRequest
from galaxy.protocol.services import BlockingMasterStub
from galaxy.protocol.types_pb2 import (
    JobDescriptor,
    PodDescriptor,
    Resource,
    SourceType,
    TaskDescriptor,
    kLongRun,
    kSourceTypeBinary,
    kSourceTypeCommand,
)
from galaxy.settings import read_settings

GALAXY = str(Path(sys.executable).parent / "galaxy")
REQUIREMENT = Resource(millicores=500, memory=64 << 20)
PAUSE_S = 0.05


def package() -> bytes:
    """A small archive, the same every time."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("data")
        info.size = 4096
        archive.addfile(info, io.BytesIO(bytes(4096)))
    return out.getvalue()


def job(name: str, source: SourceType, binary: bytes) -> JobDescriptor:
    """One pod that sleeps."""
    task = TaskDescriptor(
        source_type=source, binary=binary, start_command="exec sleep 60", requirement=REQUIREMENT
    )
    pod = PodDescriptor(requirement=REQUIREMENT, tasks=[task])
    return JobDescriptor(name=name, user="bench", type=kLongRun, replica=1, pod=pod)


def latency_s(master: BlockingMasterStub, described: JobDescriptor) -> float:
    """Submit, wait, kill; the time from the call to the start of the process."""
    begun = time.time()
    submitted = master.submit_job(SubmitJobRequest(job=described, request_id=described.name))
    while True:
        time.sleep(PAUSE_S)
        shown = master.show_task(ShowTaskRequest(job_id=submitted.job_id))
        if shown.tasks and shown.tasks[0].status.start_time:
            break
    master.terminate_job(TerminateJobRequest(job_id=submitted.job_id))
    time.sleep(10 * PAUSE_S)  # let the machine be idle again
    return shown.tasks[0].status.start_time - begun


def spawn_s() -> float:
    """The bare start of a shell, until it has ended."""
    begun = time.perf_counter()
    subprocess.run(["/bin/sh", "-c", ":"], check=True)
    return time.perf_counter() - begun


def told(what: str, measure: Callable[[int], float], count: int) -> float:
    """Measure, print, and return the median in milliseconds."""
    times = sorted(measure(number) * 1000 for number in range(count))
    worst = times[min(count - 1, round(count * 0.99))]
    median = statistics.median(times)
    print(f"{what:<34} p50 {median:7.1f} ms   p99 {worst:7.1f} ms   of {count}")
    return median


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=50)
    jobs: int = parser.parse_args().jobs
    with tempfile.TemporaryDirectory() as directory:
        cluster = ("--dir", directory)
        subprocess.run([GALAXY, "up", *cluster], check=True, stdout=subprocess.DEVNULL)
        try:
            settings = read_settings(Path(directory) / "galaxy.toml")
            master = BlockingMasterStub(dial(settings.master.listen))
            latency_s(master, job("warm", kSourceTypeBinary, package()))
            print(f"load {os.getloadavg()[0]:.1f} before")
            bare = told("sh -c, started and ended", lambda _: spawn_s(), jobs)
            plain = told(
                "submit to running",
                lambda n: latency_s(master, job(f"plain-{n}", kSourceTypeCommand, b"")),
                jobs,
            )
            packed = told(
                "submit to running, package cached",
                lambda n: latency_s(master, job(f"packed-{n}", kSourceTypeBinary, package())),
                jobs,
            )
            print(f"ratio to sh -c: {plain / bare:.0f} without, {packed / bare:.0f} with a package")
        finally:
            subprocess.run([GALAXY, "down", *cluster], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
