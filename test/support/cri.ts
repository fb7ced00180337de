// The kubelet's half of the Container Runtime Interface, as far as sandboxes go: gRPC (HTTP/2, length-prefixed protobuf)
// over the runtime's socket. Field numbers are those of runtime.v1, k8s.io/cri-api/pkg/apis/runtime/v1/api.proto.

import { type ClientHttp2Session, connect } from "node:http2";
import { connect as connectSocket } from "node:net";

type Value = string | number | Message;
type Message = readonly (readonly [field: number, value: Value])[];
/** Field number → values; a message, a string and bytes are all bytes here. */
type Fields = ReadonlyMap<number, readonly (number | Buffer)[]>;

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(Math.floor(value / 0x80))];
}

function encode(message: Message): Buffer {
  const parts = message.map(([field, value]) => {
    if (typeof value === "number") return Buffer.from([...varint(field << 3), ...varint(value)]);
    const bytes = typeof value === "string" ? Buffer.from(value) : encode(value);
    return Buffer.concat([Buffer.from([...varint((field << 3) | 2), ...varint(bytes.length)]), bytes]);
  });
  return Buffer.concat(parts);
}

function decode(bytes: Buffer): Fields {
  const fields = new Map<number, (number | Buffer)[]>();
  let at = 0;
  const next = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = bytes[at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = next();
    let value: number | Buffer = next();
    if ((tag & 7) === 2) {
      at += value;
      value = bytes.subarray(at - value, at);
    } else if ((tag & 7) !== 0) throw new Error(`wire type ${tag & 7} in a CRI answer`);
    const field = Math.floor(tag / 8);
    fields.set(field, [...(fields.get(field) ?? []), value]);
  }
  return fields;
}

function text(fields: Fields, field: number): string {
  return `${fields.get(field)?.[0] ?? ""}`;
}

function messages(fields: Fields, field: number): Fields[] {
  return (fields.get(field) ?? []).map((value) => decode(value as Buffer));
}

export interface PublishedPort {
  readonly containerPort: number;
  readonly hostPort: number;
}

export class Cri {
  readonly #session: ClientHttp2Session;

  private constructor(session: ClientHttp2Session) {
    this.#session = session;
  }

  /** Connects to the runtime's socket. */
  static connect(socket: string): Cri {
    const session = connect("http://localhost", { createConnection: () => connectSocket(socket) });
    // Calls under way fail with it; there is nobody else to tell.
    session.on("error", () => {});
    return new Cri(session);
  }

  close(): void {
    this.#session.destroy();
  }

  #call(method: string, request: Message): Promise<Fields> {
    return new Promise((resolve, reject) => {
      const stream = this.#session.request({
        ":method": "POST",
        ":path": `/runtime.v1.RuntimeService/${method}`,
        "content-type": "application/grpc",
        te: "trailers",
      });
      const chunks: Buffer[] = [];
      let status: { code: string; message: string } | undefined;
      const note = (headers: Record<string, unknown>) => {
        if (headers["grpc-status"] === undefined) return;
        const message = decodeURIComponent(`${headers["grpc-message"] ?? ""}`);
        status = { code: `${headers["grpc-status"]}`, message };
      };
      stream.on("response", note); // an error may come without trailers
      stream.on("trailers", note);
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("error", reject);
      stream.on("close", () => {
        if (status?.code === "0") resolve(decode(Buffer.concat(chunks).subarray(5)));
        else reject(new Error(`${method}: ${status?.message ?? "the connection ended"}`));
      });
      const body = encode(request);
      const prefix = Buffer.alloc(5);
      prefix.writeUInt32BE(body.length, 1);
      stream.end(Buffer.concat([prefix, body]));
    });
  }

  /** The runtime's conditions, RuntimeReady and NetworkReady. */
  async conditions(): Promise<Record<string, boolean>> {
    const [status] = messages(await this.#call("Status", []), 1);
    return Object.fromEntries(
      messages(status!, 1).map((condition) => [text(condition, 1), condition.get(2)?.[0] === 1]),
    );
  }

  /** Starts a pod's sandbox and returns its id. */
  async run(name: string, ports: readonly PublishedPort[] = []): Promise<string> {
    const metadata: Message = [
      [1, name],
      [2, `uid-${name}`],
      [3, "default"],
    ];
    const mappings = ports.map(({ containerPort, hostPort }): readonly [number, Value] => [
      5,
      [
        [2, containerPort],
        [3, hostPort],
      ],
    ]);
    const config: Message = [[1, metadata], [2, name], ...mappings];
    return text(await this.#call("RunPodSandbox", [[1, config]]), 1);
  }

  /** Ends the sandbox's processes and its network. The kubelet repeats it until it succeeds. */
  async stop(id: string): Promise<void> {
    await this.#call("StopPodSandbox", [[1, id]]);
  }

  async remove(id: string): Promise<void> {
    await this.#call("RemovePodSandbox", [[1, id]]);
  }

  /** All sandboxes: id → whether it is ready. */
  async sandboxes(): Promise<Map<string, boolean>> {
    const items = messages(await this.#call("ListPodSandbox", []), 1);
    return new Map(items.map((item) => [text(item, 1), (item.get(3)?.[0] ?? 0) === 0]));
  }

  /** The addresses that the kubelet takes for the pod's. */
  async addresses(id: string): Promise<string[]> {
    const [status] = messages(await this.#call("PodSandboxStatus", [[1, id]]), 1);
    const [network] = messages(status!, 5);
    if (network === undefined) return [];
    return [text(network, 1), ...messages(network, 2).map((more) => text(more, 1))].filter(Boolean);
  }
}
