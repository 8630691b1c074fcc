"""The gateway as a child process that speaks over stdin and stdout."""

import json
import subprocess
import time
from pathlib import Path

from client import Client
from expect import Report, check_allowed, check_denied, check_list

ENDS_WITHIN = 10.0
SPEAKING = ("python 1", "python 2", "python 2 legacy", "typescript 1", "typescript 2", "typescript 2 legacy")
# Runs the command that follows, and writes down how it ended.
NOTE_EXIT = 'file=$1; shift; "$@"; echo $? >"$file"'


def check(report: Report, binary: str, work: Path, programs: dict) -> None:
    """Each client starts a gateway of its own; raw pipes show what no client would: every byte and the exit code."""
    check_raw(report, binary, work)
    for name in SPEAKING:
        folder = work / f"stdio-{name.replace(' ', '-')}"
        folder.mkdir()
        server = [binary, "stdio", "--data-dir", str(folder / "data")]
        check_client(report, f"{name} stdio", programs[name], server, folder)


def check_bridge(report: Report, binary: str, work: Path, programs: dict, url: str) -> None:
    """An editor's child process that speaks for a gateway that runs elsewhere."""
    folder = work / "bridge"
    folder.mkdir()
    check_client(report, "python 1 bridge", programs["python 1"], [binary, "stdio", "--url", url], folder)


def check_client(report: Report, name: str, program: tuple, server: list[str], folder: Path) -> None:
    ended = folder / "exit"
    command, settings = program
    client = Client(name, command, ["stdio", "sh", "-c", NOTE_EXIT, "sh", str(ended), *server], folder, **settings)
    ready = client.answer()
    if report.step(name, "connects", ready.get("failure"), f"{ready.get('library')}, {ready.get('protocol')}"):
        check_list(report, client)
        check_allowed(report, client, "allowed call")
        check_denied(report, client)
    report.step(name, "closes", client.close())
    deadline = time.monotonic() + ENDS_WITHIN
    while not ended.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    status = ended.read_text().strip() if ended.exists() else "a process that had to be killed"
    report.step(name, "the gateway ends with 0", None if status == "0" else f"expected 0, came {status}")


def check_raw(report: Report, binary: str, work: Path) -> None:
    """What is on stdout is JSON-RPC and nothing else, and the end of stdin is the end."""
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "check", "version": "1"}}
    lines = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "list_services", "arguments": {}}},
    ]
    sent = "".join(json.dumps(line) + "\n" for line in lines)
    command = [binary, "stdio", "--data-dir", str(work / "stdio-raw")]
    try:
        done = subprocess.run(command, input=sent, capture_output=True, text=True, timeout=ENDS_WITHIN)
    except subprocess.TimeoutExpired:
        report.step("stdio", "ends when stdin ends", f"expected the end within {ENDS_WITHIN:.0f} s")
        return
    wrong = None if done.returncode == 0 else f"expected 0, came {done.returncode}: {done.stderr[-600:]}"
    report.step("stdio", "ends when stdin ends", wrong)
    report.step("stdio", "answers what was asked before stdin ended", wrong_lines(done.stdout))


def wrong_lines(text: str) -> str | None:
    """Returns what is wrong with stdout, on which both requests must have their results."""
    came = f"came {text[:400]!r}"
    try:
        answers = [json.loads(line) for line in text.splitlines()]
    except ValueError:
        return f"expected lines of JSON, {came}"
    ids = sorted(answer["id"] for answer in answers if "result" in answer)
    return None if ids == [1, 2] else f"expected the results of requests 1 and 2, {came}"
