"""What breaks under the gateway: its process, and its disk."""

import contextlib
import http.client
import pathlib
import random
import subprocess
import tempfile
import threading
import time

from server import Server, ask, execute, records

KILLS_A_FOLDER = 10
RETURN_SECONDS = 60
TMPFS_MIB = 48
LEFT_BYTES = 1 << 20


class Caller(threading.Thread):
    """Calls as soon as the call before is answered, until the connection breaks; keeps what it was told."""

    def __init__(self, port, name, changes):
        super().__init__()
        self.port, self.name, self.changes = port, name, changes
        self.acknowledged, self.open, self.wrong = [], None, []

    def run(self):
        number = 0
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
            connection = Server.connect(self)
            while True:
                number += 1
                count = random.randint(1, 100)
                call = ("scale_fleet", {"count": count}) if self.changes else ("list_services", {})
                self.open = (f"{self.name}-{number}", count if self.changes else None)
                status, body = execute(connection, *call, request_id=self.open[0])
                if status == 200 and body.get("success"):
                    self.acknowledged.append((*self.open, body["action_id"]))
                elif status != 503:
                    self.wrong.append(f"{self.open[0]}: {status} {body}")
                self.open = None


def emergency(server):
    status, body = ask(server.connect(), "POST", "/policy/set-mode", {"mode": "EMERGENCY", "reason": "a campaign breaks things"})
    if status != 200:
        raise SystemExit(f"no EMERGENCY: {status} {body}")


def kills(binary, options, report):
    """kill -9 under load, again and again: whatever was acknowledged is on record, and every chain verifies."""
    lost, broken, wrong, acknowledged, done, slowest = [], 0, [], 0, 0, 0.0
    while done < options.kills:
        with Server(binary) as server:
            emergency(server)
            seen = 0
            for _ in range(min(KILLS_A_FOLDER, options.kills - done)):
                callers = [Caller(server.port, f"{done}-{number}", number < 2) for number in range(6)]
                for caller in callers:
                    caller.start()
                time.sleep(random.uniform(0.02, 0.4))
                server.kill()
                for caller in callers:
                    caller.join()
                done += 1
                begun = time.monotonic()
                server.start()
                slowest = max(slowest, time.monotonic() - begun)
                found = records(server.connect(), seen)
                seen = found[-1]["seq"]
                lost += missing(found, callers)
                wrong += [one for caller in callers for one in caller.wrong] + unheard(server, callers, found)
                acknowledged += sum(len(caller.acknowledged) for caller in callers)
            server.stop()
            broken += not server.verifies()
    report(f"{done} kills, {acknowledged} acknowledged calls, {len(lost)} lost, {len(wrong)} wrong answers", not (lost or wrong))
    for one in wrong[:5]:
        print(f"        {one}")
    report(f"{broken} chains broken; the slowest start took {slowest:.2f} s", not broken)
    report("enough was under way to say anything", acknowledged > 5 * options.kills)


def missing(found, callers):
    """The acknowledged calls without a decision that allows and an outcome that is ok."""
    of_action = {}
    for record in found:
        of_action.setdefault(record.get("action_id"), []).append(record)
    lost = []
    for caller in callers:
        for request_id, _, action in caller.acknowledged:
            written = of_action.get(action, [])
            allowed = any(one["kind"] == "decision" and one["decision"]["effect"] == "allow" for one in written)
            ended = any(one["kind"] == "outcome" and one["outcome"]["status"] == "ok" for one in written)
            if not (allowed and ended):
                lost.append(request_id)
    return lost


def unheard(server, callers, found):
    """What is wrong if the fleet has a size that nobody asked for last: neither acknowledged, nor under way when it was killed."""
    size = ask(server.connect(), "GET", "/infrastructure/status")[1]["fleet_size"]
    asked = [one for caller in callers for one in (caller.acknowledged[-1:] + [caller.open]) if one and one[1]]
    # What was decided and did not end before the kill changed nothing.
    acts = {record.get("action_id") for record in found if record.get("resource") == "scale_fleet"}
    ends = [record for record in found if record["kind"] == "outcome" and record.get("action_id") in acts]
    changed = any(record["outcome"]["status"] == "ok" for record in ends)
    if changed and size not in [one[1] for one in asked]:
        return [f"the fleet has {size}, but the last asked for were {[one[1] for one in asked]}"]
    return []


@contextlib.contextmanager
def small_disk():
    """A folder on a file system of its own that fills up soon."""
    with tempfile.TemporaryDirectory() as folder:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_MIB}m", "tmpfs", folder]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            raise SystemExit("a tmpfs cannot be mounted: run this part as root, or under `unshare -rm`")
        try:
            yield pathlib.Path(folder)
        finally:
            subprocess.run(["umount", "-l", folder], check=True)


def disk(binary, options, report):
    """A full disk: nothing runs without its record, and when there is room again service returns by itself."""
    for number in range(options.fills):
        with small_disk() as folder, Server(binary, folder) as server:
            emergency(server)
            connection = server.connect()
            for _ in range(50):
                execute(connection, "list_services")
            ballast = folder / "ballast"
            # Every second time it is the records that fill what is left.
            fill(ballast, LEFT_BYTES if number % 2 else 0)
            refused, acts, answered = use_while_full(server, connection)
            ready = ask(server.connect(), "GET", "/readyz")[0]
            alive = server.is_alive()
            ballast.unlink()
            back = None if not alive else seconds_until_back(server)
            shown = "never" if back is None else f"{back:.1f} s after there was room"
            report(
                f"fill {number + 1}: {answered} answered, then {refused} refused, readiness {ready}; back {shown}",
                refused > 0 and ready == 503 and alive and back is not None,
            )
            if back is None:
                continue
            found = records(server.connect())
            decided = {one["action_id"] for one in found if one["kind"] == "decision"}
            lost = [act for act in acts if act not in decided]
            report(f"fill {number + 1}: {len(acts)} acts, {len(lost)} of them without a record", not lost)
            server.stop()
            report(f"fill {number + 1}: the chain verifies", server.verifies())


def fill(ballast, left):
    """Takes all room but so many bytes."""
    with open(ballast, "wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in [1 << 20, 1 << 12, 1 << 9]:
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"\0" * size)
        file.truncate(ballast.stat().st_size - left)


def use_while_full(server, connection):
    """Calls what changes something until that is refused, and on; how many were, what was done, how many were answered."""
    refused, done, answered = 0, [], 0
    size = ask(connection, "GET", "/infrastructure/status")[1]["fleet_size"]
    end = time.monotonic() + 30
    while refused < 40 and time.monotonic() < end:
        wanted = size % 100 + 1
        status, body = execute(connection, "scale_fleet", {"count": wanted})
        answered += status == 200
        refused += status == 503
        status, shown = ask(connection, "GET", "/infrastructure/status")
        if status == 200 and shown["fleet_size"] != size:
            size = shown["fleet_size"]
            # Whether it was answered or not, it was done: its decision must be on record.
            done.append(body.get("action_id"))
    return refused, done, answered


def seconds_until_back(server):
    begun = time.monotonic()
    while time.monotonic() - begun < RETURN_SECONDS:
        with contextlib.suppress(OSError):
            status, body = execute(server.connect(), "scale_fleet", {"count": 7})
            if status == 200 and body["success"] and ask(server.connect(), "GET", "/readyz")[0] == 200:
                return time.monotonic() - begun
        time.sleep(0.1)
    return None
