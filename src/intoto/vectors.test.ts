// Layouts and links that the reference implementations made, verified as their own tests verify them.
// Their layouts have one inspection, `untar`: the tests do what it does and hand in its link.

import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { gunzipSync } from "node:zlib";
import { vectors } from "../../test/vectors.ts";
import { dayMs, fromUtf8, isProblem, parseJson, type JsonObject, type ProblemCode } from "../core/index.ts";
import { createSigner, digestHex, parsePrivateKeyPem, parsePublicKeyPem } from "../crypto/index.ts";
import { createLink, signLayout, signLink, type MetadataSigner } from "./create.ts";
import { verificationKey } from "./key.ts";
import type { DigestSet, VerificationKey } from "./model.ts";
import { parseLayout, parseMetadata } from "./parse.ts";
import { verifySupplyChain } from "./verify-supply-chain.ts";
import { verifyLayout, verifyLink } from "./verify.ts";

const now = Date.UTC(2026, 10, 1);

function refuses(code: ProblemCode, action: () => unknown): void {
  assert.throws(action, (error) => isProblem(error, code));
}

function publicKey(folder: string, name: string, keyid?: string): VerificationKey {
  return verificationKey(parsePublicKeyPem(readFileSync(join(folder, `${name}.pub`), "utf8")), keyid);
}

function rsaSigner(folder: string, name: string): MetadataSigner {
  const key = createPrivateKey(readFileSync(join(folder, name)));
  const pem = key.export({ type: "pkcs8", format: "pem" }) as string;
  return { signer: createSigner(parsePrivateKeyPem(pem), "rsa-pss-sha256") };
}

/** The link of `tar xfz foo.tar.gz` in a folder that holds foo.tar.gz alone. */
function untar(archive: Uint8Array) {
  const tar = gunzipSync(archive);
  const field = (from: number, to: number) => tar.toString("latin1", from, to).replace(/[\0 ].*$/s, "");
  const content = tar.subarray(512, 512 + Number.parseInt(field(124, 136), 8));
  const digest = (bytes: Uint8Array): DigestSet => new Map([["sha256", digestHex("sha256", bytes)]]);
  const materials = new Map([["foo.tar.gz", digest(archive)]]);
  const products = new Map([...materials, [field(0, 100), digest(content)] as const]);
  const link = createLink({ name: "untar", materials, products, byproducts: { "return-value": 0 } });
  return new Map([["untar", link]]);
}

function demo(t: TestContext, name: string) {
  const folder = vectors(t, `in-toto/${name}`);
  const keys = vectors(t, "in-toto/python-demo");
  if (folder === undefined || keys === undefined) return undefined;
  const json = parseJson(readFileSync(join(folder, "demo.layout.template")), { maxBytes: 100_000 }) as JsonObject;
  const signed = (json["signed"] ??
    parseJson(new Uint8Array(Buffer.from(json["payload"] as string, "base64")), { maxBytes: 100_000 })) as JsonObject;
  const layout = parseLayout({ ...signed, expires: "2026-12-01T00:00:00Z" });
  const link = (file: string) => new Uint8Array(readFileSync(join(folder, file)));
  return {
    keys,
    layout,
    format: json["signed"] === undefined ? ("dsse" as const) : ("metablock" as const),
    files: [link("write-code.776a00e2.link"), link("package.2f89b927.link")],
    inspections: untar(new Uint8Array(readFileSync(join(keys, "foo.tar.gz")))),
  };
}

for (const name of ["python-demo", "python-demo-dsse"]) {
  test(`${name} verifies as its upstream tests say`, async (t) => {
    const world = demo(t, name);
    if (world === undefined) return;
    const { keys, inspections, files, format } = world;
    const alice = rsaSigner(keys, "alice");
    const bytes = await signLayout(world.layout, [alice], format);
    const trusted = [publicKey(keys, "alice")];
    const layout = verifyLayout(bytes, trusted, now);
    const evidence = files.flatMap((file) => verifyLink(file, layout));
    const chain = verifySupplyChain(layout, evidence, { inspections });
    assert.deepEqual([...chain.summary.products.keys()], ["foo.tar.gz"]);

    refuses("intoto/layout-signature", () => verifyLayout(bytes, [publicKey(keys, "bob")], now));
    refuses("intoto/layout-signature", () => verifyLayout(bytes, [...trusted, publicKey(keys, "bob")], now));
    refuses("intoto/layout-expired", () => verifyLayout(bytes, trusted, now + 60 * dayMs));
    refuses("intoto/step-missing", () => verifySupplyChain(layout, evidence.slice(0, 1), { inspections }));
    refuses("intoto/inspection-unsupported", () => verifySupplyChain(layout, evidence));
    const link = parseMetadata(files[0]!).payload;
    assert.ok(link.type === "link");
    refuses("intoto/functionary-unknown", () => verifyLink(withBrokenSignature(fromUtf8(files[0]!)), layout));
    const byAlice = await signLink(link, [alice], format);
    refuses("intoto/functionary-unknown", () => verifyLink(byAlice, layout));
  });
}

/** The file with the first character of its signature changed. */
function withBrokenSignature(text: string): Uint8Array {
  return new TextEncoder().encode(
    text.replace(/("sig": ")(.)/, (_, start: string, first: string) => start + (first === "b" ? "c" : "b")),
  );
}

for (const name of ["demo.layout", "demo.dsse.layout"]) {
  test(`the Go implementation's ${name} and its links verify`, (t) => {
    const folder = vectors(t, "in-toto/golang");
    if (folder === undefined) return;
    const read = (file: string) => new Uint8Array(readFileSync(join(folder, file)));
    const alice = publicKey(folder, "alice", "70ca5750c2eda80b18f41f4ec5f92146789b5d68dd09577be422a0159bd13680");
    const layout = verifyLayout(read(name), [alice], now);
    refuses("intoto/layout-expired", () => verifyLayout(read(name), [alice], Date.UTC(2031, 0, 1)));
    const evidence = ["write-code.b7d643de.link", "package.d3ffd108.link"].flatMap((file) =>
      verifyLink(read(file), layout),
    );
    assert.deepEqual(
      evidence.map((each) => each.functionary.slice(0, 8)),
      ["b7d643de", "d3ffd108"],
    );
    assert.ok(verifySupplyChain(layout, evidence, { inspections: untar(read("foo.tar.gz")) }));
    refuses("intoto/step-missing", () => verifyLink(read("foo.b7d643de.link"), layout));
  });
}

test("the Go implementation's DSSE links are signed by the keys of the Python demo", async (t) => {
  const folder = vectors(t, "in-toto/golang");
  const world = demo(t, "python-demo");
  if (folder === undefined || world === undefined) return;
  const [write, pack] = world.layout.steps;
  const files = readdirSync(folder).filter((file) => file.includes("-dsse."));
  assert.equal(files.length, 3);
  for (const file of files) {
    const bytes: Uint8Array = new Uint8Array(readFileSync(join(folder, file)));
    const { name } = parseMetadata(bytes).payload as { readonly name: string };
    const step = file.includes("2f89b927") ? pack! : write!;
    const layout = { ...world.layout, steps: [{ ...step, name }], inspect: [] };
    const signed = await signLayout(layout, [rsaSigner(world.keys, "alice")]);
    const verified = verifyLayout(signed, [publicKey(world.keys, "alice")], now);
    assert.equal(verifyLink(bytes, verified)[0]?.functionary, step.pubkeys[0]);
  }
});

test("canonical JSON of the Go implementation's test link has only quotes and backslashes escaped", (t) => {
  const folder = vectors(t, "in-toto/golang");
  if (folder === undefined) return;
  const { message } = parseMetadata(new Uint8Array(readFileSync(join(folder, "canonical-test.link"))));
  const environment = `{"a":"WTF","b":true,"c":false,"d":null,"e":1,"f":"\u001b\uffffF\\\\n\\""}`;
  assert.equal(
    fromUtf8(message),
    `{"_type":"link","byproducts":{},"command":[],"environment":${environment},"materials":{},"name":"test","products":{}}`,
  );
});

test("keys of every supported type in PEM sign and verify", async (t) => {
  const folder = vectors(t, "in-toto/python-pems");
  if (folder === undefined) return;
  for (const name of ["rsa", "ecdsa", "ed25519"]) {
    const pem = createPrivateKey(readFileSync(join(folder, `${name}_private_unencrypted.pem`)));
    const key = parsePrivateKeyPem(pem.export({ type: "pkcs8", format: "pem" }) as string);
    const signer = name === "rsa" ? createSigner(key, "rsa-pss-sha256") : createSigner(key);
    const trusted = verificationKey(parsePublicKeyPem(readFileSync(join(folder, `${name}_public.pem`), "utf8")));
    const steps = [
      { name: "s", threshold: 1, pubkeys: [], expectedCommand: [], expectedMaterials: [], expectedProducts: [] },
    ];
    const layout = { type: "layout", expiresMs: now + dayMs, readme: "", keys: new Map(), steps, inspect: [] } as const;
    for (const format of ["dsse", "metablock"] as const) {
      assert.ok(verifyLayout(await signLayout(layout, [{ signer }], format), [trusted], now));
    }
  }
});
