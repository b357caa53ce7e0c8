// One repository of a registry: manifests, blobs, and what refers to a manifest. OCI distribution specification 1.1,
// OCI image specification 1.1. Content is what its digest says, or it is not handed over.

import { digestHex } from "../crypto/index.ts";
import { Fields, type Json, type JsonObject, parseJson, Problem, utf8 } from "../core/index.ts";
import { ociDigestForm, type OciReference } from "./oci-reference.ts";
import { checkedBlob, otherContent, uploadBlob, uploadBlobPieces } from "./oci-blob.ts";
import type { RegistryReply, RegistryRequest } from "./oci-transport.ts";

/** OCI image specification 1.1, "Content Descriptors". */
export interface OciDescriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: JsonObject;
}

export interface OciManifest {
  readonly mediaType: string;
  readonly digest: string;
  readonly bytes: Uint8Array;
  readonly json: JsonObject;
  /** What `ifMatch` takes. */
  readonly etag: string | undefined;
}

/** A repository, wherever it is: in a registry, or as a layout in a folder. */
export interface OciRepository {
  /** By tag or digest; undefined when there is none. Problems `io/registry-*`, `io/image-*`, `io/unreachable`. */
  manifest(reference: string): Promise<OciManifest | undefined>;
  blob(descriptor: Pick<OciDescriptor, "digest" | "size">): Promise<Uint8Array>;
  putBlob(bytes: Uint8Array, mediaType: string): Promise<OciDescriptor>;
  hasBlob(digest: string): Promise<boolean>;
  /** A blob of any size, piece by piece; at its end a Problem `io/image-digest` when it was another. */
  openBlob(descriptor: Pick<OciDescriptor, "digest" | "size">): Promise<AsyncIterable<Uint8Array>>;
  /** Nothing is there before the whole of it was, and had its digest. */
  putBlobFrom(descriptor: Pick<OciDescriptor, "digest" | "size">, pieces: AsyncIterable<Uint8Array>): Promise<void>;
  /** By a tag, or without one by its digest. A manifest with a `subject` is among the subject's referrers afterwards. */
  putManifest(json: JsonObject, tag?: string): Promise<OciDescriptor>;
  /** As it is, byte by byte. `isPart`: an index will name it, so it needs no name of its own. */
  putManifestBytes(
    manifest: Pick<OciManifest, "bytes" | "mediaType" | "json">,
    options?: { readonly tag?: string; readonly isPart?: boolean },
  ): Promise<OciDescriptor>;
  /** All manifests that name `digest` as their subject. */
  referrers(digest: string): Promise<readonly OciDescriptor[]>;
}

export const ociMediaTypes = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  dockerList: "application/vnd.docker.distribution.manifest.list.v2+json",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  empty: "application/vnd.oci.empty.v1+json",
} as const;

export const maxManifestBytes = 4 * 1024 * 1024;
/** Of evidence beside an image, not of the image's own layers. */
export const maxBlobBytes = 64 * 1024 * 1024;
const maxReferrers = 1000;
const maxPages = 50;
const maxRaces = 8;
const accept = Object.values(ociMediaTypes).slice(0, 4).join(", ");

export function ociDigest(bytes: Uint8Array): string {
  return `sha256:${digestHex("sha256", bytes)}`;
}

/** Where referrers are listed in a registry without their API: a tag named by the subject's digest. */
export function fallbackTag(digest: string): string {
  return digest.replace(":", "-");
}

/** A descriptor as JSON. Problem `io/image-invalid`. */
export function parseDescriptor(fields: Fields): OciDescriptor {
  const digest = fields.string("digest");
  if (!ociDigestForm.test(digest)) throw fields.problem("digest", "is no sha256 digest");
  const optional = {
    artifactType: fields.nullable("artifactType", (name) => fields.string(name)),
    annotations: fields.nullable("annotations", (name) => Object.fromEntries(fields.stringMap(name, { max: 256 }))),
    platform: fields.nullable("platform", (name) => fields.object(name).value),
  };
  return {
    mediaType: fields.string("mediaType"),
    digest,
    size: fields.integer("size"),
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)),
  };
}

/** The manifests that an index lists. Problem `io/image-invalid`. */
export function manifestsOf(index: JsonObject): readonly OciDescriptor[] {
  return Fields.of(index, "index", "io/image-invalid").objects("manifests", { max: maxReferrers }, parseDescriptor);
}

export function readManifest(bytes: Uint8Array, type: string | undefined, etag?: string): OciManifest {
  const fields = Fields.of(parseJson(bytes, { maxBytes: maxManifestBytes }), "manifest", "io/image-invalid");
  const own = fields.optional("mediaType", (name) => fields.string(name));
  const given = type?.split(";")[0]?.trim();
  // A type that depends on who reads it would be two manifests of one digest.
  if (own !== undefined && given !== undefined && own !== given) throw fields.problem("mediaType", `is not ${given}`);
  const mediaType = own ?? given;
  if (mediaType === undefined) throw fields.problem("mediaType", "is missing");
  return { mediaType, digest: ociDigest(bytes), bytes, json: fields.value, etag };
}

/** A repository of a registry. */
export function openRegistryRepository(
  { repository }: Pick<OciReference, "repository">,
  send: (request: RegistryRequest) => Promise<RegistryReply>,
): OciRepository {
  const base = `/v2/${repository}`;
  const manifest = async (reference: string): Promise<OciManifest | undefined> => {
    const path = `${base}/manifests/${reference}`;
    const headers = { accept };
    const reply = await send({ method: "GET", path, headers, maxBytes: maxManifestBytes, expected: [200, 404] });
    if (reply.status === 404) return undefined;
    const type = reply.headers.get("content-type") ?? undefined;
    const read = readManifest(reply.body, type, reply.headers.get("etag") ?? undefined);
    if (reference.includes(":") && read.digest !== reference) throw otherContent(reference, read.digest);
    return read;
  };
  const put = async (reference: string, content: ManifestContent, extra: Readonly<Record<string, string>>) => {
    const { bytes, mediaType } = content;
    const reply = await send({
      method: "PUT",
      path: `${base}/manifests/${reference === "" ? ociDigest(bytes) : reference}`,
      headers: { "content-type": mediaType, ...extra },
      body: bytes,
      maxBytes: maxManifestBytes,
      expected: [200, 201, 202, 412],
    });
    return { reply, descriptor: { mediaType, digest: ociDigest(bytes), size: bytes.length } };
  };
  const putManifestBytes: OciRepository["putManifestBytes"] = async (content, { tag = "" } = {}) => {
    const { reply, descriptor } = await put(tag, content, {});
    if (reply.status === 412) throw new Problem("io/registry-status", `the registry refused the manifest ${tag}`);
    const subject = content.json["subject"] as JsonObject | undefined;
    // The header says that the registry keeps the list itself (distribution 1.1 "Pushing Manifests with Subject").
    if (subject !== undefined && reply.headers.get("oci-subject") === null) {
      await addToFallback(subject["digest"] as string, referrerOf(content.json, descriptor), manifest, put);
    }
    return descriptor;
  };
  const hasBlob = async (digest: string): Promise<boolean> => {
    const head = { method: "HEAD", path: `${base}/blobs/${digest}`, maxBytes: 0, expected: [200, 404] } as const;
    return (await send(head)).status === 200;
  };
  return {
    manifest,
    referrers: (digest) => listReferrers(base, digest, send, manifest),
    blob: async ({ digest, size }) => {
      if (size > maxBlobBytes) throw new Problem("io/too-large", `the blob ${digest} has ${size} bytes`);
      const reply = await send({ method: "GET", path: `${base}/blobs/${digest}`, maxBytes: size, expected: [200] });
      const actual = ociDigest(reply.body);
      if (actual !== digest) throw otherContent(digest, actual);
      return reply.body;
    },
    putBlob: async (bytes, mediaType) => {
      const digest = ociDigest(bytes);
      if (!(await hasBlob(digest))) await uploadBlob(base, digest, bytes, send);
      return { mediaType, digest, size: bytes.length };
    },
    hasBlob,
    openBlob: async ({ digest, size }) => {
      const request = { method: "GET", path: `${base}/blobs/${digest}`, maxBytes: size, expected: [200] } as const;
      return checkedBlob((await send({ ...request, streamed: true })).stream!, digest);
    },
    putBlobFrom: ({ digest }, pieces) => uploadBlobPieces(base, digest, pieces, send),
    putManifest: (json, tag = "") => putManifestBytes(manifestContent(json), { tag }),
    putManifestBytes,
  };
}

type ManifestContent = Pick<OciManifest, "bytes" | "mediaType" | "json">;

/** A manifest that is made here. */
export function manifestContent(json: JsonObject): ManifestContent {
  return { bytes: utf8(JSON.stringify(json)), mediaType: json["mediaType"] as string, json };
}

/** What a list of referrers says of a manifest. */
export function referrerOf(json: JsonObject, descriptor: OciDescriptor): OciDescriptor {
  const config = json["config"] as JsonObject | undefined;
  const artifactType = (json["artifactType"] ?? config?.["mediaType"]) as string | undefined;
  const annotations = json["annotations"] as Readonly<Record<string, string>> | undefined;
  return {
    ...descriptor,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(annotations === undefined ? {} : { annotations }),
  };
}

/** The API, page by page; without it the fallback tag. Only 404 is "there is none". */
async function listReferrers(
  base: string,
  digest: string,
  send: (request: RegistryRequest) => Promise<RegistryReply>,
  manifest: OciRepository["manifest"],
): Promise<readonly OciDescriptor[]> {
  const found: OciDescriptor[] = [];
  let path: string | undefined = `${base}/referrers/${digest}`;
  for (let page = 0; path !== undefined; page++) {
    if (page === maxPages) throw new Problem("io/too-large", `${digest} has over ${maxPages} pages of referrers`);
    const headers = { accept: ociMediaTypes.index };
    const reply: RegistryReply = await send({
      method: "GET",
      path,
      headers,
      maxBytes: maxManifestBytes,
      expected: [200, 404],
    });
    if (reply.status === 404) return fallbackReferrers(digest, manifest);
    found.push(...manifestsOf(readManifest(reply.body, undefined).json));
    if (found.length > maxReferrers) throw new Problem("io/too-large", `${digest} has over ${maxReferrers} referrers`);
    path = /<([^>]+)>\s*;\s*rel="?next"?/i.exec(reply.headers.get("link") ?? "")?.[1];
  }
  return found;
}

async function fallbackReferrers(
  digest: string,
  manifest: OciRepository["manifest"],
): Promise<readonly OciDescriptor[]> {
  const index = await manifest(fallbackTag(digest));
  // cosign's own tags have the same form with a suffix; this one is an index or it is nothing of ours.
  return index === undefined || index.mediaType !== ociMediaTypes.index ? [] : manifestsOf(index.json);
}

/**
 * Read, add, write under the ETag that was read, and look again: registries that ignore `If-Match` would lose one of
 * two that write at once. Problem `io/registry-conflict`.
 */
async function addToFallback(
  subject: string,
  referrer: OciDescriptor,
  manifest: OciRepository["manifest"],
  put: (
    reference: string,
    content: ManifestContent,
    extra: Readonly<Record<string, string>>,
  ) => Promise<{ readonly reply: RegistryReply }>,
): Promise<void> {
  const tag = fallbackTag(subject);
  for (let race = 0; race < maxRaces; race++) {
    const before = await manifest(tag);
    const listed = before === undefined ? [] : manifestsOf(before.json);
    if (listed.some(({ digest }) => digest === referrer.digest)) return;
    const index = { schemaVersion: 2, mediaType: ociMediaTypes.index, manifests: [...listed, referrer] };
    const etag = before?.etag;
    const condition: Record<string, string> =
      before === undefined ? { "if-none-match": "*" } : etag === undefined ? {} : { "if-match": etag };
    await put(tag, manifestContent(index as unknown as Json as JsonObject), condition);
  }
  throw new Problem("io/registry-conflict", `others kept changing the list of what refers to ${subject}`, {
    hint: "try again",
  });
}
