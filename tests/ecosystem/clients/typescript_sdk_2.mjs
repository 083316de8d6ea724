// The client of the TypeScript SDK 2.x follows a plan and tells what it saw.
import { createRequire } from "node:module";
import { setTimeout as pause } from "node:timers/promises";

const require = createRequire(`${process.env.MODULES}/`);
const { Client, StreamableHTTPClientTransport } = require("@modelcontextprotocol/client");
const { StdioClientTransport } = require("@modelcontextprotocol/client/stdio");

const plan = JSON.parse(process.argv[2]);
const seen = { results: [], contents: [], progress: [], updates: [] };

const connection = () => {
  if (typeof plan.server === "string") return new StreamableHTTPClientTransport(new URL(plan.server));
  const [command, ...args] = plan.server;
  return new StdioClientTransport({ command, args, env: process.env });
};

const mode = plan.era === "legacy" ? "legacy" : "auto";
const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode } });
client.setNotificationHandler("notifications/resources/updated", ({ params }) => {
  seen.updates.push(params.uri);
});
await client.connect(connection());
seen.version = client.getNegotiatedProtocolVersion();
seen.tools = (await client.listTools()).tools;
if (plan.era === "legacy") await client.subscribeResource({ uri: plan.subscribe });
else await client.listen({ resourceSubscriptions: [plan.subscribe] });
for (const [name, args] of plan.calls) {
  const onprogress = ({ progress }) => seen.progress.push(progress);
  seen.results.push(await client.callTool({ name, arguments: args }, { onprogress }));
}
for (const uri of plan.read) seen.contents.push(...(await client.readResource({ uri })).contents);
for (let left = plan.patience; left > 0 && !seen.updates.length; left -= 0.05) await pause(50);
await client.close();
console.log(JSON.stringify(seen));
