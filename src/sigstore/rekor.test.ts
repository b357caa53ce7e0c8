import assert from "node:assert/strict";
import { test } from "node:test";
import { newRekorLog, newSigner } from "../../test/sigstore-instance.ts";
import { base64, fromUtf8, isProblem, type JsonObject, type ProblemCode, utf8 } from "../core/index.ts";
import { digest } from "../crypto/index.ts";
import { canonicalBody, hashedRekordRequestJson, parseLogRequest, verifyLogRequest } from "./index.ts";

const message = utf8("a widget");
const signer = newSigner("ecdsa-p256");
const signature = signer.sign(message);
const entry = {
  algorithm: "sha256",
  digest: digest("sha256", message),
  signature,
  verifier: { kind: "publicKey", der: signer.publicKey.spki },
  keyDetails: "PKIX_ECDSA_P256_SHA_256",
} as const;

function bytes(json: JsonObject): Uint8Array {
  return utf8(JSON.stringify(json));
}

function refuses(code: ProblemCode, json: JsonObject): void {
  assert.throws(
    () => verifyLogRequest(parseLogRequest(bytes(json))),
    (error) => isProblem(error, code),
  );
}

test("the canonical body is RFC 8785 JSON with the fields of hashedrekord 0.0.2", () => {
  const key = base64(signer.publicKey.spki);
  const expected =
    `{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{"hashedRekordV002":{"data":{"algorithm":"SHA2_256",` +
    `"digest":"${base64(entry.digest)}"},"signature":{"content":"${base64(signature)}","verifier":` +
    `{"keyDetails":"PKIX_ECDSA_P256_SHA_256","publicKey":{"rawBytes":"${key}"}}}}}}`;
  assert.equal(fromUtf8(canonicalBody(entry)), expected);
});

test("a request is read alike in lowerCamelCase and in snake_case", () => {
  const rawBytes = base64(signer.publicKey.spki);
  const snake = {
    hashed_rekord_request_v002: {
      digest: base64(entry.digest),
      signature: {
        content: base64(signature),
        verifier: { public_key: { raw_bytes: rawBytes }, key_details: entry.keyDetails },
      },
    },
  };
  const camel = verifyLogRequest(parseLogRequest(bytes(hashedRekordRequestJson(entry))));
  assert.deepEqual(verifyLogRequest(parseLogRequest(bytes(snake))), camel);
  assert.deepEqual(camel.canonicalizedBody, canonicalBody(entry));
});

test("a signature that is not the key's over the digest is not logged", () => {
  refuses("sigstore/entry-signature", hashedRekordRequestJson({ ...entry, digest: digest("sha256", utf8("x")) }));
  const other = { kind: "publicKey", der: newSigner("ecdsa-p256").publicKey.spki } as const;
  refuses("sigstore/entry-signature", hashedRekordRequestJson({ ...entry, verifier: other }));
});

test("key details that do not fit the key, or digests of another length, are refused", () => {
  for (const keyDetails of ["PKIX_ECDSA_P384_SHA_384", "PKIX_ED25519", "PKIX_ED25519_PH", "ML_DSA_65", ""]) {
    refuses("sigstore/entry-invalid", hashedRekordRequestJson({ ...entry, keyDetails }));
  }
  refuses("sigstore/entry-invalid", hashedRekordRequestJson({ ...entry, digest: digest("sha384", message) }));
});

test("pure Ed25519 is refused, Ed25519ph over SHA-512 is logged", () => {
  const pure = newSigner("ed25519");
  const keyOf = { kind: "publicKey", der: pure.publicKey.spki } as const;
  const digest512 = digest("sha512", message);
  const request = { ...entry, algorithm: "sha512", digest: digest512, verifier: keyOf } as const;
  refuses("sigstore/entry-invalid", hashedRekordRequestJson({ ...request, keyDetails: "PKIX_ED25519" }));
  const hashed = newSigner("ed25519", "ed25519-ph");
  const good = {
    ...request,
    signature: hashed.sign(message),
    verifier: { kind: "publicKey", der: hashed.publicKey.spki } as const,
    keyDetails: "PKIX_ED25519_PH",
  };
  verifyLogRequest(parseLogRequest(bytes(hashedRekordRequestJson(good))));
});

test("an entry of another kind is refused with the words clients know", () => {
  assert.throws(
    () => parseLogRequest(bytes({ dsseRequestV002: {} })),
    (error) => isProblem(error, "sigstore/entry-type") && error.message === "invalid type, must be hashedrekord",
  );
});

test("an entry with two signers, or a field under both its names, is refused", () => {
  const json = hashedRekordRequestJson(entry) as { hashedRekordRequestV002: { signature: { verifier: JsonObject } } };
  const { verifier } = json.hashedRekordRequestV002.signature;
  const key = { rawBytes: base64(signer.publicKey.spki) };
  for (const extra of [{ x509Certificate: key }, { public_key: key }]) {
    const changed = structuredClone(json);
    changed.hashedRekordRequestV002.signature.verifier = { ...verifier, ...extra };
    refuses("sigstore/entry-invalid", changed);
  }
});

test("the same entry twice is one entry of the log", async () => {
  const { add, log } = await newRekorLog("log.example.org", "example.org");
  const request = hashedRekordRequestJson(entry);
  const answers = [await add(request), await add(request)] as JsonObject[];
  assert.equal(log.size, 1);
  assert.deepEqual(answers[0], answers[1]);
  assert.equal(answers[0]?.["integratedTime"], "0");
});
