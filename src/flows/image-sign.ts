// Signs images and attaches what it signed, as cosign 3 lays it out: an in-toto statement in a DSSE envelope, its bundle
// the one layer of a manifest whose `subject` is the image (sigstore/cosign specs/BUNDLE_SPEC.md). What is signed is
// the digest, resolved once, never a tag. `legacy` writes cosign's older tags instead, which its clients before 3 read.

import { demand, formatUtcSeconds, type JsonObject, utf8 } from "../core/index.ts";
import { encodeEnvelope } from "../crypto/index.ts";
import { createStatement, encodeStatement } from "../intoto/index.ts";
import {
  type Bundle,
  bundleMediaType,
  encodeBundle,
  encodeSimpleSigning,
  envelopeMediaType,
  legacyAnnotations,
  simpleSigningMediaType,
} from "../sigstore/index.ts";
import {
  demandManifest,
  imageMediaTypes,
  type ImageDescriptor,
  type ImageManifest,
  type ImageRepository,
  layersOf,
  type NamedImage,
  resolveImage,
} from "./image-repository.ts";
import type { Signing } from "./signing.ts";

/** Predicate type of a statement that says no more than that its subject is signed. */
export const imageSignatureType = "https://sigstore.dev/cosign/sign/v1";
export const bundleContentAnnotation = "dev.sigstore.bundle.content";
export const predicateTypeAnnotation = "dev.sigstore.bundle.predicateType";
const createdAnnotation = "org.opencontainers.image.created";

export interface ImagePredicate {
  readonly predicateType: string;
  readonly predicate: JsonObject;
}

export interface SignImageOptions {
  readonly signing: Signing;
  readonly now: number;
  /** Every manifest below an index too. */
  readonly recursive?: boolean;
  /** What the signature states beside the digest. */
  readonly annotations?: ReadonlyMap<string, string>;
  readonly legacy?: boolean;
}

/** One manifest, signed. */
export interface SignedImage {
  /** `sha256:<hex>`. */
  readonly digest: string;
  readonly bundle: Bundle;
  /** Digest of the manifest that holds the bundle. */
  readonly attached: string;
}

/** Problems `image/*`, `sigstore/*`, `api/*`, `io/*`. */
export async function signImage(image: NamedImage, options: SignImageOptions): Promise<readonly SignedImage[]> {
  const { signing, annotations = new Map<string, string>() } = options;
  return eachManifest(image, options, async (manifest) => {
    const { digest } = manifest;
    if (options.legacy === true) {
      const payload = encodeSimpleSigning(image.name, { digest, annotations });
      const bundle = await signing.signMessage(payload);
      const layer = { bytes: payload, mediaType: simpleSigningMediaType };
      return {
        digest,
        bundle,
        attached: await attachLegacy(image.repository, manifest, "sig", layer, bundle, signing),
      };
    }
    const bundle = await signing.signStatement(
      statementOf(digest, { annotations: Object.fromEntries(annotations) }, emptySignature),
    );
    return {
      digest,
      bundle,
      attached: await attachBundle(image.repository, manifest, bundle, imageSignatureType, options.now),
    };
  });
}

const emptySignature: ImagePredicate = { predicateType: imageSignatureType, predicate: {} };

/** As `signImage`, with a statement of the caller's. */
export async function attestImage(
  image: NamedImage,
  predicate: ImagePredicate,
  options: SignImageOptions,
): Promise<readonly SignedImage[]> {
  const { signing, now } = options;
  return eachManifest(image, options, async (manifest) => {
    const { digest } = manifest;
    const bundle = await signing.signStatement(statementOf(digest, { name: image.name }, predicate));
    const { predicateType } = predicate;
    if (options.legacy === true && bundle.content.kind === "dsse") {
      const bytes = utf8(JSON.stringify(encodeEnvelope(bundle.content.envelope)));
      const layer = { bytes, mediaType: envelopeMediaType, annotations: { predicateType } };
      return {
        digest,
        bundle,
        attached: await attachLegacy(image.repository, manifest, "att", layer, bundle, signing),
      };
    }
    return { digest, bundle, attached: await attachBundle(image.repository, manifest, bundle, predicateType, now) };
  });
}

async function eachManifest(
  { repository, reference }: NamedImage,
  { recursive = false, legacy = false, signing }: SignImageOptions,
  sign: (manifest: ImageManifest) => Promise<SignedImage>,
): Promise<readonly SignedImage[]> {
  const { logVersions } = signing;
  // Without its entry nobody could verify it by the log, and nobody would be told.
  const fits = !legacy || logVersions.length === 0 || logVersions.includes(1);
  demand(fits, "image/legacy-log", "cosign's older tags hold entries of Rekor v1, and the signing config names none");
  const signed: SignedImage[] = [];
  for (const manifest of await resolveImage(repository, reference, { recursive })) signed.push(await sign(manifest));
  return signed;
}

function statementOf(
  digest: string,
  subject: { readonly name?: string; readonly annotations?: JsonObject },
  predicate: ImagePredicate,
): Uint8Array {
  const sha256 = digest.slice("sha256:".length);
  return encodeStatement(
    createStatement({ subject: [{ ...subject, digest: new Map([["sha256", sha256]]) }], ...predicate }),
  );
}

/** Puts a bundle beside the manifest that it is about; gives the digest of the new manifest. Problems `io/*`. */
export async function attachBundle(
  repository: ImageRepository,
  manifest: ImageManifest,
  bundle: Bundle,
  predicateType: string | undefined,
  now: number,
): Promise<string> {
  const layer = await repository.putBlob(encodeBundle(bundle), bundleMediaType);
  const config = await repository.putBlob(utf8("{}"), imageMediaTypes.empty);
  const kind = bundle.content.kind === "dsse" ? "dsse-envelope" : "message-signature";
  const { digest } = await repository.putManifest({
    schemaVersion: 2,
    mediaType: imageMediaTypes.manifest,
    artifactType: bundleMediaType,
    config: descriptorJson(config),
    layers: [descriptorJson(layer)],
    subject: { mediaType: manifest.mediaType, digest: manifest.digest, size: manifest.bytes.length },
    annotations: {
      [bundleContentAnnotation]: kind,
      ...(predicateType === undefined ? {} : { [predicateTypeAnnotation]: predicateType }),
      [createdAnnotation]: formatUtcSeconds(now),
    },
  });
  return digest;
}

function descriptorJson({ mediaType, digest, size, annotations }: ImageDescriptor): JsonObject {
  return { mediaType, digest, size, ...(annotations === undefined ? {} : { annotations }) };
}

/** Where cosign keeps what is about a manifest: `sha256-<hex>.sig`, `.att`, `.sbom`. */
export function legacyTag(digest: string, suffix: "sig" | "att" | "sbom"): string {
  return `${digest.replace(":", "-")}.${suffix}`;
}

interface LegacyLayer {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Adds a layer to those under the tag. Two writers at once lose one of theirs, as with cosign itself. */
async function attachLegacy(
  repository: ImageRepository,
  { digest }: ImageManifest,
  suffix: "sig" | "att",
  layer: LegacyLayer,
  bundle: Bundle,
  signing: Signing,
): Promise<string> {
  const tag = legacyTag(digest, suffix);
  const before = await repository.manifest(tag);
  const kept = before === undefined ? [] : layersOf(await demandManifest(repository, before.digest));
  const annotations = { ...layer.annotations, ...legacyAnnotations(bundle, signing.chain()) };
  const added = { ...(await repository.putBlob(layer.bytes, layer.mediaType)), annotations };
  const layers = [...kept, added];
  const none = "0001-01-01T00:00:00Z";
  const config = await repository.putBlob(
    utf8(
      JSON.stringify({
        architecture: "",
        created: none,
        history: layers.map(() => ({ created: none })),
        os: "",
        rootfs: { type: "layers", diff_ids: layers.map((each) => each.digest) },
        config: {},
      }),
    ),
    imageMediaTypes.config,
  );
  const put = await repository.putManifest(
    {
      schemaVersion: 2,
      mediaType: imageMediaTypes.manifest,
      config: descriptorJson(config),
      layers: layers.map(descriptorJson),
    },
    tag,
  );
  return put.digest;
}
