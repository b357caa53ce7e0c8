// Blobs of a registry: OCI distribution specification 1.1 "Pulling blobs", "Pushing blobs". Small ones in one request,
// layers of any size piece by piece, so that no more than one piece is held; the digest is checked on the way.

import { hex, Problem } from "../core/index.ts";
import { createHasher } from "../crypto/index.ts";
import type { RegistryReply, RegistryRequest } from "./oci-transport.ts";

type Send = (request: RegistryRequest) => Promise<RegistryReply>;

const pieceBytes = 16 * 1024 * 1024;
const maxReplyBytes = 65_536;

export function otherContent(wanted: string, actual: string): Problem {
  return new Problem("io/image-digest", `the registry sent ${actual} where ${wanted} was asked for`);
}

/** The same pieces; a Problem `io/image-digest` after the last one when they were not the blob. */
export async function* checkedBlob(pieces: AsyncIterable<Uint8Array>, digest: string): AsyncIterable<Uint8Array> {
  const hasher = createHasher("sha256");
  for await (const piece of pieces) {
    hasher.update(piece);
    yield piece;
  }
  const actual = `sha256:${hex(hasher.digest())}`;
  if (actual !== digest) throw otherContent(digest, actual);
}

async function startUpload(base: string, send: Send): Promise<string> {
  return locationOf(
    await send({ method: "POST", path: `${base}/blobs/uploads/`, maxBytes: maxReplyBytes, expected: [202] }),
  );
}

function locationOf(reply: RegistryReply): string {
  const location = reply.headers.get("location");
  if (location === null) throw new Problem("io/registry-status", "the registry gave no address to upload to");
  return location;
}

async function finishUpload(location: string, digest: string, body: Uint8Array, send: Send): Promise<void> {
  const separator = location.includes("?") ? "&" : "?";
  await send({
    method: "PUT",
    path: `${location}${separator}digest=${encodeURIComponent(digest)}`,
    headers: { "content-type": "application/octet-stream" },
    body,
    maxBytes: maxReplyBytes,
    expected: [201],
  });
}

export async function uploadBlob(base: string, digest: string, bytes: Uint8Array, send: Send): Promise<void> {
  await finishUpload(await startUpload(base, send), digest, bytes, send);
}

/** The blob is there only after the last request, whose digest the registry checks too. */
export async function uploadBlobPieces(
  base: string,
  digest: string,
  pieces: AsyncIterable<Uint8Array>,
  send: Send,
): Promise<void> {
  let location = await startUpload(base, send);
  let start = 0;
  for await (const body of ofSize(checkedBlob(pieces, digest))) {
    const headers = {
      "content-type": "application/octet-stream",
      "content-range": `${start}-${start + body.length - 1}`,
    };
    location = locationOf(
      await send({ method: "PATCH", path: location, headers, body, maxBytes: maxReplyBytes, expected: [202] }),
    );
    start += body.length;
  }
  await finishUpload(location, digest, new Uint8Array(), send);
}

async function* ofSize(pieces: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let held: Uint8Array[] = [];
  let size = 0;
  for await (const piece of pieces) {
    held.push(piece);
    size += piece.length;
    if (size < pieceBytes) continue;
    yield new Uint8Array(Buffer.concat(held));
    held = [];
    size = 0;
  }
  if (size > 0) yield new Uint8Array(Buffer.concat(held));
}
