"""Whether docs/how-to/kubernetes.md tells the truth: each of its commands is run, as far as it needs no cluster.

`helm` renders the chart with the arguments of the command and starts the gateway from that; `kubectl` reads from what
was rendered. All else, as curl, sed and base64, is what it is.
"""

import base64
import json
import re
import socketserver
import stat
import subprocess
import sys
import threading
from pathlib import Path

import release
from machine import Machine, Wrong
from report import Report

DOCUMENT = release.ROOT / "docs/how-to/kubernetes.md"
SHIM = Path(__file__).with_name("shim.py")
FIRST = "## From nothing to the first denied call"
AT_MOST = 5
END = "--- end of"


class Step:
    """A command of the document, and what it says that comes."""

    def __init__(self, line: int, command: str) -> None:
        self.line, self.command = line, command
        self.expected: list[str] = []


def steps(text: str) -> list[Step]:
    """The commands in the blocks of the language `console`."""
    found, inside = [], False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            inside = line == "```console"
        elif inside and line.startswith("$ "):
            found.append(Step(number, line[2:]))
        elif inside and found:
            found[-1].expected.append(line)
    return found


def agrees(expected: list[str], came: list[str]) -> bool:
    """Whether the lines fit; `[..]` stands for a part of a line, `...` for lines."""
    patterns = []
    for line in expected:
        part = ".*".join(re.escape(piece) for piece in line.split("[..]"))
        patterns.append(r"(?:.*\n)*" if line == "..." else f"{part}\\n")
    return re.fullmatch("".join(patterns), "".join(f"{line}\n" for line in came)) is not None


class Desk(socketserver.ThreadingUnixStreamServer):
    """Answers `helm` and `kubectl` for the shell that runs the commands."""

    def __init__(self, place: Path, machine: Machine) -> None:
        desk = self
        self.machine = machine

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                order = json.loads(self.rfile.readline())
                answer = desk.answer(order["command"], base64.b64decode(order["stdin"]))
                self.wfile.write(json.dumps(answer).encode() + b"\n")

        super().__init__(str(place), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def answer(self, command: list[str], stdin: bytes) -> dict:
        try:
            printed, status, said = self.machine.do(command, stdin), 0, ""
        except (Wrong, RuntimeError, KeyError, StopIteration) as error:
            printed, status, said = b"", 1, f"{command[0]}: {type(error).__name__}: {error}\n"
        return {"stdout": base64.b64encode(printed).decode(), "stderr": said, "status": status}


def check(report: Report, binary: Path, work: Path) -> None:
    notes(report, binary, work / "notes")
    document(report, binary, work)


def notes(report: Report, binary: Path, work: Path) -> None:
    """The commands that Helm shows after an installation, with and without the second listener."""
    for flags in ("", " --set admin.enabled=true"):
        folder = work / f"with{flags.replace(' ', '')}"
        machine = Machine(binary, folder)
        install = Step(0, f"helm install policyguard ./helm/policyguard --namespace gate{flags}")
        with Desk(folder / "desk", machine) as desk:
            shown = "\n".join(run([install], folder / "desk", folder)[0])
            indented = re.findall(r"^  (KEY=|kubectl|curl)((?:.*\\\n)*.*)$", shown, re.MULTILINE)
            found = [Step(0, first + rest) for first, rest in indented]
            said = [" ".join(lines) for lines in run(found, folder / "desk", folder)]
            desk.shutdown()
        answers = [json.loads(one) for one in said if one]
        came = [one["success"] for one in answers], "key" in answers[-1], machine.stop()
        report.equal(f"the notes' commands work{flags}", came, ([True, False, True, True], True, None), f"{len(found)}")


def document(report: Report, binary: Path, work: Path) -> None:
    """The commands of the document, and what it says that comes."""
    text = DOCUMENT.read_text()
    first = steps(text.split(FIRST, 1)[1].split("\n## ", 1)[0])
    wrong = None if 0 < len(first) <= AT_MOST else f"{len(first)} commands"
    report.step("from nothing to the first denied call", wrong, f"{len(first)} commands")
    machine = Machine(binary, work / "howto")
    place = work / "desk"
    found = steps(text)
    with Desk(place, machine) as desk:
        for step, came in zip(found, run(found, place, work), strict=True):
            expected = step.expected
            while expected and not expected[-1]:
                expected = expected[:-1]
            wrong = None if agrees(expected, came) else "shown\n" + "\n".join(expected) + "\ncame\n" + "\n".join(came)
            report.step(f"kubernetes.md:{step.line}: $ {step.command[:72]}", wrong)
        desk.shutdown()
    modes = {file.name: oct(stat.S_IMODE(file.stat().st_mode)) for file in (work / "clone").glob("*.db")}
    report.equal("nobody else reads the document's backup", modes, {"policyguard-monday.db": "0o600"})
    report.equal("the gateway of the document stops", machine.stop(), None)


def run(found: list[Step], place: Path, work: Path) -> list[list[str]]:
    """What each command prints, all of them in one shell."""
    lines = [
        f'{program}() {{ "{sys.executable}" "{SHIM}" "{place}" {program} "$@"; }}' for program in ("helm", "kubectl")
    ]
    for number, step in enumerate(found):
        lines += [f"{{ {step.command}\n}} 2>&1", f"echo; echo '{END} {number}'"]
    folder = work / "clone"
    folder.mkdir(exist_ok=True)
    if not (folder / "helm").exists():
        (folder / "helm").symlink_to(release.ROOT / "helm")
    # As most people's shells have it.
    script = "\n".join(["umask 022", *lines])
    done = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, timeout=120)
    parts = re.split(rf"\n{END} \d+\n", done.stdout)[: len(found)]
    return [part.rstrip("\n").splitlines() for part in parts]
