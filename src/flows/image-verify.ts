// `verify IMAGE`: every piece of evidence beside an image is read within bounds and verified; one that holds is needed.
// Evidence is a bundle among the image's referrers, or a layer under cosign's older tags. What a registry could not
// answer is a Problem `io/*` and never "no signatures"; what is broken or a stranger's is named and does not count.
// Bounds: GHSA-88jx-383q-w4qc, GHSA-95pr-fxf5-86gv, GHSA-vfp6-jrw2-99g9; the type asked for: GHSA-vjxv-45g9-9296.

import { demand, Fields, fromHex, isProblem, parseJson, Problem, type ProblemCode } from "../core/index.ts";
import { parseEnvelope, type PublicKey } from "../crypto/index.ts";
import { parseStatement } from "../intoto/index.ts";
import {
  type Bundle,
  bundleMediaType,
  bundleOfLegacyAttestation,
  bundleOfLegacySignature,
  envelopeMediaType,
  type KeylessOptions,
  parseBundle,
  parseSimpleSigning,
  simpleSigningMediaType,
  type Thresholds,
  type Trust,
  type VerifiedBundle,
  verifyBundle,
  type VerifyOptions,
  type WitnessRequirement,
} from "../sigstore/index.ts";
import {
  demandManifest,
  describeReferrer,
  type ImageDescriptor,
  type ImageManifest,
  type ImageRepository,
  layersOf,
  subjectOf,
} from "./image-repository.ts";
import { imageSignatureType, legacyTag, predicateTypeAnnotation } from "./image-sign.ts";

export interface ImageExpectation {
  readonly trust: Trust;
  /** By whom: an identity or a key. */
  readonly signer: { readonly identity: KeylessOptions["identity"] } | { readonly key: PublicKey };
  /** What the statement must be of; a signature when left out. */
  readonly predicateType?: string;
  /** What the signature must state beside the digest. */
  readonly annotations?: ReadonlyMap<string, string>;
  readonly thresholds?: Thresholds;
  readonly witnesses?: WitnessRequirement;
}

export interface HeldEvidence {
  /** Where it lies: a manifest's digest, or a tag and a layer's number. */
  readonly place: string;
  readonly form: "bundle" | "legacy signature" | "legacy attestation";
  readonly verified: VerifiedBundle;
}

export interface VerifiedImage {
  /** `sha256:<hex>` of the manifest: what from here on is the image. */
  readonly digest: string;
  /** At least one. */
  readonly held: readonly HeldEvidence[];
  readonly refused: readonly { readonly place: string; readonly code: ProblemCode; readonly message: string }[];
}

/** Pieces of evidence that are looked at for one image. */
export const maxImageEvidence = 64;
const maxBundleBytes = 32 * 1024 * 1024;
const maxPayloadBytes = 1024 * 1024;

/**
 * Problems `image/not-found`, `image/no-signature`, `image/unverified` when none holds, `io/*` when the registry does
 * not answer.
 */
export async function verifyImage(
  repository: ImageRepository,
  reference: string,
  expected: ImageExpectation,
): Promise<VerifiedImage> {
  const { digest } = await demandManifest(repository, reference);
  const found = await findEvidence(repository, digest, expected);
  const held: HeldEvidence[] = [];
  const refused: VerifiedImage["refused"][number][] = [];
  for (const { place, form, read } of found.slice(0, maxImageEvidence)) {
    try {
      held.push({ place, form, verified: await read() });
    } catch (error) {
      if (!isProblem(error) || isUnanswered(error)) throw error;
      refused.push({ place, code: error.code, message: error.message });
    }
  }
  if (held.length > 0) return { digest, held, refused };
  if (found.length > maxImageEvidence)
    throw new Problem(
      "image/too-much-evidence",
      `${digest} has ${found.length} pieces of evidence, and none that was looked at holds`,
    );
  throw nothingHolds(digest, expected, refused);
}

function nothingHolds(
  digest: string,
  { predicateType = imageSignatureType }: ImageExpectation,
  refused: VerifiedImage["refused"],
): Problem {
  const [first, ...others] = refused;
  const what = predicateType === imageSignatureType ? "signature" : `attestation of type ${predicateType}`;
  if (first === undefined) return new Problem("image/no-signature", `${digest} has no ${what}`);
  const more = others.length === 0 ? "" : `, and ${others.length} more`;
  const said = `${first.place}: ${first.message} [${first.code}]${more}`;
  return new Problem("image/unverified", `${digest} has no ${what} that holds: ${said}`);
}

/** What is wrong with the piece of evidence itself says nothing of the others; all else of the world ends it. */
function isUnanswered({ code }: Problem): boolean {
  const itsOwn = ["io/image-digest", "io/image-invalid", "io/too-large"];
  return code.startsWith("io/") && !itsOwn.includes(code);
}

interface Evidence extends Pick<HeldEvidence, "place" | "form"> {
  read(): Promise<VerifiedBundle>;
}

async function findEvidence(
  repository: ImageRepository,
  digest: string,
  expected: ImageExpectation,
): Promise<readonly Evidence[]> {
  const { predicateType = imageSignatureType } = expected;
  const bundles = await findBundles(repository, digest, predicateType);
  const suffix = predicateType === imageSignatureType ? "sig" : "att";
  const tag = legacyTag(digest, suffix);
  const legacy = await repository.manifest(tag);
  const layers = legacy === undefined ? [] : [...layersOf(legacy).entries()];
  // Lists grow at their end: what was added last is looked at first.
  return [
    ...bundles.toReversed().map((each): Evidence => ({
      place: each.digest,
      form: "bundle",
      read: () => verifyReferrer(repository, each, digest, expected),
    })),
    ...layers.toReversed().map(([at, layer]): Evidence => ({
      place: `${tag} layer ${at}`,
      form: suffix === "sig" ? "legacy signature" : "legacy attestation",
      read: () =>
        suffix === "sig"
          ? verifyLegacySignature(repository, layer, digest, expected)
          : verifyLegacyAttestation(repository, layer, digest, expected),
    })),
  ];
}

/**
 * Those that are of the type by their own manifest's word, which is the registry's: a wrong one hides evidence, and
 * makes none. More than are looked at are not described either.
 */
async function findBundles(
  repository: ImageRepository,
  digest: string,
  predicateType: string,
): Promise<readonly ImageDescriptor[]> {
  const found: ImageDescriptor[] = [];
  for (const listed of await repository.referrers(digest)) {
    const each = found.length > maxImageEvidence ? listed : await describeReferrer(repository, listed);
    const named = each?.annotations?.[predicateTypeAnnotation];
    const isOurs = each?.artifactType === bundleMediaType && (named === undefined || named === predicateType);
    if (each !== undefined && isOurs) found.push(each);
  }
  return found;
}

async function verifyReferrer(
  repository: ImageRepository,
  { digest }: ImageDescriptor,
  subject: string,
  expected: ImageExpectation,
): Promise<VerifiedBundle> {
  const bundle = parseBundle(await readBundleLayer(repository, await demandManifest(repository, digest), subject));
  const predicateType = expected.predicateType ?? imageSignatureType;
  const verified = verifyBundle(bundle, { ...optionsFor(expected), artifact: artifactOf(subject), predicateType });
  demandAnnotations(annotationsOf(verified, subject), expected);
  return verified;
}

async function readBundleLayer(
  repository: ImageRepository,
  manifest: ImageManifest,
  subject: string,
): Promise<Uint8Array> {
  demand(subjectOf(manifest) === subject, "image/subject-mismatch", "the manifest refers to another image");
  const [layer, ...others] = layersOf(manifest, maxImageEvidence);
  const isBundle = layer !== undefined && others.length === 0 && layer.mediaType === bundleMediaType;
  demand(isBundle, "image/manifest-invalid", "the manifest does not hold exactly one bundle");
  demand(layer.size <= maxBundleBytes, "image/too-large", `the bundle has ${layer.size} bytes`);
  return repository.blob(layer);
}

async function verifyLegacySignature(
  repository: ImageRepository,
  layer: ImageDescriptor,
  subject: string,
  expected: ImageExpectation,
): Promise<VerifiedBundle> {
  demand(layer.mediaType === simpleSigningMediaType, "image/manifest-invalid", "the layer is no signature");
  demand(layer.size <= maxPayloadBytes, "image/too-large", `the signed text has ${layer.size} bytes`);
  const bytes = await repository.blob(layer);
  const bundle = bundleOfLegacySignature(layer.annotations ?? {});
  const verified = verifyBundle(bundle, { ...optionsFor(expected), artifact: { kind: "bytes", bytes } });
  // Not before the signature holds: until then it is anybody's text.
  const payload = parseSimpleSigning(bytes);
  demand(payload.digest === subject, "image/subject-mismatch", "the signature is over another image");
  demandAnnotations(payload.annotations, expected);
  return verified;
}

async function verifyLegacyAttestation(
  repository: ImageRepository,
  layer: ImageDescriptor,
  subject: string,
  expected: ImageExpectation,
): Promise<VerifiedBundle> {
  demand(layer.mediaType === envelopeMediaType, "image/manifest-invalid", "the layer is no attestation");
  demand(layer.size <= maxBundleBytes, "image/too-large", `the attestation has ${layer.size} bytes`);
  const envelope = parseEnvelope(parseJson(await repository.blob(layer), { maxBytes: maxBundleBytes }));
  const bundle: Bundle = bundleOfLegacyAttestation(layer.annotations ?? {}, envelope);
  const { predicateType } = expected;
  const verified = verifyBundle(bundle, {
    ...optionsFor(expected),
    artifact: artifactOf(subject),
    ...(predicateType === undefined ? {} : { predicateType }),
  });
  demandAnnotations(annotationsOf(verified, subject), expected);
  return verified;
}

function artifactOf(digest: string) {
  return { kind: "digest", algorithm: "sha256", digest: fromHex(digest.slice("sha256:".length)) } as const;
}

type CommonOptions = Pick<VerifyOptions, "trust" | "thresholds" | "witnesses"> &
  ({ identity: KeylessOptions["identity"] } | { key: PublicKey });

function optionsFor({ trust, signer, thresholds, witnesses }: ImageExpectation): CommonOptions {
  const asked = {
    ...(thresholds === undefined ? {} : { thresholds }),
    ...(witnesses === undefined ? {} : { witnesses }),
  };
  return { trust, ...signer, ...asked };
}

/** What a statement says of the image as its subject. */
function annotationsOf({ content }: VerifiedBundle, digest: string): ReadonlyMap<string, string> {
  if (content.kind !== "envelope") return new Map();
  const statement = parseStatement(content.payload, { allowV01: true });
  const subject = statement.subject.find((each) => `sha256:${each.digest.get("sha256")}` === digest);
  const fields = Fields.of(subject?.annotations ?? {}, "annotations", "image/annotation-mismatch");
  const named = fields.names().filter((name) => typeof fields.value[name] === "string");
  return new Map(named.map((name) => [name, fields.string(name)]));
}

function demandAnnotations(stated: ReadonlyMap<string, string>, { annotations }: ImageExpectation): void {
  for (const [name, value] of annotations ?? []) {
    demand(stated.get(name) === value, "image/annotation-mismatch", `the signature does not state ${name}=${value}`);
  }
}
