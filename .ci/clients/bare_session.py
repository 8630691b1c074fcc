"""A session with no stream to listen on: nothing but its requests shows that its client is still there."""

import json
import urllib.error
import urllib.request

from expect import CACHE, Report, wrong_allowed
from one_shot import flat, request

REVISION = "2025-11-25"
HELLO = {"protocolVersion": REVISION, "capabilities": {}, "clientInfo": {"name": "check", "version": "1"}}


class BareSession:
    """The handshake, and the id that it gave."""

    name = "bare session"

    def __init__(self, url: str) -> None:
        self._url = url
        _, headers, _ = self._send("POST", request("initialize", **HELLO))
        self._id = headers.get("mcp-session-id")
        self._send("POST", json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}))

    def _send(self, method: str, body: str | None = None) -> tuple[int, dict, dict]:
        """Returns status, headers and the message, whether it comes as JSON or as the event of a stream."""
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        if getattr(self, "_id", None):
            headers |= {"Mcp-Session-Id": self._id, "MCP-Protocol-Version": REVISION}
        asked = urllib.request.Request(self._url, method=method, headers=headers, data=body.encode() if body else None)
        try:
            with urllib.request.urlopen(asked, timeout=20) as answer:
                status, got, text = answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            status, got, text = error.code, error.headers, error.read().decode()
        lines = [line.removeprefix("data:").strip() for line in text.splitlines() if line.startswith(("data:", "{"))]
        messages = [json.loads(line) for line in lines if line]
        return status, {name.lower(): value for name, value in got.items()}, messages[-1] if messages else {}

    def _call(self) -> tuple[int, dict]:
        status, _, message = self._send("POST", request("tools/call", name="get_service_status", arguments=CACHE))
        return status, message

    def check_call(self, report: Report, step: str) -> None:
        if not self._id:
            report.step(self.name, step, "expected that initialize gives an Mcp-Session-Id")
            return
        status, message = self._call()
        wrong = f"expected 200, came {status} {message}"
        if status == 200:
            wrong = wrong_allowed(flat(message.get("result", {})))
        report.step(self.name, step, wrong)

    def check_end(self, report: Report) -> None:
        """Ending it is answered without a body, and an ended session is unknown."""
        status, _, _ = self._send("DELETE")
        report.step(self.name, "ends by DELETE", None if status == 204 else f"expected 204, came {status}")
        status, message = self._call()
        wrong = None if status == 404 and "error" in message else f"expected 404 and an error, came {status} {message}"
        report.step(self.name, "is unknown once it ended", wrong)
