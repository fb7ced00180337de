// A server that tells each client the address it came from, and the client. The client is bash, which starts faster
// than anything else that can open a connection.

import { once } from "node:events";
import type { Sandbox } from "./sandbox.ts";

const PORT = 7;

/** Starts the server in a namespace; the function it returns ends it. `answer` replaces the client's address. */
export async function serveWhoAmI(
  node: Sandbox,
  netns: string,
  answer?: string,
): Promise<() => Promise<void>> {
  const said = answer === undefined ? 'socket.remoteAddress.replace("::ffff:", "")' : JSON.stringify(answer);
  const script = `require("net").createServer((socket) => socket.end(${said}))
    .listen(${PORT}, "::", () => console.log("ready"))`;
  const server = node.start(process.execPath, ["-e", script], { netns });
  await once(server.stdout!, "data");
  return async () => {
    const closed = once(server, "close");
    server.kill("SIGKILL");
    await closed;
  };
}

/** What the server at `address` answers a client in `netns`; throws where no answer comes within 5 s. */
export function whoAmI(node: Sandbox, netns: string, address: string, port = PORT): string {
  return node.must("timeout", ["5", "bash", "-euc", `exec 3<>/dev/tcp/${address}/${port}; cat <&3`], {
    netns,
  });
}
