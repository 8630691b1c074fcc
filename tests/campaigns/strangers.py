"""What strangers send: the corpora at every door, and a long time of calls with hostile ones among them."""

import base64
import contextlib
import json
import pathlib
import queue
import random
import socket
import subprocess
import tempfile
import threading
import time

from server import PATIENCE_SECONDS, Server, ask, execute, percentile, socket_from, status_of

ROOT = pathlib.Path(__file__).resolve().parents[2]
VECTORS = [ROOT.parent / "shared/data/vectors", ROOT.parent.parent / "shared/data/vectors"]
MIB = 1024
DOORS = ["rest", "mcp", "stdio"]
# Everything may be called that is no change out of bounds: what were taken for a tool's name would run it.
POLICY = """
default_decision: allow
global_rules:
  always_blocked: [delete_database]
parameter_constraints:
  scale_fleet: { count: { type: int, min: 1, max: 10 } }
  get_service_status: { service_name: { type: path, under: [/srv/app] } }
"""
MOST_GROWTH = 1.10
MOST_DRIFT = 1.05
WARM_CALLS = 2_000
WARM_POLICIES = 20


def corpus(name):
    """The vectors of a file; none where they are not there, which is said."""
    for folder in VECTORS:
        with contextlib.suppress(FileNotFoundError):
            return [json.loads(line) for line in (folder / name).read_text().splitlines()]
    print(f"  skipped: {name} is not there")
    return []


class Stdio:
    """`policyguard stdio` on the directory of a gateway."""

    def __init__(self, server):
        command = [server.binary, "stdio", "--role", "admin", "--data-dir", server.folder / "data"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line)

    def ask(self, message):
        """One line; None where it is none, or looks like a notification, which nobody answers."""
        with contextlib.suppress(ValueError, RecursionError):
            read = json.loads(message)
            if isinstance(read, dict) and read.get("jsonrpc") == "2.0" and "id" not in read and "method" in read:
                return None
        if b"\n" in message or not message.strip(b"\r"):
            return None
        self.process.stdin.write(message + b"\n")
        self.process.stdin.flush()
        return json.loads(self.lines.get(timeout=PATIENCE_SECONDS))

    def end(self):
        self.process.stdin.close()
        return self.process.wait(PATIENCE_SECONDS)


class Doors:
    """The three doors of a gateway, and what came back from them."""

    def __init__(self, server):
        self.server, self.stdio = server, Stdio(server)
        self.connections = {}
        self.sent, self.unread, self.decided, self.wrong = ({door: 0 for door in DOORS} for _ in range(4))
        self.ran = []

    def call(self, door, tool, arguments):
        """A call with arguments of whatever JSON text this is."""
        name, text = json.dumps(tool), arguments if isinstance(arguments, bytes) else json.dumps(arguments).encode()
        key = b'{"tool_name":' if door == "rest" else b'{"name":'
        self.send(door, key + name.encode() + b',"arguments":' + text + b"}", tool)

    def send(self, door, call, what):
        """The bytes of a call as the door words it."""
        if door != "rest":
            call = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":' + call + b"}"
        self.send_raw(door, call, what)

    def send_raw(self, door, message, what):
        answer = self.stdio.ask(message) if door == "stdio" else self.over_http(door, message)
        if answer is None:
            return
        status, body = (200, answer) if door == "stdio" else answer
        self.sent[door] += 1
        error = body.get("error") if isinstance(body, dict) else None
        code = error.get("code") if isinstance(error, dict) else None
        # One code tells of parameters that are none, which are counted, and of tools that nobody shows, which are decided.
        told = str(error.get("message")) if code == -32602 else ""
        unread = status in (400, 422) or code in (-32700, -32600) or told.startswith("Invalid params")
        self.unread[door] += unread
        self.decided[door] += not unread
        result = body.get("result") if isinstance(body, dict) else None
        if body.get("success") is True or (isinstance(result, dict) and result.get("isError") is False):
            self.ran.append((door, what))
        if status >= 500 or code == -32603 or not isinstance(body, dict):
            self.wrong[door] += 1
            print(f"  {door}: {message[:200]!r} was answered {status} {str(body)[:200]}")

    def over_http(self, door, message):
        if door not in self.connections:
            self.connections[door] = self.server.connect()
        path = "/mcp" if door == "mcp" else "/tools/execute"
        headers = {"Accept": "application/json, text/event-stream"}
        return ask(self.connections[door], "POST", path, message, headers)


def hostile(binary, options, report):
    """The corpora at every door: nothing breaks or runs that should not, each attempt is on record, memory comes back."""
    with contextlib.ExitStack() as stack:
        policy = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory())) / "policy.yaml"
        policy.write_text(POLICY)
        server = stack.enter_context(Server(binary, policy=policy, arguments=["--mcp-role", "admin"]))
        doors = Doors(server)
        ordinary(doors)
        ran = len(doors.ran)
        report(f"before: {ran} ordinary calls ran", ran == (WARM_CALLS // 2 + WARM_POLICIES) * len(DOORS))
        doors.ran.clear()
        time.sleep(2)
        before = server.resident_kib()
        for send in [names, bodies, differential, texts, paths, patterns]:
            begun = time.monotonic()
            sent = sum(doors.sent.values())
            send(doors)
            print(f"  {send.__name__}: {sum(doors.sent.values()) - sent} sent in {time.monotonic() - begun:.0f} s")
        memory = settled(server, before * MOST_GROWTH)
        wrong = sum(doors.wrong.values())
        report(f"{sum(doors.sent.values())} sent, {wrong} answered with a fault of ours", not wrong and server.is_alive())
        # Members beside a call over MCP are not ours to judge, and harmless policies may be created.
        harmless = ["case variant of tool_name", "create_policy"]
        ran = [one for one in doors.ran if one[1] not in harmless]
        report(f"{len(ran)} ran that should not: {ran[:5]}", not ran)
        report(f"memory: {before / MIB:.1f} MiB before, {memory / MIB:.1f} MiB after", memory <= before * MOST_GROWTH)
        ended = doors.stdio.end()
        counted(server, doors, report)
        report(f"stdio ended with {ended}, the chain verifies", ended == 0 and server.verifies())
    with Server(binary) as server:
        wrong = raw(server)
        report(f"bytes that are hardly HTTP: {wrong} answered with a fault of ours", not wrong and server.is_alive())


def ordinary(doors):
    """What an ordinary hour leaves behind: calls that run and that are denied, some with much to say, new policies."""
    for number in range(WARM_CALLS):
        for door in DOORS:
            doors.call(door, "list_services" if number % 2 else "no_such_tool", {})
    for number in range(WARM_POLICIES):
        rule = {"condition": {"tool_pattern": f"x_{number}_*"}, "action": "deny"}
        for door in DOORS:
            doors.call(door, "create_policy", {"policy_id": "ordinary", "name": "ordinary", "rules": [rule]})
            doors.call(door, "no_such_tool", {"text": "a" * 200_000, "list": list(range(9_000))})


def counted(server, doors, report):
    """Each attempt is one decision, or one in the counts of what could not be read."""
    server.stop()
    decided, refused = {door: 0 for door in DOORS}, {door: 0 for door in DOORS}
    # Without the gateway, so that what was counted in the last minute is written.
    page = [server.binary, "audit", "query", "-o", "json", "--limit", "1000", "--data-dir", server.folder / "data"]
    for kind, counts in [("decision", decided), ("refused", refused)]:
        cursor = []
        while True:
            said = subprocess.run([*page, "--kind", kind, *cursor], capture_output=True, check=True)
            answer = json.loads(said.stdout)
            for record in answer["entries"]:
                if record.get("door") in counts:
                    counts[record["door"]] += 1 if kind == "decision" else record["arguments"]["count"]
            if not answer.get("next_cursor"):
                break
            cursor = ["--cursor", answer["next_cursor"]]
    for door in DOORS:
        report(
            f"{door}: {doors.decided[door]} attempts that parse, {decided[door]} decisions on record",
            doors.decided[door] == decided[door],
        )
        report(
            f"{door}: {doors.unread[door]} attempts that do not, {refused[door]} counted as refused",
            doors.unread[door] == refused[door],
        )


def settled(server, goal):
    """The memory held once what was freed is given back; the allocator takes a while for that."""
    end = time.monotonic() + 20
    while (held := server.resident_kib()) > goal and time.monotonic() < end:
        time.sleep(0.5)
    return held


def names(doors):
    arguments = {"delete_database": {"db_name": "users"}, "restart_service": {"service_name": "cache"}}
    for vector in corpus("tool_names.jsonl"):
        for door in DOORS:
            doors.call(door, vector["name"], arguments.get(vector["target"], {}))


def bodies(doors):
    for vector in corpus("json_bodies.jsonl"):
        text = base64.b64decode(vector["raw_b64"])
        body = base64.b64decode(vector["embedded_b64"])
        for door in DOORS:
            if text:
                doors.send_raw(door, text, vector["file"])
            doors.send(door, body if door == "rest" else body.replace(b'"tool_name"', b'"name"'), vector["file"])


def differential(doors):
    for vector in corpus("json_differential.jsonl"):
        body = base64.b64decode(vector["body_b64"])
        if body.startswith(b"GEN:"):
            depth = int(vector["name"].split()[1])
            body = b'{"tool_name":"list_services","arguments":{"x":' + b"[" * depth + b"]" * depth + b"}}"
        for door in DOORS:
            other = body.replace(b'"tool_name"', b'"name"').replace(b'"tool\\u005fname"', b'"n\\u0061me"')
            doors.send(door, body if door == "rest" else other, vector["name"])


def texts(doors):
    found = [vector["s"] for vector in corpus("naughty_strings.jsonl")]
    found += [vector["text"] for vector in corpus("log_injection.jsonl")]
    for text in found:
        for door in DOORS:
            doors.call(door, "get_service_status", {"service_name": text})
            doors.call(door, text, {})


def paths(doors):
    for vector in corpus("path_traversal.jsonl"):
        for door in DOORS:
            doors.call(door, "get_service_status", {"service_name": vector["payload"]})


def patterns(doors):
    rules = []
    for vector in corpus("glob_hostile.jsonl"):
        rules.append({"condition": {"tool_pattern": spelled(vector, "pattern")}, "action": "deny"})
    for vector in corpus("regex_hostile.jsonl"):
        matches = {"service_name": {"matches": spelled(vector, "pattern")}}
        rules.append({"condition": {"tool_pattern": "x_*", "arguments": matches}, "action": "deny"})
    for vector in corpus("yaml_hostile.jsonl"):
        text = vector.get("doc") or base64.b64decode(vector["doc_b64"]).decode(errors="replace")
        rules.append(text)
    for rule in rules:
        policy = {"policy_id": "hostile", "name": "hostile", "rules": [rule] if isinstance(rule, dict) else rule}
        for door in DOORS:
            doors.call(door, "create_policy", policy)


def spelled(vector, key):
    """What `"{"*250+"a"+"}"*250` means."""
    recipe = vector.get(f"{key}_gen") or vector[key]
    if not recipe.startswith('"'):
        return recipe
    parts = [part.rsplit('"*', 1) for part in recipe.split('+"')]
    return "".join(part[0].lstrip('"').rstrip('"') * int(part[1] if len(part) > 1 else 1) for part in parts)


def raw(server):
    """Bytes that are hardly HTTP: answered or closed, never with a fault of ours."""
    wrong = 0
    for vector in corpus("http_raw.jsonl"):
        with socket_from("127.0.0.1", server.port) as connection:
            with contextlib.suppress(OSError):
                connection.sendall(base64.b64decode(vector["raw_b64"]))
                connection.shutdown(socket.SHUT_WR)
            status = status_of(connection, PATIENCE_SECONDS)
        if status is None or status >= 500:
            print(f"  {vector['name']}: {status}")
            wrong += 1
    return wrong


def soak(binary, options, report):
    """Calls at a steady rate, one in twenty hostile: memory stays where it was after the second minute."""
    with Server(binary) as server:
        end = time.monotonic() + options.minutes * 60
        times, faults = [], []
        workers = [
            threading.Thread(target=work, args=(server, options.rate / 8, end, number, times, faults))
            for number in range(8)
        ]
        begun = time.monotonic()
        for worker in workers:
            worker.start()
        held = []
        while time.monotonic() < end:
            time.sleep(1)
            held.append((time.monotonic() - begun, server.resident_kib()))
        for worker in workers:
            worker.join()
        settle = min(120, options.minutes * 60 / 3)
        later = [kib for at, kib in held if at >= settle]
        window = max(1, min(30, len(later) // 4))
        first, last = percentile(later[:window], 0.5), percentile(later[-window:], 0.5)
        seconds = time.monotonic() - begun
        rate = len(times) / seconds
        report(
            f"{len(times)} requests in {seconds / 60:.1f} min, {rate:.0f} a second of {options.rate} wanted, "
            f"p50 {percentile(times, 0.5):.1f} ms, p99 {percentile(times, 0.99):.1f} ms",
            rate >= 0.95 * options.rate,
        )
        report(f"{len(faults)} answered with a fault of ours {faults[:3]}", not faults and server.is_alive())
        report(
            f"memory: {first / MIB:.1f} MiB after {settle:.0f} s, {last / MIB:.1f} MiB at the end "
            f"({(last / first - 1) * 100:+.1f} %)",
            last <= first * MOST_DRIFT,
        )
        server.stop()
        report("the chain verifies", server.verifies())


def work(server, rate, end, number, times, faults):
    """One worker: so many requests a second by the clock, each as if nobody had waited for the one before."""
    chance = random.Random(number)
    connection = server.connect()
    due = time.monotonic()
    while (now := time.monotonic()) < end:
        if now < due:
            time.sleep(due - now)
        due += 1 / rate
        begun = time.perf_counter()
        try:
            if chance.random() < 0.05:
                status = chance.choice(HOSTILE)(server, connection, chance)
            else:
                status = execute(connection, chance.choice(["list_services", "get_service_status", "read_logs"]))[0]
        except OSError as fault:
            connection.close()
            status = 500
            faults.append(str(fault))
        times.append((time.perf_counter() - begun) * 1000)
        if status is not None and status >= 500:
            faults.append(status)


def junk(_, connection, chance):
    return ask(connection, "POST", chance.choice(["/tools/execute", "/mcp"]), chance.randbytes(200))[0]


def costly(_, connection, chance):
    nodes = b'{"tool_name":"list_services","arguments":{"x":[' + b'{"a":0},' * 30_000 + b"0]}}"
    twice = b'{"tool_name":"list_services","arguments":{"a":1,"a":2}}'
    return ask(connection, "POST", "/tools/execute", chance.choice([nodes, twice]))[0]


def lookalike(_, connection, chance):
    return execute(connection, chance.choice(["List_Services", "delete_database\u200b", "../x", "x" * 2000]))[0]


def stranger(_, connection, chance):
    agent = f"stranger-{chance.randrange(5_000)}"
    return ask(connection, "POST", "/tools/execute", {"tool_name": "drop_tables", "agent_id": agent})[0]


def elsewhere(_, connection, chance):
    return ask(connection, "GET", "/api/v1/audit?cursor=" + chance.randbytes(40).hex())[0]


def half(server, _, chance):
    with socket_from("127.0.0.1", server.port) as other:
        with contextlib.suppress(ConnectionError):
            other.sendall(b"POST /tools/execute HTTP/1.1\r\nhost: loc" + chance.randbytes(20))
    return None


HOSTILE = [junk, costly, lookalike, stranger, elsewhere, half]
