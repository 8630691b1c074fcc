"""The clients that end after one request: curl without a handshake, and Inspector."""

import json
import os
import subprocess
from pathlib import Path

from expect import CACHE, Report, wrong_allowed, wrong_denied, wrong_list

ENDS_WITHIN = 60.0


def request(method: str, **params: object) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": params})


def flat(result: dict) -> dict:
    """A tool's result in the form that the adapters answer in."""
    text = "\n".join(part.get("text", "") for part in result.get("content", []))
    structured = result.get("structuredContent")
    return {"is_error": bool(result.get("isError")), "structured": structured, "text": text}


def post(url: str, accept: str | None, body: str) -> tuple[dict, str | None]:
    """Returns the result, or what is wrong with the answer."""
    header = f"Accept: {accept}" if accept else "Accept:"
    command = ["curl", "-sS", "-m", "20", "-H", "Content-Type: application/json", "-H", header]
    command += ["-w", "\n%{http_code} %{content_type}", "-d", body, url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=ENDS_WITHIN)
    text, _, status = done.stdout.rpartition("\n")
    if not status.startswith("200 application/json"):
        return {}, f"expected 200 application/json, came {status}: {text[:400]} {done.stderr}"
    answer = json.loads(text)
    if answer.get("id") != 7 or "result" not in answer:
        return {}, f"expected the result of request 7, came {text[:400]}"
    return answer["result"], None


def check_curl(report: Report, url: str) -> None:
    """One request with no session and no handshake, whatever it says that it accepts."""
    for accept in ("*/*", None, "application/json", "application/json, text/event-stream"):
        name = f"Accept {accept or 'absent'}"
        result, wrong = post(url, accept, request("tools/list"))
        tools = {"tools": [tool["name"] for tool in result.get("tools", [])]}
        report.step("curl", f"list, {name}", wrong or wrong_list(tools))
        result, wrong = post(url, accept, request("tools/call", name="get_service_status", arguments=CACHE))
        report.step("curl", f"allowed call, {name}", wrong or wrong_allowed(flat(result)))
        result, wrong = post(url, accept, request("tools/call", name="restart_service", arguments=CACHE))
        report.step("curl", f"denied call, {name}", wrong or wrong_denied(flat(result)))


def inspector(tools: str, work: Path, *arguments: str) -> tuple[dict, str | None]:
    """Returns what Inspector prints, or what is wrong with it."""
    node = f"{tools}/node_modules/node/bin/node"
    command = [node, f"{tools}/node_modules/.bin/mcp-inspector", "--cli", *arguments, "--format", "json"]
    # It keeps a catalogue in the home directory, which is not ours to write.
    settings = {**os.environ, "HOME": str(work)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=ENDS_WITHIN, env=settings)
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        return {}, f"expected JSON, came {done.returncode}: {done.stdout[:300]} {done.stderr[:600]}"
    # 5 says that the tool answered with isError, and the answer is printed all the same.
    wrong = None if done.returncode in (0, 5) else f"expected 0, came {done.returncode}: {done.stderr[:900]}"
    return answer.get("result", answer), wrong


def check_inspector(report: Report, url: str, tools: str, work: Path) -> None:
    """Inspector as a person runs it; `--strict` fails on a schema that some client cannot read."""
    for era in ("legacy", "auto"):
        name = f"inspector {era}"
        server = [url, "--transport", "http", "--protocol-era", era]
        result, wrong = inspector(tools, work, *server, "--method", "tools/list", "--strict")
        listed = {"tools": [tool["name"] for tool in result.get("tools", [])]}
        report.step(name, "strict list", wrong or wrong_list(listed))
        call = [*server, "--method", "tools/call", "--tool-args-json", json.dumps(CACHE), "--tool-name"]
        result, wrong = inspector(tools, work, *call, "get_service_status")
        report.step(name, "allowed call", wrong or wrong_allowed(flat(result)))
        result, wrong = inspector(tools, work, *call, "restart_service")
        report.step(name, "denied call", wrong or wrong_denied(flat(result)))
