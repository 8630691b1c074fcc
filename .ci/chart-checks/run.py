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
    rendered = rendering.check(report, binary, work)
    schemas.check(report, rendered)
    linters.check(report, rendered, Path(sys.executable).with_name("checkov"), work)
    node.network(work, running.SERVED[:-1])
    running.check(report, binary, work)
    howto.check(report, binary, work)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
