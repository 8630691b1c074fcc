"""What a client must see of a gateway with the shipped policies, and the report of what it saw."""

import json

from client import Client
from gateway import Gateway

SHOWN = {"list_services", "get_service_status", "restart_service", "validate_action"}
# Always blocked by the shipped policies, or not a tool at all: nothing that a model should see.
HIDDEN = {"delete_database", "drop_database"}
CACHE = {"service_name": "cache"}
DENIED_CODE = "mode_blocked"
DENIED_TEXT = "Denied by policy"


class Report:
    """One line for each client and step."""

    def __init__(self) -> None:
        self._failed: list[str] = []
        self._logged = 0
        self._steps = 0

    def step(self, client: str, step: str, wrong: str | None, detail: str = "") -> bool:
        """Reports a step; `wrong` says what was expected and what came."""
        self._steps += 1
        if wrong:
            self._failed.append(f"{client}: {step}")
        said = wrong or detail
        print(f"{'FAIL' if wrong else 'ok':<5} {client:<25} {step}{f': {said}' if said else ''}", flush=True)
        return not wrong

    def log_on_failure(self, gateway: Gateway) -> None:
        """Shows the end of a gateway's log if something failed since the last one was asked about."""
        if len(self._failed) > self._logged:
            print(f"--- the end of the gateway's log\n{gateway.tail()}\n---", flush=True)
        self._logged = len(self._failed)

    def end(self) -> int:
        print(f"{self._steps - len(self._failed)} of {self._steps} steps are ok")
        for failed in self._failed:
            print(f"failed: {failed}")
        return 1 if self._failed else 0


def short(answer: object) -> str:
    return json.dumps(answer)[:700]


def wrong_list(answer: dict) -> str | None:
    tools = answer.get("tools")
    if tools is None:
        return f"expected tools, came {short(answer)}"
    if missing := SHOWN - set(tools):
        return f"expected {sorted(missing)} among the tools, came {tools}"
    if shown := HIDDEN & set(tools):
        return f"expected no {sorted(shown)} among the tools"
    return None if len(tools) == len(set(tools)) else f"expected each tool once, came {tools}"


def wrong_allowed(answer: dict) -> str | None:
    structured = answer.get("structured")
    if answer.get("is_error") is False and isinstance(structured, dict) and "cache" in json.dumps(structured):
        return None
    return f"expected the status of the cache, structured and without isError, came {short(answer)}"


def wrong_denied(answer: dict) -> str | None:
    structured = answer.get("structured")
    code = structured.get("code") if isinstance(structured, dict) else None
    if answer.get("is_error") is True and code == DENIED_CODE and answer.get("text", "").startswith(DENIED_TEXT):
        return None
    return f"expected isError, code `{DENIED_CODE}` and a text that begins `{DENIED_TEXT}`, came {short(answer)}"


def check_list(report: Report, client: Client) -> None:
    answer = client.ask(do="list")
    report.step(client.name, "list", wrong_list(answer), f"{len(answer.get('tools', []))} tools")


def check_allowed(report: Report, client: Client, step: str) -> None:
    answer = client.ask(do="call", tool="get_service_status", arguments=CACHE)
    report.step(client.name, step, wrong_allowed(answer))


def check_denied(report: Report, client: Client, step: str = "denied call") -> None:
    answer = client.ask(do="call", tool="restart_service", arguments=CACHE)
    report.step(client.name, step, wrong_denied(answer))


def check_progress(report: Report, client: Client) -> None:
    """A progress token breaks nothing; a call that is over at once need not report any."""
    answer = client.ask(do="call", tool="get_service_status", arguments=CACHE, progress=True)
    detail = f"{answer.get('notifications')} notifications"
    report.step(client.name, "call with a progress token", wrong_allowed(answer), detail)
