#!/usr/bin/env python3
"""What a full gateway costs: many agents, a long trail, and how soon every list answers.

    cargo build --profile ci --bin policyguard
    python3 tests/campaigns/scale.py target/ci/policyguard

Registers 100,000 agents and makes one million records over REST, then prints the resident memory, and for each list
the median and the slowest of 20 answers; then restarts the gateway and prints how long that took and whether
everything is still there. `--agents` and `--records` choose smaller numbers. Needs a quiet machine; whether the
figures are good enough is for the reader to say.
"""

import argparse
import concurrent.futures
import http.client
import json
import os
import socket
import statistics
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from startup import Gateway  # noqa: E402

CONNECTIONS = 16
PIPELINED = 50
ANSWERS = 20
LISTS = [
    "/api/v1/agents",
    "/api/v1/agents?limit=1000",
    "/api/v1/agents?trust_level=high&status=active",
    "/api/v1/audit",
    "/api/v1/audit?limit=1000",
    "/api/v1/audit?agent_id=agent-00042",
    "/api/v1/audit?tool=list_services&status=allowed",
    "/api/v1/audit?status=denied",
    "/api/v1/audit?view=records&limit=1000",
    "/api/v1/policies",
    "/api/v1/policies/history",
    "/api/v1/incidents",
    "/api/v1/mode/history",
    "/api/v1/compliance?time_range=1h",
    "/api/v1/compliance?time_range=24h",
    "/api/v1/compliance?time_range=30d",
    "/tools/catalog",
    "/metrics",
]


def request(method, path, body):
    payload = json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    return head.encode() + f"content-length: {len(payload)}\r\n\r\n".encode() + payload


def answers(stream, count):
    """Reads so many answers; counts those that are not 200."""
    wrong = 0
    for _ in range(count):
        status = stream.readline()
        if b" 200 " not in status:
            wrong += 1
        length = 0
        while (line := stream.readline()) != b"\r\n":
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        stream.read(length)
    return wrong


def send_all(port, requests):
    """Sends the requests over one connection, some at a time; returns how many were refused."""
    wrong = 0
    with socket.create_connection(("127.0.0.1", port)) as connection:
        stream = connection.makefile("rb")
        for start in range(0, len(requests), PIPELINED):
            batch = requests[start : start + PIPELINED]
            connection.sendall(b"".join(batch))
            wrong += answers(stream, len(batch))
    return wrong


def load(what, port, requests):
    begun = time.perf_counter()
    parts = [requests[number::CONNECTIONS] for number in range(CONNECTIONS)]
    with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
        wrong = sum(pool.map(lambda part: send_all(port, part), parts))
    seconds = time.perf_counter() - begun
    print(f"{what}: {len(requests)} in {seconds:.0f} s, {wrong} refused")


def timed(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    times = []
    for _ in range(ANSWERS):
        begun = time.perf_counter()
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        times.append((time.perf_counter() - begun) * 1000)
        if answer.status != 200:
            raise SystemExit(f"{path} was answered {answer.status}: {body[:300]}")
    connection.close()
    print(f"  {path:<52} {statistics.median(times):7.1f} ms  slowest {max(times):7.1f} ms  {len(body)} bytes")


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    body = json.loads(connection.getresponse().read())
    connection.close()
    return body


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", help="the binary to measure, as users get it")
    parser.add_argument("--agents", type=int, default=100_000)
    parser.add_argument("--records", type=int, default=1_000_000)
    arguments = parser.parse_args()
    binary = os.path.abspath(arguments.binary)
    with tempfile.TemporaryDirectory() as folder:
        gateway = Gateway(binary, folder)
        port = gateway.port
        trusts = ["low", "medium", "high"]
        agents = [
            request(
                "PUT",
                f"/api/v1/agents/agent-{number:05}",
                {"name": f"Agent {number}", "trust_level": trusts[number % 3], "denied_tools": ["drop_*"]},
            )
            for number in range(arguments.agents)
        ]
        load("agents registered", port, agents)
        print(f"resident memory: {gateway.resident_kib() / 1024:.0f} MiB")
        written = get(port, "/api/v1/audit?limit=1&view=records")["entries"][0]["seq"]
        calls = max(0, arguments.records - written) // 2
        run = [
            request(
                "POST",
                "/tools/execute",
                {"tool_name": "list_services", "agent_id": f"agent-{number % 1000:05}"},
            )
            for number in range(1000)
        ]
        load("reads", port, (run * (calls // len(run) + 1))[:calls])
        print(f"resident memory: {gateway.resident_kib() / 1024:.0f} MiB")
        print("lists, first page and totals:")
        for path in LISTS:
            timed(port, path)
        print(f"resident memory after the lists: {gateway.resident_kib() / 1024:.0f} MiB")
        before = get(port, "/api/v1/agents?limit=1")["total"]
        gateway.stop()
        gateway = Gateway(binary, folder)
        after = get(gateway.port, "/api/v1/agents?limit=1")["total"]
        print(f"restart: first answer after {gateway.seconds * 1000:.0f} ms, {after} of {before} agents")
        print(f"resident memory after the restart: {gateway.resident_kib() / 1024:.0f} MiB")
        gateway.stop()


if __name__ == "__main__":
    main()
