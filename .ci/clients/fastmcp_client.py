"""fastmcp's `Client`, as its users hold it."""

from adapter import Counter, ready, result, run, serve, target
from fastmcp import Client


async def client() -> None:
    url, _ = target()
    async with Client(url) as session:
        ready("fastmcp-slim", session.protocol_version)

        async def handle(order: dict) -> dict:
            if order["do"] == "list":
                return {"tools": [tool.name for tool in await session.list_tools()]}
            counter = Counter()
            answer = await session.call_tool(
                order["tool"],
                order["arguments"],
                progress_handler=counter if order.get("progress") else None,
                raise_on_error=False,
            )
            return result(answer.is_error, answer.structured_content, answer.content, counter.count)

        await serve(handle)


run(client)
