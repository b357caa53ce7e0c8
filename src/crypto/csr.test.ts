import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { isProblem } from "../core/index.ts";
import {
  createCertificationRequest,
  createSigner,
  encodePem,
  generateKey,
  parseCertificationRequest,
} from "./index.ts";

test("a request proves that its key was held, for every key type", async () => {
  for (const type of ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa"] as const) {
    const key = generateKey(type);
    const bytes = await createCertificationRequest({ commonName: "who" }, createSigner(key));
    assert.deepEqual(parseCertificationRequest(bytes).publicKey.spki, key.publicKey.spki, type);
    const pem = encodePem("CERTIFICATE REQUEST", bytes);
    assert.deepEqual(parseCertificationRequest(pem).raw, bytes);
    assert.throws(
      () => parseCertificationRequest(pem + pem),
      (error) => isProblem(error, "crypto/request-invalid"),
    );
  }
});

test("a request for another's key is refused", async () => {
  const mine = createSigner(generateKey("ed25519"));
  const { publicKey } = generateKey("ed25519");
  const bytes = await createCertificationRequest({}, { ...mine, publicKey });
  assert.throws(
    () => parseCertificationRequest(bytes),
    (error) => isProblem(error, "crypto/request-proof"),
  );
});

test("no changed byte of a request is accepted", async () => {
  const bytes = await createCertificationRequest({}, createSigner(generateKey("ed25519")));
  fc.assert(
    fc.property(fc.nat({ max: bytes.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const changed = bytes.slice();
      changed[at] = changed[at]! ^ change;
      assert.throws(() => parseCertificationRequest(changed), isProblem);
    }),
    { numRuns: 1000 },
  );
});
