"""The Python SDK 1.x: `ClientSession` over streamable HTTP or stdio."""

from contextlib import AsyncExitStack

from adapter import Counter, ready, result, run, serve, target
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client


async def client() -> None:
    url, command = target()
    async with AsyncExitStack() as stack:
        if url:
            streams = await stack.enter_async_context(streamable_http_client(url))
        else:
            server = StdioServerParameters(command=command[0], args=command[1:])
            streams = await stack.enter_async_context(stdio_client(server))
        session = await stack.enter_async_context(ClientSession(streams[0], streams[1]))
        ready("mcp", str((await session.initialize()).protocolVersion))

        async def handle(order: dict) -> dict:
            if order["do"] == "list":
                return {"tools": [tool.name for tool in (await session.list_tools()).tools]}
            counter = Counter()
            answer = await session.call_tool(
                order["tool"], order["arguments"], progress_callback=counter if order.get("progress") else None
            )
            return result(answer.isError, answer.structuredContent, answer.content, counter.count)

        await serve(handle)


run(client)
