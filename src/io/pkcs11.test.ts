import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync, chmodSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { isProblem, problemChain, type ProblemCode, utf8 } from "../core/index.ts";
import { encodePublicKeyPem, type Scheme, verifySignature } from "../crypto/index.ts";
import { openSigner, parseKeyReference, publicKeyOf } from "./key-reference.ts";
import type { KeyWorld } from "./key-world.ts";
import { generatePkcs11Key, type TokenKeyType } from "./pkcs11.ts";
import { parsePkcs11Uri } from "./pkcs11-uri.ts";

const pin = "271828-secret";
const module = ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so"].find(existsSync);
const message = utf8("metadata");

interface Tokens {
  readonly world: KeyWorld;
  readonly folder: string;
  /** A token of this label with the PIN. */
  add(label: string): void;
}

/** SoftHSM with a folder of its own; skips the test, with the reason, where it or pkcs11-tool is not there. */
function tokens(t: TestContext): Tokens | undefined {
  const there = (program: string) => spawnSync(program, ["--help"]).error === undefined;
  if (module === undefined || !there("softhsm2-util") || !there("pkcs11-tool")) {
    t.skip("skipped: no SoftHSM or no pkcs11-tool on this machine");
    return undefined;
  }
  const folder = mkdtempSync(join(tmpdir(), "softhsm-test-"));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "tokens"));
  const conf = join(folder, "softhsm2.conf");
  writeFileSync(
    conf,
    `directories.tokendir = ${join(folder, "tokens")}\nobjectstore.backend = file\nlog.level = ERROR\n`,
  );
  const environment = {
    PATH: process.env["PATH"],
    SOFTHSM2_CONF: conf,
    SEALWRIGHT_PKCS11_MODULE: module,
    SEALWRIGHT_PKCS11_PIN: pin,
  };
  const add = (label: string): void => {
    const args = ["--init-token", "--free", "--label", label, "--pin", pin, "--so-pin", "314159"];
    execFileSync("softhsm2-util", args, { env: environment, stdio: "ignore" });
  };
  add("Owner One");
  return { world: { environment, folder }, folder, add };
}

function is(code: ProblemCode): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isProblem(error, code), String(error));
    assert.ok(!problemChain(error).join("\n").includes(pin), "a PIN in a message");
    return true;
  };
}

const kinds: readonly (readonly [TokenKeyType, string, readonly Scheme[]])[] = [
  ["ecdsa-p256", "01", ["ecdsa-p256-sha256"]],
  ["ecdsa-p384", "02", ["ecdsa-p384-sha384", "ecdsa-p384-sha256"]],
  ["ed25519", "03", ["ed25519"]],
  ["rsa-2048", "04", ["rsa-pss-sha256", "rsa-pkcs1-sha256", "rsa-pss-sha512"]],
  ["rsa-3072", "05", ["rsa-pss-sha384", "rsa-pkcs1-sha512"]],
];

test("keys made on a token are found by name, by id and by both, and sign with every scheme of their kind", async (t) => {
  const made = tokens(t);
  if (made === undefined) return;
  const { world } = made;
  for (const [type, id, schemes] of kinds) {
    const reference = `pkcs11:token=Owner%20One;object=key-${type};id=%${id}`;
    const key = await generatePkcs11Key(parsePkcs11Uri(reference), world, type);
    for (const each of [reference, `pkcs11:object=key-${type}`, `pkcs11:id=%${id}`]) {
      assert.equal(encodePublicKeyPem(await publicKeyOf(each, world)), encodePublicKeyPem(key));
    }
    for (const scheme of schemes) {
      const signer = await openSigner(reference, world, { scheme: () => scheme });
      assert.equal(signer.scheme, scheme);
      assert.ok(verifySignature(key, scheme, message, await signer.sign(message)), scheme);
    }
  }
});

test("several signatures asked for at once are made one after the other", async (t) => {
  const made = tokens(t);
  if (made === undefined) return;
  await generatePkcs11Key(parsePkcs11Uri("pkcs11:object=a;id=%01"), made.world, "ecdsa-p256");
  const signer = await openSigner("pkcs11:object=a", made.world);
  const messages = ["1", "2", "3", "4"].map(utf8);
  const signatures = await Promise.all(messages.map((each) => signer.sign(each)));
  for (const [at, each] of messages.entries()) {
    assert.ok(verifySignature(signer.publicKey, signer.scheme, each, signatures[at]!));
  }
});

test("a public key is shown without a PIN, and signing without one says which variable to set", async (t) => {
  const made = tokens(t);
  if (made === undefined) return;
  const { world } = made;
  await generatePkcs11Key(parsePkcs11Uri("pkcs11:object=a;id=%01"), world, "ecdsa-p256");
  const { SEALWRIGHT_PKCS11_PIN: _pin, ...environment } = world.environment;
  const without = { ...world, environment };
  await publicKeyOf("pkcs11:object=a", without);
  await assert.rejects(openSigner("pkcs11:object=a", without), (error) => {
    assert.ok(isProblem(error, "keys/pin-missing") && error.hint?.includes("SEALWRIGHT_PKCS11_PIN"));
    return true;
  });
  const asked: string[] = [];
  const prompt = async (question: string) => (asked.push(question), pin);
  const signer = await openSigner("pkcs11:object=a", { ...without, prompt });
  await signer.sign(message);
  assert.deepEqual(asked, ['PIN of the token "Owner One": ']);
});

test("a PIN comes from the file that the reference names, if that is private", async (t) => {
  const made = tokens(t);
  if (made === undefined) return;
  const { world, folder } = made;
  await generatePkcs11Key(parsePkcs11Uri("pkcs11:object=a;id=%01"), world, "ecdsa-p256");
  const file = join(folder, "pin");
  writeFileSync(file, `${pin}\n`, { mode: 0o600 });
  const without = { ...world, environment: { ...world.environment, SEALWRIGHT_PKCS11_PIN: "000000" } };
  const reference = `pkcs11:object=a?pin-source=file:${file}&module-path=${module}`;
  const signer = await openSigner(reference, without);
  assert.ok(verifySignature(signer.publicKey, signer.scheme, message, await signer.sign(message)));
  chmodSync(file, 0o644);
  await assert.rejects(openSigner(reference, without), is("io/exposed"));
});

test("a PIN that the token refuses is not tried a second time", async (t) => {
  const made = tokens(t);
  if (made === undefined) return;
  const { world } = made;
  await generatePkcs11Key(parsePkcs11Uri("pkcs11:object=a;id=%01"), world, "ecdsa-p256");
  const wrong = { ...world, environment: { ...world.environment, SEALWRIGHT_PKCS11_PIN: "wrong-one" } };
  const signer = await openSigner("pkcs11:object=a", wrong);
  const first = await Promise.resolve(signer.sign(message)).catch((error: unknown) => error);
  const second = await Promise.resolve(signer.sign(message)).catch((error: unknown) => error);
  assert.ok(isProblem(first, "keys/pin-wrong"));
  assert.equal(second, first);
});

test("a description that fits two keys or two tokens is refused, and so is one that fits none", async (t) => {
  const made = tokens(t);
  if (made === undefined) return;
  const { world, add } = made;
  await assert.rejects(publicKeyOf("pkcs11:object=a", world), is("keys/token-object"));
  await generatePkcs11Key(parsePkcs11Uri("pkcs11:token=Owner%20One;object=a;id=%01"), world, "ecdsa-p256");
  const again = (uri: string) => generatePkcs11Key(parsePkcs11Uri(uri), world, "ecdsa-p256");
  await assert.rejects(again("pkcs11:object=a;id=%02"), is("keys/token-object"));
  await assert.rejects(again("pkcs11:object=b;id=%01"), is("keys/token-object"));
  await assert.rejects(again("pkcs11:object=b"), is("keys/token-object"));
  await assert.rejects(publicKeyOf("pkcs11:token=Nobody;object=a", world), is("keys/token-missing"));
  const env = { ...world.environment, PIN: pin };
  const tool = ["--module", module!, "--login", "--pin", "env:PIN", "--keypairgen", "--key-type", "EC:prime256v1"];
  execFileSync("pkcs11-tool", [...tool, "--label", "a", "--id", "07", "--usage-sign"], { env, stdio: "ignore" });
  await assert.rejects(publicKeyOf("pkcs11:object=a", world), is("keys/token-ambiguous"));
  await publicKeyOf("pkcs11:object=a;id=%07", world);
  add("Owner Two");
  await assert.rejects(publicKeyOf("pkcs11:object=a;id=%07", world), is("keys/token-ambiguous"));
  await publicKeyOf("pkcs11:token=Owner%20One;object=a;id=%07", world);
});

test("a signature of another key under the same id, as after a change of tokens, is refused", async (t) => {
  const made = tokens(t);
  if (made === undefined) return;
  const { world } = made;
  const reference = "pkcs11:object=a;id=%01";
  await generatePkcs11Key(parsePkcs11Uri(reference), world, "ecdsa-p256");
  const signer = await openSigner(reference, world);
  await signer.sign(message);
  const env = { ...world.environment, PIN: pin };
  const tool = ["--module", module!, "--login", "--pin", "env:PIN"];
  const run = (...args: readonly string[]) => execFileSync("pkcs11-tool", [...tool, ...args], { env, stdio: "ignore" });
  for (const type of ["privkey", "pubkey"]) run("--delete-object", "--type", type, "--id", "01");
  await assert.rejects(Promise.resolve(signer.sign(message)), is("keys/token-refused"));
  run("--keypairgen", "--key-type", "EC:prime256v1", "--label", "a", "--id", "01", "--usage-sign");
  await assert.rejects(Promise.resolve(signer.sign(message)), is("keys/signature-invalid"));
});

test("a module that others could have changed, that is not there or that is no module is not loaded", async (t) => {
  const made = tokens(t);
  if (made === undefined) return;
  const { world, folder } = made;
  const copy = join(folder, "module.so");
  copyFileSync(module!, copy);
  chmodSync(copy, 0o777);
  const refused = (path: string) =>
    assert.rejects(publicKeyOf(`pkcs11:object=a?module-path=${path}`, world), is("keys/token-module"));
  await refused(copy);
  await refused("/nowhere/module.so");
  await refused("module.so");
  writeFileSync(copy, "no library");
  chmodSync(copy, 0o644);
  await refused(copy);
});

test("the PIN is in no argument of the program that talks to the token", async (t) => {
  const made = tokens(t);
  if (made === undefined) return;
  const { world, folder } = made;
  const bin = join(folder, "bin");
  mkdirSync(bin);
  const tool = execFileSync("sh", ["-c", "command -v pkcs11-tool"], { encoding: "utf8" }).trim();
  writeFileSync(
    join(bin, "pkcs11-tool"),
    `#!/bin/sh\necho "$@" >> ${folder}/seen\nenv >> ${folder}/env\nexec ${tool} "$@"\n`,
    {
      mode: 0o755,
    },
  );
  const path = `${bin}:${process.env["PATH"] ?? ""}`;
  const environment = { ...world.environment, PATH: path, VAULT_TOKEN: "hvs.other", COSIGN_PASSWORD: "another" };
  await generatePkcs11Key(parsePkcs11Uri("pkcs11:object=a;id=%01"), { ...world, environment }, "ecdsa-p256");
  await (await openSigner("pkcs11:object=a", { ...world, environment })).sign(message);
  const read = (name: string) => execFileSync("cat", [join(folder, name)], { encoding: "utf8" });
  assert.ok(read("seen").includes("--sign") && !read("seen").includes(pin));
  assert.ok(!/hvs\.other|another/.test(read("env")));
});

test("a PKCS #11 URI is read whole, or refused without showing a PIN", () => {
  const uri = parsePkcs11Uri("pkcs11:token=A%20B;serial=12;model=M;manufacturer=C;object=k%2f1;id=%00%FF;type=private");
  assert.deepEqual(uri, {
    token: { label: "A B", serial: "12", manufacturer: "C", model: "M" },
    object: "k/1",
    id: "00ff",
    pinSource: undefined,
    modulePath: undefined,
  });
  const refused = [
    "pkcs11:",
    "pkcs11:token=A",
    "pkcs11:object=a;object=b",
    "pkcs11:object=",
    "pkcs11:object=a b",
    "pkcs11:object=%zz",
    "pkcs11:object=%ff",
    "pkcs11:object=a;type=public",
    "pkcs11:object=a;x-vendor=1",
    "pkcs11:object=a?pin-source=pin",
    "pkcs11:object=a?pin-source=%7Ccat%20pin",
    "pkcs11:object=a?b?c",
    `pkcs11:object=a?pin-value=${pin}`,
    `pkcs11:object=a;pin-value=${pin}`,
  ];
  for (const each of refused) {
    assert.throws(() => parseKeyReference(each), is("keys/reference-invalid"), each);
  }
});
