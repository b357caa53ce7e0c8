// Whether a log entry is about this bundle and nothing else: client specification §4 step 2, "the log entry must be
// bound to the bundle". Rekor v2: the body is made anew from the bundle and compared as bytes. Rekor v1
// (hashedrekord 0.0.1, dsse 0.0.1, intoto 0.0.2): signature, verifier, digest and algorithm field by field.

import { demand, equalBytes, Fields, fromBase64, fromHex, fromUtf8, parseJson, Problem } from "../core/index.ts";
import { digest, digestBytes, type HashAlgorithm, parsePem, schemeHash } from "../crypto/index.ts";
import { type SigningAlgorithm, signingAlgorithms } from "./key-details.ts";
import { maxBodyBytes } from "./limits.ts";
import type { TransparencyLogEntry } from "./model.ts";
import { canonicalBody, hashedRekordKind, hashedRekordVersion } from "./rekor-body.ts";
import { digestMissing, type SignedContent } from "./verify-content.ts";

const code = "sigstore/log-entry-mismatch";

function mismatch(what: string): Problem {
  return new Problem(code, `log entry is not about this bundle: ${what}`);
}

/** True for an entry of Rekor v2, whose logs give no time and no promise. */
export function isRekorV2(entry: TransparencyLogEntry): boolean {
  return entry.kind === hashedRekordKind && entry.version === hashedRekordVersion;
}

/**
 * Checks the entry's body against the bundle; gives the signature algorithms that the entry leaves possible.
 * Problems `sigstore/log-entry-mismatch`, `sigstore/log-entry-unsupported`, `sigstore/artifact-digest-unsuitable`.
 */
export function verifyEntryBody(entry: TransparencyLogEntry, content: SignedContent): readonly SigningAlgorithm[] {
  if (isRekorV2(entry)) return verifyHashedRekordV2(entry, content);
  const body = Fields.of(parseJson(entry.canonicalizedBody, { maxBytes: maxBodyBytes }), "log entry", code);
  const sameKind = body.string("kind") === entry.kind && body.string("apiVersion") === entry.version;
  demand(sameKind, code, "log entry's body is of another kind than the bundle says");
  const spec = body.object("spec");
  switch (`${entry.kind} ${entry.version}`) {
    case "hashedrekord 0.0.1":
      return verifyHashedRekordV1(spec, content);
    case "dsse 0.0.1":
      return verifyDsseV1(spec, content);
    case "intoto 0.0.2":
      return verifyIntotoV1(spec, content);
    default:
      throw new Problem("sigstore/log-entry-unsupported", "log entry's kind and version are not supported");
  }
}

function verifyHashedRekordV2(entry: TransparencyLogEntry, content: SignedContent): readonly SigningAlgorithm[] {
  let compared = 0;
  for (const algorithm of signingAlgorithms(content.key)) {
    const hash = schemeHash(algorithm.scheme);
    const own = hash && content.digestOf(hash);
    // A log takes no pure Ed25519, as it signs no digest; another digest than the caller's cannot be made.
    if (hash === undefined || own === undefined) continue;
    compared++;
    const { signature, verifier } = content;
    const body = canonicalBody({ algorithm: hash, digest: own, signature, verifier, keyDetails: algorithm.keyDetails });
    if (equalBytes(body, entry.canonicalizedBody)) return [algorithm];
  }
  if (compared === 0) throw digestMissing();
  throw mismatch("its body is not the one that this signature, signer and content make");
}

function verifyHashedRekordV1(spec: Fields, content: SignedContent): readonly SigningAlgorithm[] {
  if (content.envelope !== undefined) throw mismatch("it is of an artifact, the bundle holds an envelope");
  const signature = spec.object("signature");
  const hash = spec.object("data").object("hash");
  checkSignature(signature.base64("content"), content);
  checkVerifier(signature.object("publicKey").base64("content"), content);
  const algorithm = hash.oneOf("algorithm", "sha256", "sha384", "sha512");
  checkDigest(hash.string("value"), algorithm, content.digestOf(algorithm));
  return signingAlgorithms(content.key).filter(({ scheme }) => schemeHash(scheme) === algorithm);
}

function verifyDsseV1(spec: Fields, content: SignedContent): readonly SigningAlgorithm[] {
  if (content.envelope === undefined) throw mismatch("it is of an envelope, the bundle holds none");
  const [signature] = spec.objects("signatures", { min: 1, max: 1 }, (each) => ({
    bytes: each.base64("signature"),
    verifier: each.base64("verifier"),
  }));
  checkSignature(signature!.bytes, content);
  checkVerifier(signature!.verifier, content);
  checkPayload(spec.object("payloadHash"), content.envelope.payload);
  return signingAlgorithms(content.key);
}

function verifyIntotoV1(spec: Fields, content: SignedContent): readonly SigningAlgorithm[] {
  if (content.envelope === undefined) throw mismatch("it is of an envelope, the bundle holds none");
  const entry = spec.object("content");
  const envelope = entry.object("envelope");
  if (envelope.string("payloadType") !== content.envelope.payloadType) throw mismatch("the payload type differs");
  const [signature] = envelope.objects("signatures", { min: 1, max: 1 }, (each) => ({
    // Rekor v1's intoto 0.0.2 encodes a signature that is base64 already a second time.
    bytes: decodeTwice(each.base64("sig")),
    verifier: each.base64("publicKey"),
  }));
  checkSignature(signature!.bytes, content);
  checkVerifier(signature!.verifier, content);
  checkPayload(entry.object("payloadHash"), content.envelope.payload);
  return signingAlgorithms(content.key);
}

function decodeTwice(bytes: Uint8Array): Uint8Array {
  try {
    return fromBase64(fromUtf8(bytes));
  } catch (cause) {
    throw new Problem(code, "log entry's signature is not valid base64", { cause });
  }
}

function checkSignature(logged: Uint8Array, content: SignedContent): void {
  if (!equalBytes(logged, content.signature)) throw mismatch("the signature differs");
}

/** The logged PEM is exactly the bundle's certificate or the caller's key. */
function checkVerifier(logged: Uint8Array, content: SignedContent): void {
  const { kind, der } = content.verifier;
  let blocks: readonly Uint8Array[];
  try {
    blocks = parsePem(fromUtf8(logged), kind === "certificate" ? "CERTIFICATE" : "PUBLIC KEY");
  } catch (cause) {
    throw new Problem(code, "log entry's signer is not the bundle's", { cause });
  }
  if (blocks.length !== 1 || !equalBytes(blocks[0]!, der)) throw mismatch("the signer differs");
}

function checkPayload(hash: Fields, payload: Uint8Array): void {
  const algorithm = hash.oneOf("algorithm", "sha256", "sha384", "sha512");
  checkDigest(hash.string("value"), algorithm, digest(algorithm, payload));
}

function checkDigest(value: string, algorithm: HashAlgorithm, own: Uint8Array | undefined): void {
  if (own === undefined) throw digestMissing();
  let logged: Uint8Array;
  try {
    logged = fromHex(value);
  } catch (cause) {
    throw new Problem(code, "log entry's digest is not hexadecimal", { cause });
  }
  if (logged.length !== digestBytes[algorithm] || !equalBytes(logged, own)) throw mismatch("the digest differs");
}
