"""What the Python clients have in common: orders come as JSON lines on stdin, answers go as JSON lines to stdout.

A client opens one session and keeps it until stdin ends. `{"do": "list"}` answers `{"tools": [...]}`;
`{"do": "call", "tool": ..., "arguments": {...}, "progress": true}` answers `{"is_error", "structured", "text",
"notifications"}`; what goes wrong answers `{"failure": ...}`. Where the server is stands in the arguments: a URL, or
`stdio` and a command.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from importlib.metadata import version

Handler = Callable[[dict], Awaitable[dict]]


def target() -> tuple[str | None, list[str]]:
    """Returns the URL, or else the command that speaks over stdio."""
    if sys.argv[1] == "stdio":
        return None, sys.argv[2:]
    return sys.argv[1], []


def say(answer: dict) -> None:
    print(json.dumps(answer), flush=True)


def ready(package: str, protocol: str | None) -> None:
    """Says that the session is open, by which library and in which revision."""
    say({"library": f"{package} {version(package)}", "protocol": protocol})


def result(is_error: bool | None, structured: object, content: list, notifications: int) -> dict:
    """A tool's result in the one form that all clients answer in."""
    text = "\n".join(part.text for part in content if getattr(part, "text", None))
    return {"is_error": bool(is_error), "structured": structured, "text": text, "notifications": notifications}


class Counter:
    """Counts the progress that is reported, whatever its form."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(self, *_: object, **__: object) -> None:
        self.count += 1


def describe(error: BaseException) -> str:
    """Says what went wrong; task groups hide it inside."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"


async def serve(handle: Handler) -> None:
    """Does what stdin says, one order after the other, until it ends."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        try:
            say(await handle(json.loads(line)))
        except Exception as error:
            say({"failure": describe(error)})


def run(client: Callable[[], Awaitable[None]]) -> None:
    """Runs a client; one that cannot even connect says so in the same way."""
    try:
        asyncio.run(client())
    except BaseException as error:
        say({"failure": describe(error)})
        sys.exit(1)
