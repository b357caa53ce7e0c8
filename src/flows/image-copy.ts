// `tree` and `copy`: what there is beside an image, and taking it all elsewhere: the manifests of every platform, what
// refers to each of them, and cosign's older tags. Manifests go byte by byte, so that digests and signatures stay.

import { demand } from "../core/index.ts";
import { bundleMediaType } from "../sigstore/index.ts";
import {
  blobsOf,
  type ImageDescriptor,
  type ImageManifest,
  type ImageRepository,
  demandManifest,
  describeReferrer,
  isIndex,
  layersOf,
  resolveImage,
} from "./image-repository.ts";
import { legacyTag, predicateTypeAnnotation } from "./image-sign.ts";

/** A repository that layers of any size can be copied from and to. */
export interface CopyableRepository extends ImageRepository {
  hasBlob(digest: string): Promise<boolean>;
  openBlob(descriptor: Pick<ImageDescriptor, "digest" | "size">): Promise<AsyncIterable<Uint8Array>>;
  putBlobFrom(descriptor: Pick<ImageDescriptor, "digest" | "size">, pieces: AsyncIterable<Uint8Array>): Promise<void>;
  putManifestBytes(
    manifest: Pick<ImageManifest, "bytes" | "mediaType" | "json">,
    options?: { readonly tag?: string; readonly isPart?: boolean },
  ): Promise<ImageDescriptor>;
}

/** Something beside an image. */
export interface ImageNode {
  readonly digest: string;
  /** Its type, or for a bundle what it states. */
  readonly what: string;
  /** Where it is found: a referrer, or a tag of cosign's. */
  readonly by: string;
  readonly children: readonly ImageNode[];
}

const maxDepth = 4;
const maxNodes = 1000;
const suffixes = ["sig", "att", "sbom"] as const;

/** Everything beside an image, and beside the manifests below an index. Problems `image/*`, `io/*`. */
export async function imageTree(repository: ImageRepository, reference: string): Promise<ImageNode> {
  const [root, ...parts] = (await resolveImage(repository, reference, { recursive: true })).toReversed();
  const counter = { left: maxNodes };
  const children = await nodesBeside(repository, root!.digest, 1, counter);
  const below: ImageNode[] = [];
  for (const { digest, mediaType } of parts.toReversed()) {
    const beside = await nodesBeside(repository, digest, 1, counter);
    below.push({ digest, what: mediaType, by: "index", children: beside });
  }
  return { digest: root!.digest, what: root!.mediaType, by: reference, children: [...children, ...below] };
}

async function nodesBeside(
  repository: ImageRepository,
  digest: string,
  depth: number,
  counter: { left: number },
): Promise<readonly ImageNode[]> {
  const nodes: ImageNode[] = [];
  for (const listed of await repository.referrers(digest)) {
    const each = (await describeReferrer(repository, listed)) ?? listed;
    demand(counter.left-- > 0, "image/too-much-evidence", `there are more than ${maxNodes} things beside the image`);
    const children = depth < maxDepth ? await nodesBeside(repository, each.digest, depth + 1, counter) : [];
    nodes.push({ digest: each.digest, what: nameOf(each), by: "referrer", children });
  }
  for (const suffix of suffixes) {
    const tag = legacyTag(digest, suffix);
    const manifest = await repository.manifest(tag);
    if (manifest === undefined) continue;
    const children = layersOf(manifest).map(({ digest: layer, mediaType, annotations }): ImageNode => ({
      digest: layer,
      what: annotations?.["predicateType"] ?? mediaType,
      by: "layer",
      children: [],
    }));
    nodes.push({ digest: manifest.digest, what: manifest.mediaType, by: tag, children });
  }
  return nodes;
}

function nameOf({ artifactType, annotations, mediaType }: ImageDescriptor): string {
  const stated = artifactType === bundleMediaType ? annotations?.[predicateTypeAnnotation] : undefined;
  return stated ?? artifactType ?? mediaType;
}

export interface Copied {
  readonly digest: string;
  readonly manifests: number;
  readonly blobs: number;
}

/** Copies an image and all beside it. `tag` names it there. Problems `image/*`, `io/*`. */
export async function copyImage(
  from: { readonly repository: CopyableRepository; readonly reference: string },
  to: CopyableRepository,
  tag: string | undefined,
): Promise<Copied> {
  const copy = new Copying(from.repository, to);
  const root = await demandManifest(from.repository, from.reference);
  await copy.manifest(root, { depth: 0, isPart: false, tag });
  return { digest: root.digest, manifests: copy.done.size, blobs: copy.blobs.size };
}

class Copying {
  readonly done = new Set<string>();
  readonly blobs = new Set<string>();

  constructor(
    private readonly from: CopyableRepository,
    private readonly to: CopyableRepository,
  ) {}

  async manifest(
    manifest: ImageManifest,
    { depth, isPart, tag }: { depth: number; isPart: boolean; tag?: string | undefined },
  ): Promise<void> {
    const name = `${manifest.digest} ${tag ?? ""}`;
    if (this.done.has(name)) return;
    this.done.add(name);
    demand(this.done.size <= maxNodes, "image/too-much-evidence", `the image has more than ${maxNodes} manifests`);
    // What a manifest names is there before it is: a registry refuses it otherwise.
    if (isIndex(manifest)) {
      for (const part of await resolveImage(this.from, manifest.digest, { recursive: true })) {
        if (part.digest !== manifest.digest) await this.manifest(part, { depth, isPart: true });
      }
    } else {
      for (const blob of blobsOf(manifest)) await this.blob(blob);
    }
    await this.to.putManifestBytes(manifest, { isPart, ...(tag === undefined ? {} : { tag }) });
    if (depth < maxDepth) await this.beside(manifest.digest, depth + 1);
  }

  private async beside(digest: string, depth: number): Promise<void> {
    for (const each of await this.from.referrers(digest)) {
      await this.manifest(await demandManifest(this.from, each.digest), { depth, isPart: false });
    }
    for (const suffix of suffixes) {
      const tag = legacyTag(digest, suffix);
      const manifest = await this.from.manifest(tag);
      if (manifest !== undefined) await this.manifest(manifest, { depth: maxDepth, isPart: false, tag });
    }
  }

  private async blob(descriptor: ImageDescriptor): Promise<void> {
    const { digest } = descriptor;
    if (this.blobs.has(digest)) return;
    this.blobs.add(digest);
    if (await this.to.hasBlob(digest)) return;
    await this.to.putBlobFrom(descriptor, await this.from.openBlob(descriptor));
  }
}
