// Who a Fulcio certificate was issued to: the one subject alternative name, the issuer and the facts of the build.
// sigstore/fulcio docs/oid-info.md and docs/certificate-specification.md. Stricter: exactly one name; where both
// forms of the issuer are there they must be equal.

import { demand, fromUtf8, Problem } from "../core/index.ts";
import { type Certificate, readDer, type SubjectAltName } from "../crypto/index.ts";
import { matchesPattern, type Pattern } from "./pattern.ts";

export const fulcioArc = "1.3.6.1.4.1.57264.1";
export const usernameOid = `${fulcioArc}.7`;

/** Facts of a build by oid-info.md's names; each is the number in the arc, 8 and above DER UTF8String. */
export const extensionNumbers = {
  issuer: 8,
  buildSignerUri: 9,
  buildSignerDigest: 10,
  runnerEnvironment: 11,
  sourceRepositoryUri: 12,
  sourceRepositoryDigest: 13,
  sourceRepositoryRef: 14,
  sourceRepositoryIdentifier: 15,
  sourceRepositoryOwnerUri: 16,
  sourceRepositoryOwnerIdentifier: 17,
  buildConfigUri: 18,
  buildConfigDigest: 19,
  buildTrigger: 20,
  runInvocationUri: 21,
  sourceRepositoryVisibility: 22,
  deploymentEnvironment: 23,
  tokenSubject: 24,
} as const;

/** Deprecated ones, bare text; still issued by others and by us for GitHub, as old policies read them. */
export const legacyExtensionNumbers = {
  legacyIssuer: 1,
  githubWorkflowTrigger: 2,
  githubWorkflowSha: 3,
  githubWorkflowName: 4,
  githubWorkflowRepository: 5,
  githubWorkflowRef: 6,
} as const;

export type ExtensionName = keyof typeof extensionNumbers;
export type LegacyExtensionName = keyof typeof legacyExtensionNumbers;

export interface SignerIdentity {
  readonly issuer: string;
  readonly subjectAlternativeName: string;
  readonly subjectAlternativeNameType: SubjectAltName["type"];
  /** What the issuer said of the build, by name. */
  readonly extensions: ReadonlyMap<ExtensionName | LegacyExtensionName, string>;
}

function oidsOf<Name extends string>(numbers: Readonly<Record<Name, number>>): readonly (readonly [Name, string])[] {
  return (Object.entries(numbers) as [Name, number][]).map(([name, number]) => [name, `${fulcioArc}.${number}`]);
}

const extensionOids = oidsOf(extensionNumbers);
const legacyExtensionOids = oidsOf(legacyExtensionNumbers);

const code = "sigstore/certificate-identity";

/** The identity in a certificate. Problem `sigstore/certificate-identity` when it is none or ambiguous. */
export function identityOf(certificate: Certificate): SignerIdentity {
  const [name, ...others] = certificate.subjectAltNames;
  demand(name !== undefined && others.length === 0, code, "certificate has not exactly one subject alternative name");
  const known = name.type !== "other" || name.oid === usernameOid;
  demand(known, code, "certificate's subject alternative name is of an unknown kind");
  demand(name.value !== "", code, "certificate's subject alternative name is empty");
  const extensions = new Map<ExtensionName | LegacyExtensionName, string>();
  for (const [key, oid] of legacyExtensionOids) {
    const value = certificate.extensions.get(oid)?.value;
    if (value !== undefined) extensions.set(key, bareText(value));
  }
  for (const [key, oid] of extensionOids) {
    const value = certificate.extensions.get(oid)?.value;
    if (value !== undefined) extensions.set(key, utf8String(value));
  }
  const legacy = extensions.get("legacyIssuer");
  const issuer = extensions.get("issuer") ?? legacy;
  demand(issuer !== undefined && issuer !== "", code, "certificate does not name the issuer of the identity");
  demand(legacy === undefined || legacy === issuer, code, "certificate names two issuers of the identity");
  return {
    issuer,
    subjectAlternativeName: name.value,
    subjectAlternativeNameType: name.type,
    extensions,
  };
}

function bareText(value: Uint8Array): string {
  try {
    return fromUtf8(value);
  } catch (cause) {
    throw new Problem(code, "certificate's extension is not text", { cause });
  }
}

function utf8String(value: Uint8Array): string {
  const input = { what: "certificate's extension", code, maxBytes: 65_536 } as const;
  return readDer(value, input, (reader) => reader.utf8String());
}

/** Whom a bundle must be from. A string is compared as a whole, byte by byte; only a `Pattern` is a pattern. */
export interface ExpectedIdentity {
  readonly issuer: string | Pattern;
  readonly subjectAlternativeName: string | Pattern;
  /** Facts that the certificate must state, exactly so. */
  readonly extensions?: ReadonlyMap<ExtensionName | LegacyExtensionName, string>;
}

/** True when the identity is the expected one. */
export function isIdentity(identity: SignerIdentity, expected: ExpectedIdentity): boolean {
  return (
    isExpected(identity.issuer, expected.issuer) &&
    isExpected(identity.subjectAlternativeName, expected.subjectAlternativeName) &&
    [...(expected.extensions ?? [])].every(([name, value]) => identity.extensions.get(name) === value)
  );
}

/** True when the text is the one expected, or as the pattern says. */
export function isExpected(text: string, expected: string | Pattern): boolean {
  return typeof expected === "string" ? text === expected : matchesPattern(expected, text);
}

/** The expectation as a person wrote it. */
export function expectedText(expected: string | Pattern): string {
  return typeof expected === "string" ? expected : `${expected.text} (pattern)`;
}
