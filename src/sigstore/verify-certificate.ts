// The signer's certificate: a path to a trusted authority at every verified time, and proof that it was logged.
// Client specification §4 steps 5 and 6; RFC 5280 §6.1; RFC 6962 §3.2. Hybrid model: the path must hold at the times
// at which the signature existed, not now. Chains come from the trust root alone.

import { demand, equalBytes, isProblem, Problem } from "../core/index.ts";
import {
  type Certificate,
  isSelfIssued,
  oids,
  parseCertificate,
  parseSctList,
  precertEntry,
  verifyPath,
  verifySct,
} from "../crypto/index.ts";
import { contains } from "./model.ts";
import type { Trust, TrustedAuthority } from "./trust.ts";

/** The certificate of the bundle. Problem `sigstore/certificate-invalid`: a bare key is none, and nothing stands in for it. */
export function readCertificate(der: Uint8Array): Certificate {
  try {
    return parseCertificate(der);
  } catch (cause) {
    throw new Problem("sigstore/certificate-invalid", "the signer's certificate is not valid", { cause });
  }
}

/**
 * Refuses a chain that brings a root of its own: sigstore_bundle.proto, "Signers MUST NOT include root CA certificates".
 * The trust root's own anchor is passed over, as early bundles of package registries carry it. No certificate here is
 * ever used for a path. Problem `sigstore/certificate-root`.
 */
export function refuseForeignRoots(rest: readonly Uint8Array[], trust: Trust): void {
  for (const der of rest) {
    const certificate = readCertificate(der);
    const known = trust.certificateAuthorities.some(({ chain }) => chain.some(({ raw }) => equalBytes(raw, der)));
    const foreign = isSelfIssued(certificate) && !known;
    demand(!foreign, "sigstore/certificate-root", "the bundle's chain holds a root certificate that is not trusted");
  }
}

/**
 * The path from the certificate to an authority that was trusted at each of the times, the same one for all.
 * Problem `sigstore/certificate-untrusted`, with the last reason as its cause.
 */
export function verifyCertificatePath(
  leaf: Certificate,
  timesMs: readonly number[],
  trust: Trust,
): readonly Certificate[] {
  demand(timesMs.length > 0, "sigstore/time-missing", "no verified time says when the signature was made");
  let reason: unknown;
  for (const authority of trust.certificateAuthorities) {
    try {
      const paths = timesMs.map((atMs) => pathAt(leaf, atMs, authority));
      return paths[0]!;
    } catch (problem) {
      if (!isProblem(problem)) throw problem;
      // An authority that did not issue it has nothing to say about why it fails.
      if (reason === undefined || problem.code !== "crypto/path-untrusted") reason = problem;
    }
  }
  throw new Problem(
    "sigstore/certificate-untrusted",
    "the signer's certificate was not valid at every time of signing",
    {
      cause: reason,
    },
  );
}

function pathAt(leaf: Certificate, atMs: number, authority: TrustedAuthority): readonly Certificate[] {
  const path = verifyPath(leaf, { anchors: authority.anchors, atMs, usage: "codeSigning" });
  const trusted = contains(authority.validFor, atMs);
  demand(trusted, "sigstore/authority-expired", "the certificate authority was not trusted at the time of signing");
  return path;
}

/** A CT log's promise for the certificate. */
export interface VerifiedSct {
  readonly baseUrl: string;
  readonly operator: string;
  readonly timestampMs: number;
}

/**
 * Counts the CT logs, one for each operator, that vouch for the certificate; refuses a signed certificate timestamp
 * of a known log that is not valid. Problems `sigstore/sct-missing`, `sigstore/sct-invalid`.
 */
export function verifyScts(
  leaf: Certificate,
  issuer: Certificate,
  trust: Trust,
  threshold: number,
): readonly VerifiedSct[] {
  const verified: VerifiedSct[] = [];
  const list = leaf.extensions.get(oids.sctList);
  if (list !== undefined) {
    const entry = precertEntry(leaf, issuer.publicKey);
    for (const sct of parseSctList(list.value)) {
      const logs = trust.ctLogs.filter((each) => equalBytes(each.logId, sct.logId));
      if (logs.length === 0) continue;
      const log = logs.find((each) => contains(each.validFor, sct.timestampMs));
      demand(log !== undefined, "sigstore/sct-invalid", "a CT log was not trusted at the time that it states");
      verifyOneSct(() => verifySct(sct, entry, log.key));
      verified.push({ baseUrl: log.baseUrl, operator: log.operator, timestampMs: sct.timestampMs });
    }
  }
  const operators = new Set(verified.map(({ operator }) => operator)).size;
  const counted = `${operators} of ${threshold} needed signed certificate timestamps`;
  demand(operators >= threshold, "sigstore/sct-missing", `the signer's certificate has ${counted} of known logs`);
  return verified;
}

function verifyOneSct(verify: () => void): void {
  try {
    verify();
  } catch (cause) {
    throw new Problem("sigstore/sct-invalid", "a signed certificate timestamp is not the log's over this certificate", {
      cause,
    });
  }
}
