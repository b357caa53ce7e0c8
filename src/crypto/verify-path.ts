// Certification path validation, RFC 5280 §6.1, for code signing and time-stamping (RFC 3161 §2.3). Narrow: no name
// constraints, policies or revocation; an extension that would need them and is critical is refused. Stricter: the
// anchor's validity, path length and purposes count too, and keyUsage must be there on every certificate.

import { demand, equalBytes, isProblem, markVerified, Problem, type Verified } from "../core/index.ts";
import { verifyWithAlgorithm } from "./algorithm.ts";
import { oids } from "./oid.ts";
import { type Certificate, isSelfIssued } from "./x509.ts";

export type PathUsage = "codeSigning" | "timeStamping";

export const pathLimits = { maxCertificates: 8, maxCandidates: 64, maxAnchors: 64 } as const;

/** Trusted certificates, with the memory of which CA signatures among them were verified. */
export interface PreparedAnchors {
  readonly anchors: readonly Certificate[];
  readonly intermediates: readonly Certificate[];
  /** Child to issuers that signed it; only pairs of the certificates above, so bounded by them. */
  readonly signedBy: WeakMap<Certificate, WeakSet<Certificate>>;
}

export interface PathOptions {
  /** Any CA certificate may be an anchor: RFC 5280 §6.1.1(d) needs its name and key, not that it is self-signed. */
  readonly anchors: PreparedAnchors | readonly Certificate[];
  /** Further, untrusted ones, tried after those of prepared anchors. */
  readonly intermediates?: readonly Certificate[];
  /** Every certificate of the path must be valid at this time. */
  readonly atMs: number;
  readonly usage: PathUsage;
}

/**
 * Anchors and intermediates that many leaves will be verified with: each signature between them is verified once, so
 * that a leaf then costs one. Problem `crypto/path-untrusted` when there is no anchor, or more than 64 certificates.
 */
export function prepareAnchors(
  anchors: readonly Certificate[],
  intermediates: readonly Certificate[] = [],
): PreparedAnchors {
  const count = anchors.length + intermediates.length;
  const sized = anchors.length > 0 && count <= pathLimits.maxAnchors;
  demand(sized, "crypto/path-untrusted", `not 1 to ${pathLimits.maxAnchors} trusted certificates`);
  return { anchors: [...anchors], intermediates: [...intermediates], signedBy: new WeakMap() };
}

/**
 * The path from `leaf` to an anchor. Problem `crypto/path-expired`, `crypto/path-signature`, `crypto/path-untrusted`,
 * `crypto/path-usage`, `crypto/path-critical-extension`, `crypto/path-constraint`; where several paths fail, that of
 * the first candidate that failed. RFC 5280 §6.1.
 */
export function verifyPath(leaf: Certificate, options: PathOptions): Verified<readonly Certificate[]> {
  const { anchors, atMs, usage } = options;
  const prepared = isPrepared(anchors) ? anchors : prepareAnchors(anchors);
  checkCriticalExtensions(leaf);
  checkValidity(leaf, atMs);
  checkLeaf(leaf, usage);
  const intermediates = [...prepared.intermediates, ...(options.intermediates ?? [])];
  const search: Search = { prepared, intermediates, atMs, usage, tried: 0, failure: undefined };
  const path = extend([leaf], search);
  if (path !== undefined) return markVerified(path);
  throw search.failure ?? new Problem("crypto/path-untrusted", "no trusted certificate issued the certificate");
}

function isPrepared(anchors: PreparedAnchors | readonly Certificate[]): anchors is PreparedAnchors {
  return !Array.isArray(anchors);
}

interface Search {
  readonly prepared: PreparedAnchors;
  readonly intermediates: readonly Certificate[];
  readonly atMs: number;
  readonly usage: PathUsage;
  tried: number;
  failure: Problem | undefined;
}

/** Depth first, anchors before intermediates; undefined when no candidate leads to an anchor. */
function extend(path: readonly Certificate[], search: Search): readonly Certificate[] | undefined {
  const child = path.at(-1) as Certificate;
  const { anchors } = search.prepared;
  for (const candidate of [...anchors, ...search.intermediates]) {
    if (!namesIssuer(child, candidate) || path.includes(candidate)) continue;
    search.tried++;
    demand(search.tried <= pathLimits.maxCandidates, "crypto/path-constraint", "too many candidate issuers");
    if (!accepts(path, candidate, search)) continue;
    const longer = [...path, candidate];
    if (anchors.includes(candidate)) return longer;
    if (longer.length === pathLimits.maxCertificates) {
      search.failure ??= new Problem("crypto/path-constraint", `path has over ${longer.length} certificates`);
      continue;
    }
    const found = extend(longer, search);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** RFC 5280 §6.1.3(a)(4), and §4.2.1.1 where both identifiers are there. */
function namesIssuer(child: Certificate, issuer: Certificate): boolean {
  if (!equalBytes(child.issuer, issuer.subject)) return false;
  const { authorityKeyId } = child;
  const { subjectKeyId } = issuer;
  return authorityKeyId === undefined || subjectKeyId === undefined || equalBytes(authorityKeyId, subjectKeyId);
}

function accepts(path: readonly Certificate[], issuer: Certificate, search: Search): boolean {
  try {
    checkCriticalExtensions(issuer);
    checkValidity(issuer, search.atMs);
    checkAuthority(issuer, path, search.usage);
    checkSignature(path.at(-1) as Certificate, issuer, search.prepared);
    return true;
  } catch (problem) {
    if (!isProblem(problem)) throw problem;
    search.failure ??= problem;
    return false;
  }
}

const processed: ReadonlySet<string> = new Set([
  oids.basicConstraints,
  oids.keyUsage,
  oids.extKeyUsage,
  oids.subjectAltName,
  oids.subjectKeyIdentifier,
  oids.authorityKeyIdentifier,
]);

/** RFC 5280 §4.2: a critical extension that is not processed, name constraints among them. */
function checkCriticalExtensions(certificate: Certificate): void {
  for (const [oid, { critical }] of certificate.extensions)
    if (critical && !processed.has(oid))
      throw new Problem("crypto/path-critical-extension", `critical extension ${oid} is not supported`);
}

/** RFC 5280 §4.1.2.5: both ends belong to the validity. */
function checkValidity(certificate: Certificate, atMs: number): void {
  const valid = certificate.notBeforeMs <= atMs && atMs <= certificate.notAfterMs;
  demand(valid, "crypto/path-expired", "a certificate of the path is not valid at that time");
}

function checkLeaf(leaf: Certificate, usage: PathUsage): void {
  const authority = leaf.basicConstraints?.ca === true || leaf.keyUsage?.has("keyCertSign") === true;
  demand(!authority, "crypto/path-constraint", "the signer's certificate is one of a certificate authority");
  const signs = leaf.keyUsage?.has("digitalSignature") === true;
  demand(signs, "crypto/path-usage", "the signer's certificate has no key usage digitalSignature");
  const purposes = leaf.extendedKeyUsage ?? [];
  demand(purposes.includes(oids[usage]), "crypto/path-usage", `the signer's certificate is not for ${usage}`);
  if (usage !== "timeStamping") return;
  const alone = purposes.length === 1 && leaf.extensions.get(oids.extKeyUsage)?.critical === true;
  demand(alone, "crypto/path-usage", "extended key usage timeStamping is not critical or not alone");
}

function checkAuthority(issuer: Certificate, path: readonly Certificate[], usage: PathUsage): void {
  const { basicConstraints, keyUsage, extendedKeyUsage } = issuer;
  demand(basicConstraints?.ca === true, "crypto/path-constraint", "an issuer is not a certificate authority");
  // RFC 5280 §4.2.1.9: self-issued intermediates do not count.
  const between = path.slice(1).filter((certificate) => !isSelfIssued(certificate)).length;
  const short = between <= (basicConstraints.pathLength ?? pathLimits.maxCertificates);
  demand(short, "crypto/path-constraint", "the path is longer than an issuer allows");
  demand(keyUsage?.has("keyCertSign") === true, "crypto/path-usage", "an issuer has no key usage keyCertSign");
  const fits =
    extendedKeyUsage === undefined ||
    extendedKeyUsage.includes(oids[usage]) ||
    extendedKeyUsage.includes(oids.anyExtendedKeyUsage);
  demand(fits, "crypto/path-usage", `an issuer is not for ${usage}`);
}

function checkSignature(child: Certificate, issuer: Certificate, prepared: PreparedAnchors): void {
  if (prepared.signedBy.get(child)?.has(issuer) === true) return;
  const { signatureAlgorithm, tbs, signature } = child;
  const valid = verifyWithAlgorithm(signatureAlgorithm, issuer.publicKey, tbs, signature);
  demand(valid, "crypto/path-signature", "a certificate of the path is not signed by its issuer");
  const known = prepared.anchors.includes(issuer) || prepared.intermediates.includes(issuer);
  if (!known || !prepared.intermediates.includes(child)) return;
  const issuers = prepared.signedBy.get(child) ?? new WeakSet();
  prepared.signedBy.set(child, issuers.add(issuer));
}
