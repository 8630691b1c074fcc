#!/usr/bin/env python3
"""What the gateway withstands inside 256 MiB, as it runs in its image: costly bodies, and thousands of connections held.

    docker build --tag policyguard .
    sudo python3 tests/campaigns/container.py policyguard --engine docker

Starts a container of the image with a read-only root, without capabilities, swap or a user's rights, on the network of
the machine, at a free port of loopback. Every request shows the first administrator's key: without one it would be
turned away before its body is read. Needs root, for the memory of the process is read from /proc.
"""

import argparse
import contextlib
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from crowds import ADDRESSES, AT_ONCE, HELD, IN_ALL, MOST_P99_MS  # noqa: E402
from crowds import all_at_once, costly_bodies, costly_calls, good_client, refused, tally  # noqa: E402
from server import Server, ask, execute, percentile, raise_file_limit, raw_request, socket_from, status_of  # noqa: E402

PATIENCE_SECONDS = 60
MIB = 1024
KEPT_FOR_HEALTH = 16
HARDENED = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--pids-limit", "128"]
# How often one caller may call, and how often be denied, is bounded by default: here it would spare the memory.
WITHOUT_BOUNDS = ["--env", "POLICYGUARD__LIMITS__CALLS_PER_SECOND=0", "--env", "POLICYGUARD__VIOLATIONS__SUSPEND_AFTER=0"]


class Container(Server):
    """A gateway in a container with a memory limit; as a context it is removed at the end."""

    def __init__(self, engine, image, limit):
        self.engine = engine
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        address = ["--network", "host", "--env", "HOST=127.0.0.1", "--env", f"PORT={self.port}"]
        memory = ["--memory", limit, "--memory-swap", limit]
        self.name = self.run("run", "--detach", *HARDENED, *memory, *address, *WITHOUT_BOUNDS, image)
        self.pid = int(self.run("inspect", "--format", "{{.State.Pid}}", self.name))
        self.wait_until_ready()
        key = pathlib.Path(f"/proc/{self.pid}/root/data/bootstrap-key").read_text().strip()
        self.headers = {"Authorization": f"Bearer {key}"}

    def run(self, *arguments):
        # Podman's monitor leaves a note where it was started when memory is out.
        folder = tempfile.gettempdir()
        ran = subprocess.run([self.engine, *arguments], capture_output=True, text=True, check=False, cwd=folder)
        if ran.returncode != 0:
            raise SystemExit(f"{self.engine} {arguments[0]} failed:\n{ran.stderr}")
        return ran.stdout.strip()

    def wait_until_ready(self):
        begun = time.monotonic()
        while True:
            with contextlib.suppress(OSError):
                if ask(self.connect(), "GET", "/readyz")[0] == 200:
                    return
            if not self.is_alive() or time.monotonic() - begun > PATIENCE_SECONDS:
                raise SystemExit("the gateway did not come up:\n" + self.run("logs", self.name))
            time.sleep(0.05)

    def is_alive(self):
        return self.run("inspect", "--format", "{{.State.Running}}", self.name) == "true"

    def out_of_memory_kills(self):
        """How often the kernel killed for want of memory in this group, as either kind of groups counts it."""
        for line in pathlib.Path(f"/proc/{self.pid}/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers in ("memory", ""):
                root, file = ("/sys/fs/cgroup/memory", "memory.oom_control") if controllers else ("/sys/fs/cgroup", "memory.events")
                with contextlib.suppress(OSError):
                    text = pathlib.Path(root + path, file).read_text()
                    return int(re.search(r"^oom_kill (\d+)", text, re.MULTILINE)[1])
        raise SystemExit("the memory group of the container was not found")

    def __exit__(self, *_):
        self.run("rm", "--force", "--volumes", self.name)


def attack(server, rounds, most_turned_away):
    """Rounds of costly bodies, 64 of a kind at once; what was answered otherwise than it should be."""
    wrong = []
    for _ in range(rounds):
        for name, body in costly_bodies():
            for path in ["/tools/execute", "/mcp"]:
                statuses = all_at_once(server, path, body)
                if not refused(statuses) or len(statuses) < AT_ONCE:
                    wrong.append(f"{name} at {path}: {tally(statuses)}")
        for name, path, body in costly_calls():
            statuses = all_at_once(server, path, body)
            turned_away = statuses.count(503)
            if statuses.count(200) + turned_away != AT_ONCE or turned_away > most_turned_away:
                wrong.append(f"a call with {name} at {path}: {tally(statuses)}")
    return wrong


def hold(server, held, count):
    """Connections from twenty addresses, each of which was answered once and stays; how many were."""
    greeting = raw_request("/tools/execute", b'{"tool_name":"list_services"}', headers=server.headers)
    greeted = 0
    for address in ADDRESSES:
        for _ in range(count // len(ADDRESSES)):
            connection = held.enter_context(socket_from(address, server.port))
            connection.sendall(greeting)
            greeted += status_of(connection, PATIENCE_SECONDS) == 200
    return greeted


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("image")
    parser.add_argument("--engine", default="podman", help="podman or docker")
    parser.add_argument("--memory", default="256m", help="the limit, as the engine takes it")
    parser.add_argument("--rounds", type=int, default=10, help="rounds of costly bodies, alone and beside the held")
    parser.add_argument("--held", type=int, default=HELD, help="how many connections are held")
    parser.add_argument("--seconds", type=int, default=20, help="how long the good client calls")
    options = parser.parse_args()
    failed = []

    def report(figure, is_good):
        print(f"  {'PASS' if is_good else 'FAIL'}  {figure}", flush=True)
        if not is_good:
            failed.append(figure)

    if raise_file_limit() < 2 * options.held + 500:
        raise SystemExit(f"too few open files are allowed for {options.held} connections")
    with Container(options.engine, options.image, options.memory) as server, contextlib.ExitStack() as held:
        print(f"inside {options.memory}, {server.resident_kib() / MIB:.0f} MiB resident at rest")
        try:
            endure(server, held, options, report)
        except OSError as fault:
            report(f"it does not answer any more: {fault}", False)
        alive = server.is_alive()
        kills = server.out_of_memory_kills() if alive else "unknown"
        report(f"afterwards {'alive' if alive else 'dead'}, {kills} kills for want of memory", kills == 0)
    print("PASS" if not failed else f"FAIL: {len(failed)}")
    sys.exit(1 if failed else 0)


def endure(server, held, options, report):
    """The attack, the crowd, and the attack beside the crowd; then a call."""
    report_attack(server, options.rounds, 0, report)
    greeted = hold(server, held, options.held)
    end = time.monotonic() + options.seconds
    times, faults = good_client(server, lambda: time.monotonic() < end)
    p99 = percentile(times, 0.99)
    report(
        f"{greeted} connections held, {server.resident_kib() / MIB:.0f} MiB resident: "
        f"{len(times)} calls of a good client, {faults} failed, p99 {p99:.1f} ms",
        greeted == options.held and not faults and p99 <= MOST_P99_MS,
    )
    report_attack(server, options.rounds, greeted, report)
    status, _ = execute(server.connect(), "list_services", headers=server.headers)
    report(f"a call afterwards: {status}", status == 200)


def report_attack(server, rounds, held, report):
    server.forget_peak()
    begun = time.monotonic()
    # Who was refused may still be on its way out when the next come, and has its place until then.
    places = IN_ALL - KEPT_FOR_HEALTH - held - AT_ONCE
    wrong = attack(server, rounds, max(0, AT_ONCE - places))
    where = f"beside {held} held" if held else "alone"
    report(
        f"costly bodies {where}, {rounds} rounds in {time.monotonic() - begun:.0f} s: peak "
        f"{server.peak_kib() / MIB:.0f} MiB, answered wrongly: {'; '.join(wrong) or 'none'}",
        not wrong,
    )


if __name__ == "__main__":
    main()
