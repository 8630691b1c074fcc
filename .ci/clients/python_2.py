"""The Python SDK 2.x: `Client`, which asks for the newest revision first, or with `MODE=legacy` shakes hands."""

import os

from adapter import Counter, ready, result, run, serve, target
from mcp import Client, StdioServerParameters


async def client() -> None:
    url, command = target()
    server = url or StdioServerParameters(command=command[0], args=command[1:])
    async with Client(server, mode=os.environ.get("MODE", "auto")) as session:
        ready("mcp", session.session.protocol_version)

        async def handle(order: dict) -> dict:
            if order["do"] == "list":
                return {"tools": [tool.name for tool in (await session.list_tools()).tools]}
            counter = Counter()
            answer = await session.call_tool(
                order["tool"], order["arguments"], progress_callback=counter if order.get("progress") else None
            )
            return result(answer.is_error, answer.structured_content, answer.content, counter.count)

        await serve(handle)


run(client)
