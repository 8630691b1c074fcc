// The TypeScript SDK 1.x, on which most editors are built.
import { need, ready, result, run, target } from "./adapter.mjs";

const { Client } = need("@modelcontextprotocol/sdk/client/index.js");
const { StreamableHTTPClientTransport } = need("@modelcontextprotocol/sdk/client/streamableHttp.js");
const { StdioClientTransport } = need("@modelcontextprotocol/sdk/client/stdio.js");

await run(async () => {
  const { url, ...command } = target();
  const transport = url ? new StreamableHTTPClientTransport(url) : new StdioClientTransport(command);
  const client = new Client({ name: "check", version: "1" });
  await client.connect(transport);
  ready("@modelcontextprotocol/sdk", transport.protocolVersion ?? null);
  return {
    list: async () => (await client.listTools()).tools.map((tool) => tool.name),
    call: async ({ tool, arguments: given, progress }) => {
      let notifications = 0;
      const options = progress ? { onprogress: () => (notifications += 1) } : {};
      return result(await client.callTool({ name: tool, arguments: given }, undefined, options), notifications);
    },
    close: async () => {
      await transport.terminateSession?.();
      await client.close();
    },
  };
});
