"""The gateway as the rendered manifests say: the same files, variables, arguments, user, limits and probes."""

import atexit
import base64
import http.client
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import node

FACTORS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
UNLIMITED = {"limits": {"memory": "1Gi", "cpu": "2"}}


class Pod:
    """The pod of a rendered release. Its volumes stay when it is started again; claims stay in `disks`."""

    def __init__(self, manifests: list[dict], binary: Path, work: Path, disks: Path | None = None) -> None:
        work.mkdir(parents=True)
        self._work, self._manifests, self._disks = work, manifests, disks or work
        order = ("StatefulSet", "Deployment", "Pod")
        workload = min((one for one in manifests if one["kind"] in order), key=lambda one: order.index(one["kind"]))
        self._spec = workload["spec"] if workload["kind"] == "Pod" else workload["spec"]["template"]["spec"]
        self._container = self._spec["containers"][0]
        self._context = self._spec["securityContext"] | self._container["securityContext"]
        self._process: subprocess.Popen | None = None
        self.log = work / "log"
        self._root = work / "root"
        self._projected: dict[str, node.Projected] = {}
        self._folders = {volume["name"]: self._volume(volume) for volume in self._spec["volumes"]}
        mounts = self._container["volumeMounts"]
        node.image(self._root, binary, [mount["mountPath"] for mount in mounts])
        for mount in mounts:
            inside = str(self._root / mount["mountPath"].lstrip("/"))
            node.mount("--bind", str(self._folders[mount["name"]]), inside)
            if mount.get("readOnly"):
                node.mount("-o", "remount,ro,bind", inside)
        limits = self._container.get("resources", UNLIMITED)["limits"]
        self.limits = node.Limits(size(limits["memory"]), processors(limits["cpu"]))
        atexit.register(self.limits.leave)

    def find(self, kind: str, name: str) -> dict:
        return next(one for one in self._manifests if one["kind"] == kind and one["metadata"]["name"] == name)

    def secret(self, key: str) -> str:
        """What a caller reads from the Secret that is mounted."""
        volume = next(one for one in self._spec["volumes"] if "secret" in one)
        return self._data("Secret", volume["secret"]["secretName"])[key].decode()

    def _data(self, kind: str, name: str) -> dict[str, bytes]:
        found = self.find(kind, name)
        plain = {key: text.encode() for key, text in (found.get("stringData") or {}).items()}
        if kind == "ConfigMap":
            return plain | {key: text.encode() for key, text in found["data"].items()}
        return plain | {key: base64.b64decode(text) for key, text in (found.get("data") or {}).items()}

    def _volume(self, volume: dict) -> Path:
        """The folder of a volume on the node."""
        folder = self._work / f"volume-{volume['name']}"
        if "persistentVolumeClaim" in volume:
            folder = self._disks / f"claim-{volume['persistentVolumeClaim']['claimName']}"
        if "configMap" in volume or "secret" in volume:
            kind, source = ("ConfigMap", "configMap") if "configMap" in volume else ("Secret", "secret")
            named = volume[source]
            mode = named.get("defaultMode", 0o644)
            projected = node.Projected(folder, mode, self._context["fsGroup"])
            data = self._data(kind, named.get("name") or named["secretName"])
            items = named.get("items") or [{"key": key, "path": key} for key in data]
            projected.put({item["path"]: data[item["key"]] for item in items})
            self._projected[volume["name"]] = projected
        else:
            # A fresh disk belongs to root until the kubelet gives it to the pod.
            folder.mkdir(mode=0o755, exist_ok=True)
        return folder

    def update(self, volume: str, files: dict[str, bytes]) -> None:
        """What the kubelet does some time after a ConfigMap or Secret has changed."""
        self._projected[volume].put(files)

    def files(self, volume: str) -> dict[str, bytes]:
        folder = self._folders[volume] / "..data"
        return {file.name: file.read_bytes() for file in folder.iterdir()}

    def folder(self, volume: str) -> Path:
        return self._folders[volume]

    def environment(self) -> dict[str, str]:
        """The variables, those before filled in where a value names them."""
        values = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
        for variable in self._container.get("env", []):
            name, text = variable["name"], str(variable.get("value") or "")
            field = (variable.get("valueFrom") or {}).get("fieldRef", {}).get("fieldPath")
            if field is not None:
                text = {"status.podIP": node.POD_IP, "spec.nodeName": "node-1"}[field]
            for known, value in values.items():
                text = text.replace(f"$({known})", value)
            values[name] = text
        return values

    def start(self) -> float:
        """Starts the container and waits until its probes say that it is ready; returns how long that took."""
        self._give_volumes()

        def enter() -> None:
            self.limits.enter()
            self._become()

        command = self._container.get("command") or ["/usr/local/bin/policyguard"]
        began = time.monotonic()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, *self._container.get("args", [])],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment(),
                preexec_fn=enter,
            )
        atexit.register(self._process.kill)
        self._wait(self._container["startupProbe"], began)
        self._wait(self._container["readinessProbe"], began)
        return time.monotonic() - began

    def _give_volumes(self) -> None:
        for volume in self._spec["volumes"]:
            if "persistentVolumeClaim" in volume or "emptyDir" in volume:
                policy = self._context["fsGroupChangePolicy"]
                node.own(self._folders[volume["name"]], self._context["fsGroup"], policy)

    def _become(self) -> None:
        context = self._context
        node.become(self._root, context["runAsUser"], context["runAsGroup"], [context["fsGroup"]])

    def _wait(self, probe: dict, began: float) -> None:
        patience = began + probe["periodSeconds"] * max(probe["failureThreshold"], 10)
        while time.monotonic() < patience:
            if self._process.poll() is not None:
                break
            if self.probe(probe) == 200:
                return
            time.sleep(0.1)
        raise RuntimeError(f"the pod does not become ready\n{self.tail()}")

    def probe(self, probe: dict) -> int | None:
        """The status of a probe, asked by the pod's address as the kubelet does."""
        wanted = probe["httpGet"]
        port = next(one["containerPort"] for one in self._container["ports"] if one["name"] == wanted["port"])
        try:
            return ask(node.POD_IP, port, "GET", wanted["path"], timeout=probe["timeoutSeconds"])[0]
        except OSError:
            return None

    def liveness(self) -> int | None:
        return self.probe(self._container["livenessProbe"])

    def stop(self) -> str | None:
        """Stops as Kubernetes does; returns what is wrong with the way it ended."""
        process, self._process = self._process, None
        grace = self._spec["terminationGracePeriodSeconds"]
        process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(grace)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return f"runs on {grace} s after SIGTERM"
        if b"panicked" in self.log.read_bytes():
            return "something panicked"
        return None if status == 0 else f"ends with {status}"

    def fails(self, patience: float = 20) -> tuple[int | None, str]:
        """Starts a container that is not meant to come up; returns its status and what it said."""
        try:
            self.start()
        except RuntimeError:
            return self._process.wait(patience), self.tail()
        return None, "it came up"

    def status(self, field: str) -> str:
        """A line of what the kernel says of the process."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith(f"{field}:"))

    def in_its_limits(self) -> bool:
        """Whether the kernel counts the process in the cgroups that were made for it."""
        counted = [(group / "cgroup.procs").read_text().split() for group in self.limits.groups]
        return all(str(self._process.pid) in processes for processes in counted)

    def run(self, *command: str, stdin: bytes = b"", **variables: str) -> subprocess.CompletedProcess:
        """Runs a command inside, as `kubectl exec` would; without one, what the container is for, to its end."""
        self._give_volumes()
        given = command or ("policyguard", *self._container["args"])
        environment = self.environment() | variables
        return subprocess.run(given, input=stdin, env=environment, preexec_fn=self._become, capture_output=True)

    def test(self) -> str | None:
        """What `helm test` would say, asked from this pod: the test has the same image."""
        hook = next(one for one in self._manifests if one["kind"] == "Pod")
        container = hook["spec"]["containers"][0]
        variables = {one["name"]: one["value"] for one in container["env"]}
        done = self.run("policyguard", *container["args"], **variables)
        return f"{done.stdout}{done.stderr}" if done.returncode else None

    def can_write(self, path: str) -> bool:
        """Whether a file can be made there by whoever runs inside."""
        child = os.fork()
        if child == 0:
            try:
                self._become()
                Path(path).touch()
                Path(path).unlink()
                os._exit(0)
            except OSError:
                os._exit(1)
        return os.waitpid(child, 0)[1] == 0

    def tail(self, lines: int = 20) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


def ask(
    host: str, port: int, method: str, path: str, body: object = None, timeout: float = 10, **headers: str
) -> tuple[int, str]:
    """One request; returns the status and the body."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    data = None
    if body is not None:
        data = json.dumps(body)
        given["Content-Type"] = "application/json"
    try:
        connection.request(method, path, data, given)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def size(text: str) -> int:
    return int(text[:-2]) * FACTORS[text[-2:]]


def processors(text: str) -> float:
    return int(text[:-1]) / 1000 if text.endswith("m") else float(text)
