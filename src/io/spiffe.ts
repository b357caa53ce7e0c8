// A JWT-SVID from the SPIFFE Workload API: one gRPC call, `FetchJWTSVID`, over the endpoint's socket. node:http2 carries
// it, and the two messages are small enough to be read and written here (spiffe/spiffe standards/
// SPIFFE_Workload_API.md §6.2, workload.proto; gRPC over HTTP/2; Protocol Buffers encoding).
// Narrow: Unix sockets and loopback TCP without TLS, as the standard has them; the first SVID of an answer.

import { connect, constants } from "node:http2";
import { connect as connectSocket } from "node:net";
import { concat, fromUtf8, Problem, utf8 } from "../core/index.ts";

const timeoutMs = 10_000;
const maxBytes = 256 * 1024;
const code = "oidc/ambient-failed";

function failed(why: string, cause?: unknown): Problem {
  return new Problem(code, `the SPIFFE workload API gives no token: ${why}`, { cause });
}

/** `socket` as in SPIFFE_ENDPOINT_SOCKET. Problem `oidc/ambient-failed`. */
export async function fetchSpiffeToken(socket: string, audience: string): Promise<string> {
  const place = placeOf(socket);
  const answer = await call(place, "/SpiffeWorkloadAPI/FetchJWTSVID", bytesField(1, utf8(audience)));
  const [svid] = bytesOf(answer, 1);
  const [token] = svid === undefined ? [] : bytesOf(svid, 2);
  if (token === undefined) throw failed("its answer holds no SVID");
  return fromUtf8(token);
}

// SPIFFE_Workload_Endpoint.md §4: `unix:///path` or `tcp://ADDRESS:PORT`, an address and no name.
function placeOf(socket: string): { path: string } | { host: string; port: number } {
  const path = /^unix:(?:\/\/)?(\/[^?#]+)$/.exec(socket)?.[1];
  if (path !== undefined) return { path };
  const [, host, port] = /^tcp:\/\/(127(?:\.\d{1,3}){3}):(\d{1,5})$/.exec(socket) ?? [];
  if (host !== undefined) return { host, port: Number(port) };
  throw failed("SPIFFE_ENDPOINT_SOCKET is neither unix:///PATH nor tcp://127.0.0.1:PORT");
}

async function call(place: ReturnType<typeof placeOf>, path: string, message: Uint8Array): Promise<Uint8Array> {
  const session = connect("http://localhost", {
    createConnection: () => ("path" in place ? connectSocket(place.path) : connectSocket(place.port, place.host)),
  });
  try {
    return await new Promise<Uint8Array>((done, fail) => {
      const give = (cause: unknown): void => fail(cause instanceof Problem ? cause : failed("no answer", cause));
      session.once("error", give);
      const stream = session.request({
        [constants.HTTP2_HEADER_METHOD]: "POST",
        [constants.HTTP2_HEADER_PATH]: path,
        "content-type": "application/grpc",
        te: "trailers",
        // Without it the endpoint refuses: a browser's request could not set it.
        "workload.spiffe.io": "true",
      });
      stream.setTimeout(timeoutMs, () => give(failed("no answer in time")));
      let status = "";
      const chunks: Uint8Array[] = [];
      let size = 0;
      // Of an answer without a message the headers are the trailers.
      stream.once("response", (headers) => (status = String(headers["grpc-status"] ?? "")));
      stream.once("trailers", (headers) => (status = String(headers["grpc-status"] ?? status)));
      stream.on("data", (chunk: Uint8Array) => {
        size += chunk.length;
        if (size > maxBytes) give(failed(`its answer has over ${maxBytes} bytes`));
        else chunks.push(chunk);
      });
      stream.once("error", give);
      stream.once("end", () => {
        if (status !== "0") give(failed(`it answered with gRPC status ${status === "" ? "none" : status}`));
        else done(concat(...chunks));
      });
      stream.end(concat(Uint8Array.of(0), uint32(message.length), message));
    }).then(unframe);
  } finally {
    session.destroy();
  }
}

function uint32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
}

/** The one message of a unary answer, uncompressed. */
function unframe(bytes: Uint8Array): Uint8Array {
  if (bytes.length < 5 || bytes[0] !== 0) throw failed("its answer is no uncompressed message");
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
  if (bytes.length !== 5 + length) throw failed("its answer is not exactly one message");
  return bytes.subarray(5);
}

function varint(value: number): Uint8Array {
  const out: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Uint8Array.from([...out, rest]);
    out.push((rest % 128) | 128);
  }
}

function bytesField(number: number, value: Uint8Array): Uint8Array {
  return concat(varint(number * 8 + 2), varint(value.length), value);
}

/** Every value of one length-delimited field; other fields are passed over, whatever their wire type. */
function bytesOf(message: Uint8Array, number: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  let at = 0;
  const readVarint = (): number => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = message[at++];
      if (byte === undefined || shift > 2 ** 49) throw failed("its answer is cut off");
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const tag = readVarint();
    const wire = tag % 8;
    if (wire === 0) readVarint();
    else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else if (wire === 2) {
      const length = readVarint();
      if (at + length > message.length) throw failed("its answer is cut off");
      if (Math.floor(tag / 8) === number) found.push(message.subarray(at, at + length));
      at += length;
    } else throw failed("its answer cannot be read");
  }
  return found;
}
