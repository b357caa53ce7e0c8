// A repository as a folder: OCI image layout, image specification 1.1 "image-layout". What refers to a manifest is
// found among the manifests that `index.json` lists. One writer at a time.

import { createReadStream } from "node:fs";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Fields, type Json, type JsonObject, parseJson, Problem, utf8 } from "../core/index.ts";
import { read, readIfThere, write } from "./files.ts";
import { lockFolder } from "./folder-lock.ts";
import { checkedBlob } from "./oci-blob.ts";
import {
  manifestContent,
  manifestsOf,
  maxBlobBytes,
  maxManifestBytes,
  type OciDescriptor,
  ociDigest,
  type OciManifest,
  ociMediaTypes,
  type OciRepository,
  readManifest,
  referrerOf,
} from "./oci-repository.ts";

const layoutVersion = "1.0.0";
const refName = "org.opencontainers.image.ref.name";

export interface OciLayout extends OciRepository {
  /** The manifests that `index.json` lists. */
  listed(): Promise<readonly OciDescriptor[]>;
}

/** The layout in `folder`; with `create` an empty one when there is none. Problems `io/image-layout`, `io/read`, `io/write`. */
export async function openLayout(folder: string, options: { readonly create?: boolean } = {}): Promise<OciLayout> {
  const marker = await readIfThere(join(folder, "oci-layout"), 4096);
  if (marker === undefined) {
    if (options.create !== true) throw new Problem("io/image-layout", `${folder} is no OCI image layout`);
    await mkdir(folder, { recursive: true });
    await write(join(folder, "index.json"), indexOf([]));
    // Last: a folder with it is whole.
    await write(join(folder, "oci-layout"), utf8(JSON.stringify({ imageLayoutVersion: layoutVersion })));
  } else {
    const fields = Fields.of(parseJson(marker, { maxBytes: 4096 }), "oci-layout", "io/image-layout");
    if (fields.string("imageLayoutVersion") !== layoutVersion)
      throw fields.problem("imageLayoutVersion", "is not 1.0.0");
  }
  return layoutIn(folder);
}

function indexOf(manifests: readonly OciDescriptor[]): Uint8Array {
  return utf8(JSON.stringify({ schemaVersion: 2, mediaType: ociMediaTypes.index, manifests }));
}

function layoutIn(folder: string): OciLayout {
  const blobPath = (digest: string): string => join(folder, "blobs", ...digest.split(":"));
  const listed = async (): Promise<readonly OciDescriptor[]> =>
    manifestsOf(
      Fields.of(
        parseJson(await read(join(folder, "index.json"), maxManifestBytes), { maxBytes: maxManifestBytes }),
        "index.json",
        "io/image-invalid",
      ).value,
    );
  const blob = async ({ digest, size }: Pick<OciDescriptor, "digest" | "size">): Promise<Uint8Array> => {
    const bytes = await read(blobPath(digest), Math.min(size, maxBlobBytes));
    if (ociDigest(bytes) !== digest) throw new Problem("io/image-digest", `the blob ${digest} is another in ${folder}`);
    return bytes;
  };
  const manifest = async (reference: string): Promise<OciManifest | undefined> => {
    const found = reference.includes(":")
      ? { digest: reference, size: maxManifestBytes, mediaType: undefined }
      : (await listed()).find(({ annotations }) => annotations?.[refName] === reference);
    if (found === undefined || (await readIfThere(blobPath(found.digest), maxManifestBytes)) === undefined)
      return undefined;
    return readManifest(await blob({ digest: found.digest, size: maxManifestBytes }), found.mediaType);
  };
  const putBlob = async (bytes: Uint8Array, mediaType: string): Promise<OciDescriptor> => {
    const digest = ociDigest(bytes);
    await write(blobPath(digest), bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const putManifestBytes: OciRepository["putManifestBytes"] = async (content, { tag, isPart = false } = {}) => {
    const lock = await lockFolder(folder);
    try {
      const descriptor = await putBlob(content.bytes, content.mediaType);
      const before = await listed();
      // What a list names, or an index, needs no second entry.
      if (tag === undefined && (isPart || before.some(({ digest }) => digest === descriptor.digest))) return descriptor;
      const others = before.filter(
        ({ digest, annotations }) =>
          (digest !== descriptor.digest || annotations?.[refName] !== undefined) &&
          (tag === undefined || annotations?.[refName] !== tag),
      );
      const named = tag === undefined ? descriptor : { ...descriptor, annotations: { [refName]: tag } };
      await write(join(folder, "index.json"), indexOf([...others, named]));
      return descriptor;
    } finally {
      await lock.release();
    }
  };
  return {
    manifest,
    listed,
    blob,
    putBlob,
    putManifestBytes,
    putManifest: (json, tag) => putManifestBytes(manifestContent(json), tag === undefined ? {} : { tag }),
    hasBlob: async (digest) => isThere(blobPath(digest)),
    openBlob: async ({ digest }) => checkedBlob(createReadStream(blobPath(digest)), digest),
    putBlobFrom: ({ digest }, pieces) => writePieces(blobPath(digest), checkedBlob(pieces, digest)),
    referrers: async (digest) => referrersAmong(await listed(), manifest, digest),
  };
}

async function referrersAmong(
  listed: readonly OciDescriptor[],
  manifest: OciRepository["manifest"],
  digest: string,
): Promise<readonly OciDescriptor[]> {
  const found = new Map<string, OciDescriptor>();
  for (const { annotations: _name, ...descriptor } of listed) {
    if (found.has(descriptor.digest)) continue;
    const json: JsonObject | undefined = (await manifest(descriptor.digest))?.json;
    const subject: Json | undefined = json?.["subject"];
    if (json !== undefined && (subject as JsonObject | undefined)?.["digest"] === digest)
      found.set(descriptor.digest, referrerOf(json, descriptor));
  }
  return [...found.values()];
}

async function isThere(path: string): Promise<boolean> {
  try {
    await (await open(path)).close();
    return true;
  } catch {
    return false;
  }
}

/** As `write` of files.ts, for more than is held at once. Problem `io/write`. */
async function writePieces(path: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(temporary, "w");
    try {
      for await (const piece of pieces) await file.write(piece);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    if (cause instanceof Problem) throw cause;
    throw new Problem("io/write", `cannot write ${path}`, { cause });
  }
}
