// Against a real server (OpenBao or Vault in development mode) where SEALWRIGHT_PEERS_VAULT names the program; against
// a server made here for what a real one does not do.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { base64, isProblem, type JsonObject, problemChain, type ProblemCode, utf8 } from "../core/index.ts";
import {
  createSigner,
  encodePublicKeyPem,
  generateKey,
  keyFingerprint,
  type Scheme,
  verifySignature,
} from "../crypto/index.ts";
import { freePort } from "./free-port.ts";
import { openSigner, publicKeyOf } from "./key-reference.ts";
import type { KeyWorld } from "./key-world.ts";

const token = "a-secret-root-token";
const message = utf8("metadata");

function is(code: ProblemCode): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isProblem(error, code), String(error));
    const said = `${problemChain(error).join("\n")} ${error.hint}`;
    assert.ok(!said.includes(token), "the token in a message");
    return true;
  };
}

function worldAt(address: string, more: KeyWorld["environment"] = {}): KeyWorld {
  return { environment: { VAULT_ADDR: address, VAULT_TOKEN: token, ...more }, folder: "/" };
}

interface Vault {
  readonly host: string;
  readonly world: KeyWorld;
  call(path: string, body?: JsonObject): Promise<number>;
}

/** A server in development mode with a transit engine; skips the test, with the reason, where there is no program. */
async function realVault(t: TestContext): Promise<Vault | undefined> {
  const program = process.env["SEALWRIGHT_PEERS_VAULT"];
  if (program === undefined) {
    t.skip("skipped: SEALWRIGHT_PEERS_VAULT names no vault or bao");
    return undefined;
  }
  const host = `127.0.0.1:${await freePort()}`;
  const home = mkdtempSync(join(tmpdir(), "vault-test-"));
  const args = ["server", "-dev", "-dev-no-store-token", `-dev-root-token-id=${token}`, `-dev-listen-address=${host}`];
  const child = spawn(program, args, { env: { PATH: process.env["PATH"], HOME: home }, stdio: "ignore" });
  t.after(async () => {
    const ended = new Promise((done) => child.once("close", done));
    child.kill();
    await ended;
    rmSync(home, { recursive: true, force: true });
  });
  const call = async (path: string, body?: JsonObject): Promise<number> => {
    const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
    const reply = await fetch(`http://${host}/v1/${path}`, { ...init, headers: { "x-vault-token": token } });
    await reply.arrayBuffer();
    return reply.status;
  };
  for (let tried = 0; (await call("sys/health").catch(() => 0)) !== 200; tried++) {
    assert.ok(tried < 300, "the server does not start");
    await new Promise((done) => setTimeout(done, 100));
  }
  assert.equal(await call("sys/mounts/transit", { type: "transit" }), 204);
  return { host, call, world: worldAt(`http://${host}`) };
}

const kinds: readonly (readonly [string, readonly Scheme[]])[] = [
  ["ecdsa-p256", ["ecdsa-p256-sha256"]],
  ["ecdsa-p384", ["ecdsa-p384-sha384", "ecdsa-p384-sha256"]],
  ["ecdsa-p521", ["ecdsa-p521-sha512"]],
  ["ed25519", ["ed25519"]],
  ["rsa-2048", ["rsa-pss-sha256", "rsa-pkcs1-sha256", "rsa-pss-sha512"]],
  ["rsa-4096", ["rsa-pss-sha384", "rsa-pkcs1-sha512"]],
];

test("a real server signs with every kind of key, and what it signs verifies", async (t) => {
  const vault = await realVault(t);
  if (vault === undefined) return;
  for (const [type, schemes] of kinds) {
    await vault.call(`transit/keys/${type}`, { type });
    const reference = `vault://${vault.host}/${type}`;
    for (const scheme of schemes) {
      const signer = await openSigner(reference, vault.world, { scheme: () => scheme });
      assert.ok(verifySignature(signer.publicKey, scheme, message, await signer.sign(message)), scheme);
    }
  }
});

test("a signer stays with the version of the key that it was opened with", async (t) => {
  const vault = await realVault(t);
  if (vault === undefined) return;
  await vault.call("transit/keys/tuf", { type: "ecdsa-p256" });
  const reference = `vault://${vault.host}/tuf`;
  const first = await openSigner(reference, vault.world);
  await vault.call("transit/keys/tuf/rotate", {});
  assert.ok(verifySignature(first.publicKey, first.scheme, message, await first.sign(message)));
  const second = await publicKeyOf(reference, vault.world);
  assert.notDeepEqual(keyFingerprint(second), keyFingerprint(first.publicKey));
  assert.deepEqual((await publicKeyOf(`${reference}?version=1`, vault.world)).spki, first.publicKey.spki);
  await assert.rejects(publicKeyOf(`${reference}?version=9`, vault.world), is("keys/service-key"));
});

test("a real server's refusals are told apart: no such key, no right, no key to sign with, another mount", async (t) => {
  const vault = await realVault(t);
  if (vault === undefined) return;
  await vault.call("transit/keys/cipher", { type: "aes256-gcm96" });
  await vault.call("transit/keys/tuf", { type: "ecdsa-p256" });
  const open = (path: string, world = vault.world) => openSigner(`vault://${vault.host}/${path}`, world);
  await assert.rejects(open("absent"), is("keys/service-key"));
  await assert.rejects(open("cipher"), is("keys/service-key"));
  await assert.rejects(open("elsewhere/tuf"), (error) => isProblem(error));
  const stranger = worldAt(`http://${vault.host}`, { VAULT_TOKEN: "another-token" });
  await assert.rejects(open("tuf", stranger), is("keys/service-denied"));
  const signer = await openSigner(`vault://${vault.host}/tuf`, vault.world, { scheme: () => "ecdsa-p256-sha256" });
  await vault.call("transit/keys/tuf/config", { deletion_allowed: true });
  const gone = await fetch(`http://${vault.host}/v1/transit/keys/tuf`, {
    method: "DELETE",
    headers: { "x-vault-token": token },
  });
  assert.equal(gone.status, 204);
  await assert.rejects(Promise.resolve(signer.sign(message)), (error) => isProblem(error));
});

const key = generateKey("ecdsa-p256");
const other = createSigner(generateKey("ecdsa-p256"));

/** Answers as transit does, unless `answer` says otherwise. */
async function madeVault(
  t: TestContext,
  answer: (request: IncomingMessage) => { status?: number; json?: unknown; text?: string },
) {
  const server: Server = createServer((request, response) => {
    const { status = 200, json, text } = answer(request);
    request.resume();
    response.writeHead(status).end(text ?? JSON.stringify(json));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  t.after(() => server.close());
  return `127.0.0.1:${(server.address() as { port: number }).port}`;
}

const keyAnswer = {
  json: {
    data: { type: "ecdsa-p256", latest_version: 1, keys: { "1": { public_key: encodePublicKeyPem(key.publicKey) } } },
  },
};

function signature(text: string): { json: unknown } {
  return { json: { data: { signature: text } } };
}

test("a signature of another key, of another version or of no form is refused", async (t) => {
  const answers = [
    [`vault:v1:${base64(other.sign(message))}`, "keys/signature-invalid"],
    [`vault:v2:${base64(createSigner(key).sign(message))}`, "keys/service-answer"],
    ["nothing", "keys/service-answer"],
  ] as const;
  for (const [text, code] of answers) {
    const host = await madeVault(t, ({ method }) => (method === "GET" ? keyAnswer : signature(text)));
    const signer = await openSigner(`vault://${host}/tuf`, worldAt(`http://${host}`));
    await assert.rejects(Promise.resolve(signer.sign(message)), is(code));
  }
});

test("a server that is sealed, away, endless, silent about the key or no Vault at all is a Problem", async (t) => {
  const answers = [
    [{ status: 503, json: { errors: [token] } }, "keys/service-unreachable"],
    [{ status: 500, json: {} }, "keys/service-answer"],
    [{ status: 307, json: {} }, "keys/service-answer"],
    [{ text: "<html>" }, "keys/service-answer"],
    [{ json: { data: {} } }, "keys/service-answer"],
    [{ text: "x".repeat(2 * 1024 * 1024) }, "keys/service-unreachable"],
  ] as const;
  for (const [answer, code] of answers) {
    const host = await madeVault(t, () => answer);
    await assert.rejects(openSigner(`vault://${host}/tuf`, worldAt(`http://${host}`)), is(code));
  }
  const nowhere = `127.0.0.1:${await freePort()}`;
  await assert.rejects(
    openSigner(`vault://${nowhere}/tuf`, worldAt(`http://${nowhere}`)),
    is("keys/service-unreachable"),
  );
});

test("the namespace and the token are sent as Vault wants them", async (t) => {
  const seen: IncomingMessage["headers"][] = [];
  const host = await madeVault(t, ({ headers }) => (seen.push(headers), keyAnswer));
  await publicKeyOf(`vault://${host}/tuf`, worldAt(`http://${host}`, { VAULT_NAMESPACE: "team/a" }));
  assert.equal(seen[0]?.["x-vault-token"], token);
  assert.equal(seen[0]?.["x-vault-namespace"], "team/a");
});

test("the token goes to VAULT_ADDR alone, over https but on this machine, and settings that lack are named", async (t) => {
  const seen: unknown[] = [];
  const host = await madeVault(t, ({ headers }) => (seen.push(headers), keyAnswer));
  const refused = [
    worldAt("http://elsewhere.example:8200"),
    worldAt("http://vault.example.org"),
    worldAt("ftp://127.0.0.1"),
    worldAt("not an address"),
    worldAt(""),
    worldAt(`http://${host}`, { VAULT_TOKEN: "" }),
    worldAt(`http://${host}`, { VAULT_TOKEN: "a\nb" }),
  ];
  for (const world of refused) {
    await assert.rejects(openSigner(`vault://${host}/tuf`, world), is("keys/service-settings"));
  }
  const far = worldAt("http://vault.example.org:8200");
  await assert.rejects(openSigner("vault://vault.example.org:8200/tuf", far), is("keys/service-settings"));
  assert.deepEqual(seen, []);
});
