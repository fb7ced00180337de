// A server that tells each client the address it came from, and the client. The client is bash, which starts faster
// than anything else that can open a connection, and Node where the connection's own end matters.

import { once } from "node:events";
import type { Sandbox } from "./sandbox.ts";

const PORT = 7;

function place(netns: string | undefined): { netns?: string } {
  return netns === undefined ? {} : { netns };
}

/**
 * Starts the server in a namespace, or on the node where that is undefined; the function it returns ends it. `answer`
 * replaces the client's address.
 */
export function serveWhoAmI(
  node: Sandbox,
  netns: string | undefined,
  answer?: string,
): Promise<() => Promise<void>> {
  return serve(node, netns, answer === undefined ? "client" : JSON.stringify(answer));
}

/** The same of one that tells `NAME CLIENT`: who was reached, whichever address was meant, and by whom. */
export function serveWhoAreWe(
  node: Sandbox,
  netns: string | undefined,
  name: string,
): Promise<() => Promise<void>> {
  return serve(node, netns, `${JSON.stringify(`${name} `)} + client`);
}

/** `said`: an expression of JavaScript in which `client` is the client's address. */
async function serve(node: Sandbox, netns: string | undefined, said: string): Promise<() => Promise<void>> {
  const script = `require("net").createServer((socket) => {
      const client = socket.remoteAddress.replace("::ffff:", "");
      socket.end(${said});
    }).listen(${PORT}, "::", () => console.log("ready"))`;
  const server = node.start(process.execPath, ["-e", script], place(netns));
  await once(server.stdout!, "data");
  return async () => {
    const closed = once(server, "close");
    server.kill("SIGKILL");
    await closed;
  };
}

/**
 * What the server at `address` answers a client in `netns`, or on the node where that is undefined; throws where no
 * answer comes within 5 s.
 */
export function whoAmI(node: Sandbox, netns: string | undefined, address: string, port = PORT): string {
  const ask = `exec 3<>/dev/tcp/${address}/${port}; cat <&3`;
  return node.must("timeout", ["5", "bash", "-euc", ask], place(netns));
}

/** The same with the client's own address given. */
export function whoAmIFrom(
  node: Sandbox,
  netns: string | undefined,
  localAddress: string,
  address: string,
): string {
  const options = JSON.stringify({ host: address, port: PORT, localAddress });
  const ask = `require("net").connect(${options}).pipe(process.stdout)`;
  return node.must("timeout", ["5", process.execPath, "-e", ask], place(netns));
}
