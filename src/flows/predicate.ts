// What an attestation states: its type, by cosign's short names or a URI, and its predicate, a JSON document. `custom`
// holds any text, as cosign writes it. Narrow: SPDX in tag-value form is no JSON, and a statement takes nothing else.

import { formatUtcSeconds, fromUtf8, isJsonObject, type JsonObject, parseJson, Problem } from "../core/index.ts";
import type { ImagePredicate } from "./image-sign.ts";

const customType = "https://cosign.sigstore.dev/attestation/v1";
const maxPredicateBytes = 16 * 1024 * 1024;

const shortNames: ReadonlyMap<string, string> = new Map([
  ["slsaprovenance", "https://slsa.dev/provenance/v0.2"],
  ["slsaprovenance02", "https://slsa.dev/provenance/v0.2"],
  ["slsaprovenance1", "https://slsa.dev/provenance/v1"],
  ["link", "https://in-toto.io/Link/v1"],
  ["spdx", "https://spdx.dev/Document"],
  ["spdxjson", "https://spdx.dev/Document"],
  ["cyclonedx", "https://cyclonedx.org/bom"],
  ["vuln", "https://cosign.sigstore.dev/attestation/vuln/v1"],
  ["openvex", "https://openvex.dev/ns"],
  ["custom", customType],
]);

/** The URI of a predicate type. Problem `cli/usage`. */
export function predicateTypeOf(name: string): string {
  const known = shortNames.get(name);
  if (known !== undefined) return known;
  if (name.length <= 1024 && URL.canParse(name) && !/\s/.test(name)) return name;
  throw new Problem("cli/usage", `${JSON.stringify(name.slice(0, 100))} is no predicate type`, {
    hint: `it is a URI or one of ${[...shortNames.keys()].join(", ")}`,
  });
}

/** `bytes` as the predicate of that type. Problems `cli/usage`, `attest/predicate-invalid`, `core/json-*`. */
export function readPredicate(type: string, bytes: Uint8Array, now: number): ImagePredicate {
  const predicateType = predicateTypeOf(type);
  if (predicateType === customType) {
    return { predicateType, predicate: { Data: fromUtf8(bytes), Timestamp: formatUtcSeconds(now) } };
  }
  const predicate = parseJson(bytes, { maxBytes: maxPredicateBytes, numbers: "any" });
  if (!isJsonObject(predicate)) {
    throw new Problem("attest/predicate-invalid", "the predicate is no JSON object");
  }
  return { predicateType, predicate: predicate as JsonObject };
}
