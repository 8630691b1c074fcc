"""Runs an image as it is meant to be run, and asserts what containers.md says of it.

    .ci/image-checks.py IMAGE

Podman runs it; the environment says where that keeps its things. Whoever calls removes containers that are left.
"""

import http.client
import io
import json
import os
import pathlib
import re
import socket
import stat
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib

HOW_TO = pathlib.Path("docs/how-to/containers.md")
USER = 65532
PROGRAM = "/usr/local/bin/policyguard"
PATIENCE_SECONDS = 30
# Running calls have 25 s to end; nothing runs here, so it is a matter of a moment.
DRAIN_SECONDS = 25
# What an engine gives every container of its own, and none of which is the image's.
KERNEL = {"cgroup", "cgroup2", "devpts", "mqueue", "proc", "sysfs"}
ENGINE = ("/dev", "/proc", "/sys")
HARDENED = ["--read-only", "--read-only-tmpfs=false", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
LIMITS = ["--memory", "256m", "--memory-swap", "256m", "--pids-limit", "128"]


def podman(*arguments, expected=0, text=True):
    ran = subprocess.run(["podman", *arguments], capture_output=True, text=text, check=False)
    if ran.returncode != expected:
        raise SystemExit(f"podman {' '.join(arguments)}: {ran.returncode}\n{ran.stdout}{ran.stderr}")
    return ran.stdout


def check(what, found, wanted):
    if found != wanted:
        raise SystemExit(f"FAIL  {what}: {found!r} instead of {wanted!r}")
    print(f"  ok  {what}: {found}", flush=True)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Gateway:
    """A container of the image with a published port."""

    def __init__(self, image, volume):
        self.port = free_port()
        place = ["--volume", f"{volume}:/data", "--publish", f"127.0.0.1:{self.port}:8000"]
        self.id = podman("run", "--detach", *HARDENED, *LIMITS, *place, image).strip()
        self.pid = int(podman("inspect", "--format", "{{.State.Pid}}", self.id))
        wait_for("it becomes ready", lambda: is_ready(self.port))

    def status(self, key):
        lines = pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(line.split()[1:] for line in lines if line.startswith(key + ":"))

    def root(self, path):
        return pathlib.Path(f"/proc/{self.pid}/root{path}")

    def call(self, tool, arguments, key):
        return ask(self.port, "POST", "/tools/execute", {"tool_name": tool, "arguments": arguments}, key)

    def command(self, *arguments, key=None, expected=0):
        env = ["--env", f"POLICYGUARD_API_KEY={key}"] if key else []
        return podman("exec", *env, self.id, PROGRAM, *arguments, expected=expected)

    def stop(self):
        """Asks it to end; how it ended, and after how long."""
        begun = time.monotonic()
        podman("kill", "--signal", "TERM", self.id)
        code = int(podman("wait", self.id))
        return code, time.monotonic() - begun


def ask(port, method, path, body=None, key=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def wait_for(what, holds):
    begun = time.monotonic()
    while not holds():
        if time.monotonic() - begun > PATIENCE_SECONDS:
            raise SystemExit(f"FAIL  {what}: not within {PATIENCE_SECONDS} s")
        time.sleep(0.05)
    print(f"  ok  {what}", flush=True)


def is_ready(port):
    try:
        return ask(port, "GET", "/readyz")[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def what_it_says_of_itself(image):
    config = json.loads(podman("image", "inspect", image))[0]
    described = config["Config"]
    check("user", described["User"], f"{USER}:{USER}")
    check("volumes", list(described["Volumes"]), ["/data"])
    check("ports", list(described["ExposedPorts"]), ["8000/tcp"])
    check("health check", config["Healthcheck"]["Test"], ["CMD", PROGRAM, "health"])
    wanted = {"HOST=0.0.0.0", "POLICYGUARD_AUTH=credentials", "POLICYGUARD_DATA_DIR=/data"}
    check("environment that is not there", wanted - set(described["Env"]), set())
    # A new volume gets its owner from the image; some engines see to the owner besides, and would hide that it is wrong.
    place = pathlib.Path(podman("image", "mount", image).strip(), "data")
    check("owner of /data", (place.stat().st_uid, place.stat().st_gid), (USER, USER))
    podman("image", "unmount", image)
    version = tomllib.loads(pathlib.Path("Cargo.toml").read_text())["package"]["version"]
    check("label of the version", described["Labels"]["org.opencontainers.image.version"], version)
    check("its version", podman("run", "--rm", *HARDENED, image, "version").strip(), f"policyguard {version}")


def without_rights(gateway):
    check("user ids of the process", set(gateway.status("Uid")), {str(USER)})
    check("group ids of the process", set(gateway.status("Gid")), {str(USER)})
    for kind in ["CapPrm", "CapEff", "CapBnd"]:
        check(f"capabilities ({kind})", int(gateway.status(kind)[0], 16), 0)
    check("no new privileges", gateway.status("NoNewPrivs"), ["1"])


def writes_only_where_it_may(gateway):
    writable = set()
    for line in pathlib.Path(f"/proc/{gateway.pid}/mountinfo").read_text().splitlines():
        front, back = line.split(" - ")
        place, options = front.split()[4:6]
        if "rw" in options.split(",") and back.split()[0] not in KERNEL and not place.startswith(ENGINE):
            writable.add(place)
    check("file systems that can be written", writable, {"/data"})
    # Even root cannot: it is not a matter of who owns what.
    for folder in ["/", "/etc/policyguard", "/usr/local/bin", "/tmp", "/home/nonroot"]:
        try:
            (gateway.root(folder) / "written").touch()
            found = "written"
        except OSError as fault:
            found = fault.strerror
        check(f"writing into {folder}", found, "Read-only file system")
    # And the gateway says so itself, instead of running without a record.
    gateway.command("serve", "--port", "8001", "--data-dir", "/var/elsewhere", expected=3)
    (gateway.root("/data") / "written").touch()
    (gateway.root("/data") / "written").unlink()


def first_key(gateway):
    """The key that the image made, taken out as a user does."""
    file = gateway.root("/data/bootstrap-key").stat()
    check("owner and mode of the first key", (file.st_uid, oct(stat.S_IMODE(file.st_mode))), (USER, "0o600"))
    packed = podman("cp", f"{gateway.id}:/data/bootstrap-key", "-", text=False)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        return archive.extractfile("bootstrap-key").read().decode().strip()


def decides(gateway, key):
    status, answer = gateway.call("list_services", {}, key)
    check("a call that reads", (status, answer["success"]), (200, True))
    status, answer = gateway.call("restart_service", {"service_name": "cache"}, key)
    check("a call that changes something", (answer["success"], answer["code"]), (False, "mode_blocked"))
    check("a call without a key", gateway.call("list_services", {}, None)[0], 401)


def runs(image):
    volume = podman("volume", "create").strip()
    gateway = Gateway(image, volume)
    without_rights(gateway)
    writes_only_where_it_may(gateway)
    check("policyguard health inside", gateway.command("health").strip(), "ready")
    podman("healthcheck", "run", gateway.id)
    print("  ok  the image's health check")
    first = first_key(gateway)
    decides(gateway, first)
    gateway.command("users", "put", "alice", "--role", "admin", "--role", "auditor", key=first)
    key = gateway.command("keys", "create", "--user", "alice", "--name", "laptop", key=first).split()[0]
    gateway.command("agent", "register", "etl-1", "--name", "Nightly ETL", "--trust", "medium", key=key)
    # A gateway looks every second whether its first key was used.
    wait_for("the first key, once used, goes away", lambda: not gateway.root("/data/bootstrap-key").exists())
    survives_a_restart(gateway, image, volume, key)
    podman("volume", "rm", volume)


def survives_a_restart(gateway, image, volume, key):
    code, seconds = gateway.stop()
    check("exit code after SIGTERM", code, 0)
    check(f"ended after {seconds:.1f} s, within {DRAIN_SECONDS}", seconds <= DRAIN_SECONDS, True)
    podman("rm", gateway.id)
    again = Gateway(image, volume)
    decides(again, key)
    shown = json.loads(again.command("agent", "show", "etl-1", "--output", "json", key=key))
    check("the agent of before", shown["trust_level"], "medium")
    _, verified = ask(again.port, "GET", "/api/v1/audit/verify", key=key)
    check(f"{verified['records']} records, the chain is intact", verified["intact"], True)
    check("exit code after SIGTERM", again.stop()[0], 0)
    podman("rm", again.id)


def is_as_described(image):
    """Runs the commands of the how-to, but for those that compile, compose, or leave something to fill in."""
    blocks = [part.split("```")[0] for part in HOW_TO.read_text().split("```sh\n")[1:]]
    commands = "\n".join(block for block in blocks if not any(word in block for word in ["docker build", "compose", "…"]))
    # People are slower than scripts: a gateway that was started has come up when they go on.
    engine = 'docker() { podman "$@"; if [[ $1 == run && $2 == --detach ]]; then sleep 2; fi; }'
    script = f"set -euo pipefail\numask 022\n{engine}\n{commands}".replace("8000:8000", f"{free_port()}:8000")
    script = script.replace("localhost:8000", re.search(r"127\.0\.0\.1:\d+", script)[0])
    podman("tag", image, "localhost/policyguard")
    with tempfile.TemporaryDirectory() as folder:
        ran = subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=folder, check=False)
        if ran.returncode != 0:
            raise SystemExit(f"FAIL  the commands of {HOW_TO}: {ran.returncode}\n{ran.stdout}{ran.stderr}")
        made = {file.name: oct(stat.S_IMODE(file.stat().st_mode)) for file in pathlib.Path(folder).iterdir()}
        check(f"files that {HOW_TO} makes, and who reads them", made, {"policyguard-monday.db": "0o600"})
    for wanted in ["ready", "`alice` is added", '"success":true', '"code":"always_blocked"', "is restored; the chain is intact"]:
        check(f"{HOW_TO} shows {wanted}", wanted in ran.stdout + ran.stderr, True)
    podman("rm", "--force", "policyguard")


def composes(image):
    """Whether compose.yaml brings up the same."""
    port = free_port()
    # The project has a name of its own: one that runs here as containers.md says is left alone.
    project = f"policyguard-check-{os.getpid()}"
    environment = os.environ | {"IMAGE": image, "PORT": str(port)}

    def compose(*arguments):
        command = ["podman-compose", "--project-name", project, *arguments]
        ran = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if ran.returncode != 0:
            raise SystemExit(f"{' '.join(command)}: {ran.returncode}\n{ran.stdout}{ran.stderr}")

    compose("up", "--no-build", "--detach")
    try:
        wait_for("compose.yaml brings it up", lambda: is_ready(port))
        names = podman("ps", "--filter", f"label=io.podman.compose.project={project}", "--format", "{{.Names}}").split()
        check("services of compose.yaml", len(names), 1)
        podman("healthcheck", "run", names[0])
        print("  ok  health check of compose.yaml")
        made = json.loads(podman("inspect", names[0]))[0]
        host = made["HostConfig"]
        check("read-only root", host["ReadonlyRootfs"], True)
        check("memory", host["Memory"], 256 * 1024 * 1024)
        check("capabilities", made["EffectiveCaps"] or [], [])
        check("privileges", host["SecurityOpt"], ["no-new-privileges"])
        ports = made["NetworkSettings"]["Ports"]["8000/tcp"]
        check("address of the port", [one["HostIp"] for one in ports], ["127.0.0.1"])
        mounts = {one["Destination"]: one["RW"] for one in made["Mounts"]}
        check("mounts that can be written", mounts, {"/data": True, "/etc/policyguard/policies": False})
        said = subprocess.run(["podman", "logs", names[0]], capture_output=True, text=True, check=True)
        check("policy", "from policies/default.yaml" in said.stdout + said.stderr, True)
    finally:
        compose("down", "--volumes")


def main():
    image = sys.argv[1]
    what_it_says_of_itself(image)
    runs(image)
    is_as_described(image)
    composes(image)


if __name__ == "__main__":
    main()
