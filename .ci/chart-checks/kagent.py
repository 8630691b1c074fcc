"""kagent's client against the gateway as the chart installs it, over a restart.

    kagent.py BINARY WORK PYTHON

PYTHON has google-adk. kagent makes its toolset from a RemoteMCPServer: the URL, the times and the headers whose values
it reads from Secrets; an Agent's own headers take the place of those, and it is given the tools that it names.
"""

import json
import os
import re
import sys
from pathlib import Path

CLIENTS = Path(__file__).resolve().parents[1] / "clients"
sys.path.append(str(CLIENTS))

import expect  # noqa: E402
import node  # noqa: E402
import release  # noqa: E402
import running  # noqa: E402
import yaml  # noqa: E402
from client import Client  # noqa: E402
from pod import Pod  # noqa: E402
from report import Report  # noqa: E402

VALUES = release.VALUES / "kagent-values.yaml"
AGENT = "my-agent"
SECONDS = {"h": 3600, "m": 60, "s": 1}


def example() -> dict:
    """The MCP server of the Agent that the chart's example shows."""
    objects = yaml.safe_load_all((release.CHART / "examples/kagent-v1alpha2.yaml").read_text())
    return next(one for one in objects if one["kind"] == "Agent")["spec"]["declarative"]["tools"][0]


def seconds(text: str) -> float:
    """A duration as Go writes it."""
    return sum(int(number) * SECONDS[unit] for number, unit in re.findall(r"(\d+)([hms])", text))


class Kagent:
    """What kagent makes of the RemoteMCPServer in a namespace."""

    def __init__(self, pod: Pod, python: str, work: Path) -> None:
        self._spec = pod.find("RemoteMCPServer", release.NAME)["spec"]
        self._pod, self._python, self._work = pod, python, work

    def toolset(self, name: str, tools: list[str] | None = None, **headers: str) -> Client:
        """A running toolset; headers of its own take the place of the server's."""
        given = {one["name"]: self._pod.secret(one["valueFrom"]["key"]) for one in self._spec["headersFrom"]}
        connection = {
            "headers": given | headers,
            "timeout": seconds(self._spec["timeout"]),
            "sse_read_timeout": seconds(self._spec["sseReadTimeout"]),
            "terminate_on_close": self._spec["terminateOnClose"],
        }
        command = [self._python, str(CLIENTS / "adk.py")]
        settings = {"CONNECTION": json.dumps(connection), "TOOLS": json.dumps(tools)}
        return Client(name, command, [self._spec["url"]], self._work, **settings)


def check(report: Report, binary: Path, work: Path, python: str) -> None:
    pod = Pod(release.manifests(release.texts(release.read(VALUES))), binary, work / "pod")
    pod.start()
    kagent = Kagent(pod, python, work)
    admin = pod.secret("bootstrap-key")
    discovery = discover(report, kagent, admin)
    agent = act(report, kagent, admin)
    report.equal("the gateway stops under live sessions", pod.stop(), None)
    pod.start()
    report.step("the same toolset calls on after a restart", expect.wrong_allowed(call(agent, "get_service_status")))
    report.step("and is denied as before", expect.wrong_denied(call(agent, "restart_service")))
    report.step("discovery goes on, too", None if discovery.ask(do="list").get("tools") else "no tools")
    emergency(report, agent, admin)
    records(report, admin)
    report.equal("the toolsets close", (agent.close(), discovery.close()), (None, None))
    report.equal("the gateway stops", pod.stop(), None)
    if not report.passed:
        print(f"--- the end of the gateway's log\n{pod.tail()}\n---")


def discover(report: Report, kagent: Kagent, admin: str) -> Client:
    """kagent's controller lists the tools with the key that the chart made for it."""
    client = kagent.toolset("discovery")
    ready = client.answer()
    report.step("kagent connects by the name of the Service", ready.get("failure"), f"{ready.get('library')}")
    listed = set(client.ask(do="list").get("tools", []))
    everything = {tool["name"] for tool in running.rpc(admin, "tools/list")["result"]["tools"]}
    report.step(
        "the catalogue's key lists every tool",
        None if everything <= listed else f"missing {everything - listed}",
        f"{len(listed)} tools",
    )
    answer = call(client, "get_service_status")
    denied = answer.get("is_error") and (answer.get("structured") or {}).get("code") == "role_required"
    report.step("and may call none", None if denied else expect.short(answer))
    return client


def act(report: Report, kagent: Kagent, admin: str) -> Client:
    """An agent with a key of its own, and the tools that the example names."""
    status, made = running.api(admin, "POST", "keys", {"agent_id": AGENT})
    report.equal("the administrator makes the agent a key", (status, made.get("agent_id")), (200, AGENT))
    tools = example()["mcpServer"]["toolNames"]
    header = example()["headersFrom"][0]["name"]
    client = kagent.toolset("agent", tools, **{header: f"Bearer {made['key']}"})
    report.step("the agent connects", client.answer().get("failure"))
    report.equal("it is given the tools that it names", sorted(client.ask(do="list").get("tools", [])), sorted(tools))
    report.step("it calls what is allowed", expect.wrong_allowed(call(client, "get_service_status")))
    report.step("it is denied what is not", expect.wrong_denied(call(client, "restart_service")))
    return client


def call(client: Client, tool: str) -> dict:
    return client.ask(do="call", tool=tool, arguments=expect.CACHE)


def emergency(report: Report, agent: Client, admin: str) -> None:
    """The same toolset repairs once an operator has opened the way."""
    running.api(admin, "PUT", f"agents/{AGENT}", {"name": AGENT, "trust_level": "medium"})
    body = {"mode": "EMERGENCY", "reason": "the cache is down"}
    status = running.ask(running.SERVICE, 8000, "POST", "/policy/set-mode", body, Authorization=f"Bearer {admin}")[0]
    answer = call(agent, "restart_service")
    report.equal("in an emergency the agent restarts a service", (status, answer.get("is_error")), (200, False))


def records(report: Report, admin: str) -> None:
    """What the agent did before the restart and after it is on record."""
    running.api(admin, "PUT", "users/ada", {"roles": ["auditor"]})
    auditor = running.api(admin, "POST", "keys", {"user_id": "ada"})[1]["key"]
    entries = running.api(auditor, "GET", f"audit?agent_id={AGENT}&limit=100")[1]["entries"]
    decided = [entry["action"]["target"] for entry in entries]
    expected = {"get_service_status": 2, "restart_service": 3}
    report.equal("all of it is on record", {tool: decided.count(tool) for tool in expected}, expected)


def main() -> int:
    binary, work, python = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    node.network(work, running.SERVED[:-1])
    report = Report()
    check(report, binary, work, python)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
