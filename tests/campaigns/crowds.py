"""Many at once: costly bodies, slow clients, thousands of connections."""

import contextlib
import os
import pathlib
import resource
import threading
import time

from server import Server, ask, execute, percentile, raise_file_limit, raw_request, socket_from, status_of

MIB = 1024
AT_ONCE = 64
LARGEST_BODY = 262_144
MOST_GROWTH_KIB = 64 * MIB
MEMORY_LIMIT = 256 * MIB * 1024

# Seconds after which the gateway lets go of who is slow, and how much later a busy machine may notice it.
HEADER, BODY, IDLE = 10, 15, 60
GRACE = 3

HELD = 4_000
ADDRESSES = [f"127.0.0.{last}" for last in range(2, 22)]
STRANGER = "127.0.0.99"
PER_ADDRESS = 256
IN_ALL = 4_096
MOST_P99_MS = 100


def costly_bodies():
    """Bodies that cost a plain reader many times their size: as large as may be, and larger."""
    item = b'{"a":0},'
    head, tail = b'{"tool_name":"list_services","arguments":{"x":[', b'{"a":0}]}}'
    count = (LARGEST_BODY - len(head) - len(tail)) // len(item)
    yield "256 KiB of small objects", head + item * count + tail
    nested = (LARGEST_BODY - len(head) - 20) // 2
    yield "256 KiB of brackets", head + b"[" * nested + b"]" * nested + b"]}}"
    yield "2 MiB of small objects", b"[" + item * (2 * 1024 * 1024 // len(item)) + b'{"a":0}]'


def costly_calls():
    """Calls that are carried out, with as many objects or lists as are read."""
    doors = {
        "/tools/execute": (b'{"tool_name":"list_services","arguments":{"x":[', b"0]}}"),
        "/mcp": (
            b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_services","arguments":{"x":[',
            b"0]}}}",
        ),
    }
    for name, item, count in [("4,900 objects", b'{"a":0},', 4_900), ("9,900 lists", b"[],", 9_900)]:
        for path, (head, tail) in doors.items():
            body = head + item * count + tail
            yield name, path, body + b" " * (LARGEST_BODY - len(body))


def all_at_once(server, path, body):
    """Sends the body over many connections so that the last bytes of all come together; the statuses."""
    request = raw_request(path, body, headers=server.headers)
    start = threading.Barrier(AT_ONCE, timeout=60)
    statuses = []

    def one():
        # Where nobody listens any more, or not everybody came as far, there is no status.
        with contextlib.suppress(OSError, threading.BrokenBarrierError), socket_from("127.0.0.1", server.port) as connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall(request[:-1])
            start.wait()
            with contextlib.suppress(ConnectionError):
                connection.sendall(request[-1:])
            statuses.append(status_of(connection, 60))

    threads = [threading.Thread(target=one) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


def bodies(binary, options, report):
    """64 bodies of the costly kind at once: at most 64 MiB more, and alive inside 256 MiB."""
    small = b'{"tool_name":"list_services"}'
    with Server(binary) as server:
        for _ in range(3):
            all_at_once(server, "/tools/execute", small)
        before = server.resident_kib()
        for name, body in costly_bodies():
            for path in ["/tools/execute", "/mcp"]:
                server.forget_peak()
                statuses = all_at_once(server, path, body)
                grown = server.peak_kib() - before
                report(
                    f"{AT_ONCE} × {name} at {path}: {grown / MIB:.1f} MiB more, answered {tally(statuses)}",
                    grown <= MOST_GROWTH_KIB and refused(statuses),
                )
        for name, path, body in costly_calls():
            server.forget_peak()
            statuses = all_at_once(server, path, body)
            grown = server.peak_kib() - before
            report(
                f"{AT_ONCE} × a call with {name} at {path}: {grown / MIB:.1f} MiB more, answered {tally(statuses)}",
                grown <= MOST_GROWTH_KIB and statuses == [200] * AT_ONCE,
            )
    how, limit, forget = memory_limit()
    try:
        with Server(binary, limit=limit) as server:
            wrong = 0
            for _ in range(options.rounds):
                for _, body in costly_bodies():
                    wrong += not refused(all_at_once(server, "/tools/execute", body))
                for _, path, body in costly_calls():
                    wrong += all_at_once(server, path, body) != [200] * AT_ONCE
            alive = server.is_alive() and execute(server.connect(), "list_services")[0] == 200
            report(
                f"inside 256 MiB ({how}), {options.rounds} rounds of {AT_ONCE}: "
                f"{'alive' if alive else 'dead'}, {wrong} rounds answered wrongly",
                alive and not wrong,
            )
    finally:
        forget()


def refused(statuses):
    """Whether nobody was let in, and nobody was left without an answer or an end."""
    return all(status is not None and (status == 0 or 400 <= status < 500 or status == 503) for status in statuses)


def tally(statuses):
    counts = {status: statuses.count(status) for status in set(statuses)}
    return ", ".join(f"{status or ('closed' if status == 0 else 'never')} × {count}" for status, count in counts.items())


def memory_limit():
    """What keeps a child within the limit: a group of its own, or where none can be made, its data segment."""
    for root, file in [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")]:
        group = pathlib.Path(root, f"policyguard-{os.getpid()}")
        try:
            group.mkdir()
            (group / file).write_text(str(MEMORY_LIMIT))
            with contextlib.suppress(OSError):
                (group / "memory.swap.max").write_text("0")
        except OSError:
            with contextlib.suppress(OSError):
                group.rmdir()
            continue
        return "cgroup", lambda: (group / "cgroup.procs").write_text(str(os.getpid())), lambda: forget(group)
    data = lambda: resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_LIMIT, MEMORY_LIMIT))  # noqa: E731
    return "RLIMIT_DATA", data, lambda: None


def forget(group):
    """Removes an emptied group; the kernel may take a moment to see that it is."""
    for _ in range(50):
        with contextlib.suppress(OSError):
            group.rmdir()
            return
        time.sleep(0.1)


def slow(binary, options, report):
    """Clients that begin and do not go on are cut off: headers 10 s, bodies 15 s, idle 60 s."""
    line = b"POST /tools/execute HTTP/1.1\r\n"
    head = line + b"host: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n"
    whole = raw_request("/tools/execute", b'{"tool_name":"list_services"}')
    # What each sends at once, and what it then sends a byte of every second.
    kinds = {
        "silent from the start": (b"", b"", IDLE),
        "half a header": (line, b"", HEADER),
        "a byte of header a second": (line, b"x-a: " + b"a" * 200, HEADER),
        "a header without a body": (head, b"", BODY),
        "a byte of body a second": (head, b" " * 200, BODY),
        "idle after an answer": (whole, b"", IDLE),
    }
    with Server(binary) as server:
        cut = {name: [] for name in kinds}
        threads = [
            threading.Thread(target=linger, args=(server.port, *kind[:2], cut[name]))
            for name, kind in kinds.items()
            for _ in range(options.slow)
        ]
        for thread in threads:
            thread.start()
        times, failed = good_client(server, lambda: any(thread.is_alive() for thread in threads))
        for name, (_, _, most) in kinds.items():
            latest = max(cut[name])
            shown = "not cut off" if latest == float("inf") else f"cut off after {latest:.1f} s at the latest"
            report(f"{options.slow} × {name}: {shown}, bound {most} s", latest <= most + GRACE)
        report(f"meanwhile {len(times)} good calls, {failed} failed, p99 {percentile(times, 0.99):.1f} ms", not failed)


def linger(port, first, then, cut):
    """Sends what it has, slowly, and notes when the other side has had enough."""
    with socket_from("127.0.0.1", port) as connection:
        begun = time.monotonic()
        connection.settimeout(1)
        rest = list(then)
        ended = None
        with contextlib.suppress(ConnectionError):
            connection.sendall(first)
            while ended is None and time.monotonic() - begun < IDLE + 2 * GRACE:
                try:
                    if not connection.recv(65_536):
                        ended = time.monotonic() - begun
                except TimeoutError:
                    if rest:
                        connection.sendall(bytes([rest.pop(0)]))
                    continue
            cut.append(float("inf") if ended is None else ended)
            return
        cut.append(time.monotonic() - begun)


def good_client(server, going_on):
    """Calls every 20 ms as long as something goes on; the times in ms, and how many calls failed."""
    times, failed = [], 0
    connection = server.connect()
    while going_on() or not times:
        begun = time.perf_counter()
        try:
            failed += execute(connection, "list_services", headers=server.headers)[0] != 200
        except OSError:
            failed += 1
            connection.close()
        times.append((time.perf_counter() - begun) * 1000)
        time.sleep(0.02)
    return times, failed


def connections(binary, options, report):
    """4,000 connections held from 20 addresses: a good client hardly notices, and what is over the caps is told so."""
    most = raise_file_limit()
    if most < 2 * options.held + 500:
        raise SystemExit(f"{most} open files are too few for {options.held} connections")
    with Server(binary) as server, contextlib.ExitStack() as held:
        each = options.held // len(ADDRESSES)
        greeting = b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n"
        greeted = 0
        for address in ADDRESSES:
            for _ in range(each):
                connection = held.enter_context(socket_from(address, server.port))
                connection.sendall(greeting)
                greeted += status_of(connection, 60) == 200
        end = time.monotonic() + options.seconds
        times, failed = good_client(server, lambda: time.monotonic() < end)
        p99 = percentile(times, 0.99)
        report(
            f"{greeted} connections held from {len(ADDRESSES)} addresses, {server.resident_kib() / MIB:.0f} MiB: "
            f"{len(times)} calls of a good client, {failed} failed, p99 {p99:.1f} ms",
            greeted == each * len(ADDRESSES) and not failed and p99 <= MOST_P99_MS,
        )
        over_caps(server, held, greeted, report)
    # One address alone, without a crowd.
    with Server(binary) as server, contextlib.ExitStack() as held:
        served = [held_status(held, STRANGER, server.port) for _ in range(PER_ADDRESS + 40)]
        report(
            f"{PER_ADDRESS + 40} from one address: {tally(served)}",
            served.count(200) <= PER_ADDRESS and set(served) <= {200, 503},
        )


def held_status(held, address, port):
    """Connects, asks for the catalogue, and holds on."""
    connection = held.enter_context(socket_from(address, port))
    with contextlib.suppress(ConnectionError):
        connection.sendall(b"GET /tools/catalog HTTP/1.1\r\nhost: localhost\r\n\r\n")
    return status_of(connection, 20)


def over_caps(server, held, held_already, report):
    """Fills what is left: then strangers are told 503, and health still answers."""
    more = max(0, IN_ALL - held_already) + 100
    statuses = [held_status(held, f"127.0.1.{1 + number // 100}", server.port) for number in range(more)]
    report(f"{more} more: {tally(statuses)}", 503 in statuses and set(statuses) <= {200, 503})
    health = []
    for _ in range(8):
        with contextlib.suppress(OSError):
            health.append(ask(server.connect(10), "GET", "/livez")[0])
    report(f"health while it is full: {tally(health)}", health == [200] * 8)
