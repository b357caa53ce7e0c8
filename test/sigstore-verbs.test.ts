import assert from "node:assert/strict";
import { test } from "node:test";
import { base64, hex, isProblem, Problem, utf8 } from "../src/core/index.ts";
import { encodePem, encodePublicKeyPem, parseCertificate } from "../src/crypto/index.ts";
import { bundleVerb } from "../src/cli/bundle.ts";
import { Output } from "../src/cli/output.ts";
import type { BundleOptions, TrustRootOptions } from "../src/cli/sigstore-program.ts";
import { trustVerb, type TrustVerbWorld } from "../src/cli/trust.ts";
import { verifyVerb } from "../src/cli/verify.ts";
import {
  type Bundle,
  encodeBundle,
  encodeTrustedRoot,
  parseBundle,
  parseTrustedRoot,
  prepareTrust,
  verifyBundle,
} from "../src/sigstore/index.ts";
import {
  artifact,
  identity,
  message,
  otherMessage,
  rekorV1,
  rootWithV1,
  v1Message,
  v3,
  world,
} from "./conformance/sigstore-workshop.ts";
import { newInstance, newSigner, startMs } from "./sigstore-instance.ts";

const files = new Map<string, Uint8Array>();
const terminal = {
  targets: async () => ({ kindOf: async () => "file" }),
  now: () => startMs,
  readFile: async (path: string) => {
    const bytes = files.get(path);
    if (bytes === undefined) throw new Problem("io/not-found", `there is no file ${path}`);
    return bytes;
  },
  readPieces: async function* (path: string) {
    yield files.get(path)!;
  },
  writeFile: async (path: string, bytes: Uint8Array) => void files.set(path, bytes),
  list: async (folder: string) => [...files.keys()].filter((path) => path.startsWith(`${folder}/`)),
} as unknown as TrustVerbWorld;

const common = { dir: ".", output: "json", quiet: false } as const;
const signer = { certificateIdentity: identity.identity, certificateOidcIssuer: identity.issuer };

interface Told {
  readonly code: number;
  readonly text: string;
  readonly json: Record<string, unknown>;
}

async function told(form: "text" | "json", run: (out: Output) => Promise<number>): Promise<Told> {
  let text = "";
  const out = new Output({ out: (more) => void (text += more), err: () => undefined, color: false }, form, false);
  const code = await run(out).catch((error: unknown) => {
    if (!isProblem(error)) throw error;
    return 1;
  });
  return { code, text, json: form === "json" ? (JSON.parse(text || "{}") as Record<string, unknown>) : {} };
}

files.set("artifact", artifact);
files.set("root", encodeTrustedRoot(rootWithV1));
files.set("message", encodeBundle(message));

test("verify --explain says every step; of a failure the steps before and the one that failed", async () => {
  const options = { ...common, ...signer, bundle: ["message"], trustedRoot: "root", explain: true };
  const text = await told("text", (out) => verifyVerb("artifact", options, terminal, out));
  assert.equal(text.code, 0);
  assert.match(text.text, /ok {4}2\. the log entries/);
  assert.match(text.text, /checkpoint: log\.example\.org, size/);
  const json = await told("json", (out) => verifyVerb("artifact", options, terminal, out));
  const [report] = json.json["bundles"] as { steps: unknown[] }[];
  assert.equal(report?.steps.length, 11);
  const wrong = { ...options, certificateIdentity: "https://ci.example.org/other" };
  const failed = await told("json", (out) => verifyVerb("artifact", wrong, terminal, out));
  assert.equal(failed.code, 1);
  assert.equal(failed.json["verified"], false);
  const steps = failed.json["steps"] as { step: string; result: string }[];
  assert.deepEqual([steps.at(-1)?.step, steps.at(-1)?.result, steps.length], ["identity", "failed", 11]);
});

test("verify takes patterns and thresholds when they are asked for, and no two that contradict each other", async () => {
  const options = { ...common, bundle: ["message"], trustedRoot: "root" };
  const pattern = {
    certificateIdentityPattern: "https://ci.example.org/widget/**",
    certificateOidcIssuer: identity.issuer,
  };
  const run = (more: object) => told("json", (out) => verifyVerb("artifact", { ...options, ...more }, terminal, out));
  assert.equal((await run(pattern)).code, 0);
  assert.equal((await run({ ...pattern, logs: 2 })).code, 1);
  assert.equal((await run({ ...pattern, certificateIdentity: identity.identity })).code, 1);
});

/** cosign's older JSON, and the log's answer for it. */
async function cosignBlob(): Promise<{ readonly bundle: Bundle; readonly json: Uint8Array; readonly rekor: object }> {
  const bundle = await v1Message(v3);
  const [entry] = bundle.verificationMaterial.logEntries;
  const material = bundle.verificationMaterial.signer;
  assert.ok(material.kind === "certificate" && bundle.content.kind === "message");
  const rekor = {
    SignedEntryTimestamp: base64(entry!.signedEntryTimestamp!),
    Payload: {
      body: base64(entry!.canonicalizedBody),
      integratedTime: entry!.integratedTime,
      logIndex: entry!.logIndex,
      logID: hex(entry!.logId),
    },
  };
  const json = utf8(
    JSON.stringify({
      base64Signature: base64(bundle.content.signature),
      cert: base64(utf8(encodePem("CERTIFICATE", material.leaf))),
      rekorBundle: rekor,
    }),
  );
  return { bundle, json, rekor };
}

const upgrading = { ...common, ...signer, bundle: [], trustedRoot: "root", artifact: "artifact", out: "new" };
const upgrade = (args: readonly string[], more: object = {}): Promise<Told> =>
  told("json", (out) => bundleVerb("upgrade", args, { ...upgrading, ...more } as BundleOptions, terminal, out));

test("bundle upgrade makes a v0.1 bundle of cosign's JSON, and one of v0.3 where the log's proof is at hand", async () => {
  const { bundle, json } = await cosignBlob();
  const [entry] = bundle.verificationMaterial.logEntries;
  files.set("cosign.json", json);
  assert.match(String((await upgrade(["cosign.json"])).json["mediaType"]), /0\.1$/);
  const proof = entry!.inclusionProof!;
  files.set(
    "answer",
    utf8(
      JSON.stringify({
        ["24".repeat(32)]: {
          body: base64(entry!.canonicalizedBody),
          integratedTime: entry!.integratedTime,
          logID: hex(entry!.logId),
          logIndex: entry!.logIndex,
          verification: {
            signedEntryTimestamp: base64(entry!.signedEntryTimestamp!),
            inclusionProof: {
              logIndex: proof.logIndex,
              rootHash: hex(proof.rootHash),
              treeSize: proof.treeSize,
              hashes: proof.hashes.map(hex),
              checkpoint: proof.checkpoint,
            },
          },
        },
      }),
    ),
  );
  assert.equal((await upgrade(["cosign.json"], { proof: ["answer"] })).json["mediaType"], v3);
  const options = {
    trust: prepareTrust(rootWithV1),
    artifact: { kind: "bytes", bytes: artifact },
    identity: { issuer: identity.issuer, subjectAlternativeName: identity.identity },
  } as const;
  verifyBundle(parseBundle(files.get("new")!), options);
});

test("bundle upgrade takes cosign's separate files", async () => {
  const { bundle, rekor } = await cosignBlob();
  const material = bundle.verificationMaterial.signer;
  assert.ok(material.kind === "certificate" && bundle.content.kind === "message");
  files.set("x.sig", utf8(`${base64(bundle.content.signature)}\n`));
  files.set("x.pem", utf8(encodePem("CERTIFICATE", material.leaf)));
  files.set("x.rekor", utf8(JSON.stringify(rekor)));
  const done = await upgrade([], { signature: "x.sig", certificate: "x.pem", rekorBundle: "x.rekor" });
  assert.equal(done.code, 0);
});

test("bundle upgrade writes nothing that it could not verify", async () => {
  const { json, bundle } = await cosignBlob();
  const other = (await cosignBlob()).bundle;
  const attack = async (change: (it: Record<string, unknown>) => void): Promise<void> => {
    files.delete("new");
    const changed = JSON.parse(new TextDecoder().decode(json)) as Record<string, unknown>;
    change(changed);
    files.set("bad.json", utf8(JSON.stringify(changed)));
    assert.equal((await upgrade(["bad.json"])).code, 1);
    assert.equal(files.has("new"), false);
  };
  const key = encodePublicKeyPem(newSigner("ecdsa-p256").publicKey);
  assert.ok(other.content.kind === "message");
  const { signature } = other.content;
  // GHSA-fx35-mq7g-6g98: a public key in the certificate's place, where an identity is expected.
  await attack((it) => (it["cert"] = base64(utf8(key))));
  await attack((it) => (it["cert"] = base64(utf8("nonsense"))));
  await attack((it) => (it["base64Signature"] = base64(signature)));
  await attack((it) => delete it["rekorBundle"]);
  const [entry] = other.verificationMaterial.logEntries;
  files.set("answer", utf8(JSON.stringify({ canonicalizedBody: base64(entry!.canonicalizedBody) })));
  assert.equal((await upgrade(["cosign.json"], { proof: ["answer"] })).code, 1);
  assert.notEqual(bundle, other);
});

test("bundle inspect shows what a bundle says, of either form, and that nothing is verified", async () => {
  const { json } = await cosignBlob();
  files.set("cosign.json", json);
  for (const [file, form] of [
    ["message", "bundle"],
    ["cosign.json", "cosign blob"],
  ] as const) {
    const seen = await told("json", (out) =>
      bundleVerb("inspect", [file], { ...upgrading } as BundleOptions, terminal, out),
    );
    assert.equal(seen.json["form"], form);
    assert.equal(seen.json["verified"], false);
    const shown = seen.json["signer"] as { identity: { subjectAlternativeName: string } };
    assert.equal(shown.identity.subjectAlternativeName, identity.identity);
  }
  const text = await told("text", (out) =>
    bundleVerb("inspect", ["message"], { ...upgrading } as BundleOptions, terminal, out),
  );
  assert.match(text.text, /nothing of this is verified/);
  assert.match(text.text, /logIndex: \d/);
});

const trusting = (verb: string, args: readonly string[], more: object): Promise<Told> =>
  told("json", (out) => trustVerb(verb, args, { ...common, ...more } as TrustRootOptions, terminal, out));

test("trust create makes a root of keys and certificates that verifies what the services signed", async () => {
  const chain = (certificates: readonly Uint8Array[]): Uint8Array =>
    utf8(certificates.map((each) => encodePem("CERTIFICATE", each)).join(""));
  const { root } = world;
  files.set("ca.pem", chain(root.certificateAuthorities[0]!.certificates));
  files.set("tsa.pem", chain(root.timestampAuthorities[0]!.certificates));
  files.set("log.pem", utf8(encodePem("PUBLIC KEY", root.logs[0]!.publicKey)));
  files.set("old.pem", utf8(encodePem("PUBLIC KEY", rekorV1.instance.publicKey)));
  files.set("ct.pem", utf8(encodePem("PUBLIC KEY", root.ctLogs[0]!.publicKey)));
  const start = "start=2026-01-01T00:00:00Z";
  const made = await trusting("create", [], {
    ca: [`url=https://ca.example.org,file=ca.pem,${start}`],
    log: [
      `url=https://log.example.org,file=log.pem,${start}`,
      `url=https://rekor.example.org,file=old.pem,${start},api=1`,
    ],
    ctLog: [`url=https://ct.example.org,file=ct.pem,${start},operator=example.org`],
    tsa: [`url=https://tsa.example.org,file=tsa.pem,${start}`],
    out: "made",
  });
  assert.equal(made.code, 0);
  const trust = prepareTrust(parseTrustedRoot(files.get("made")!));
  const expected = {
    trust,
    artifact: { kind: "bytes", bytes: artifact },
    identity: { issuer: identity.issuer, subjectAlternativeName: identity.identity },
  } as const;
  verifyBundle(message, expected);
  verifyBundle(await v1Message(v3), expected);
  const seen = await trusting("inspect", ["made"], {});
  assert.equal((seen.json["trusted"] as unknown[]).length, 5);
});

test("a wish that cannot be read, or trusts nothing, makes no root", async () => {
  for (const wish of [
    "url=https://x",
    "file=ca.pem",
    "url=https://x,file=ca.pem,until=2030",
    "url=https://x,file=ct.pem",
  ])
    assert.equal((await trusting("create", [], { ca: [wish], out: "none" })).code, 1, wish);
  assert.equal((await trusting("create", [], { out: "none" })).code, 1);
  assert.equal(files.has("none"), false);
});

test("a rehearsed rotation says which stored bundles would be lost, and why; exit 1 if any", async () => {
  files.set("stored/a.sigstore.json", encodeBundle(message));
  files.set("stored/b.sigstore.json", encodeBundle(await v1Message(v3)));
  files.set("stored/c.sigstore.json", utf8("{}"));
  const rotate = (root: Uint8Array): Promise<Told> => {
    files.set("next", root);
    return trusting("rotate", ["next"], { rehearse: true, from: "root", bundles: "stored" });
  };
  const same = await rotate(encodeTrustedRoot(rootWithV1));
  assert.deepEqual([same.code, same.json["counts"]], [0, { kept: 2, lost: 0, gained: 0, bad: 1, unjudged: 0 }]);
  // The old log is left out: what only it vouches for is lost.
  const without = await rotate(encodeTrustedRoot(world.root));
  assert.deepEqual([without.code, without.json["counts"]], [1, { kept: 1, lost: 1, gained: 0, bad: 1, unjudged: 0 }]);
  const lost = (without.json["bundles"] as { name: string; result: string; code: string }[]).find(
    ({ result }) => result === "lost",
  );
  assert.deepEqual([lost?.name, lost?.code], ["stored/b.sigstore.json", "sigstore/log-threshold"]);
  // A window that begins after the bundles were signed loses them all.
  const late = {
    ...rootWithV1,
    certificateAuthorities: rootWithV1.certificateAuthorities.map((each) => ({
      ...each,
      validFor: { startMs: startMs + 1000 },
    })),
  };
  assert.equal((await rotate(encodeTrustedRoot(late))).code, 1);
  // A second instance beside the first loses nothing.
  const second = (await newInstance()).root;
  const both = {
    ...rootWithV1,
    logs: [...rootWithV1.logs, ...second.logs],
    certificateAuthorities: [...rootWithV1.certificateAuthorities, ...second.certificateAuthorities],
  };
  assert.equal((await rotate(encodeTrustedRoot(both))).code, 0);
  assert.ok(parseCertificate(second.certificateAuthorities[0]!.certificates[0]!));
  assert.notEqual(otherMessage, message);
});
