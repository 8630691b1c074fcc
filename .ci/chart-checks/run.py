"""Everything that is checked of the chart; one line for each step.

    run.py BINARY WORK

WORK is an empty folder. Runs as root in namespaces of its own (see .ci/chart).
"""

import sys
from pathlib import Path

import howto
import linters
import node
import rendering
import running
import schemas
from report import Report


def main() -> int:
    binary, work = Path(sys.argv[1]), Path(sys.argv[2])
    report = Report()
    node.network(work, running.SERVED[:-1])
    rendered = rendering.check(report, binary, part(work, "rendering"))
    schemas.check(report, rendered)
    linters.check(report, rendered, Path(sys.executable).with_name("checkov"), part(work, "linters"))
    running.check(report, binary, part(work, "running"))
    howto.check(report, binary, part(work, "howto"))
    return report.end()


def part(work: Path, name: str) -> Path:
    """A folder of its own for each part; whoever runs in a pod may go through it."""
    folder = work / name
    folder.mkdir(mode=0o755)
    return folder


if __name__ == "__main__":
    sys.exit(main())
