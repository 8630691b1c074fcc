#!/usr/bin/env python3
"""How soon a gateway answers, and how much memory it holds while nobody calls.

    cargo build --profile ci --bin policyguard
    python3 tests/campaigns/startup.py target/ci/policyguard

Prints a line for each figure: the median of 20 starts from exec to the first answered request, on a first start (no
data directory) and on an existing store, and the resident memory 3 seconds after a start. Needs a quiet machine;
whether the figures are good enough is for the reader to say.
"""

import argparse
import http.client
import os
import pathlib
import socket
import statistics
import subprocess
import tempfile
import time

STARTS = 20
IDLE_SECONDS = 3
PATIENCE_SECONDS = 30
POLICY = pathlib.Path(__file__).resolve().parents[2] / "policies" / "default.yaml"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(port):
    """Runs a read through the whole road; None while nobody listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    try:
        connection.request(
            "POST",
            "/tools/execute",
            '{"tool_name": "list_services"}',
            {"Content-Type": "application/json"},
        )
        answer = connection.getresponse()
        answer.read()
        return answer.status
    except ConnectionError:
        return None
    finally:
        connection.close()


class Gateway:
    """A gateway over a data directory, started and waited for; `seconds` is how long that took."""

    def __init__(self, binary, data_dir):
        self.port = free_port()
        begun = time.perf_counter()
        self.process = subprocess.Popen(
            [binary, "serve", "--port", str(self.port), "--data-dir", data_dir, "--policies", str(POLICY)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while (status := ask(self.port)) is None:
            if self.process.poll() is not None or time.perf_counter() - begun > PATIENCE_SECONDS:
                raise SystemExit("the gateway did not come up")
            time.sleep(0.0005)
        self.seconds = time.perf_counter() - begun
        if status != 200:
            raise SystemExit(f"the first request was answered {status}")

    def resident_kib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1])

    def stop(self):
        self.process.terminate()
        if (code := self.process.wait(PATIENCE_SECONDS)) != 0:
            raise SystemExit(f"the gateway did not stop in order: {code}")


def started(binary, data_dir):
    gateway = Gateway(binary, data_dir)
    gateway.stop()
    return gateway.seconds * 1000


def line(what, times):
    times = sorted(times)
    print(
        f"{what}: {statistics.median(times):.0f} ms median of {len(times)}"
        f" (fastest {times[0]:.0f} ms, slowest {times[-1]:.0f} ms)"
    )


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("binary", help="the binary to measure, as users get it")
    binary = os.path.abspath(arguments.parse_args().binary)
    with tempfile.TemporaryDirectory() as folder:
        fresh = (os.path.join(folder, f"data-{number}") for number in range(STARTS))
        line("first start", [started(binary, data_dir) for data_dir in fresh])
        existing = os.path.join(folder, "data-0")
        line("existing store", [started(binary, existing) for _ in range(STARTS)])
        gateway = Gateway(binary, existing)
        time.sleep(IDLE_SECONDS)
        kib = gateway.resident_kib()
        gateway.stop()
        print(f"resident memory idle: {kib / 1024:.1f} MiB after {IDLE_SECONDS} s")


if __name__ == "__main__":
    main()
