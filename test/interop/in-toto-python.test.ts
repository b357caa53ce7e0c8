// The Python reference implementation verifies what we sign, refuses what it should, and means the same by a key's
// keyid and by a pattern. Runs where SEALWRIGHT_PEERS_PYTHON names a Python with in-toto 3.1 and securesystemslib.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { array, constantFrom, sample } from "fast-check";
import { dayMs, fromUtf8, utf8 } from "../../src/core/index.ts";
import { createSigner, digestHex, encodePublicKeyPem, generateKey, type KeyType } from "../../src/crypto/index.ts";
import { attestBuild, builderId, keyNames, loadSigner, targetPaths } from "../../src/flows/index.ts";
import {
  compileGlob,
  createLayout,
  createLink,
  linkFileName,
  signLayout,
  signLink,
  sigstoreFunctionary,
  verificationKey,
  type FunctionaryKey,
  type Layout,
  type Link,
  type MetadataFormat,
} from "../../src/intoto/index.ts";
import { startInstance } from "../instance.ts";
import { World } from "../world.ts";

const python = process.env["SEALWRIGHT_PEERS_PYTHON"];
let folder = "";
before(() => {
  folder = mkdtempSync(join(tmpdir(), "sealwright-in-toto-"));
});
after(() => rmSync(folder, { recursive: true, force: true }));

function skipped(t: TestContext): boolean {
  if (python !== undefined) return false;
  t.skip("skipped: SEALWRIGHT_PEERS_PYTHON names no Python with in-toto");
  return true;
}

function run(script: string, ...args: readonly string[]): string {
  const done = spawnSync(python!, ["-W", "ignore", "-c", script, ...args], { encoding: "utf8", timeout: 60_000 });
  assert.equal(done.status, 0, done.stderr);
  return done.stdout.trim();
}

/** Every key of the folder must have signed the layout. Prints `ok`, or the class of what in_toto_verify throws. */
const verifyScript = `
import glob, sys
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.signer import SSlibKey
from in_toto.models.metadata import Metadata
from in_toto.verifylib import in_toto_verify
folder = sys.argv[1]
keys = [SSlibKey.from_crypto(load_pem_public_key(open(pem, "rb").read())) for pem in glob.glob(folder + "/*.pem")]
try:
    layout = Metadata.load(folder + "/root.layout")
    in_toto_verify(layout, {key.keyid: dict(key.to_dict(), keyid=key.keyid) for key in keys}, link_dir_path=folder)
    print("ok")
except Exception as problem:
    print(type(problem).__name__)
`;

function person(type: KeyType) {
  const signer = createSigner(generateKey(type));
  return { signer, key: verificationKey(signer.publicKey) };
}
const owner = person("ecdsa-p256");
const alice = person("ed25519");
const bob = person("ecdsa-p256");
const robot = sigstoreFunctionary("https://issuer.example", "https://example.com/build.yml");
const digest = (value: string) => new Map([["sha256", value.repeat(32)]]);
const write = createLink({ name: "write", products: new Map([["src/foo.c", digest("aa")]]) });
const build = createLink({
  name: "build",
  command: ["cc", "foo.c"],
  materials: new Map([["foo.c", digest("aa")]]),
  products: new Map([["foo", digest("bb")]]),
  byproducts: { "return-value": 0, stdout: "café \u0001", stderr: "" },
});

function layoutWith(builders: readonly FunctionaryKey[], expiresMs = Date.now() + dayMs): Layout {
  return createLayout({
    expiresMs,
    keys: [alice.key, ...builders],
    steps: [
      {
        name: "write",
        pubkeys: [alice.key.keyid],
        threshold: 1,
        expectedProducts: [
          ["CREATE", "src/*.[!h]"],
          ["DISALLOW", "*"],
        ],
      },
      {
        name: "build",
        pubkeys: builders.map((key) => key.keyid),
        threshold: 1,
        expectedMaterials: [
          ["MATCH", "*", "WITH", "PRODUCTS", "IN", "src", "FROM", "write"],
          ["DISALLOW", "*"],
        ],
        expectedProducts: [
          ["CREATE", "foo"],
          ["DISALLOW", "*"],
        ],
      },
    ],
  });
}

interface Files {
  readonly layout?: Uint8Array;
  readonly build?: Uint8Array;
}

let cases = 0;
async function verdict(layout: Layout, format: MetadataFormat, files: Files = {}): Promise<string> {
  const path = join(folder, String(cases++));
  mkdirSync(path);
  writeFileSync(join(path, "owner.pem"), encodePublicKeyPem(owner.signer.publicKey));
  writeFileSync(join(path, "root.layout"), files.layout ?? (await signLayout(layout, [owner], format)));
  writeFileSync(join(path, linkFileName("write", alice.key.keyid)), await signLink(write, [alice], format));
  const built = files.build ?? (await signLink(build, [bob], format));
  writeFileSync(join(path, linkFileName("build", bob.key.keyid)), built);
  return run(verifyScript, path);
}

/** The DSSE file with a text in its payload replaced by one of equal length. */
function tampered(file: Uint8Array, from: string, to: string): Uint8Array {
  const envelope = JSON.parse(fromUtf8(file)) as { payload: string };
  const payload = Buffer.from(envelope.payload, "base64").toString("utf8");
  assert.ok(payload.includes(from) && from.length === to.length);
  envelope.payload = Buffer.from(payload.replace(from, to)).toString("base64");
  return utf8(JSON.stringify(envelope));
}

for (const format of ["dsse", "metablock"] as const) {
  test(`in-toto verifies our layout and links in ${format}, with Ed25519 and ECDSA keys`, async (t) => {
    if (skipped(t)) return;
    assert.equal(await verdict(layoutWith([bob.key]), format), "ok");
  });

  test(`in-toto verifies a ${format} layout that also names a sigstore functionary`, async (t) => {
    if (skipped(t)) return;
    assert.equal(await verdict(layoutWith([bob.key, robot]), format), "ok");
    assert.equal(await verdict(layoutWith([robot, bob.key]), format), "ok");
  });
}

test("in-toto refuses our layout or link once it is tampered with, expired or broken", async (t) => {
  if (skipped(t)) return;
  const layout = layoutWith([bob.key]);
  const signedLayout = tampered(await signLayout(layout, [owner]), `"threshold":1`, `"threshold":0`);
  assert.equal(await verdict(layout, "dsse", { layout: signedLayout }), "SignatureVerificationError");
  const signedLink = tampered(await signLink(build, [bob]), "bbbb", "bbbc");
  assert.equal(await verdict(layout, "dsse", { build: signedLink }), "ThresholdVerificationError");
  const byAlice = await signLink(build, [alice]);
  assert.equal(await verdict(layout, "dsse", { build: byAlice }), "ThresholdVerificationError");
  assert.equal(await verdict(layoutWith([bob.key], Date.now() - dayMs), "dsse"), "LayoutExpiredError");
  const evil = createLink({ ...build, products: new Map([...build.products, ["evil", digest("ee")]]) });
  assert.equal(await verdict(layout, "dsse", { build: await signLink(evil, [bob]) }), "RuleVerificationError");
});

test("securesystemslib gives our keys the keyids that we give them", (t) => {
  if (skipped(t)) return;
  const script = `
import sys
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.signer import SSlibKey, SigstoreSigner
for pem in sys.argv[1:]:
    print(SSlibKey.from_crypto(load_pem_public_key(pem.encode())).keyid)
print(SigstoreSigner.import_("${robot.identity}", "${robot.issuer}")[1].keyid)
`;
  const people = (["ed25519", "ecdsa-p256", "ecdsa-p384", "rsa"] as const).map((type) => generateKey(type).publicKey);
  const keyids = run(script, ...people.map(encodePublicKeyPem)).split("\n");
  assert.deepEqual(keyids, [...people.map((key) => verificationKey(key).keyid), robot.keyid]);
});

test("Python's fnmatch and we agree on patterns of every shape", (t) => {
  if (skipped(t)) return;
  const letter = constantFrom("a", "b", "c", "-", "!", "^", "[", "]", "*", "?", "\\", "/", ".");
  const name = constantFrom("a", "b", "c", "-", "!", "^", "[", "]", "*", "\\", "/");
  const pairs = sample(array(letter, { maxLength: 8 }), { numRuns: 4000, seed: 7 }).map((pattern, index) => {
    const [text] = sample(array(name, { maxLength: 4 }), { numRuns: 1, seed: index });
    return [pattern.join(""), text!.join("")] as const;
  });
  const file = join(folder, "patterns.json");
  writeFileSync(file, JSON.stringify(pairs));
  const script = `
import fnmatch, json, sys
print("".join("1" if fnmatch.fnmatchcase(n, p) else "0" for p, n in json.load(open(sys.argv[1]))))
`;
  const theirs = run(script, file);
  for (const [index, [pattern, text]] of pairs.entries()) {
    assert.equal(compileGlob(pattern).matches(text), theirs[index] === "1", JSON.stringify([pattern, text]));
  }
  assert.ok(theirs.includes("1"));
});

/** What an organisation publishes and its builder writes: layout and owners' keys by TUF, the links of one build. */
async function released(t: TestContext, change = (link: Link): Link => link): Promise<Map<string, Uint8Array>> {
  const instance = await startInstance(t);
  const { organisation, signing } = instance;
  const { project } = organisation;
  const build = new World().build();
  const named = { ...build, links: build.links.filter(({ name }) => name !== "test").map(change) };
  const builder = {
    id: builderId(organisation, "isolated"),
    version: "0",
    signer: await loadSigner(instance.files, keyNames.builder),
  };
  const { links } = await attestBuild(named, builder, project, signing);
  const keys = JSON.parse(fromUtf8(await instance.target(targetPaths.layoutKeys(project.name)))) as { keys: string[] };
  return new Map([
    ["root.layout", await instance.target(targetPaths.layout(project.name))],
    ...keys.keys.map((pem, index) => [`owner-${index}.pem`, utf8(pem)] as const),
    ...links,
  ]);
}

function verdictOf(files: ReadonlyMap<string, Uint8Array>): string {
  const path = join(folder, String(cases++));
  mkdirSync(path);
  for (const [name, bytes] of files) writeFileSync(join(path, name), bytes);
  return run(verifyScript, path);
}

test("in-toto verifies a build by the layout that our TUF repository serves and the links that our builder writes", async (t) => {
  if (skipped(t)) return;
  const files = await released(t);
  assert.deepEqual(
    [...files.keys()].map((name) => name.replace(/[0-9a-f]{8}(?=\.link$)/, "KEYID")),
    ["root.layout", "owner-0.pem", "owner-1.pem", "source.KEYID.link", "pack.KEYID.link"],
  );
  assert.equal(verdictOf(files), "ok");
});

test("in-toto refuses a build of ours with a link left out or changed, or a layout that an owner did not sign", async (t) => {
  if (skipped(t)) return;
  const files = await released(t);
  const pack = [...files.keys()].find((name) => name.startsWith("pack."))!;
  const without = new Map(files);
  without.delete(pack);
  assert.equal(verdictOf(without), "LinkNotFoundError");
  const artifact = digestHex("sha256", utf8("artifact"));
  const changed = tampered(files.get(pack)!, artifact, digestHex("sha256", utf8("another")));
  assert.equal(verdictOf(new Map([...files, [pack, changed]])), "ThresholdVerificationError");
  const stranger = utf8(encodePublicKeyPem(alice.signer.publicKey));
  assert.equal(verdictOf(new Map([...files, ["owner-2.pem", stranger]])), "SignatureVerificationError");
});

test("in-toto refuses a build of ours whose last step changed a file of the source", async (t) => {
  if (skipped(t)) return;
  const files = await released(t, (link) => {
    if (link.name !== "pack") return link;
    return createLink({ ...link, products: new Map([...link.products, ["package-lock.json", digest("ee")]]) });
  });
  assert.equal(verdictOf(files), "RuleVerificationError");
});
