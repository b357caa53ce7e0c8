// Issues a signing certificate: sigstore/fulcio docs/certificate-specification.md, "Issued certificate", with signed
// certificate timestamps embedded (RFC 6962 §3.3). Empty subject, one critical name, digitalSignature, codeSigning,
// ten minutes. No clock and no random number are made here: the time and the serial number are handed in.

import { demand, equalBytes, minuteMs, Problem, type Verified } from "../core/index.ts";
import {
  authorityKeyIdentifier,
  type Certificate,
  type CertificateTemplate,
  createCertificate,
  extendedKeyUsage,
  type ExtensionTemplate,
  keyIdentifier,
  keyUsage,
  oids,
  parseCertificate,
  poisonExtension,
  precertEntry,
  type PublicKey,
  rawTextExtension,
  sctListExtension,
  type SignedCertificateTimestamp,
  type Signer,
  subjectAlternativeName,
  subjectKeyIdentifier,
  utf8Extension,
  verifySct,
} from "../crypto/index.ts";
import type { CertificateIdentity } from "./fulcio-identity.ts";
import { extensionNumbers, fulcioArc, legacyExtensionNumbers } from "./identity.ts";

/** Life of a certificate: certificate-specification.md, "Validity". */
export const certificateLifetimeMs = 10 * minuteMs;

export interface CertificateAuthority {
  /** The issuing certificate first, the anchor last. */
  readonly chain: readonly Certificate[];
  readonly signer: Signer;
}

/** A precertificate on its way to a CT log, with the chain that issued it. */
export interface PrecertificateSubmission {
  readonly precertificate: Certificate;
  readonly chain: readonly Certificate[];
}

export interface CtSubmission {
  submit(submission: PrecertificateSubmission): Promise<SignedCertificateTimestamp>;
  /** The log's key: its answer is verified before it goes into a certificate. */
  readonly logKey: PublicKey;
}

export interface IssueRequest {
  readonly identity: CertificateIdentity;
  readonly publicKey: Verified<PublicKey>;
  readonly ca: CertificateAuthority;
  /** One timestamp is embedded for each log; none for an instance without CT. */
  readonly ctLogs: readonly CtSubmission[];
  readonly nowMs: number;
  /** 16 to 20 random bytes, the first below 0x80; 20 are what the specification asks for. */
  readonly serialNumber: Uint8Array;
}

/**
 * The new certificate and its chain, in DER. Problems `sigstore/authority-unusable` when the authority's key or
 * validity does not fit, `sigstore/serial-number`, `sigstore/sct-invalid`, `crypto/certificate-invalid`.
 */
export async function issueSigningCertificate(request: IssueRequest): Promise<readonly Uint8Array[]> {
  const { ca, ctLogs, serialNumber } = request;
  const [issuer] = ca.chain;
  if (issuer === undefined)
    throw new Problem("sigstore/authority-unusable", "certificate authority has no certificate");
  checkAuthority(issuer, request);
  const random = serialNumber.length >= 16 && serialNumber.length <= 20 && serialNumber[0]! < 0x80;
  demand(random, "sigstore/serial-number", "serial number is not of 16 to 20 bytes with a clear first bit");
  const template = signingTemplate(request, issuer);
  const issue = (extra: readonly ExtensionTemplate[]): Promise<Uint8Array> =>
    createCertificate(
      { ...template, extensions: [...template.extensions, ...extra] },
      { certificate: issuer, signer: ca.signer },
    );
  const chain = ca.chain.map(({ raw }) => raw);
  if (ctLogs.length === 0) return [await issue([]), ...chain];
  const precertificate = parseCertificate(await issue([poisonExtension()]));
  const scts = await Promise.all(ctLogs.map((log) => timestampOf(log, { precertificate, chain: ca.chain })));
  return [await issue([sctListExtension(scts)]), ...chain];
}

function checkAuthority(issuer: Certificate, { ca, nowMs }: IssueRequest): void {
  const code = "sigstore/authority-unusable";
  const ownKey = equalBytes(issuer.publicKey.spki, ca.signer.publicKey.spki);
  demand(ownKey, code, "certificate authority's certificate is not for its key");
  const endMs = nowMs + certificateLifetimeMs;
  const outlives = ca.chain.every(({ notBeforeMs, notAfterMs }) => notBeforeMs <= nowMs && endMs <= notAfterMs);
  demand(outlives, code, "certificate authority's chain does not outlive the certificate");
}

async function timestampOf(
  log: CtSubmission,
  submission: PrecertificateSubmission,
): Promise<SignedCertificateTimestamp> {
  const sct = await log.submit(submission);
  const issuer = submission.chain[0]!;
  try {
    verifySct(sct, precertEntry(submission.precertificate, issuer.publicKey), log.logKey);
  } catch (cause) {
    throw new Problem("sigstore/sct-invalid", "CT log's answer is not its signature over the precertificate", {
      cause,
    });
  }
  return sct;
}

function signingTemplate(
  { identity, publicKey, nowMs, serialNumber }: IssueRequest,
  issuer: Certificate,
): CertificateTemplate {
  return {
    serialNumber,
    subject: {},
    notBeforeMs: nowMs,
    notAfterMs: nowMs + certificateLifetimeMs,
    publicKey,
    extensions: [
      keyUsage("digitalSignature"),
      extendedKeyUsage([oids.codeSigning]),
      subjectKeyIdentifier(publicKey),
      authorityKeyIdentifier(issuer.subjectKeyId ?? keyIdentifier(issuer.publicKey)),
      subjectAlternativeName([identity.subjectAlternativeName], { critical: true }),
      ...identityExtensions(identity),
    ],
  };
}

// docs/oid-info.md: 1 to 6 are the bare text, 8 and above DER UTF8String. In ascending order of their numbers.
function identityExtensions({ extensions }: CertificateIdentity): readonly ExtensionTemplate[] {
  const out: ExtensionTemplate[] = [];
  for (const [name, number] of Object.entries(legacyExtensionNumbers)) {
    const value = extensions.get(name as keyof typeof legacyExtensionNumbers);
    if (value !== undefined) out.push(rawTextExtension(`${fulcioArc}.${number}`, value));
  }
  for (const [name, number] of Object.entries(extensionNumbers)) {
    const value = extensions.get(name as keyof typeof extensionNumbers);
    if (value !== undefined) out.push(utf8Extension(`${fulcioArc}.${number}`, value));
  }
  return out;
}
