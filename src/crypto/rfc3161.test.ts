import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { isProblem, type ProblemCode, utf8 } from "../core/index.ts";
import { issueChain, someTimeMs } from "../../test/authority.ts";
import {
  createSigner,
  createTimestampFailure,
  createTimestampRequest,
  createTimestampResponse,
  der,
  digest,
  type HashAlgorithm,
  parseTimestamp,
  parseTimestampRequest,
  parseTimestampResponse,
  type PkiFailure,
  timestampFailureOf,
} from "./index.ts";

const imprint = (hashAlgorithm: HashAlgorithm) => ({ hashAlgorithm, digest: digest(hashAlgorithm, utf8("data")) });
const nonce = Uint8Array.of(0x80, 1);

test("a request says what it was made of, for each digest", () => {
  for (const hash of ["sha256", "sha384", "sha512"] as const) {
    const request = parseTimestampRequest(createTimestampRequest({ imprint: imprint(hash) }));
    assert.deepEqual(request.imprint, imprint(hash));
    assert.deepEqual([request.policy, request.nonce, request.certReq], [undefined, undefined, false]);
  }
  const fields = { imprint: imprint("sha256"), nonce, policy: "1.2.3", certReq: true };
  const request = parseTimestampRequest(createTimestampRequest(fields));
  assert.deepEqual([request.policy, request.nonce, request.certReq], ["1.2.3", Uint8Array.of(0, 0x80, 1), true]);
});

test("what a request may not hold is refused, with the reason the protocol has for it", () => {
  const algorithm = (oid: string) => der.sequence(der.oid(oid));
  const good = der.sequence(algorithm("2.16.840.1.101.3.4.2.1"), der.octetString(new Uint8Array(32)));
  const sha1 = der.sequence(algorithm("1.3.14.3.2.26"), der.octetString(new Uint8Array(20)));
  const short = der.sequence(algorithm("2.16.840.1.101.3.4.2.1"), der.octetString(new Uint8Array(31)));
  const extension = der.explicit(0, der.sequence(der.oid("1.2.3"), der.octetString(nonce)));
  const long = der.integer(new Uint8Array(65).fill(1));
  const invalid: ProblemCode = "crypto/timestamp-request-invalid";
  const cases: readonly (readonly [ProblemCode, PkiFailure, Uint8Array])[] = [
    [invalid, "badDataFormat", der.sequence(der.integer(2), good)],
    [invalid, "badDataFormat", der.sequence(der.integer(1), short)],
    [invalid, "badDataFormat", der.sequence(der.integer(1), good, der.boolean(false))],
    [invalid, "badDataFormat", der.sequence(der.integer(1), good, long)],
    [invalid, "badDataFormat", new Uint8Array(5000)],
    ["crypto/algorithm-unsupported", "badAlg", der.sequence(der.integer(1), sha1)],
    ["crypto/timestamp-extension", "unacceptedExtension", der.sequence(der.integer(1), good, extension)],
  ];
  for (const [code, failure, bytes] of cases)
    assert.throws(
      () => parseTimestampRequest(bytes),
      (error) => isProblem(error, code) && timestampFailureOf(error) === failure,
    );
});

test("a refusal carries its reason and no token", () => {
  const response = parseTimestampResponse(createTimestampFailure("badAlg", "no such digest"));
  assert.deepEqual(response, { granted: false, status: 2, text: ["no such digest"], failures: ["badAlg"] });
  const late = parseTimestampResponse(createTimestampFailure("systemFailure", "sorry"));
  assert.deepEqual(!late.granted && late.failures, ["systemFailure"]);
  assert.throws(
    () => parseTimestamp(createTimestampFailure("badAlg", "no such digest")),
    (error) => isProblem(error, "crypto/timestamp-rejected"),
  );
  assert.throws(
    () => parseTimestampResponse(der.sequence(der.sequence(der.integer(0)))),
    (error) => isProblem(error, "crypto/timestamp-invalid"),
  );
});

async function responder() {
  const { root, intermediate, leaf } = await issueChain("timeStamping");
  const chain = [leaf, intermediate, root].map(({ certificate }) => certificate);
  const base = { signer: createSigner(leaf.key), chain, genTimeMs: someTimeMs + 250, serialNumber: Uint8Array.of(9) };
  const request = (fields: object = {}) =>
    parseTimestampRequest(createTimestampRequest({ imprint: imprint("sha384"), ...fields }));
  return { base, request, chain };
}

test("a token repeats the request and stands at a whole second", async () => {
  const { base, request } = await responder();
  const { info } = parseTimestamp(await createTimestampResponse({ ...base, request: request({ nonce }) }));
  assert.deepEqual(info.imprint, imprint("sha384"));
  assert.deepEqual(info.nonce, Uint8Array.of(0, 0x80, 1));
  assert.deepEqual([info.genTimeMs, info.accuracyMs, info.policy], [someTimeMs, 1000, "1.3.6.1.4.1.57264.2"]);
});

test("certificates are sent when they are asked for, and never the anchor", async () => {
  const { base, request, chain } = await responder();
  const sent = async (certReq: boolean, includeCertificates: "leaf" | "chain") => {
    const response = await createTimestampResponse({ ...base, request: request({ certReq }), includeCertificates });
    return parseTimestamp(response).signedData.certificates.length;
  };
  assert.equal(await sent(false, "chain"), 0);
  assert.equal(await sent(true, "leaf"), 1);
  assert.equal(await sent(true, "chain"), chain.length - 1);
});

test("an authority does not stamp under another policy, key or validity", async () => {
  const { base, request, chain } = await responder();
  const refuses = (code: ProblemCode, template: object) =>
    assert.rejects(createTimestampResponse({ ...base, request: request(), ...template }), (error) =>
      isProblem(error, code),
    );
  await refuses("crypto/timestamp-policy", { request: request({ policy: "1.2.3" }) });
  await refuses("crypto/timestamp-signer", { chain: chain.slice(1) });
  await refuses("crypto/timestamp-signer", { chain: [] });
  await refuses("crypto/timestamp-signer", { genTimeMs: chain[0]!.notAfterMs + 1000 });
  const request2 = request({ policy: "1.2.3" });
  const { info } = parseTimestamp(await createTimestampResponse({ ...base, request: request2, policy: "1.2.3" }));
  assert.equal(info.policy, "1.2.3");
});

test("a changed request is read or refused with a Problem", () => {
  const bytes = createTimestampRequest({ imprint: imprint("sha256"), nonce, policy: "1.2.3", certReq: true });
  fc.assert(
    fc.property(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 }), (at, value) => {
      const changed = bytes.slice();
      changed[at] = value;
      try {
        parseTimestampRequest(changed);
      } catch (error) {
        assert.ok(isProblem(error), String(error));
      }
    }),
    { numRuns: 500 },
  );
});
