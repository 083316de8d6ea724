// The client of the TypeScript SDK 1.x follows a plan and tells what it saw.
import { createRequire } from "node:module";
import { setTimeout as pause } from "node:timers/promises";

const require = createRequire(`${process.env.MODULES}/`);
const { Client } = require("@modelcontextprotocol/sdk/client/index.js");
const { StdioClientTransport } = require("@modelcontextprotocol/sdk/client/stdio.js");
const { StreamableHTTPClientTransport } = require("@modelcontextprotocol/sdk/client/streamableHttp.js");
const { CallToolResultSchema, ResourceUpdatedNotificationSchema } = require("@modelcontextprotocol/sdk/types.js");

const plan = JSON.parse(process.argv[2]);
const seen = { results: [], contents: [], progress: [], updates: [] };

const connection = () => {
  if (typeof plan.server === "string") return new StreamableHTTPClientTransport(new URL(plan.server));
  const [command, ...args] = plan.server;
  return new StdioClientTransport({ command, args, env: process.env });
};

const client = new Client({ name: "test", version: "1" });
client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => {
  seen.updates.push(params.uri);
});
await client.connect(connection());
seen.tools = (await client.listTools()).tools;
await client.subscribeResource({ uri: plan.subscribe });
for (const [name, args] of plan.calls) {
  const onprogress = ({ progress }) => seen.progress.push(progress);
  seen.results.push(await client.callTool({ name, arguments: args }, CallToolResultSchema, { onprogress }));
}
for (const uri of plan.read) seen.contents.push(...(await client.readResource({ uri })).contents);
for (let left = plan.patience; left > 0 && !seen.updates.length; left -= 0.05) await pause(50);
await client.close();
console.log(JSON.stringify(seen));
