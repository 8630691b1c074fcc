"""google-adk's `McpToolset`, as kagent's agents hold it: no model, but the same calls in the same session."""

import json
import os
from types import SimpleNamespace

from adapter import Counter, ready, result, run, serve, target
from google.adk.agents import LlmAgent
from google.adk.agents.invocation_context import InvocationContext
from google.adk.sessions import InMemorySessionService
from google.adk.tools.mcp_tool import McpToolset, StreamableHTTPConnectionParams
from google.adk.tools.tool_context import ToolContext


async def tool_context() -> ToolContext:
    """A context as a runner would make it for one call."""
    sessions = InMemorySessionService()
    session = await sessions.create_session(app_name="check", user_id="check")
    agent = LlmAgent(name="check", model="none")
    return ToolContext(
        InvocationContext(session_service=sessions, session=session, agent=agent, invocation_id="check"),
        function_call_id="check",
    )


async def client() -> None:
    url, _ = target()
    counter = Counter()
    # What else is said of the connection: headers, times; and which of the tools the agent is given.
    connection = {"timeout": 20} | json.loads(os.environ.get("CONNECTION", "{}"))
    toolset = McpToolset(
        connection_params=StreamableHTTPConnectionParams(url=url, **connection),
        tool_filter=json.loads(os.environ.get("TOOLS", "null")),
        progress_callback=counter,
    )
    # An agent lists once, when it starts, and calls those tools as long as it lives.
    tools = {tool.name: tool for tool in await toolset.get_tools()}
    ready("google-adk", None)

    async def handle(order: dict) -> dict:
        if order["do"] == "list":
            return {"tools": [tool.name for tool in await toolset.get_tools()]}
        counter.count = 0
        answer = await tools[order["tool"]].run_async(args=order["arguments"], tool_context=await tool_context())
        if "content" not in answer:
            return {"failure": str(answer)}
        content = [SimpleNamespace(**part) for part in answer["content"]]
        return result(answer.get("isError"), answer.get("structuredContent"), content, counter.count)

    await serve(handle)
    await toolset.close()


run(client)
