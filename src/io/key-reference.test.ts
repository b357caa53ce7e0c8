import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { isProblem, problemChain, type ProblemCode, utf8 } from "../core/index.ts";
import {
  encodePrivateKeyPem,
  encodePublicKeyPem,
  encryptPrivateKeyPem,
  generateKey,
  verifySignature,
} from "../crypto/index.ts";
import { openSigner, parseKeyReference, publicKeyOf } from "./key-reference.ts";
import type { KeyWorld } from "./key-world.ts";
import { ownKey } from "./own-key.ts";

const secret = "rosebud-passphrase";
const message = utf8("metadata");
const key = generateKey("ecdsa-p256");
const encrypted = await encryptPrivateKeyPem(key, secret);

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "key-reference-"));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "plain.pem"), encodePrivateKeyPem(key), { mode: 0o600 });
  writeFileSync(join(folder, "key.pem"), encrypted, { mode: 0o600 });
  return folder;
}

function is(code: ProblemCode, hint?: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isProblem(error, code), String(error));
    assert.ok(!problemChain(error).join("\n").includes(secret), "a passphrase in a message");
    if (hint !== undefined) assert.ok(error.hint?.includes(hint), error.hint);
    return true;
  };
}

test("a reference says what kind of key it names, and anything else is refused", () => {
  assert.deepEqual(parseKeyReference("keys/a.pem"), { kind: "file", path: "keys/a.pem" });
  assert.deepEqual(parseKeyReference("file:keys/a.pem"), { kind: "file", path: "keys/a.pem" });
  assert.deepEqual(parseKeyReference("file:///keys/a.pem"), { kind: "file", path: "/keys/a.pem" });
  assert.deepEqual(parseKeyReference("vault://vault.example.org:8200/tuf"), {
    kind: "vault",
    host: "vault.example.org:8200",
    mount: "transit",
    key: { name: "tuf" },
  });
  assert.deepEqual(parseKeyReference("vault://[::1]/a/b/tuf.key?version=3"), {
    kind: "vault",
    host: "[::1]",
    mount: "a/b",
    key: { name: "tuf.key", version: 3 },
  });
  assert.deepEqual(parseKeyReference("sigstore:https://issuer.example/realm#me@example.org"), {
    kind: "sigstore",
    issuer: "https://issuer.example/realm",
    identity: "me@example.org",
  });
  const refused = [
    "",
    "file:",
    "file://host/key.pem",
    "awskms:///alias/a",
    "gcpkms://projects/p",
    "vault://host",
    "vault://host/",
    "vault://host/../sys/seal",
    "vault://host/a?version=0",
    "vault://host/a?version=1&x=2",
    "vault://user:pass@host/a",
    "sigstore:",
    "sigstore:https://issuer.example",
    "sigstore:#me",
    "sigstore:issuer#me",
    "https://host/key",
    "x\0y",
  ];
  for (const each of refused) assert.throws(() => parseKeyReference(each), is("keys/reference-invalid"), each);
});

test("a key in a file signs, plain or encrypted, from the folder that relative paths start at", async (t) => {
  const folder = folderOf(t);
  const world: KeyWorld = { environment: { SEALWRIGHT_KEY_PASSWORD: secret }, folder };
  for (const reference of ["plain.pem", "file:key.pem", `file:${folder}/key.pem`, join(folder, "key.pem")]) {
    const signer = await openSigner(reference, world);
    assert.ok(verifySignature(key.publicKey, signer.scheme, message, await signer.sign(message)));
    assert.equal(encodePublicKeyPem(await publicKeyOf(reference, world)), encodePublicKeyPem(key.publicKey));
  }
  await assert.rejects(openSigner("absent.pem", world), is("io/not-found"));
});

test("the passphrase comes from our variable, from cosign's, from who is asked, or not at all", async (t) => {
  const folder = folderOf(t);
  const open = (environment: KeyWorld["environment"], prompt?: KeyWorld["prompt"]) =>
    openSigner("key.pem", { environment, folder, prompt });
  await open({ COSIGN_PASSWORD: secret });
  await open({ SEALWRIGHT_KEY_PASSWORD: secret, COSIGN_PASSWORD: "another" });
  await assert.rejects(open({}), is("keys/passphrase-missing", "SEALWRIGHT_KEY_PASSWORD"));
  await assert.rejects(open({ SEALWRIGHT_KEY_PASSWORD: `${secret}x` }), is("crypto/passphrase-wrong"));
  const answers = ["wrong", secret];
  const asked: string[] = [];
  await open({ SEALWRIGHT_KEY_PASSWORD: "of another key" }, async (question) => {
    asked.push(question);
    return answers.shift()!;
  });
  assert.deepEqual(asked, Array(2).fill(`Passphrase for ${join(folder, "key.pem")}: `));
  let times = 0;
  await assert.rejects(
    open({}, async () => `no ${times++}`),
    is("crypto/passphrase-wrong"),
  );
  assert.equal(times, 3);
  await openSigner("plain.pem", { environment: {}, folder, prompt: () => assert.fail("asked for a plain key") });
});

test("a private key that others can read is refused, with what to do", async (t) => {
  const folder = folderOf(t);
  const world: KeyWorld = { environment: { SEALWRIGHT_KEY_PASSWORD: secret }, folder };
  for (const mode of [0o644, 0o640, 0o604, 0o620]) {
    for (const name of ["plain.pem", "key.pem"]) {
      chmodSync(join(folder, name), mode);
      await assert.rejects(openSigner(name, world), is("io/exposed", "chmod 600"));
    }
  }
  await ownKey(folder, "own");
  chmodSync(join(folder, "own.pem"), 0o644);
  await assert.rejects(ownKey(folder, "own"), is("io/exposed"));
});

test("the scheme is the key's default, or the one that is asked for", async (t) => {
  const folder = folderOf(t);
  writeFileSync(join(folder, "rsa.pem"), encodePrivateKeyPem(generateKey("rsa")), { mode: 0o600 });
  const world: KeyWorld = { environment: {}, folder };
  assert.equal((await openSigner("rsa.pem", world)).scheme, "rsa-pkcs1-sha256");
  assert.equal((await openSigner("rsa.pem", world, { scheme: () => "rsa-pss-sha256" })).scheme, "rsa-pss-sha256");
  await assert.rejects(openSigner("rsa.pem", world, { scheme: () => "ed25519" }), is("crypto/scheme-mismatch"));
});

test("an identity is no key to open", async () => {
  const world: KeyWorld = { environment: {}, folder: "/" };
  const reference = "sigstore:https://issuer.example#me";
  await assert.rejects(openSigner(reference, world), is("keys/identity-not-key"));
  await assert.rejects(publicKeyOf(reference, world), is("keys/identity-not-key"));
});
