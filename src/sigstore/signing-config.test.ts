import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { vectors } from "../../test/vectors.ts";
import { isProblem, utf8 } from "../core/index.ts";
import {
  encodeSigningConfig,
  encodeTrustedRoot,
  parseSigningConfig,
  parseTrustedRoot,
  selectServices,
} from "./index.ts";

const now = Date.UTC(2026, 5, 1);

interface ServiceJson {
  url: string;
  majorApiVersion: number;
  operator: string;
  validFor: { start: string; end?: string };
}

function service(url: string, change: Partial<ServiceJson> = {}): ServiceJson {
  return {
    url: `https://${url}`,
    majorApiVersion: 1,
    operator: url,
    validFor: { start: "2026-01-01T00:00:00Z" },
    ...change,
  };
}

function logs(services: readonly ServiceJson[], config: object, versions = [1, 2]): string[] {
  const json = {
    mediaType: "application/vnd.dev.sigstore.signingconfig.v0.2+json",
    rekorTlogUrls: services,
    rekorTlogConfig: config,
  };
  const parsed = parseSigningConfig(utf8(JSON.stringify(json)));
  return selectServices(parsed, "logs", versions, now).map(({ url }) => url.slice("https://".length));
}

test("only the highest API version that the client knows is used", () => {
  const services = [service("a"), service("b", { majorApiVersion: 2 }), service("c", { majorApiVersion: 3 })];
  assert.deepEqual(logs(services, { selector: "ALL" }), ["b"]);
  assert.deepEqual(logs(services, { selector: "ALL" }, [1]), ["a"]);
});

test("a service outside its window is not used, at its ends it is", () => {
  const past = service("a", { validFor: { start: "2026-01-01T00:00:00Z", end: "2026-05-31T23:59:59Z" } });
  const future = service("b", { validFor: { start: "2026-06-01T00:00:01Z" } });
  const exact = service("c", { validFor: { start: "2026-06-01T00:00:00Z", end: "2026-06-01T00:00:00Z" } });
  assert.deepEqual(logs([past, future, exact], { selector: "ALL" }), ["c"]);
});

test("of one operator the newest service is used, of several as many as the selector says", () => {
  const newer = { start: "2026-03-01T00:00:00Z" };
  const services = [service("a1", { operator: "a" }), service("a2", { operator: "a", validFor: newer }), service("b")];
  assert.deepEqual(logs(services, { selector: "ALL" }), ["a2", "b"]);
  assert.deepEqual(logs(services, { selector: "ANY" }), ["a2"]);
  assert.deepEqual(logs(services, { selector: "EXACT", count: 2 }), ["a2", "b"]);
  assert.throws(
    () => logs(services, { selector: "EXACT", count: 3 }),
    (error) => isProblem(error, "sigstore/service-unavailable"),
  );
  assert.throws(
    () => logs([], { selector: "ALL" }),
    (error) => isProblem(error, "sigstore/service-unavailable"),
  );
});

test("a selector that is none, a count of zero and a URL with credentials are refused", () => {
  const invalid = (run: () => unknown): void => {
    assert.throws(run, (error) => isProblem(error, "sigstore/signing-config-invalid"));
  };
  invalid(() => logs([service("a")], { selector: "SERVICE_SELECTOR_UNDEFINED" }));
  invalid(() => logs([service("a")], { selector: "EXACT", count: 0 }));
  invalid(() => logs([service("me:secret@a")], { selector: "ANY" }));
});

test("the public instance's files are read, and written back as the same values", (t) => {
  const folder = vectors(t, "sigstore/public-good");
  if (folder === undefined) return;
  for (const name of ["signing_config.v0.2.json", "signing_config_rekor_v2.v0.2.json"]) {
    const config = parseSigningConfig(readFileSync(join(folder, name)));
    assert.deepEqual(parseSigningConfig(encodeSigningConfig(config)), config);
  }
  const config = parseSigningConfig(readFileSync(join(folder, "signing_config_rekor_v2.v0.2.json")));
  assert.equal(selectServices(config, "logs", [1, 2], now)[0].url, "https://log2025-1.rekor.sigstore.dev");
  const root = parseTrustedRoot(readFileSync(join(folder, "trusted_root.json")));
  assert.deepEqual(parseTrustedRoot(encodeTrustedRoot(root)), root);
  assert.equal(root.certificateAuthorities[0]?.validFor.endMs, Date.UTC(2022, 11, 31, 23, 59, 59, 999));
});
