// Precertificates, RFC 6962 §3.1 and §3.2: the TBSCertificate that a log signs is the final one without the SCT list,
// or the precertificate's without the poison, every other byte as it was. Narrow: no precertificate signing
// certificate, so the issuer of both is the same.

import { demand, equalBytes } from "../core/index.ts";
import { type DerInput, derTag, readDer } from "./der.ts";
import * as der from "./der-write.ts";
import { rememberedFingerprint } from "./fingerprint.ts";
import { keyFingerprint, type PublicKey } from "./key.ts";
import { oids } from "./oid.ts";
import type { SignedEntry } from "./sct.ts";
import { type Certificate, certificateLimits } from "./x509.ts";
import type { ExtensionTemplate } from "./x509-extensions.ts";

const code = "crypto/sct-invalid";
const input: DerInput = { what: "TBSCertificate", code, maxBytes: certificateLimits.maxBytes };

/** The critical extension that makes a certificate useless for everything but a log. */
export function poisonExtension(): ExtensionTemplate {
  return { oid: oids.precertPoison, critical: true, value: der.nullValue() };
}

/** A TBSCertificate without one of its extensions. Problem `crypto/sct-invalid` when it has not exactly one of it. */
function removeExtension(tbs: Uint8Array, oid: string): Uint8Array {
  const { before, extensions } = readDer(tbs, input, (reader) =>
    reader.sequence((fields) => {
      const before: Uint8Array[] = [];
      while (!fields.done && fields.peek() !== 0xa3) before.push(fields.element().raw);
      const limits = { min: 1, max: certificateLimits.maxExtensions };
      const extensions = fields.context(3, (field) =>
        field.sequence((list) => list.list(limits, (item) => item.element(derTag.sequence).raw)),
      );
      return { before, extensions };
    }),
  );
  const name = der.oid(oid);
  const others = extensions.filter((extension) => !holds(extension, name));
  demand(others.length === extensions.length - 1, code, `a certificate has not exactly one extension ${oid}`);
  // Extensions ::= SEQUENCE SIZE (1..MAX): the field goes with its last member.
  const field = others.length === 0 ? [] : [der.explicit(3, der.sequence(...others))];
  return der.sequence(...before, ...field);
}

function holds(extension: Uint8Array, name: Uint8Array): boolean {
  return readDer(extension, input, (reader) =>
    reader.sequence((fields) => {
      const found = fields.element(derTag.oid).raw;
      while (!fields.done) fields.element();
      return equalBytes(found, name);
    }),
  );
}

/** TBS of a final certificate without its SCT list. Problem `crypto/sct-invalid`. RFC 6962 §3.2. */
export function removeScts(tbs: Uint8Array): Uint8Array {
  return removeExtension(tbs, oids.sctList);
}

/** TBS of a precertificate without its poison. Problem `crypto/sct-invalid`. RFC 6962 §3.2. */
export function removePoison(tbs: Uint8Array): Uint8Array {
  return removeExtension(tbs, oids.precertPoison);
}

/**
 * What the log signed, or is to sign, for a precertificate or for a certificate with embedded SCTs.
 * Problem `crypto/sct-invalid` when it is neither, or both.
 */
export function precertEntry(
  certificate: Certificate,
  issuerKey: PublicKey,
): SignedEntry & { readonly type: "precert" } {
  const { tbs, extensions } = certificate;
  const poisoned = extensions.has(oids.precertPoison);
  demand(!(poisoned && extensions.has(oids.sctList)), code, "a certificate has both a poison and an SCT list");
  const stripped = poisoned ? removePoison(tbs) : removeScts(tbs);
  return { type: "precert", tbs: stripped, issuerKeyHash: rememberedFingerprint(issuerKey) };
}

/** The entry of a TBS that has neither poison nor SCTs yet, as the authority that runs its own log makes it. */
export function precertEntryOfTbs(tbs: Uint8Array, issuerKey: PublicKey): SignedEntry & { readonly type: "precert" } {
  return { type: "precert", tbs, issuerKeyHash: keyFingerprint(issuerKey) };
}
