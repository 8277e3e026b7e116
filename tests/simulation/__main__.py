"""
Run seeds: `python -m tests.simulation --first 1 --seeds 1000`, or one: `--seed 7 -v`.

Prints the history of each seed that fails; ends with 1 if any did.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from tests.simulation.run import simulate


def say(words: str) -> None:
    """Print, at once: the runs may take long."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def main() -> int:
    """Run what the arguments ask for."""
    arguments = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    arguments.add_argument("--seed", type=int, help="this one only")
    arguments.add_argument("--first", type=int, default=1)
    arguments.add_argument("--seeds", type=int, default=100, help="how many")
    arguments.add_argument("--every", type=int, default=1, help="the step from seed to seed")
    arguments.add_argument("-v", "--verbose", action="store_true", help="the history in any case")
    asked = arguments.parse_args()
    last = asked.first + asked.seeds
    seeds = [asked.seed] if asked.seed is not None else range(asked.first, last, asked.every)
    failed: list[int] = []
    began = time.monotonic()
    for seed in seeds:
        history = simulate(seed)
        if history.broken:
            failed.append(seed)
            say(f"seed {seed}: {history.broken[0]}")
        if asked.verbose or (history.broken and len(failed) == 1):
            say("\n".join(history.lines))
    took_s = time.monotonic() - began
    say(f"{len(seeds)} seeds, {len(failed)} failed {failed}, {took_s:.1f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # a seed is to say everything
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(  # noqa: S606 - this very program
            sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]]
        )
    sys.exit(main())
