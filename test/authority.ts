// A small authority for tests: certificates of fresh keys, each part of which a test may change.

import {
  authorityKeyIdentifier,
  basicConstraints,
  type Certificate,
  type CertificateTemplate,
  createCertificate,
  createSigner,
  extendedKeyUsage,
  type ExtensionTemplate,
  generateKey,
  keyIdentifier,
  type KeyType,
  keyUsage,
  oids,
  parseCertificate,
  type PathUsage,
  type PrivateKey,
  randomBytes,
  subjectAlternativeName,
  subjectKeyIdentifier,
} from "../src/crypto/index.ts";

export interface Issued {
  readonly certificate: Certificate;
  readonly key: PrivateKey;
}

export interface Wish {
  readonly keyType?: KeyType;
  /** Instead of a fresh one. */
  readonly key?: PrivateKey;
  readonly issuer?: Issued;
  readonly extensions?: readonly ExtensionTemplate[];
  readonly template?: Partial<CertificateTemplate>;
}

/** 2026-01-01T00:00:00Z, inside every validity unless a test says otherwise; so is the host's clock for 40 years. */
export const someTimeMs = Date.UTC(2026, 0, 1);
const yearMs = 365 * 86_400_000;

export async function issue(name: string, wish: Wish = {}): Promise<Issued> {
  const key = wish.key ?? generateKey(wish.keyType ?? "ecdsa-p256");
  const serialNumber = randomBytes(20);
  const template: CertificateTemplate = {
    serialNumber,
    subject: name === "" ? {} : { commonName: name, organization: "Tests" },
    notBeforeMs: someTimeMs - yearMs,
    notAfterMs: someTimeMs + 40 * yearMs,
    publicKey: key.publicKey,
    extensions: [
      ...(wish.extensions ?? []),
      subjectKeyIdentifier(key.publicKey),
      authorityKeyIdentifier(keyIdentifier((wish.issuer?.key ?? key).publicKey)),
    ],
    ...wish.template,
  };
  const signer = createSigner(wish.issuer?.key ?? key);
  const issuer = wish.issuer === undefined ? { signer } : { certificate: wish.issuer.certificate, signer };
  return { certificate: parseCertificate(await createCertificate(template, issuer)), key };
}

export const caExtensions = (pathLength?: number): readonly ExtensionTemplate[] => [
  keyUsage("keyCertSign", "cRLSign"),
  basicConstraints(pathLength === undefined ? { ca: true } : { ca: true, pathLength }),
];

export const leafExtensions = (usage: PathUsage): readonly ExtensionTemplate[] => [
  keyUsage("digitalSignature"),
  extendedKeyUsage([oids[usage]]),
  ...(usage === "codeSigning"
    ? [subjectAlternativeName([{ type: "email", value: "who@example.com" }], { critical: true })]
    : []),
];

export interface TestChain {
  readonly root: Issued;
  readonly intermediate: Issued;
  readonly leaf: Issued;
}

/** Root, intermediate of path length 0, and leaf. */
export async function issueChain(usage: PathUsage, keyType: KeyType = "ecdsa-p256"): Promise<TestChain> {
  const root = await issue("root", { keyType, extensions: caExtensions(1) });
  const extensions = [...caExtensions(0), extendedKeyUsage([oids[usage]], { critical: false })];
  const intermediate = await issue("intermediate", { keyType, issuer: root, extensions });
  const name = usage === "codeSigning" ? "" : "timestamps";
  const leaf = await issue(name, { keyType, issuer: intermediate, extensions: leafExtensions(usage) });
  return { root, intermediate, leaf };
}
