import assert from "node:assert/strict";
import { test } from "node:test";
import { assert as check, integer, nat, property, tuple } from "fast-check";
import { newInstance, newSigner, statementOf } from "../../test/sigstore-instance.ts";
import { equalBytes, isProblem, utf8 } from "../core/index.ts";
import { encodeBundle, parseBundle, signEnvelope, statementPayloadType, verifyBundle } from "./index.ts";

const artifact = utf8("a widget");
const world = await newInstance();
const bundle = await signEnvelope(statementPayloadType, statementOf(artifact), {
  signer: newSigner("ecdsa-p256"),
  material: { kind: "certificate", chain: world.chain },
  services: world.services,
  trust: world.trust,
});
const encoded = encodeBundle(bundle);
const options = {
  trust: world.trust,
  artifact: { kind: "bytes", bytes: artifact },
  identity: { issuer: world.identity.issuer, subjectAlternativeName: world.identity.subjectAlternativeName.value },
} as const;

test("a bundle with any byte changed is refused with a Problem, or still says exactly the same", () => {
  const places = tuple(nat(encoded.length - 1), integer({ min: 0x20, max: 0x7e }));
  check(
    property(places, ([at, byte]) => {
      const changed = encoded.slice();
      changed[at] = byte;
      try {
        const parsed = parseBundle(changed);
        verifyBundle(parsed, options);
        // What is left: names of optional fields turned into unknown ones, and what only hints.
        assert.deepEqual(parsed.content, bundle.content);
        assert.deepEqual(parsed.verificationMaterial.signer, bundle.verificationMaterial.signer);
      } catch (error) {
        assert.ok(isProblem(error), String(error));
      }
    }),
    { numRuns: 300 },
  );
});

function changed(
  change: (json: { verificationMaterial: Record<string, unknown>; [name: string]: unknown }) => void,
): Uint8Array {
  const json = JSON.parse(new TextDecoder().decode(encoded));
  change(json);
  return utf8(JSON.stringify(json));
}

test("unknown fields are ignored, null stands for a missing field", () => {
  const parsed = parseBundle(changed((json) => Object.assign(json, { future: 1, messageSignature: null })));
  assert.ok(equalBytes(encodeBundle(parsed), encoded));
});

test("two kinds of signer or content, a chain in v0.3 and a log id that is none are refused", () => {
  const certificate = { rawBytes: "MAA=" };
  const cases = [
    changed((json) => Object.assign(json, { messageSignature: { signature: "MAA=" } })),
    changed((json) => Object.assign(json.verificationMaterial, { publicKey: { hint: "h" } })),
    changed((json) => {
      delete json.verificationMaterial["certificate"];
      json.verificationMaterial["x509CertificateChain"] = { certificates: [certificate] };
    }),
    changed((json) => {
      (json.verificationMaterial["tlogEntries"] as { logId: object }[])[0]!.logId = { keyId: "MAA=" };
    }),
    changed((json) => {
      const entries = json.verificationMaterial["tlogEntries"] as unknown[];
      json.verificationMaterial["tlogEntries"] = Array.from({ length: 33 }, () => entries[0]);
    }),
  ];
  for (const bytes of cases)
    assert.throws(
      () => parseBundle(bytes),
      (error) => isProblem(error, "sigstore/bundle-invalid"),
    );
});
