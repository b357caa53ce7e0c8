import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { base64, base64url, fromUtf8, isProblem, utf8 } from "../core/index.ts";
import type { Json, JsonObject, ProblemCode } from "../core/index.ts";
import { createSigner, encodeEnvelope, encodePublicKeyPem, generateKey, parseEnvelope } from "./index.ts";
import {
  ed25519PublicKey,
  parsePublicKeyPem,
  preAuthenticationEncoding,
  signEnvelope,
  verifyEnvelope,
} from "./index.ts";
import type { EnvelopeKey, PrivateKey, Scheme } from "./index.ts";

const type = "application/vnd.in-toto+json";
const payload = utf8('{"a":1}');
const first = generateKey("ecdsa-p256");
const second = generateKey("ed25519");
const rsa = generateKey("rsa");

function refused(code: ProblemCode): (error: unknown) => boolean {
  return (error) => isProblem(error, code);
}

function trusted(keyid: string, key: PrivateKey, scheme?: Scheme): EnvelopeKey {
  return { keyid, key: key.publicKey, scheme: scheme ?? createSigner(key).scheme };
}

function by(keyid: string, key: PrivateKey): { keyid: string; signer: ReturnType<typeof createSigner> } {
  return { keyid, signer: createSigner(key) };
}

test("PAE of the specification's example is its bytes", () => {
  const pae = preAuthenticationEncoding("http://example.com/HelloWorld", utf8("hello world"));
  assert.equal(fromUtf8(pae), "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
});

test("PAE counts bytes of UTF-8, and an empty payload is 0", () => {
  assert.equal(fromUtf8(preAuthenticationEncoding("é", utf8("ł"))), "DSSEv1 2 é 2 ł");
  assert.equal(fromUtf8(preAuthenticationEncoding("𝄞", new Uint8Array())), "DSSEv1 4 𝄞 0 ");
});

test("PAE is different for different pairs of type and payload", () => {
  const text = fc.string({ unit: fc.constantFrom(" ", "1", "2", "a", "é") });
  fc.assert(
    fc.property(text, text, text, text, (t1, p1, t2, p2) => {
      const same =
        fromUtf8(preAuthenticationEncoding(t1, utf8(p1))) === fromUtf8(preAuthenticationEncoding(t2, utf8(p2)));
      assert.equal(same, t1 === t2 && p1 === p2);
    }),
  );
});

test("a payload type with a lone surrogate is refused", () => {
  assert.throws(() => preAuthenticationEncoding("a\ud800", payload), refused("crypto/dsse-invalid"));
});

test("a payload type in look-alikes 256 code points away does not verify", async () => {
  // Writers that cut characters to one byte make the same bytes of both types.
  const envelope = await signEnvelope(type, payload, [by("", first)]);
  const shifted = [...type].map((each) => String.fromCodePoint(each.codePointAt(0)! + 0x100)).join("");
  const forged = { ...envelope, payloadType: shifted };
  assert.throws(() => verifyEnvelope(forged, [trusted("", first)], 1), refused("crypto/dsse-threshold"));
});

test("an envelope signed by two keys verifies by both, survives JSON, and not once anything changes", async () => {
  const signed = await signEnvelope(type, payload, [by("a", first), by("b", second)]);
  const envelope = parseEnvelope(encodeEnvelope(signed));
  assert.deepEqual(envelope, { ...signed, payload: new Uint8Array(payload) });
  const keys = [trusted("a", first), trusted("b", second)];
  assert.equal(verifyEnvelope(envelope, keys, 2), envelope);
  const changed = { ...envelope, payload: utf8('{"a":2}') };
  assert.throws(() => verifyEnvelope(changed, keys, 1), refused("crypto/dsse-threshold"));
  assert.throws(
    () => verifyEnvelope({ ...envelope, payloadType: "text/plain" }, keys, 1),
    refused("crypto/dsse-threshold"),
  );
});

test("two signatures by one key count once", async () => {
  const envelope = await signEnvelope(type, payload, [by("a", first), by("b", first)]);
  const keys = [trusted("a", first), trusted("b", second)];
  verifyEnvelope(envelope, keys, 1);
  assert.throws(() => verifyEnvelope(envelope, keys, 2), /1 of 2 needed signatures/);
});

test("one key under two names counts once, in the threshold and among the keys", async () => {
  const envelope = await signEnvelope(type, payload, [by("a", first), by("b", first)]);
  const twice = [trusted("a", first), trusted("b", first)];
  assert.throws(() => verifyEnvelope(envelope, twice, 2), refused("crypto/dsse-threshold-invalid"));
  assert.throws(() => verifyEnvelope(envelope, [...twice, trusted("c", second)], 2), refused("crypto/dsse-threshold"));
  const schemes = [trusted("a", rsa, "rsa-pkcs1-sha256"), trusted("b", rsa, "rsa-pss-sha256"), trusted("c", first)];
  const pss = { signer: createSigner(rsa, "rsa-pss-sha256") };
  const bySchemes = await signEnvelope(type, payload, [by("a", rsa), pss]);
  assert.throws(() => verifyEnvelope(bySchemes, schemes, 2), /1 of 2 needed signatures/);
});

test("a keyid is a hint: a wrong, an empty or another key's name does not matter", async () => {
  for (const keyid of ["wrong", "", "b"]) {
    const envelope = await signEnvelope(type, payload, [by(keyid, first)]);
    verifyEnvelope(envelope, [trusted("b", second), trusted("a", first)], 1);
  }
});

test("a trusted name on a stranger's signature proves nothing", async () => {
  const envelope = await signEnvelope(type, payload, [by("a", generateKey("ecdsa-p256"))]);
  assert.throws(() => verifyEnvelope(envelope, [trusted("a", first)], 1), refused("crypto/dsse-threshold"));
});

test("a threshold of 0, a fraction, or more than there are keys is refused, and so are no keys", async () => {
  const envelope = await signEnvelope(type, payload, [by("a", first)]);
  for (const threshold of [0, -1, 0.5, Number.NaN, 2]) {
    const verify = (): unknown => verifyEnvelope(envelope, [trusted("a", first)], threshold);
    assert.throws(verify, refused("crypto/dsse-threshold-invalid"), String(threshold));
  }
  assert.throws(() => verifyEnvelope(envelope, [], 1), refused("crypto/dsse-threshold-invalid"));
  assert.throws(() => verifyEnvelope(envelope, [], 0), refused("crypto/dsse-threshold-invalid"));
});

test("a key listed with a scheme of another type is refused, as is an RSA key given as Ed25519", async () => {
  const envelope = await signEnvelope(type, payload, [by("a", rsa)]);
  const confused = [trusted("a", rsa, "ed25519")];
  assert.throws(() => verifyEnvelope(envelope, confused, 1), refused("crypto/scheme-mismatch"));
  const pem = encodePublicKeyPem(rsa.publicKey);
  assert.throws(() => ed25519PublicKey(utf8(pem)), refused("crypto/key-invalid"));
  const asEd25519 = [{ keyid: "a", key: parsePublicKeyPem(pem), scheme: "ed25519" as const }];
  assert.throws(() => verifyEnvelope(envelope, asEd25519, 1), refused("crypto/scheme-mismatch"));
  const unknown = [trusted("a", rsa, "rsa-md5" as Scheme)];
  assert.throws(() => verifyEnvelope(envelope, unknown, 1), refused("crypto/scheme-unknown"));
});

function json(changes: Readonly<Record<string, Json>> = {}): JsonObject {
  return { payloadType: type, payload: base64(payload), signatures: [{ keyid: "", sig: "AAAA" }], ...changes };
}

test("standard and URL-safe base64 give the same payload", () => {
  const bytes = Uint8Array.of(0xfb, 0xff, 0xbf, 0xfe);
  const urlSafe = `${base64url(bytes)}==`;
  assert.notEqual(urlSafe, base64(bytes));
  assert.deepEqual(parseEnvelope(json({ payload: urlSafe })).payload, bytes);
  assert.deepEqual(parseEnvelope(json({ payload: base64(bytes) })).payload, bytes);
});

test("a missing or null keyid is empty, and unknown fields are ignored", () => {
  for (const signature of [{ sig: "AAAA" }, { sig: "AAAA", keyid: null }, { sig: "AAAA", extra: 1 }]) {
    assert.equal(parseEnvelope(json({ signatures: [signature], extra: 1 })).signatures[0]?.keyid, "");
  }
});

const malformed: Readonly<Record<string, Json>> = {
  "that is no object": [],
  "without payload": { payloadType: type, signatures: [{ sig: "AAAA" }] },
  "with an empty payload type": json({ payloadType: "" }),
  "with a payload that mixes two alphabets": json({ payload: "+_AA" }),
  "with a payload without padding": json({ payload: "AAA" }),
  "with a payload that is not canonical": json({ payload: "AAB=" }),
  "with a payload over 16 MiB": json({ payload: "A".repeat(22_369_632) }),
  "without signatures": json({ signatures: [] }),
  "with 65 signatures": json({ signatures: Array.from({ length: 65 }, () => ({ sig: "AAAA" })) }),
  "with a signature that is a string": json({ signatures: ["AAAA"] }),
  "with a signature without bytes": json({ signatures: [{ keyid: "" }] }),
  "with a signature over 8 KiB": json({ signatures: [{ sig: "A".repeat(12_000) }] }),
  "with a number for a keyid": json({ signatures: [{ keyid: 1, sig: "AAAA" }] }),
};

for (const [name, value] of Object.entries(malformed)) {
  test(`an envelope ${name} is refused`, () => {
    assert.throws(() => parseEnvelope(value), refused("crypto/dsse-invalid"));
  });
}

test("signing with no key is refused", async () => {
  await assert.rejects(signEnvelope(type, payload, []), refused("crypto/dsse-invalid"));
});
