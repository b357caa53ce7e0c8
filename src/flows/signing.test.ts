import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createSigningClients, type Transport } from "../api/index.ts";
import { utf8 } from "../core/index.ts";
import { createSigner, generateKey, randomBytes } from "../crypto/index.ts";
import { request } from "../io/index.ts";
import { parseSigningConfig, type SigningConfig, verifyBundle } from "../sigstore/index.ts";
import { type RunningInstance, startInstance } from "../../test/instance.ts";
import { claimsOf, loginIssuer, openSigning, predicateTypeOf, readPredicate, type SigningMaterial } from "./index.ts";

let instance: RunningInstance;
let config: SigningConfig;
before(async () => {
  instance = await startInstance();
  config = parseSigningConfig(await instance.target("signing_config.v0.2.json"));
});
after(() => instance.close());

const artifact = utf8("an artifact");

interface Setting {
  readonly config?: SigningConfig;
  readonly transport?: Transport;
  readonly material?: SigningMaterial;
}

function open(setting: Setting = {}) {
  const waits: number[] = [];
  const signing = openSigning({
    config: setting.config ?? config,
    trust: instance.trust,
    material: setting.material ?? { kind: "identity", token: () => instance.token() },
    clients: createSigningClients({
      transport: setting.transport ?? request,
      wait: async (ms) => void waits.push(ms),
    }),
    random: { bytes: randomBytes, key: generateKey },
    now: Date.now(),
  });
  return { signing, waits };
}

/** Answers the first `times` requests to a path with a status, the rest truly. */
function failing(path: string, times: number, status: number): { transport: Transport; count: () => number } {
  let seen = 0;
  return {
    count: () => seen,
    transport: async (what) => {
      if (!what.url.endsWith(path)) return request(what);
      seen++;
      if (seen > times) return request(what);
      return { status, headers: new Map([["retry-after", "7"]]), body: utf8('{"message":"not now"}') };
    },
  };
}

const paths = ["/api/v2/signingCert", "/api/v2/log/entries", "/api/v1/timestamp"];

for (const path of paths) {
  test(`a service that is busy is asked again, as late as it says, and then counts: ${path}`, async () => {
    const { transport, count } = failing(path, 2, 503);
    const { signing, waits } = open({ transport });
    await signing.signMessage(artifact);
    assert.equal(count(), 3);
    assert.deepEqual(waits, [7000, 7000]);
  });

  test(`a service that keeps failing ends the signing, and is named: ${path}`, async () => {
    const { transport, count } = failing(path, Number.POSITIVE_INFINITY, 503);
    const { signing } = open({ transport });
    await assert.rejects(signing.signMessage(artifact), (error: Error & { code: string }) => {
      assert.equal(error.code, "api/unavailable");
      assert(error.message.includes(path), error.message);
      return true;
    });
    assert.equal(count(), 3);
  });

  test(`a service that refuses is not asked again: ${path}`, async () => {
    const { transport, count } = failing(path, Number.POSITIVE_INFINITY, 400);
    await assert.rejects(open({ transport }).signing.signMessage(artifact), { code: "api/refused" });
    assert.equal(count(), 1);
  });
}

test("several signatures of one signing share a key and a certificate", async () => {
  let tokens = 0;
  const token = async (): Promise<string> => (tokens++, instance.token());
  const { signing } = open({ material: { kind: "identity", token } });
  const bundles = [await signing.signMessage(artifact), await signing.signMessage(utf8("another"))];
  const leaves = bundles.map(({ verificationMaterial: { signer } }) => signer.kind === "certificate" && signer.leaf);
  assert.deepEqual(leaves[0], leaves[1]);
  assert.equal(tokens, 1);
});

test("a key signs with the services' timestamp and entry, and no certificate is asked for", async () => {
  const key = generateKey("ecdsa-p384");
  const { transport, count } = failing(paths[0]!, Number.POSITIVE_INFINITY, 500);
  const { signing } = open({ transport, material: { kind: "key", signer: createSigner(key) } });
  const bundle = await signing.signMessage(artifact);
  assert.equal(count(), 0);
  const { times, logEntries } = verifyBundle(bundle, {
    trust: instance.trust,
    artifact: { kind: "bytes", bytes: artifact },
    key: key.publicKey,
  });
  assert.deepEqual([times.length, logEntries.length], [1, 1]);
});

test("every service that the config asks for is used, and all have to count", async () => {
  const second = { ...config.timestampAuthorities[0]!, operator: "another" };
  const both = { ...config, timestampAuthorities: [...config.timestampAuthorities, second] };
  const { signing } = open({ config: { ...both, timestampConfig: { selector: "ALL" } } });
  // The second is the first under another name: two timestamps, of one operator.
  await assert.rejects(signing.signMessage(artifact), { code: "sigstore/timestamp-threshold" });
  const exact: SigningConfig = { ...both, timestampConfig: { selector: "EXACT", count: 3 } };
  assert.throws(() => open({ config: exact }), { code: "sigstore/service-unavailable" });
});

test("a config without log and timestamp authority proves nothing, but for a key", async () => {
  const bare: SigningConfig = { ...config, logs: [], timestampAuthorities: [] };
  assert.throws(() => open({ config: bare }), { code: "sigstore/signing-config-empty" });
  const key = generateKey("ecdsa-p256");
  const bundle = await open({ config: bare, material: { kind: "key", signer: createSigner(key) } }).signing.signMessage(
    artifact,
  );
  assert.equal(bundle.verificationMaterial.logEntries.length, 0);
});

test("the login is where the config says, and a token is read only as far as its holder may", () => {
  assert.equal(loginIssuer(config, Date.now()), instance.url);
  assert.throws(() => claimsOf("no token"), { code: "oidc/token-invalid" });
  assert.throws(() => claimsOf(`${"a".repeat(20_000)}.b.c`), { code: "oidc/token-invalid" });
});

test("a predicate is a JSON object of a known type or a URI; custom holds any text", () => {
  assert.equal(predicateTypeOf("slsaprovenance1"), "https://slsa.dev/provenance/v1");
  assert.equal(predicateTypeOf("https://example.com/x"), "https://example.com/x");
  assert.throws(() => predicateTypeOf("slsa"), { code: "cli/usage" });
  assert.deepEqual(
    { ...readPredicate("custom", utf8("text"), 0).predicate },
    { Data: "text", Timestamp: "1970-01-01T00:00:00Z" },
  );
  assert.throws(() => readPredicate("spdx", utf8("[]"), 0), { code: "attest/predicate-invalid" });
});
