"""A gateway for a campaign: started on a free port over a folder of its own, asked, looked at, killed."""

import http.client
import json
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import tempfile
import time

PATIENCE_SECONDS = 60
PORT = re.compile(r"http://127\.0\.0\.1:(\d+) ")
POLICY = pathlib.Path(__file__).resolve().parents[2] / "policies" / "default.yaml"
# Campaigns deny a lot on purpose; suspending the agent would make everything after that alike.
SETTINGS = {"POLICYGUARD__VIOLATIONS__SUSPEND_AFTER": "0"}


class Server:
    """A running gateway; as a context it is killed at the end, and its folder goes with it."""

    # What shows who calls, where the gateway asks for it.
    headers = {}

    def __init__(self, binary, folder=None, policy=POLICY, limit=None, arguments=()):
        self.binary, self.policy, self.limit, self.arguments = binary, policy, limit, arguments
        self.own_folder = tempfile.TemporaryDirectory() if folder is None else None
        self.folder = pathlib.Path(folder or self.own_folder.name)
        self.start()

    def start(self, patience=PATIENCE_SECONDS):
        log = self.folder / "log"
        command = [self.binary, "serve", "--port", "0", "--data-dir", self.folder / "data", "--policies", self.policy]
        with open(log, "wb") as file:
            self.process = subprocess.Popen(
                [*command, *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=file,
                env=os.environ | SETTINGS,
                preexec_fn=self.limit,
            )
        begun = time.monotonic()
        while not (banner := PORT.search(log.read_text(errors="replace"))):
            if self.process.poll() is not None or time.monotonic() - begun > patience:
                raise SystemExit(f"the gateway did not come up:\n{log.read_text(errors='replace')}")
            time.sleep(0.002)
        self.pid, self.port = self.process.pid, int(banner[1])

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)

    def stop(self):
        """Stops it in order; everything that was counted is on record then."""
        self.process.send_signal(signal.SIGTERM)
        if (code := self.process.wait(PATIENCE_SECONDS)) != 0:
            raise SystemExit(f"the gateway did not stop in order: {code}")

    def is_alive(self):
        return self.process.poll() is None

    def verifies(self):
        """Whether the chain is intact, as the binary says without a gateway or beside one."""
        verify = [self.binary, "audit", "verify", "--data-dir", self.folder / "data"]
        return subprocess.run(verify, capture_output=True, timeout=600, check=False).returncode == 0

    def connect(self, timeout=PATIENCE_SECONDS):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def resident_kib(self):
        return self.status("VmRSS")

    def peak_kib(self):
        return self.status("VmHWM")

    def forget_peak(self):
        pathlib.Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def status(self, key):
        lines = pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(key + ":")).split()[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.is_alive():
            self.kill()
        if self.own_folder:
            self.own_folder.cleanup()


def ask(connection, method, path, body=None, headers=None):
    """One request; the status, and the body as JSON where it is some."""
    payload = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    head = {"Content-Type": "application/json"} if payload is not None else {}
    connection.request(method, path, payload, head | (headers or {}))
    answer = connection.getresponse()
    text = answer.read()
    try:
        return answer.status, json.loads(text)
    except ValueError:
        return answer.status, text


def execute(connection, tool, arguments=None, request_id=None, headers=None):
    """One call of a tool over REST."""
    headers = (headers or {}) | ({"x-request-id": request_id} if request_id else {})
    return ask(connection, "POST", "/tools/execute", {"tool_name": tool, "arguments": arguments or {}}, headers)


def records(connection, after=0):
    """The records behind this number, oldest first."""
    found, cursor = [], ""
    while True:
        status, page = ask(connection, "GET", f"/api/v1/audit?view=records&limit=1000{cursor}")
        if status != 200:
            raise SystemExit(f"the trail cannot be read: {status} {page}")
        fresh = [entry for entry in page["entries"] if entry["seq"] > after]
        found.extend(fresh)
        if len(fresh) < len(page["entries"]) or not page.get("next_cursor"):
            return found[::-1]
        cursor = f"&cursor={page['next_cursor']}"


def raw_request(path, body, length=None, headers=None):
    """The bytes of a request with a body."""
    length = len(body) if length is None else length
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n"
    more = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    return (head + more).encode() + b"\r\n" + body


def status_of(connection, patience):
    """The status of the answer that comes first, 0 if the other side closed without one, None if nothing came."""
    connection.settimeout(patience)
    try:
        first = connection.recv(65_536)
    except TimeoutError:
        return None
    except ConnectionError:
        return 0
    parts = first.split(b" ", 2)
    return int(parts[1]) if first.startswith(b"HTTP/1.1 ") and len(parts) > 1 else 0


def socket_from(address, port, patience=PATIENCE_SECONDS):
    """A connection that comes from this address of loopback."""
    return socket.create_connection(("127.0.0.1", port), patience, (address, 0))


def raise_file_limit():
    """Thousands of connections are thousands of files on both sides; a child inherits the limit."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
