// The repository of an image as flows use it, and how its manifests are read: OCI image specification 1.1 "manifest",
// "image-index"; OCI distribution specification 1.1 "Listing Referrers".

import { demand, Fields, type JsonObject, Problem } from "../core/index.ts";

/** A content descriptor. */
export interface ImageDescriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface ImageManifest {
  readonly mediaType: string;
  readonly digest: string;
  readonly bytes: Uint8Array;
  readonly json: JsonObject;
}

/** In a registry or in a folder; what fails is a Problem `io/*`, never "there is none". */
export interface ImageRepository {
  /** By tag or digest; undefined when there is none. */
  manifest(reference: string): Promise<ImageManifest | undefined>;
  blob(descriptor: Pick<ImageDescriptor, "digest" | "size">): Promise<Uint8Array>;
  putBlob(bytes: Uint8Array, mediaType: string): Promise<ImageDescriptor>;
  /** By a tag, or by its digest; with a `subject` it is a referrer afterwards. */
  putManifest(json: JsonObject, tag?: string): Promise<ImageDescriptor>;
  referrers(digest: string): Promise<readonly ImageDescriptor[]>;
}

/** An image by the name that was given for it. */
export interface NamedImage {
  readonly repository: ImageRepository;
  readonly reference: string;
  /** The repository's name without tag and digest. */
  readonly name: string;
}

export const imageMediaTypes = {
  manifest: "application/vnd.oci.image.manifest.v1+json",
  index: "application/vnd.oci.image.index.v1+json",
  dockerList: "application/vnd.docker.distribution.manifest.list.v2+json",
  config: "application/vnd.oci.image.config.v1+json",
  empty: "application/vnd.oci.empty.v1+json",
} as const;

const code = "image/manifest-invalid";
const maxParts = 256;
const maxDepth = 4;
const maxLayers = 256;
const digestForm = /^sha256:[0-9a-f]{64}$/;

/** Problem `image/not-found`. */
export async function demandManifest(repository: ImageRepository, reference: string): Promise<ImageManifest> {
  const manifest = await repository.manifest(reference);
  if (manifest === undefined) throw new Problem("image/not-found", `there is no image ${reference}`);
  return manifest;
}

export function isIndex({ mediaType }: Pick<ImageManifest, "mediaType">): boolean {
  return mediaType === imageMediaTypes.index || mediaType === imageMediaTypes.dockerList;
}

function descriptorOf(fields: Fields): ImageDescriptor {
  const digest = fields.string("digest", { max: 128 });
  if (!digestForm.test(digest)) throw fields.problem("digest", "is no sha256 digest");
  const annotations = fields.nullable("annotations", (name) =>
    Object.fromEntries(fields.stringMap(name, { max: 256 })),
  );
  return {
    mediaType: fields.string("mediaType", { max: 256 }),
    digest,
    size: fields.integer("size"),
    ...(annotations === undefined ? {} : { annotations }),
  };
}

/** The manifests of an index. Problem `image/manifest-invalid`. */
export function partsOf(index: ImageManifest): readonly ImageDescriptor[] {
  return Fields.of(index.json, "index", code).objects("manifests", { max: maxParts }, descriptorOf);
}

/** The layers of a manifest that is no index, at most `max`. Problem `image/manifest-invalid`. */
export function layersOf(manifest: ImageManifest, max = maxLayers): readonly ImageDescriptor[] {
  return Fields.of(manifest.json, "manifest", code).objects("layers", { max }, descriptorOf);
}

/**
 * A referrer with what its own manifest says of it, where the list leaves that open: some registries name the config's
 * type, and lists that clients keep may name nothing. Undefined when it is listed and not there. Problems `io/*`.
 */
export async function describeReferrer(
  repository: ImageRepository,
  listed: ImageDescriptor,
): Promise<ImageDescriptor | undefined> {
  const { artifactType, annotations } = listed;
  const isOpen = artifactType === undefined || artifactType === imageMediaTypes.empty || annotations === undefined;
  if (!isOpen) return listed;
  const manifest = await repository.manifest(listed.digest);
  if (manifest === undefined) return undefined;
  const fields = Fields.of(manifest.json, "manifest", code);
  const type = fields.nullable("artifactType", (name) => fields.string(name, { max: 256 }));
  const own = fields.nullable("annotations", (name) => Object.fromEntries(fields.stringMap(name, { max: 256 })));
  return {
    ...listed,
    ...(type === undefined ? {} : { artifactType: type }),
    ...(own === undefined ? {} : { annotations: own }),
  };
}

/** The config and the layers. Problem `image/manifest-invalid`. */
export function blobsOf(manifest: ImageManifest): readonly ImageDescriptor[] {
  const fields = Fields.of(manifest.json, "manifest", code);
  const config = fields.nullable("config", (name) => descriptorOf(fields.object(name)));
  const layers = fields.nullable("layers", () => layersOf(manifest)) ?? [];
  return [...(config === undefined ? [] : [config]), ...layers];
}

/** Digest of the manifest that this one refers to; undefined for one that refers to none. */
export function subjectOf(manifest: ImageManifest): string | undefined {
  const fields = Fields.of(manifest.json, "manifest", code);
  return fields.nullable("subject", (name) => descriptorOf(fields.object(name)).digest);
}

/**
 * The manifest by its name, resolved once, and with `recursive` every manifest below it, each once, parts first.
 * Problems `image/not-found`, `image/manifest-invalid`, `io/*`.
 */
export async function resolveImage(
  repository: ImageRepository,
  reference: string,
  options: { readonly recursive: boolean },
): Promise<readonly ImageManifest[]> {
  const found = new Map<string, ImageManifest>();
  const visit = async (manifest: ImageManifest, depth: number): Promise<void> => {
    demand(depth <= maxDepth, code, `indexes are nested more than ${maxDepth} deep`);
    if (found.has(manifest.digest)) return;
    if (options.recursive && isIndex(manifest)) {
      for (const part of partsOf(manifest)) await visit(await demandManifest(repository, part.digest), depth + 1);
    }
    found.set(manifest.digest, manifest);
    demand(found.size <= maxParts, code, `the image has more than ${maxParts} manifests`);
  };
  await visit(await demandManifest(repository, reference), 0);
  return [...found.values()];
}
