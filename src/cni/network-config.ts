// Standard input: the network configuration as bytes and as a JSON object. What every plugin must find in it (name,
// cniVersion) is checked by request.ts, the plugin's own keys by the plugin.

import { CniError, Code, HostError } from "../errors.ts";
import { type Host, ok } from "../host.ts";
import { isObject, parseJson } from "./json.ts";

export interface NetworkConfig {
  /** The very bytes, for a delegate. */
  readonly stdin: Uint8Array;
  readonly json: Readonly<Record<string, unknown>>;
}

const STDIN = 0;
const chunkBytes = 65536;
/** No configuration is that large; without an end the caller's mistake would become our memory. */
export const maxConfigBytes = 16 * 1024 * 1024;

/** Reads standard input to its end; code 5 when it cannot be read, 6 unless it holds one JSON object. */
export function readNetworkConfig(host: Host): NetworkConfig {
  const stdin = readAll(host);
  const json = parseJson(host.decode(stdin), "the network configuration on standard input");
  if (!isObject(json)) {
    throw new CniError(
      Code.decodingFailure,
      "cannot decode the network configuration on standard input: it is not a JSON object",
    );
  }
  return { stdin, json };
}

function readAll(host: Host): Uint8Array {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const chunk = readChunk(host);
    if (chunk.length === 0) break;
    chunks.push(chunk);
    length += chunk.length;
    if (length > maxConfigBytes) {
      throw new CniError(
        Code.decodingFailure,
        `cannot decode the network configuration on standard input: it is longer than ${maxConfigBytes} bytes`,
      );
    }
  }
  if (chunks.length === 1) return chunks[0]!;
  const all = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    all.set(chunk, offset);
    offset += chunk.length;
  }
  return all;
}

function readChunk(host: Host): Uint8Array {
  try {
    return ok(host.read(STDIN, chunkBytes), "read", "standard input");
  } catch (error) {
    if (error instanceof HostError) {
      throw new CniError(Code.ioFailure, `cannot read the network configuration: ${error.message}`);
    }
    throw error;
  }
}
