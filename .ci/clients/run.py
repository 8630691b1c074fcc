"""Runs every client against a gateway and says, for each client and step, `ok` or what was expected and what came.

    run.py BINARY WORK TOOLS

WORK is an empty folder; TOOLS is JSON: where the Node packages (`node`) and the Python environments are.
"""

import json
import sys
import time
from pathlib import Path

import stdio
from bare_session import BareSession
from client import Client
from expect import Report, check_allowed, check_denied, check_list, check_progress
from gateway import Gateway
from one_shot import check_curl, check_inspector

HERE = Path(__file__).parent
IDLE = 2.0


def commands(tools: dict[str, str]) -> dict[str, tuple[list[str], dict[str, str]]]:
    """The client programs by the name that the report calls them, with their settings."""
    node = {"NODE_TOOLS": tools["node"]}

    def python(environment: str, program: str) -> list[str]:
        return [f"{tools[environment]}/bin/python", str(HERE / program)]

    def script(program: str) -> list[str]:
        return [f"{tools['node']}/node_modules/node/bin/node", str(HERE / program)]

    return {
        "python 1": (python("mcp-1", "python_1.py"), {}),
        "python 2": (python("mcp-2", "python_2.py"), {}),
        "python 2 legacy": (python("mcp-2", "python_2.py"), {"MODE": "legacy"}),
        "fastmcp": (python("fastmcp", "fastmcp_client.py"), {}),
        "adk": (python("adk", "adk.py"), {}),
        "typescript 1": (script("typescript_1.mjs"), node),
        "typescript 2": (script("typescript_2.mjs"), node),
        "typescript 2 legacy": (script("typescript_2.mjs"), {**node, "MODE": "legacy"}),
    }


def connect(report: Report, programs: dict, url: str, work: Path) -> list[Client]:
    """Opens a session with each client; those that cannot are reported and left out."""
    clients = []
    for name, (command, settings) in programs.items():
        client = Client(name, command, [url], work, **settings)
        ready = client.answer()
        if report.step(name, "connects", ready.get("failure"), f"{ready.get('library')}, {ready.get('protocol')}"):
            clients.append(client)
        else:
            client.close()
    return clients


def live_sessions(report: Report, binary: str, work: Path, programs: dict, tools: dict[str, str]) -> None:
    """What every client does, and the same session after the gateway was restarted below it."""
    gateway = Gateway(binary, work / "restarted")
    gateway.start()
    check_curl(report, gateway.url)
    check_inspector(report, gateway.url, tools["node"], work)
    stdio.check_bridge(report, binary, work, programs, gateway.url)
    bare = BareSession(gateway.url)
    bare.check_call(report, "allowed call")
    clients = connect(report, programs, gateway.url, work)
    for client in clients:
        check_list(report, client)
        check_allowed(report, client, "allowed call")
        check_denied(report, client)
        check_progress(report, client)
    report.step("gateway", "stops under live sessions", gateway.stop())
    gateway.start()
    bare.check_call(report, "call after a restart")
    for client in clients:
        check_allowed(report, client, "call after a restart")
        check_denied(report, client, "denied call after a restart")
    bare.check_end(report)
    for client in clients:
        report.step(client.name, "closes", client.close())
    report.step("gateway", "stops", gateway.stop())
    report.log_on_failure(gateway)


def idle_sessions(report: Report, binary: str, work: Path, programs: dict) -> None:
    """The same session after nothing was said for longer than the session time."""
    gateway = Gateway(binary, work / "idle", POLICYGUARD__MCP__SESSION_IDLE=f"{IDLE:.0f}s")
    gateway.start()
    clients = connect(report, programs, gateway.url, work)
    bare = BareSession(gateway.url)
    bare.check_call(report, "call before idleness")
    for client in clients:
        check_allowed(report, client, "call before idleness")
    time.sleep(IDLE + 1)
    bare.check_call(report, "call after idleness")
    for client in clients:
        check_allowed(report, client, "call after idleness")
    for client in clients:
        report.step(client.name, "closes after idleness", client.close())
    report.step("gateway", "stops after idleness", gateway.stop())
    report.log_on_failure(gateway)


def main() -> int:
    binary, work, tools = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
    programs = commands(tools)
    report = Report()
    live_sessions(report, binary, work, programs, tools)
    idle_sessions(report, binary, work, programs)
    stdio.check(report, binary, work, programs)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
