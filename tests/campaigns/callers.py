"""Who calls: a million strangers, a million wrong keys, and what the time of an answer tells."""

import json
import math
import random
import socket
import statistics
import threading
import time
import zlib

from server import Server, ask, raw_request

MIB = 1024
BATCH = 200
SENDERS = 4
MOST_GROWTH_PERCENT = 10
# Welch's t beyond which two means are taken to differ (Reparaz, Balasch, Verbauwhede: Dude, is my code constant time?).
MOST_T = 4.5
# The slowest answers say more of the machine than of us.
KEPT = 0.8
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def base62(number, length):
    digits = []
    for _ in range(length):
        number, rest = divmod(number, 62)
        digits.append(ALPHABET[rest])
    return "".join(reversed(digits))


def key_of(key_id, secret):
    """A key of the right form with a checksum that fits."""
    head = f"pg_{key_id}_{secret}"
    return head + base62(zlib.crc32(head.encode()), 6)


def random_key():
    return key_of(base62(random.getrandbits(64), 8), base62(random.getrandbits(256), 43))


def asking(binary):
    """A gateway that asks for credentials, and its first administrator's key."""
    server = Server(binary, arguments=["--auth", "credentials"])
    return server, (server.folder / "data" / "bootstrap-key").read_text().strip()


def as_(key):
    return {"Authorization": f"Bearer {key}"}


def administrator(server, first):
    """The key of an administrator who stays."""
    connection = server.connect()
    for method, path, body in [
        ("PUT", "/api/v1/users/root", {"roles": ["admin", "auditor"]}),
        ("POST", "/api/v1/keys", {"user_id": "root"}),
    ]:
        status, answer = ask(connection, method, path, body, as_(first))
        if status != 200:
            raise SystemExit(f"{path}: {status} {answer}")
    return answer["key"]


def in_batches(server, count, request):
    """Sends so many requests, many in a row over each of a few connections; how many statuses came back of each kind."""
    counts, lock = {}, threading.Lock()

    def send(numbers):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            stream = connection.makefile("rb")
            for begin in range(0, len(numbers), BATCH):
                batch = numbers[begin : begin + BATCH]
                connection.sendall(b"".join(request(number) for number in batch))
                statuses = [read_answer(stream) for _ in batch]
                with lock:
                    for status in statuses:
                        counts[status] = counts.get(status, 0) + 1

    parts = [range(start, count, SENDERS) for start in range(SENDERS)]
    threads = [threading.Thread(target=send, args=(part,)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return counts


def read_answer(stream):
    status = int(stream.readline().split()[1])
    length = 0
    while (line := stream.readline().strip()) != b"":
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    stream.read(length)
    return status


def flat(server, report, what, count, request, fine):
    """Memory after a tenth of the requests and after all of them."""
    begun = time.monotonic()
    counts = in_batches(server, count // 10, request)
    first = server.resident_kib()
    for status, more in in_batches(server, count - count // 10, lambda number: request(number + count // 10)).items():
        counts[status] = counts.get(status, 0) + more
    last = server.resident_kib()
    growth = 100 * (last - first) / first
    report(
        f"{count:,} {what} in {time.monotonic() - begun:.0f} s, answered {counts}: "
        f"{first / MIB:.1f} MiB after a tenth, {last / MIB:.1f} MiB after all ({growth:+.1f} %)",
        growth <= MOST_GROWTH_PERCENT and set(counts) <= fine,
    )


def identities(binary, options, report):
    """A million names of agents and a million wrong keys: memory stays where it is."""
    with Server(binary) as server:

        def call(number):
            body = {"tool_name": "list_services", "agent_id": f"stranger-{number}"}
            return raw_request("/tools/execute", json.dumps(body).encode())

        flat(server, report, "names of agents", options.identities, call, {200})
    server, first = asking(binary)
    with server:
        key = administrator(server, first)

        def guess(_):
            return f"GET /policy/status HTTP/1.1\r\nhost: localhost\r\nx-api-key: {random_key()}\r\n\r\n".encode()

        flat(server, report, "wrong keys", options.identities, guess, {401, 429})
        status, _ = ask(server.connect(), "GET", "/policy/status", None, as_(key))
        report(f"a right key meanwhile: {status}", status == 200)


def timing(binary, options, report):
    """The time of an answer does not tell an unknown key from a wrong or a revoked one."""
    server, first = asking(binary)
    with server:
        admin = administrator(server, first)
        connection = server.connect()
        made = []
        for _ in range(2):
            made.append(ask(connection, "POST", "/api/v1/keys", {"agent_id": "a"}, as_(admin))[1]["key"])
        good, revoked = made
        ask(connection, "POST", f"/api/v1/keys/{revoked[3:11]}/revoke", {}, as_(admin))
        kinds = {
            "unknown": random_key,
            "wrong": lambda: key_of(good[3:11], base62(random.getrandbits(256), 43)),
            "revoked": lambda: revoked,
        }
        times = {kind: [] for kind in kinds}
        with socket.create_connection(("127.0.0.1", server.port)) as wire:
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stream = wire.makefile("rb")
            for _ in range(options.answers):
                kind = random.choice(list(kinds))
                request = f"GET /policy/status HTTP/1.1\r\nhost: localhost\r\nx-api-key: {kinds[kind]()}\r\n\r\n".encode()
                begun = time.perf_counter_ns()
                wire.sendall(request)
                read_answer(stream)
                times[kind].append(time.perf_counter_ns() - begun)
        cut = sorted(sum(times.values(), []))[int(KEPT * options.answers)]
        kept = {kind: [one for one in found if one <= cut] for kind, found in times.items()}
        for one, other in [("unknown", "wrong"), ("unknown", "revoked"), ("wrong", "revoked")]:
            t = welch(kept[one], kept[other])
            means = f"{statistics.fmean(kept[one]) / 1000:.2f} and {statistics.fmean(kept[other]) / 1000:.2f} µs"
            report(f"{one} and {other}: {means} over {len(kept[one])} and {len(kept[other])} answers, t {t:+.2f}", abs(t) < MOST_T)


def welch(one, other):
    spread = statistics.variance(one) / len(one) + statistics.variance(other) / len(other)
    return (statistics.fmean(one) - statistics.fmean(other)) / math.sqrt(spread)
