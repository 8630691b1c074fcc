"""What `helm` and `kubectl` do with a cluster, for the commands that the documents show and no others."""

import argparse
import re
from pathlib import Path

import helm_python
import release
import yaml
from cluster import Cluster
from pod import Pod

SERVED = {"kagent.dev/v1alpha2": [("remotemcpservers", "RemoteMCPServer"), ("agents", "Agent")]}


class Wrong(Exception):
    """A command that would not work, or that nobody here understands."""


def merged(below: dict, above: dict) -> dict:
    result = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


class Machine:
    """A cluster with one release, whose pod runs here."""

    def __init__(self, binary: Path, work: Path) -> None:
        self._binary, self._work = binary, work
        self._disks = work / "disks"
        self._disks.mkdir(parents=True)
        self._cluster = Cluster(SERVED)
        self._namespace, self._values = "", {}
        self._objects: list[dict] = []
        self._made: dict[tuple[str, str, str], dict] = {}
        self._pod: Pod | None = None
        self._restore: Pod | None = None
        self._turn = 0

    def do(self, command: list[str], stdin: bytes) -> bytes:
        program, *rest = command
        if program == "helm":
            return self._helm(rest)
        verbs = {"get": self._get, "port-forward": self._forward, "create": self._create, "label": self._label}
        verbs |= {"apply": self._apply, "wait": self._wait, "delete": self._delete}
        if rest[0] == "exec":
            return self._exec(rest[1:])
        if rest[:2] == ["attach", "--stdin"]:
            return self._attach(rest[1:], stdin)
        if rest[0] not in verbs:
            raise Wrong(f"`{rest[0]}` is not known here")
        return verbs[rest[0]](rest[1:]).encode()

    def stop(self) -> str | None:
        self._cluster.close()
        return self._pod.stop() if self._pod else "it never ran"

    def _helm(self, rest: list[str]) -> bytes:
        parser = argparse.ArgumentParser(exit_on_error=False)
        parser.add_argument("verb", choices=["install", "upgrade"])
        parser.add_argument("name", choices=[release.NAME])
        parser.add_argument("chart", choices=["./helm/policyguard"])
        parser.add_argument("--namespace", required=True)
        parser.add_argument("--set", action="append", default=[])
        for flag in ("--create-namespace", "--wait", "--reuse-values"):
            parser.add_argument(flag, action="store_true")
        given = parser.parse_args(rest)
        values = self._values if given.reuse_values else {}
        for one in given.set:
            values = merged(values, helm_python.parse_set_string(one))
        self._values, self._namespace = values, given.namespace
        self._objects, notes = self._cluster.install(values, given.namespace)
        secret = self._find("Secret", "policyguard-keys")
        self._cluster.keep(secret, given.namespace)
        self._replace()
        return f"NAME: {release.NAME}\nNOTES:\n{notes}\n".encode()

    def _replace(self) -> None:
        """The next pod starts when the last one is gone, over the same claims."""
        if self._pod and (wrong := self._pod.stop()):
            raise Wrong(wrong)
        self._turn += 1
        self._pod = Pod(self._objects, self._binary, self._work / f"pod-{self._turn}", self._disks)
        self._pod.start()

    def _find(self, kind: str, name: str) -> dict:
        return next(one for one in self._objects if one["kind"] == kind and one["metadata"]["name"] == name)

    def _get(self, rest: list[str]) -> str:
        kind, name, flags = rest[0], rest[1], self._flags(rest[2:])
        key = re.fullmatch(r"\{\.data\.([a-z-]+)\}", flags["--output"].removeprefix("jsonpath="))
        if kind != "secret" or not key:
            raise Wrong(f"cannot get {rest}")
        return self._find("Secret", name)["data"][key[1]]

    def _flags(self, rest: list[str], namespace: str | None = None) -> dict[str, str]:
        """Long flags with their values; the namespace must be the one that is meant."""
        flags = dict(zip(rest[::2], rest[1::2], strict=True))
        if flags.get("--namespace") != (namespace or self._namespace):
            raise Wrong(f"there is nothing in namespace {flags.get('--namespace')}")
        return flags

    def _forward(self, rest: list[str]) -> str:
        self._flags(rest[:2])
        service = self._find("Service", rest[2].removeprefix("service/"))
        here, _, there = rest[3].partition(":")
        ports = [str(port["port"]) for port in service["spec"]["ports"]]
        if (there or here) not in ports:
            raise Wrong(f"the Service has {ports}")
        return f"Forwarding from 127.0.0.1:{here} -> {there or here}\n"

    def _create(self, rest: list[str]) -> str:
        kind, form, name, *flags = rest
        literal = next(flag for flag in flags if flag.startswith("--from-literal="))
        flags.remove(literal)
        key, value = literal.removeprefix("--from-literal=").split("=", 1)
        if (kind, form) != ("secret", "generic"):
            raise Wrong(f"cannot create {rest}")
        self._made["Secret", self._flags(flags, "kagent")["--namespace"], name] = {key: value}
        return f"secret/{name} created\n"

    def _label(self, rest: list[str]) -> str:
        kind, name, label = rest
        wanted = self._find("RemoteMCPServer", release.NAME)["spec"]["allowedNamespaces"]["selector"]["matchLabels"]
        if wanted != dict([label.split("=")]):
            raise Wrong(f"the RemoteMCPServer asks for {wanted}")
        return f"{kind}/{name} labeled\n"

    def _apply(self, rest: list[str]) -> str:
        objects = list(yaml.safe_load_all((release.ROOT / rest[-1]).read_text()))
        lines = []
        for one in objects:
            if one["kind"] == "Agent":
                self._fits(one)
            group = "." + one["apiVersion"].split("/")[0] if "/" in one["apiVersion"] else ""
            lines.append(f"{one['kind'].lower()}{group}/{one['metadata']['name']} created\n")
        if "Pod" in [one["kind"] for one in objects]:
            self._restore = Pod(objects, self._binary, self._work / "restore", self._disks)
        return "".join(lines)

    def _fits(self, agent: dict) -> None:
        """Whether the agent's server and key are there, the key in the header's form."""
        (tool,) = agent["spec"]["declarative"]["tools"]
        server, (header,) = tool["mcpServer"], tool["headersFrom"]
        self._find(server["kind"], server["name"])
        source = header["valueFrom"]
        value = self._made["Secret", agent["metadata"]["namespace"], source["name"]][source["key"]]
        if server["namespace"] != self._namespace or not re.fullmatch(r"Bearer pg_\w{8}_\w{49}", value):
            raise Wrong(f"the agent cannot call: {server}, {value[:12]}")

    def _exec(self, rest: list[str]) -> bytes:
        at = rest.index("--")
        where, command = rest[:at], rest[at + 1 :]
        self._flags(where[:2])
        if where[2:] != ["policyguard-0"]:
            raise Wrong(f"no such pod: {where}")
        done = self._pod.run(*command)
        if done.returncode:
            raise Wrong(done.stderr.decode())
        return done.stdout

    def _wait(self, rest: list[str]) -> str:
        self._flags(rest[:2])
        return f"{self._waiting(rest[-1])} condition met\n"

    def _attach(self, rest: list[str], stdin: bytes) -> bytes:
        self._flags(rest[1:3])
        self._waiting(f"pod/{rest[-1]}")
        done = self._restore.run(stdin=stdin)
        if done.returncode:
            raise Wrong(done.stderr.decode())
        return done.stdout

    def _waiting(self, name: str) -> str:
        if self._restore is None or name != "pod/policyguard-restore":
            raise Wrong(f"no such pod: {name}")
        return name

    def _delete(self, rest: list[str]) -> str:
        return f'pod "{rest[-1]}" deleted\n'
