// The TypeScript SDK 2.x, which asks for the newest revision first, or with MODE=legacy shakes hands.
import { need, ready, result, run, target } from "./adapter.mjs";

const { Client, StreamableHTTPClientTransport } = need("@modelcontextprotocol/client");
const { StdioClientTransport } = need("@modelcontextprotocol/client/stdio");

await run(async () => {
  const { url, ...command } = target();
  const transport = url ? new StreamableHTTPClientTransport(url) : new StdioClientTransport(command);
  const mode = process.env.MODE ?? "auto";
  const client = new Client({ name: "check", version: "1" }, { versionNegotiation: { mode } });
  await client.connect(transport);
  ready("@modelcontextprotocol/client", client.getNegotiatedProtocolVersion() ?? null);
  return {
    list: async () => (await client.listTools()).tools.map((tool) => tool.name),
    call: async ({ tool, arguments: given, progress }) => {
      let notifications = 0;
      const options = progress ? { onprogress: () => (notifications += 1) } : {};
      return result(await client.callTool({ name: tool, arguments: given }, options), notifications);
    },
    close: async () => {
      await transport.terminateSession?.();
      await client.close();
    },
  };
});
