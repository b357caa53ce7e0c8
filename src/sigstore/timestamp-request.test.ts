import assert from "node:assert/strict";
import { test } from "node:test";
import { base64, hex, utf8 } from "../core/index.ts";
import { digest, parseTimestampRequest } from "../crypto/index.ts";
import { timestampQueryOfJson } from "./timestamp-request.ts";

const code = "sigstore/timestamp-request-invalid";
const artifactHash = base64(digest("sha384", utf8("signature")));
const query = (json: object) => timestampQueryOfJson(utf8(JSON.stringify(json)));

test("a JSON request becomes the RFC 3161 query that asks for the same", () => {
  const asked = { artifactHash, hashAlgorithm: "sha384", nonce: 0xff01, certificates: true, tsaPolicyOID: "1.2.3" };
  const request = parseTimestampRequest(query(asked));
  assert.equal(request.imprint.hashAlgorithm, "sha384");
  assert.deepEqual(request.imprint.digest, digest("sha384", utf8("signature")));
  assert.deepEqual([request.certReq, request.policy], [true, "1.2.3"]);
  assert.equal(hex(request.nonce!), "00ff01", "a DER INTEGER, not negative");
});

test("a JSON request without options asks for neither nonce, policy nor certificates", () => {
  const { certReq, policy, nonce } = parseTimestampRequest(query({ artifactHash, hashAlgorithm: "sha384" }));
  assert.deepEqual({ certReq, policy, nonce }, { certReq: false, policy: undefined, nonce: undefined });
});

for (const [what, json] of Object.entries({
  "a digest of another length": { artifactHash, hashAlgorithm: "sha256" },
  "an unknown digest algorithm": { artifactHash, hashAlgorithm: "sha1" },
  "no digest": { hashAlgorithm: "sha256" },
  "a negative nonce": { artifactHash, hashAlgorithm: "sha384", nonce: -1 },
  "a policy that is no object identifier": { artifactHash, hashAlgorithm: "sha384", tsaPolicyOID: "1.2.x" },
})) {
  test(`a JSON request with ${what} is refused`, () => {
    assert.throws(() => query(json), { code });
  });
}
