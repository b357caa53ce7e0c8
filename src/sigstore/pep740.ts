// PyPI's attestation object (PEP 740, version 1) and back: the same evidence as a bundle with a DSSE envelope, in other
// words. `timestamps` is what pypi-attestations adds for logs that give no time; the PEP itself knows it not yet.
// Verifying is the bundle's: the artifact is the distribution's file, its subject's name must be the file's.

import { base64, demand, Fields, type Json, type JsonObject, parseJson, utf8 } from "../core/index.ts";
import { logEntryJson } from "./encode-bundle.ts";
import {
  maxBundleBytes,
  maxCertificateBytes,
  maxLogEntries,
  maxSignatureBytes,
  maxTimestampBytes,
  maxTimestamps,
} from "./limits.ts";
import type { Bundle } from "./model.ts";
import { bundleMediaType, parseLogEntry } from "./parse-bundle.ts";
import { statementPayloadType } from "./verify-content.ts";

const code = "sigstore/attestation-invalid";

/** PEP 740 names two kinds of attestation that the index takes. */
export const publishPredicateType = "https://docs.pypi.org/attestations/publish/v1";

/** The bundle of an attestation object's bytes, nothing of it verified. Problems `sigstore/attestation-invalid`, `core/json-*`. */
export function bundleOfAttestation(bytes: Uint8Array): Bundle {
  return bundleOfAttestationJson(parseJson(bytes, { maxBytes: maxBundleBytes }));
}

function bundleOfAttestationJson(json: Json): Bundle {
  const fields = Fields.of(json, "attestation", code).only("version", "verification_material", "envelope");
  if (fields.integer("version") !== 1) throw fields.problem("version", "is not 1");
  const material = fields.object("verification_material");
  const envelope = fields.object("envelope");
  const leaf = material.base64("certificate", { min: 1, max: maxCertificateBytes });
  const logEntries = material.objects("transparency_entries", { min: 1, max: maxLogEntries }, parseLogEntry);
  const timestamps = material.nullable("timestamps", (name) =>
    material.array(name, { max: maxTimestamps }, (value, path) =>
      Fields.of({ timestamp: value }, path, code).base64("timestamp", { min: 1, max: maxTimestampBytes }),
    ),
  );
  const payload = envelope.base64("statement", { min: 1, max: maxBundleBytes });
  const sig = envelope.base64("signature", { min: 1, max: maxSignatureBytes });
  return {
    mediaType: bundleMediaType,
    version: "0.3",
    verificationMaterial: { signer: { kind: "certificate", leaf, rest: [] }, logEntries, timestamps: timestamps ?? [] },
    content: {
      kind: "dsse",
      envelope: { payloadType: statementPayloadType, payload, signatures: [{ keyid: "", sig }] },
    },
  };
}

/** One attestation of a provenance object, PEP 740 "Provenance objects", with the publisher that the index names. */
export interface PublishedAttestation {
  /** As the index has it; said by the index alone, whatever the certificate says. */
  readonly publisher: JsonObject;
  readonly bundle: Bundle;
}

const maxPublishers = 32;
const maxAttestations = 32;

/** Every attestation of the index's answer for one file. Problems `sigstore/attestation-invalid`, `core/json-*`. */
export function attestationsOfProvenance(bytes: Uint8Array): readonly PublishedAttestation[] {
  const fields = Fields.of(parseJson(bytes, { maxBytes: maxBundleBytes }), "provenance", code);
  if (fields.integer("version") !== 1) throw fields.problem("version", "is not 1");
  return fields
    .objects("attestation_bundles", { min: 1, max: maxPublishers }, (each) => {
      const publisher = each.object("publisher").value;
      const bundles = each.array("attestations", { min: 1, max: maxAttestations }, bundleOfAttestationJson);
      return bundles.map((bundle) => ({ publisher, bundle }));
    })
    .flat();
}

/** The attestation object of a bundle as UTF-8 JSON. Problem `sigstore/attestation-unsupported`. */
export function encodeAttestation(bundle: Bundle): Uint8Array {
  const { signer, logEntries, timestamps } = bundle.verificationMaterial;
  const unsupported = "sigstore/attestation-unsupported";
  demand(signer.kind === "certificate", unsupported, "PyPI's attestations are signed by an identity, this by a key");
  demand(bundle.content.kind === "dsse", unsupported, "PyPI's attestations hold a statement, this bundle does not");
  const { payloadType, payload, signatures } = bundle.content.envelope;
  const fits = payloadType === statementPayloadType && signatures.length === 1 && logEntries.length > 0;
  demand(fits, unsupported, "PyPI's attestations hold one signature over an in-toto statement, and a log entry");
  const json: JsonObject = {
    version: 1,
    verification_material: {
      certificate: base64(signer.leaf),
      transparency_entries: logEntries.map(logEntryJson),
      ...(timestamps.length === 0 ? {} : { timestamps: timestamps.map(base64) }),
    },
    envelope: { statement: base64(payload), signature: base64(signatures[0]!.sig) },
  };
  return utf8(JSON.stringify(json));
}

/**
 * Checks what PEP 740 asks beyond the signature: exactly one subject, and its name the distribution's own.
 * Problem `sigstore/subject-mismatch`. For a statement that `verifyBundle` gave.
 */
export function demandDistribution(
  statement: { readonly subjects: readonly { readonly name: string }[] } | undefined,
  fileName: string,
): void {
  const [subject, ...others] = statement?.subjects ?? [];
  const named = subject !== undefined && others.length === 0 && subject.name === fileName;
  demand(named, "sigstore/subject-mismatch", `the attestation is not about ${fileName} and nothing else`);
}
