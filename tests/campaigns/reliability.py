#!/usr/bin/env python3
"""What the gateway withstands: hostile input, slow clients, crowds, kills, a full disk, and time.

    cargo build --profile ci --bin policyguard
    python3 tests/campaigns/reliability.py all target/ci/policyguard

Parts: bodies, slow, connections, kills, disk, soak, hostile, identities, timing; `all` runs them one after another, which takes about an
hour. Each starts the gateway itself, on a free port over a folder that goes away with it, prints its figures and
whether each is within its bound, and the exit code is 1 if one is not. `disk` mounts a small tmpfs, so it needs root;
`bodies` makes a memory group where it may. A quiet machine matters for `connections` and `soak`.
"""

import argparse
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from breakage import disk, kills  # noqa: E402
from callers import identities, timing  # noqa: E402
from crowds import HELD, bodies, connections, slow  # noqa: E402
from strangers import hostile, soak  # noqa: E402

PARTS = {part.__name__: part for part in [bodies, slow, connections, kills, disk, soak, hostile, identities, timing]}


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=[*PARTS, "all"])
    parser.add_argument("binary", help="the binary to try, as users get it")
    parser.add_argument("--rounds", type=int, default=10, help="bodies: rounds inside the memory limit")
    parser.add_argument("--slow", type=int, default=20, help="slow: clients of each kind")
    parser.add_argument("--held", type=int, default=HELD, help="connections: how many are held")
    parser.add_argument("--seconds", type=int, default=20, help="connections: how long the good client calls")
    parser.add_argument("--kills", type=int, default=300, help="kills: how many")
    parser.add_argument("--fills", type=int, default=3, help="disk: how often it is filled")
    parser.add_argument("--minutes", type=float, default=20, help="soak: how long")
    parser.add_argument("--rate", type=int, default=300, help="soak: requests a second")
    parser.add_argument("--identities", type=int, default=1_000_000, help="identities: how many names, and how many keys")
    parser.add_argument("--answers", type=int, default=100_000, help="timing: how many answers are timed")
    return parser.parse_args()


def main():
    options = read_arguments()
    binary = os.path.abspath(options.binary)
    failed = []
    for name in PARTS if options.part == "all" else [options.part]:
        print(f"{name}: {PARTS[name].__doc__.splitlines()[0]}")
        begun = time.monotonic()

        def report(figure, is_good, name=name):
            print(f"  {'PASS' if is_good else 'FAIL'}  {figure}", flush=True)
            if not is_good:
                failed.append(f"{name}: {figure}")

        PARTS[name](binary, options, report)
        print(f"  took {time.monotonic() - begun:.0f} s")
    print("PASS" if not failed else f"FAIL: {len(failed)}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
