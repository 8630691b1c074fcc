"""Whether the gateway runs as the chart says: started from the rendered manifests, called, stopped, started again."""

import base64
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import node
import release
import yaml
from pod import Pod, ask
from report import Report

SERVICE = f"{release.NAME}.{release.NAMESPACE}.svc.cluster.local"
SERVED = [
    release.NAME,
    f"{release.NAME}.{release.NAMESPACE}",
    f"{release.NAME}.{release.NAMESPACE}.svc",
    SERVICE,
    "localhost",
]
WRITABLE = {
    "/data/x": True,
    "/tmp/x": False,
    "/x": False,
    "/etc/policyguard/keys/x": False,
    "/etc/policyguard/policies/x": False,
}
DENIED = ("default-security", "Drop operations require admin trust level")
TAKES_OVER_WITHIN = 15.0
CALLS, CALLERS = 4000, 32


def pod_of(values: dict | None, binary: Path, work: Path, more: tuple[dict, ...] = ()) -> Pod:
    return Pod([*release.manifests(release.texts(values)), *more], binary, work)


def execute(key: str, tool: str, port: int = 8000, **arguments: object) -> tuple[int, dict]:
    """A call as an agent or a person makes it."""
    body = {"tool_name": tool, "arguments": arguments}
    status, text = ask(SERVICE, port, "POST", "/tools/execute", body, Authorization=f"Bearer {key}")
    return status, json.loads(text)


def api(key: str, method: str, path: str, body: object = None, port: int = 8000) -> tuple[int, dict]:
    status, text = ask(SERVICE, port, method, f"/api/v1/{path}", body, Authorization=f"Bearer {key}")
    return status, json.loads(text)


def rpc(key: str, method: str, **parameters: object) -> dict:
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
    return json.loads(ask(SERVICE, 8000, "POST", "/mcp", body, Authorization=f"Bearer {key}")[1])


def check(report: Report, binary: Path, work: Path) -> None:
    default(report, binary, work)
    volumes_that_open_up(report, binary, work)
    policies_that_change(report, binary, work)
    second_listener(report, binary, work)
    every_form(report, binary, work)
    policies_of_its_own(report, binary, work)
    memory(report, binary, work)


def default(report: Report, binary: Path, work: Path) -> None:
    """What `helm install` without values gives: a gateway that asks for keys and remembers."""
    pod = pod_of(None, binary, work / "default")
    took = pod.start()
    report.step("without values it becomes ready", None, f"in {took:.1f} s")
    limited(report, pod)
    report.equal(
        "as nobody, with no rights",
        [pod.status("Uid").split()[0], pod.status("CapEff"), pod.status("NoNewPrivs")],
        ["65532", "0" * 16, "1"],
    )
    report.equal(
        "it writes where it may and nowhere else", {place: pod.can_write(place) for place in WRITABLE}, WRITABLE
    )
    key, catalog = pod.secret("bootstrap-key"), pod.secret("catalog-key")
    asked = {
        host: ask(SERVICE, 8000, "GET", "/tools/catalog", Host=f"{host}:8000", Authorization=f"Bearer {key}")[0]
        for host in [*SERVED, "other.example"]
    }
    report.equal("it is served by the Service's names", asked, dict.fromkeys(SERVED, 200) | {"other.example": 403})
    report.step("helm test passes", pod.test())
    report.equal(
        "nobody calls without a key",
        ask(SERVICE, 8000, "POST", "/tools/execute", {"tool_name": "list_services"})[0],
        401,
    )
    report.equal("the first administrator's key calls", execute(key, "list_services")[1]["success"], True)
    report.equal(
        "what is never allowed is denied", execute(key, "delete_database", db_name="users")[1]["code"], "always_blocked"
    )
    catalogue(report, catalog)
    status, made = api(key, "POST", "keys", {"agent_id": "etl-1"})
    report.equal("a key is made for an agent", (status, made.get("agent_id")), (200, "etl-1"))
    advice = api(made["key"], "POST", "decisions/validate", {"action_type": "tool_call", "target": "drop_table"})[1]
    report.equal("the chart's policy decides about it", (advice["matched_policy"], advice["reason"]), DENIED)
    api(key, "PUT", "users/ada", {"roles": ["auditor"]})
    auditor = api(key, "POST", "keys", {"user_id": "ada"})[1]["key"]
    before = api(auditor, "GET", "audit/verify")[1]
    report.equal("it stops in order", pod.stop(), None)
    pod.start()
    report.equal("the agent's key holds after a restart", execute(made["key"], "list_services")[1]["success"], True)
    after = api(auditor, "GET", "audit/verify")[1]
    kept = after["intact"] and after["records"] > before["records"]
    report.step(
        "the trail goes on after a restart", None if kept else f"{before} {after}", f"{after['records']} records"
    )
    report.equal("the first administrator's key holds still", execute(key, "list_services")[1]["success"], True)
    report.equal("it stops in order again", pod.stop(), None)
    files = pod.files("keys") | {"catalog-key": secret_of(release.manifests(release.texts()))["catalog-key"]}
    pod.update("keys", files)
    pod.start()
    old, new = rpc(catalog, "tools/list"), rpc(files["catalog-key"].decode(), "tools/list")
    report.equal(
        "another catalogue's key takes the place of the one before", ("result" in old, "result" in new), (False, True)
    )
    pod.stop()


def limited(report: Report, pod: Pod) -> bool:
    """Whether the chart's limit of memory holds for the process; without cgroups only where somebody said so."""
    about = "the limit of memory is held"
    if pod.limits.hold:
        return report.equal(about, pod.in_its_limits(), True)
    if os.environ.get("CHART_WITHOUT_CGROUPS") == "1":
        report.unchecked("the limit of memory, by CHART_WITHOUT_CGROUPS=1")
        return True
    hint = "run it where root may make cgroups, or set CHART_WITHOUT_CGROUPS=1 to go without"
    return report.step(about, f"no cgroup can be made here; {hint}")


def secret_of(manifests: list[dict]) -> dict[str, bytes]:
    data = next(one for one in manifests if one["kind"] == "Secret")["data"]
    return {name: base64.b64decode(text) for name, text in data.items()}


def catalogue(report: Report, key: str) -> None:
    tools = [tool["name"] for tool in rpc(key, "tools/list")["result"]["tools"]]
    report.step("the catalogue's key lists every tool", None if len(tools) > 9 else str(tools), f"{len(tools)} tools")
    status, answer = execute(key, "list_services")
    report.equal(
        "and calls none, over REST", (status, answer["success"], answer["code"]), (200, False, "role_required")
    )
    answer = rpc(key, "tools/call", name="list_services", arguments={})
    report.equal("nor over MCP", "result" in answer and not answer["result"].get("isError"), False)


def volumes_that_open_up(report: Report, binary: Path, work: Path) -> None:
    """Why the chart says OnRootMismatch: with Always, the kubelet opens the store key to the group."""
    pod = pod_of({"podSecurityContext": {"fsGroupChangePolicy": "Always"}}, binary, work / "always")
    pod.start()
    pod.stop()
    status, said = pod.fails()
    report.equal("a store key that the group reads is refused", (status, "store.key" in said), (78, True))


def policies_that_change(report: Report, binary: Path, work: Path) -> None:
    """A ConfigMap that changes below a running gateway."""
    pod = pod_of({"config": {"restartOnPolicyChange": False}}, binary, work / "policies")
    pod.start()
    key = pod.secret("bootstrap-key")
    files = pod.files("policies")
    freeze = [{"condition": {"tool_pattern": "list_*"}, "action": "deny", "message": "Nobody lists"}]
    policy = {"policies": [{"id": "freeze", "name": "Freeze", "priority": 200, "rules": freeze}]}
    pod.update("policies", files | {"freeze.yaml": yaml.safe_dump(policy).encode()})
    took = until(lambda: not execute(key, "list_services")[1]["success"])
    report.step("it takes over policies that change", None if took else "not within 15 s", f"in {took or 0:.1f} s")
    pod.update("policies", files | {"freeze.yaml": b"policies: [{}]"})
    until(lambda: "freeze.yaml" in pod.tail(), 5)
    still = execute(key, "list_services")[1]["success"]
    report.equal("policies that cannot be read change nothing", (still, pod.liveness()), (False, 200))
    pod.update("policies", files)
    took = until(lambda: execute(key, "list_services")[1]["success"])
    report.step(
        "it takes over policies that are whole again", None if took else "not within 15 s", f"in {took or 0:.1f} s"
    )
    report.equal("it stops in order after that", pod.stop(), None)


def until(holds: "callable", patience: float = TAKES_OVER_WITHIN) -> float | None:
    began = time.monotonic()
    while time.monotonic() - began < patience:
        if holds():
            return max(time.monotonic() - began, 0.01)
        time.sleep(0.2)
    return None


def second_listener(report: Report, binary: Path, work: Path) -> None:
    """Prometheus scrapes a pod by its address; keys are made on that port alone."""
    pod = pod_of({"admin": {"enabled": True}, "serviceMonitor": {"enabled": True}}, binary, work / "admin")
    pod.start()
    key = pod.secret("bootstrap-key")
    status, figures = ask(node.POD_IP, 9000, "GET", "/metrics")
    report.equal(
        "figures are shown by the pod's address without a key", (status, "policyguard_" in figures), (200, True)
    )
    report.equal("and on the other port not", ask(SERVICE, 8000, "GET", "/metrics")[0], 404)
    made = api(key, "POST", "keys", {"agent_id": "etl-1"}, port=9000)[0], api(key, "GET", "keys")[0]
    report.equal("keys are made on the second port and nowhere else", made, (200, 404))
    pod.stop()


def every_form(report: Report, binary: Path, work: Path) -> None:
    """The gateway runs with every set of values in the matrix; what those only name is given."""
    keys = {key: text.decode() for key, text in secret_of(release.manifests(release.texts())).items()}
    base = {"base.yaml": (release.CHART / "policies/base.yaml").read_text()}
    named = (
        {"kind": "Secret", "metadata": {"name": "gateway-keys"}, "stringData": keys},
        {"kind": "ConfigMap", "metadata": {"name": "gateway-policies"}, "data": base},
        {"kind": "ConfigMap", "metadata": {"name": "extra"}, "data": {"note": "hello"}},
    )
    for file in sorted(release.VALUES.glob("*.yaml")):
        name = file.name.removesuffix("-values.yaml")
        if name == "dual-stack" and not node.has_ipv6():
            report.unchecked(f"{name}: this machine has no IPv6, so it is not started")
            continue
        pod = pod_of(release.read(file), binary, work / "matrix" / name, named)
        pod.start()
        credential = {"Authorization": f"Bearer {pod.secret('bootstrap-key')}"}
        status = ask("localhost", 8000, "POST", "/tools/execute", {"tool_name": "list_services"}, **credential)[0]
        report.equal(f"{name}: it runs and ends", (status, pod.stop()), (200, None))


def policies_of_its_own(report: Report, binary: Path, work: Path) -> None:
    """The rules in the place of the chart's decide."""
    pod = pod_of(release.read(release.VALUES / "own-policies-values.yaml"), binary, work / "decides")
    pod.start()
    question = {"action_type": "tool_call", "target": "delete_table", "agent_id": "etl-1"}
    advice = api(pod.secret("bootstrap-key"), "POST", "decisions/validate", question)[1]
    report.equal("own-policies: they decide", (advice["allowed"], advice["reason"]), (False, "Nothing is deleted here"))
    pod.stop()


def memory(report: Report, binary: Path, work: Path) -> None:
    """Within the limits of the chart it answers a few thousand calls, half of which change something."""
    limits = {"calls_per_second": 0, "high_per_minute": 0, "per_address": 0}
    pod = pod_of({"config": {"settings": {"limits": limits}}}, binary, work / "memory")
    pod.start()
    key = pod.secret("bootstrap-key")

    def call(number: int) -> bool:
        if number % 2:
            return execute(key, "get_service_status", service_name="cache")[1]["success"]
        return execute(key, "backup_database", db_name="users")[1]["success"]

    began = time.monotonic()
    with ThreadPoolExecutor(CALLERS) as callers:
        answers = list(callers.map(call, range(CALLS)))
    took = time.monotonic() - began
    wrong = None if all(answers) else f"{answers.count(False)} calls failed"
    report.step("it answers under load", wrong, f"{CALLS} calls in {took:.0f} s")
    if limited(report, pod) and pod.limits.hold:
        peak = pod.limits.peak()
        within = None if 0 < peak <= pod.limits.memory else f"{peak} bytes"
        report.step("it runs within its limits", within, f"at most {peak / 2**20:.0f} MiB")
    report.equal("it stops in order after load", pod.stop(), None)
