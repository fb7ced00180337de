// A server that tells each client the address it came from, and the client. The client is bash, which starts faster
// than anything else that can open a connection.

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
export async function serveWhoAmI(
  node: Sandbox,
  netns: string | undefined,
  answer?: string,
): Promise<() => Promise<void>> {
  const said = answer === undefined ? 'socket.remoteAddress.replace("::ffff:", "")' : JSON.stringify(answer);
  const script = `require("net").createServer((socket) => socket.end(${said}))
    .listen(${PORT}, "::", () => console.log("ready"))`;
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
