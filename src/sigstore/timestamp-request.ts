// The other form of a request for a timestamp: JSON, as sigstore/timestamp-authority takes it beside RFC 3161's DER
// (openapi.yaml, JSONRequest) and sigstore-js sends it. It becomes the DER query, so that there is one way from there.
// Narrow: a nonce is a number that a double holds exactly.

import { Fields, fromHex, parseJson } from "../core/index.ts";
import { createTimestampRequest, digestBytes } from "../crypto/index.ts";

const code = "sigstore/timestamp-request-invalid";
// What timestamp-authority reads at most.
const maxBytes = 1024;

/** DER of the TimeStampReq that the JSON asks for. Problems `sigstore/timestamp-request-invalid`, `core/json-*`. */
export function timestampQueryOfJson(bytes: Uint8Array): Uint8Array {
  const fields = Fields.of(parseJson(bytes, { maxBytes }), "request", code);
  const hashAlgorithm = fields.oneOf("hashAlgorithm", "sha256", "sha384", "sha512");
  const digest = fields.base64("artifactHash", { max: 64 });
  if (digest.length !== digestBytes[hashAlgorithm])
    throw fields.problem("artifactHash", `is not as long as one of ${hashAlgorithm}`);
  const nonce = fields.nullable("nonce", (name) => nonceOf(fields, name));
  const policy = fields.nullable("tsaPolicyOID", (name) => policyOf(fields, name));
  return createTimestampRequest({
    imprint: { hashAlgorithm, digest },
    certReq: fields.nullable("certificates", (name) => fields.boolean(name)) ?? false,
    ...(nonce === undefined ? {} : { nonce }),
    ...(policy === undefined ? {} : { policy }),
  });
}

function nonceOf(fields: Fields, name: string): Uint8Array {
  const digits = fields.integer(name).toString(16);
  return fromHex(digits.length % 2 === 0 ? digits : `0${digits}`);
}

function policyOf(fields: Fields, name: string): string {
  const text = fields.string(name, { max: 128 });
  if (!/^[0-2](?:\.(?:0|[1-9]\d{0,9})){1,30}$/.test(text)) throw fields.problem(name, "is not an object identifier");
  return text;
}
