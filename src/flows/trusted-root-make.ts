// `trust create`: a Sigstore trusted root of certificates, keys, addresses and validity. Where keys and ids have a usual
// form they are made so: log ids of Rekor v2 are C2SP key ids under the host's name, those of v1 and of CT logs are the
// digest of the key. What comes out is prepared as a verifier would before it is given.

import { Problem } from "../core/index.ts";
import { keyFingerprint, parseCertificatesPem, parsePublicKeyPem, type PublicKey } from "../crypto/index.ts";
import {
  type AuthorityInstance,
  encodeTrustedRoot,
  type LogInstance,
  noteNames,
  parseTrustedRoot,
  prepareTrust,
  signingAlgorithms,
  type TimeRange,
  type TrustedRoot,
  trustedRootMediaType,
  trustedRootMediaTypeV2,
} from "../sigstore/index.ts";
import { noteKeyId } from "../tlog/index.ts";

export type InstanceKind = "ca" | "log" | "ctLog" | "tsa";

/** One service as a person describes it. */
export interface InstanceWish {
  readonly kind: InstanceKind;
  readonly url: string;
  /** PEM: a public key of a log, a chain up to its root of an authority. */
  readonly pem: string;
  readonly validFor: TimeRange;
  readonly operator: string;
  /** Of a log: 1 or 2. */
  readonly api: 1 | 2;
}

/** The trusted root's bytes: those of `base` and then the new ones. Problems `sigstore/trusted-root-invalid`, `trust/*`. */
export function makeTrustedRoot(wishes: readonly InstanceWish[], base: TrustedRoot | undefined): Uint8Array {
  if (wishes.length === 0) throw new Problem("trust/empty", "no service was named that is to be trusted");
  const of = <T>(kind: InstanceKind, make: (wish: InstanceWish) => T): readonly T[] =>
    wishes.filter((wish) => wish.kind === kind).map(make);
  const operated = wishes.some(({ operator }) => operator !== "") || base?.mediaType === trustedRootMediaTypeV2;
  const root: TrustedRoot = {
    // Older clients read v0.1 alone, which has no place for an operator.
    mediaType: operated ? trustedRootMediaTypeV2 : trustedRootMediaType,
    logs: byStart([...(base?.logs ?? []), ...of("log", logOf)]),
    certificateAuthorities: byStart([...(base?.certificateAuthorities ?? []), ...of("ca", authorityOf)]),
    ctLogs: byStart([...(base?.ctLogs ?? []), ...of("ctLog", logOf)]),
    timestampAuthorities: byStart([...(base?.timestampAuthorities ?? []), ...of("tsa", authorityOf)]),
  };
  const bytes = encodeTrustedRoot(root);
  const { unusable } = prepareTrust(parseTrustedRoot(bytes));
  if (unusable.length > 0) throw new Problem("trust/unusable", `no verifier could use ${unusable.join(", ")}`);
  return bytes;
}

// sigstore_trustroot.proto: "listed in ascending order of their start".
function byStart<T extends { readonly validFor: TimeRange }>(instances: readonly T[]): readonly T[] {
  return [...instances].sort((a, b) => a.validFor.startMs - b.validFor.startMs);
}

function logOf({ kind, url, pem, validFor, operator, api }: InstanceWish): LogInstance {
  const key = parsePublicKeyPem(pem);
  const named = kind === "log" && api === 2 ? noteKeyId(noteNames(url)[0] as string, key) : undefined;
  return {
    baseUrl: url,
    publicKey: key.spki,
    keyDetails: keyDetailsOf(key),
    validFor,
    logId: named ?? keyFingerprint(key),
    ...(named === undefined ? {} : { checkpointKeyId: named.slice(0, 4) }),
    operator,
  };
}

/** Notes are signed with pure Ed25519, or over SHA-256 on P-256; RSA with PKCS #1 v1.5. */
function keyDetailsOf(key: PublicKey): string {
  if (key.type === "ed25519") return "PKIX_ED25519";
  const [usual] = signingAlgorithms(key);
  if (usual === undefined) throw new Problem("trust/key-unsupported", "a log's key has no usual scheme");
  return usual.keyDetails;
}

function authorityOf({ url, pem, validFor, operator }: InstanceWish): AuthorityInstance {
  return {
    // Only for who reads it: verifiers go by the certificates.
    subject: { organization: "", commonName: "" },
    uri: url,
    certificates: parseCertificatesPem(pem).map(({ raw }) => raw),
    validFor,
    operator,
  };
}
