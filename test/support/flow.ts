// A flow of numbered UDP packets that a server sends back, from one namespace of a node to an address, for as long as a
// test wants. It tells what was sent and what came back, so a single lost packet shows.

import { once } from "node:events";
import type { Sandbox } from "./sandbox.ts";

const PORT = 9;
/** The server may be kept from its processor for a second: a socket holds some 270 packets. */
const INTERVAL_MS = 4;
/** How long the client waits for the answers to the last packets. */
const GRACE_MS = 2000;

const SERVER = `const socket = require("dgram").createSocket("udp6");
  socket.on("message", (message, from) => socket.send(message, from.port, from.address));
  socket.bind(${PORT}, "::", () => console.log("ready"));`;

const CLIENT = `const [address] = process.argv.slice(1);
  const socket = require("dgram").createSocket(address.includes(":") ? "udp6" : "udp4");
  const back = new Set();
  let sent = 0;
  socket.on("message", (message) => back.add(String(message)));
  socket.on("error", () => {}); // a refusal is a lost packet
  const timer = setInterval(() => socket.send(String(sent++), ${PORT}, address), ${INTERVAL_MS});
  socket.once("message", () => console.log("flows"));
  process.stdin.once("data", () => {
    clearInterval(timer);
    setTimeout(() => {
      console.log(JSON.stringify({ sent, back: back.size }));
      process.exit();
    }, ${GRACE_MS});
  });`;

export interface Flowed {
  readonly sent: number;
  readonly back: number;
}

/** Starts what sends the packets back; the function it returns ends it. */
export async function serveFlows(node: Sandbox, netns: string): Promise<() => Promise<void>> {
  const server = node.start(process.execPath, ["-e", SERVER], { netns });
  await once(server.stdout!, "data");
  return async () => {
    const closed = once(server, "close");
    server.kill("SIGKILL");
    await closed;
  };
}

/** Starts a flow and waits for its first answer; the function it returns ends it and tells what became of it. */
export async function startFlow(
  node: Sandbox,
  netns: string,
  address: string,
): Promise<() => Promise<Flowed>> {
  const client = node.start(process.execPath, ["-e", CLIENT, address], { netns });
  const closed = once(client, "close").then(() => {
    throw new Error(`the flow from ${netns} to ${address} ended by itself`);
  });
  closed.catch(() => {});
  const said = () => Promise.race([once(client.stdout!, "data").then(([chunk]) => `${chunk}`), closed]);
  await said();
  return async () => {
    const answer = said();
    client.stdin!.write("\n");
    return JSON.parse(await answer);
  };
}
