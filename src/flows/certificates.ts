// The certificate chains of a new organisation: a root and an intermediate for code signing, a root and a leaf for
// timestamps. Fulcio certificate specification (docs/certificate-specification.md) and RFC 3161 §2.3.

import { dayMs } from "../core/index.ts";
import {
  authorityKeyIdentifier,
  basicConstraints,
  type Certificate,
  createCertificate,
  createSigner,
  extendedKeyUsage,
  type ExtensionTemplate,
  keyIdentifier,
  keyUsage,
  oids,
  parseCertificate,
  type PrivateKey,
  subjectKeyIdentifier,
} from "../crypto/index.ts";
import { positiveInteger, serialBytes } from "./serial-number.ts";
import type { Randomness } from "./world.ts";

/** Ten years: rotation makes a new authority long before. */
const authorityLifetimeMs = 3650 * dayMs;

interface Issuing {
  readonly certificate: Certificate;
  readonly key: PrivateKey;
}

async function certificate(
  random: Randomness,
  now: number,
  name: { readonly organization: string; readonly commonName: string },
  key: PrivateKey,
  extensions: readonly ExtensionTemplate[],
  issuer?: Issuing,
): Promise<Certificate> {
  const der = await createCertificate(
    {
      serialNumber: positiveInteger(random, serialBytes),
      subject: name,
      notBeforeMs: now,
      notAfterMs: now + authorityLifetimeMs,
      publicKey: key.publicKey,
      extensions: [
        ...extensions,
        subjectKeyIdentifier(key.publicKey),
        ...(issuer === undefined ? [] : [authorityKeyIdentifier(keyIdentifier(issuer.key.publicKey))]),
      ],
    },
    issuer === undefined
      ? { signer: createSigner(key) }
      : { certificate: issuer.certificate, signer: createSigner(issuer.key) },
  );
  return parseCertificate(der);
}

/** Chain of the CA, issuing certificate first, root last. */
export async function createCaChain(
  random: Randomness,
  now: number,
  organization: string,
  keys: { readonly root: PrivateKey; readonly ca: PrivateKey },
): Promise<readonly Certificate[]> {
  const signs = keyUsage("keyCertSign", "cRLSign");
  const root = await certificate(random, now, { organization, commonName: `${organization} root` }, keys.root, [
    signs,
    basicConstraints({ ca: true, pathLength: 1 }),
  ]);
  const intermediate = await certificate(
    random,
    now,
    { organization, commonName: `${organization} intermediate` },
    keys.ca,
    [signs, extendedKeyUsage([oids.codeSigning]), basicConstraints({ ca: true, pathLength: 0 })],
    { certificate: root, key: keys.root },
  );
  return [intermediate, root];
}

/** Chain of the timestamp authority, its signing certificate first, root last. */
export async function createTsaChain(
  random: Randomness,
  now: number,
  organization: string,
  keys: { readonly root: PrivateKey; readonly tsa: PrivateKey },
): Promise<readonly Certificate[]> {
  const root = await certificate(
    random,
    now,
    { organization, commonName: `${organization} timestamp root` },
    keys.root,
    [keyUsage("keyCertSign", "cRLSign"), basicConstraints({ ca: true, pathLength: 0 })],
  );
  const leaf = await certificate(
    random,
    now,
    { organization, commonName: `${organization} timestamps` },
    keys.tsa,
    // RFC 3161 §2.3: timestamping alone, and critical.
    [keyUsage("digitalSignature"), extendedKeyUsage([oids.timeStamping], { critical: true })],
    { certificate: root, key: keys.root },
  );
  return [leaf, root];
}
